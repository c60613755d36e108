"""What every footing must stand: being ended while the core systems have it in their hands."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

from tests.acceptance.harness.applications import CARE, CHILDCARE, DISASTER
from tests.acceptance.harness.front import Front, Sent, until
from tests.acceptance.harness.landscape import ASKED, CARELESS, FILE, NATIVE, Landscape
from tests.acceptance.harness.operations import Operator
from tests.acceptance.harness.verdict import judge, settled

MIXED: Final = (CHILDCARE, CARE, DISASTER)


async def sent_and_in_hand(front: Front, landscape: Landscape, *, slow_s: float) -> list[Sent]:
    """Send one of each; return when the core systems have them and have not answered yet."""
    landscape.slow_down(slow_s)
    sent = await front.submit_all(MIXED)

    async def arrived() -> bool:
        return all(sink.arrivals() for sink in landscape.sinks.values())

    await until(arrived, timeout_s=20, what="nothing arrives", every_s=0.02)
    landscape.slow_down(0)
    return sent


async def assert_resolved_without_resending(
    sent: list[Sent], operator: Operator, landscape: Landscape
) -> None:
    """After a kill in mid-send: looked up where that is possible, else left to a person."""
    settle_s = await settled(operator)
    await asyncio.to_thread(judge, sent, operator, landscape, settle_s=settle_s)
    states = {each["destination"]: each["state"] for each in operator.deliveries()}
    assert states == {
        FILE: "delivered",
        ASKED: "delivered",
        NATIVE: "delivered",
        CARELESS: "in_doubt",
    }
    for name, sink in landscape.sinks.items():
        assert list(sink.arrivals().values()) == [1], name


async def nothing_is_lost_across(
    interrupt: Callable[[], Awaitable[None]],
    front: Front,
    operator: Operator,
    landscape: Landscape,
    *,
    kills: bool = False,
) -> None:
    """Interrupt while core systems are down and work is waiting; all of it arrives later.

    Whoever is killed while a core system says that it is down never hears it: that one
    delivery is in doubt where the core system cannot be asked (``judge`` allows no other).
    """
    landscape.go_down()
    sent = await front.submit_all(MIXED * 5)

    await interrupt()

    replayed = await front.post(sent[0])
    assert (replayed[0], replayed[1]["id"], replayed[2]) == (202, sent[0].id, True)
    sent += await front.submit_all(MIXED)
    landscape.slow_down(0)
    settle_s = await settled(operator)
    verdict = await asyncio.to_thread(judge, sent, operator, landscape, settle_s=settle_s)
    assert set(verdict.states) <= {"delivered", "in_doubt"} if kills else {"delivered"}
