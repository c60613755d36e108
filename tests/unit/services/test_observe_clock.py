"""The heartbeat of a gateway's clock."""

import asyncio
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import pytest

from gateway.services import observe_clock
from gateway.services.observe_clock import ObserveClock
from gateway.testing.builders import NOW
from gateway.testing.faults import FlakyJournal
from gateway.testing.world import World, eventually


@dataclass
class Clocks:
    """Two clocks that a test sets."""

    day: datetime = field(default=NOW)
    steady_s: float = 5.0

    def now(self) -> datetime:
        return self.day

    def steady(self) -> float:
        return self.steady_s

    def pass_(self, seconds: float, moved_s: float = 0.0) -> None:
        self.steady_s += seconds
        self.day += timedelta(seconds=seconds + moved_s)


async def observed(world: World) -> list[dict[str, object]]:
    return [
        dict(entry["facts"]) for entry in await world.log() if entry["action"] == "clock.observed"
    ]


async def test_a_clock_says_how_far_it_moved_since_it_was_last_written_down(world: World) -> None:
    clocks = Clocks()
    observe = ObserveClock(
        journal=world.gateway.journal,
        clock=clocks,
        steady=clocks.steady,
        synchronised=lambda: True,
        sealed=lambda: (7, None),
    )

    clocks.pass_(60.0)
    await observe.write()
    clocks.pass_(60.0, moved_s=-3_600.0)
    await observe.write()
    clocks.pass_(60.0, moved_s=0.25)
    await observe.write()

    assert [entry["moved_ms"] for entry in await observed(world)] == [0, -3_600_000, 250]


async def test_it_says_what_the_kernel_says_of_its_synchronisation(world: World) -> None:
    clocks = Clocks()
    said = iter([True, False, None])
    observe = ObserveClock(
        journal=world.gateway.journal,
        clock=clocks,
        steady=clocks.steady,
        synchronised=lambda: next(said),
        sealed=lambda: (7, 3),
    )

    for _ in range(3):
        await observe.write()

    assert [entry["synchronised"] for entry in await observed(world)] == [True, False, None]


async def test_it_says_how_far_the_log_is_sealed_and_how_old_that_is(world: World) -> None:
    clocks = Clocks()
    sealed: list[tuple[int, int | None]] = [(0, None), (41, 2), (41, 3_602)]
    stands = iter(sealed)
    observe = ObserveClock(
        journal=world.gateway.journal,
        clock=clocks,
        steady=clocks.steady,
        synchronised=lambda: True,
        sealed=lambda: next(stands),
    )

    for _ in sealed:
        await observe.write()

    told = [(entry["sealed_size"], entry["sealed_age_s"]) for entry in await observed(world)]
    assert told == sealed


async def test_it_is_written_every_minute_and_again_after_an_outage(
    flaky: World, journal: FlakyJournal, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert observe_clock.EVERY_S == 60.0
    monkeypatch.setattr(observe_clock, "EVERY_S", 0.001)
    clocks, asked = Clocks(), 0

    def synchronised() -> None:
        nonlocal asked
        asked += 1

    observe = ObserveClock(
        journal=journal,
        clock=clocks,
        steady=clocks.steady,
        synchronised=synchronised,
        sealed=lambda: (7, 3),
    )
    clocks.pass_(60.0, moved_s=2.0)
    journal.is_down = True

    beating = asyncio.create_task(observe.run())
    await eventually(lambda: asked >= 3)
    journal.is_down = False
    known = asked
    await eventually(lambda: asked >= known + 3)
    beating.cancel()
    await asyncio.wait({beating})

    # What moved while nothing could be written is not lost.
    assert [entry["moved_ms"] for entry in await observed(flaky)][:2] == [2_000, 0]
