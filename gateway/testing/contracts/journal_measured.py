"""What every journal must do with what gateways count and measure.

A driver's test mixes ``MeasuredContract`` into the class that keeps ``JournalContract`` and its
fixtures.
"""
# ruff: noqa: D102 - a test's name is its docstring

from datetime import timedelta
from typing import Any

from gateway.domain.lifecycle import State
from gateway.domain.measured import CodeCount, FlowMinute, JournalSize
from gateway.ports.journal import Journal
from gateway.testing.builders import DESTINATION, NOW
from gateway.testing.contracts.journal import LATER, accepted, becomes, delivery_of


def a_minute(**over: Any) -> FlowMinute:
    """Return what a process said of a minute."""
    members: dict[str, Any] = {
        "series": "gw-1/00000000000a",
        "destination": DESTINATION,
        "minute": 29_000_000,
        "ended": False,
        "numbers": '{"of":65,"0":2}',
    }
    return FlowMinute(**{**members, **over})


class MeasuredContract:
    """Promises of ``ports.measured``, one test each."""

    async def test_what_was_said_of_a_minute_last_is_found_once(self, journal: Journal) -> None:
        said = [a_minute(), a_minute(minute=29_000_001)]
        await journal.put_flow(said, at=NOW)
        more = a_minute(numbers='{"of":65,"0":3}', ended=True)

        await journal.put_flow([more], at=LATER)

        assert await journal.flow(since=LATER) == [more]
        assert set(await journal.flow(since=NOW)) == {more, said[1]}
        assert await journal.flow(since=LATER + timedelta(seconds=1)) == []

    async def test_nobody_is_told_what_it_said_itself(self, journal: Journal) -> None:
        mine, other = a_minute(), a_minute(series="gw-2/00000000000b")
        await journal.put_flow([mine], at=NOW)
        await journal.put_flow([other], at=NOW)

        assert await journal.flow(since=NOW, but=mine.series) == [other]

    async def test_old_minutes_are_forgotten(self, journal: Journal) -> None:
        old, kept = a_minute(), a_minute(minute=29_001_440, series="gw-2/00000000000b")
        await journal.put_flow([old], at=NOW)
        await journal.put_flow([kept], at=NOW)

        await journal.put_flow([], at=LATER, forget_before=kept.minute)

        assert await journal.flow(since=NOW) == [kept]

    async def test_sizes_are_found_in_order_and_old_ones_forgotten(self, journal: Journal) -> None:
        sizes = [JournalSize(NOW + timedelta(hours=hour), 2**40 + hour) for hour in range(3)]
        for size in reversed(sizes):
            await journal.put_size(size, forget_before=NOW)
        await journal.put_size(JournalSize(sizes[2].at, 1), forget_before=sizes[1].at)

        assert list(await journal.sizes()) == sizes[1:]

    async def test_what_is_tried_again_is_counted_by_its_code(self, journal: Journal) -> None:
        codes = ["E-2", "E-1", None, "E-1"]
        for code in codes:
            acceptance = await accepted(journal)
            state = becomes(State.RETRYING, code=code, due_at=LATER)
            await journal.decide(delivery_of(acceptance), state)

        found = await journal.retrying_codes(DESTINATION, at_most=10)
        latest = await journal.retrying_codes(DESTINATION, at_most=1)

        assert found[0] == CodeCount("E-1", 2, LATER)
        assert {(each.code, each.deliveries) for each in found[1:]} == {("E-2", 1), (None, 1)}
        assert [(each.code, each.deliveries) for each in latest] == [("E-1", 1)]
