"""What flows through several gateways of a journal, and how fast the journal grows."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from gateway.domain.identifiers import DestinationName, NodeName
from gateway.domain.measured import FlowMinute, JournalSize
from gateway.drivers.journal_sqlite import SQLiteJournal
from gateway.services.flow import Flow
from gateway.services.flow_ring import Counted
from gateway.services.share_flow import ShareFlow
from gateway.services.watch_growth import WatchGrowth, bytes_a_day

NAME = DestinationName("core")
NOON = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
DAY = timedelta(days=1)
GB = 10**9


class SetClock:
    """Tells the time that a test sets."""

    def __init__(self) -> None:
        self.at = NOON

    def now(self) -> datetime:
        return self.at


class Process:
    """A gateway process, as far as it counts; each is started a second after the one before."""

    def __init__(self, journal: SQLiteJournal, clock: SetClock) -> None:
        clock.at += timedelta(seconds=1)
        self.flow = Flow(clock=clock)
        self.share = ShareFlow(flow=self.flow, journal=journal, clock=clock)

    def accept(self, count: int, clock: SetClock) -> None:
        for _ in range(count):
            self.flow.accepted(NAME, clock.at)

    def minutes(self, count: int = 4) -> list[int]:
        return self.flow.history(NAME, count).counts[Counted.ACCEPTED]


@pytest.fixture
def clock() -> SetClock:
    return SetClock()


@pytest.fixture
async def journal(tmp_path: Path) -> AsyncIterator[SQLiteJournal]:
    journal = SQLiteJournal(tmp_path / "journal.db", node=NodeName("gw-1"))
    await journal.open()
    yield journal
    await journal.close()


async def test_every_gateway_tells_what_all_did(journal: SQLiteJournal, clock: SetClock) -> None:
    one, two = Process(journal, clock), Process(journal, clock)

    for second in range(0, 180, 5):
        clock.at = NOON + timedelta(seconds=second)
        one.accept(1, clock)
        two.accept(2, clock)
        await one.share.once()
        await two.share.once()
    await one.share.once()

    assert one.minutes() == two.minutes() == [0, 36, 36, 36]
    total = one.flow.total(NAME)
    assert total is not None
    assert total.accepted == 108
    assert one.flow.counts()[NAME][Counted.ACCEPTED] == 108
    # A row for each process and minute, however often it was told.
    assert len(await journal.flow(since=NOON)) == 6


async def test_one_that_is_started_anew_goes_on_with_what_was(
    journal: SQLiteJournal, clock: SetClock
) -> None:
    before, other = Process(journal, clock), Process(journal, clock)
    began_at = before.flow.began_at
    before.accept(3, clock)
    await before.share.finish()
    clock.at += MINUTE

    after = Process(journal, clock)
    await after.share.once()
    after.accept(1, clock)
    await after.share.once()
    await after.share.once()
    await other.share.once()

    assert after.minutes() == other.minutes() == [0, 0, 3, 1]
    assert abs(after.flow.known_since - began_at) < timedelta(milliseconds=1)


async def test_what_comes_after_a_minute_was_told_counts_in_the_next(
    journal: SQLiteJournal, clock: SetClock
) -> None:
    one, two = Process(journal, clock), Process(journal, clock)
    late = clock.at
    one.accept(1, clock)
    clock.at += 3 * MINUTE
    await one.share.once()
    await two.share.once()

    one.flow.accepted(NAME, late)
    await one.share.once()
    await two.share.once()

    assert one.minutes(4) == two.minutes(4)
    assert sum(two.minutes(4)) == 2


async def test_what_could_not_be_told_is_told_later(
    journal: SQLiteJournal, clock: SetClock
) -> None:
    one, two = Process(journal, clock), Process(journal, clock)
    one.accept(2, clock)
    said = one.flow.untold("gw-1/0")
    one.flow.not_told(said)

    await one.share.once()
    await two.share.once()

    assert two.minutes(1) == [2]


async def test_what_another_release_counts_or_nobody_is_passed_over(
    journal: SQLiteJournal, clock: SetClock
) -> None:
    minute = int(clock.at.timestamp()) // 60
    wrong = [
        '{"of":7,"0":1}',
        "{",
        "[]",
        '{"of":65,"0":-1}',
        '{"of":65,"99":1}',
        '{"of":65,"0":""}',
        '{"of":65,"0":%s}' % ("9" * 400),
        "[" * 1500,
    ]
    said = [
        FlowMinute(
            series=f"gw-{number}", destination=NAME, minute=minute, ended=True, numbers=numbers
        )
        for number, numbers in enumerate(wrong)
    ]
    for each in said:
        await journal.put_flow([each], at=clock.at)

    process = Process(journal, clock)
    await process.share.once()

    assert process.minutes(1) == [0]


async def test_the_size_is_noted_once_an_hour(journal: SQLiteJournal, clock: SetClock) -> None:
    growth = WatchGrowth(journal=journal, clock=clock)

    for _ in range(3):
        await growth.look()
        clock.at += timedelta(minutes=25)

    assert [each.at for each in await journal.sizes()] == [NOON]
    await growth.look()
    assert [each.at for each in await journal.sizes()] == [NOON, NOON + timedelta(minutes=75)]


def test_growth_is_that_of_the_day_or_of_the_week_whichever_was_more() -> None:
    week = [JournalSize(NOON - days * DAY, (10 - days) * GB) for days in (6, 5, 4, 3, 2, 1)]

    assert bytes_a_day(week, NOON, 12 * GB) == pytest.approx(3 * GB)
    assert bytes_a_day(week, NOON, 9 * GB) == pytest.approx(5 * GB / 6)
    assert bytes_a_day(week, NOON, GB) == 0
    assert bytes_a_day([JournalSize(NOON - MINUTE, GB)], NOON, 2 * GB) is None
    assert bytes_a_day([], NOON, GB) is None
