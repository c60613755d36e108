"""A worker that is frozen, not dead: its copies go to another, and it wakes up with an answer."""

import asyncio
from collections.abc import Callable

from tests.acceptance.harness.front import until
from tests.acceptance.harness.interruption import sent_and_in_hand
from tests.acceptance.harness.landscape import CARELESS, Landscape
from tests.acceptance.harness.production import WORKERS, Production

BROKER_GIVES_UP_S = 120.0
"""RabbitMQ closes a silent connection after two to three heartbeats of 10 s; with room to spare."""


async def test_what_a_frozen_worker_holds_is_resolved_by_another_and_its_late_word_counts(
    landscape: Landscape, production: Callable[..., Production]
) -> None:
    footing = await asyncio.to_thread(production, landscape.destinations(), workers=WORKERS)
    frozen, other = (footing.workers[name] for name in WORKERS)

    async def careless_is(state: str) -> bool:
        deliveries = await asyncio.to_thread(footing.operator.deliveries)
        states = {each["destination"]: each["state"] for each in deliveries}
        # The three others can be asked, or ignore doubles: they never come into doubt for long.
        return states.pop(CARELESS) == state and set(states.values()) == {"delivered"}

    await asyncio.to_thread(footing.start)
    other.kill()
    async with footing.front() as front:
        await sent_and_in_hand(front, landscape, slow_s=3)
        frozen.freeze()
        other.start()
        await until(
            lambda: careless_is("in_doubt"),
            timeout_s=BROKER_GIVES_UP_S,
            what="not resolved",
            every_s=1,
        )

        frozen.thaw()

        await until(lambda: careless_is("delivered"), timeout_s=30, what="its word is lost")
    for name, sink in landscape.sinks.items():
        assert list(sink.arrivals().values()) == [1], name
    assert footing.operator.verify_audit()["ok"]
