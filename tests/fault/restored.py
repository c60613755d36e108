"""Load, a backup of what runs, a kill, another place: what a restore comes to."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, Final

from tests.acceptance.harness.front import Front
from tests.acceptance.harness.landscape import ASKED, CARELESS, Landscape
from tests.acceptance.harness.load import Load
from tests.acceptance.harness.operations import Operator
from tests.acceptance.harness.verdict import settled

REASON: Final = "障害対応: バックアップから復元"
_LOADED_S: Final = 0.8
"""Of load before the backup, and after it."""


def quick_to_answer(landscape: Landscape) -> dict[str, Any]:
    """Return the destinations; whoever is asked what arrived answers soon."""
    destinations = landscape.destinations()
    destinations[ASKED] |= {"settle_s": 1.5, "send_timeout_s": 1.0}
    return destinations


@asynccontextmanager
async def lost_under_load(
    front: Front,
    landscape: Landscape,
    *,
    back_up: Callable[[], object],
    kill: Callable[[], object],
) -> AsyncIterator[set[str]]:
    """Back up and kill while applications come in; yields those that the backup must have.

    Up to the backup the core systems are down, so that work waits in it that has arrived by the
    time of the kill. What comes in meanwhile is sent again and again until the end of the block.
    """
    landscape.go_down()
    load = Load(front, most=10_000, seed=1)
    sending = asyncio.create_task(load.run())
    await asyncio.sleep(_LOADED_S)
    before = {each.id for each in load.sent if each.id is not None}
    await asyncio.to_thread(back_up)
    landscape.slow_down(0.02)
    await asyncio.sleep(_LOADED_S)
    await asyncio.to_thread(kill)
    assert before
    yield before
    load.stop()
    await sending


async def assert_goes_on(
    before: set[str], operator: Operator, landscape: Landscape
) -> Counter[str]:
    """See that what the backup held went on to its end, and that nothing arrived twice.

    Returns:
        State to deliveries of the journal.
    """
    await settled(operator)
    deliveries = await asyncio.to_thread(operator.deliveries)
    assert before <= {each["application"] for each in deliveries}
    for name, sink in landscape.sinks.items():
        arrivals = sink.arrivals()
        assert sink.doubled() == [], name
        for each in (one for one in deliveries if one["destination"] == name):
            waits = name == CARELESS and each["state"] == "in_doubt"
            assert waits or (each["state"], arrivals[each["id"]]) == ("delivered", 1), each
    audit = await asyncio.to_thread(operator.verify_audit)
    assert audit["ok"], audit
    return Counter(each["state"] for each in deliveries)
