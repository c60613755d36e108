"""How a destination stands: configured, changed by an operator, as its workers find it."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from gateway.bootstrap.key_names import PSEUDONYM_KEY
from gateway.crypto.at_rest import WordsAtRest
from gateway.domain.claim import BreakerState
from gateway.domain.entry import Action, Actor, ActorKind
from gateway.domain.identifiers import DestinationName, WorkerName
from gateway.domain.lifecycle import State
from gateway.domain.window import JST, Window, parse_openings
from gateway.drivers.system_clock import SystemClock
from gateway.ports.journal import Journal
from gateway.services.destinations import Destinations
from gateway.services.operate.destinations import OperateDestinations
from gateway.services.operate.refusals import NotFoundError, OperationError
from gateway.testing.builders import a_heartbeat
from gateway.testing.world import DESTINATION, World

OPERATOR = Actor(ActorKind.OPERATOR, "suzuki")
NAME = DestinationName(DESTINATION)


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with World.make(tmp_path, max_in_flight=5, rate_per_s=9.0) as world:
        yield world


async def change(world: World, **settings: object) -> dict[str, Any]:
    return await world.gateway.operate.destinations.change(
        DESTINATION, actor=OPERATOR, reason="the core system asks for it", settings=settings
    )


async def beats(world: World, *names: str, **over: Any) -> None:
    for name in names:
        beat = a_heartbeat(worker=WorkerName(name), destination=NAME, at=datetime.now(UTC), **over)
        await world.gateway.journal.put_heartbeat(beat)
    await world.gateway.destinations.refresh()


async def test_a_pause_holds_everything_in_the_journal_until_it_is_resumed(world: World) -> None:
    operate = world.gateway.operate.destinations
    world.start_worker()

    paused = await operate.pause(DESTINATION, actor=OPERATOR, reason="月次処理")
    delivery = await world.accepted()
    waits = await world.gateway.journal.delivery(delivery.id)
    await operate.resume(DESTINATION, actor=OPERATOR, reason="済")

    assert (paused["open"], paused["hold"]) == (False, "destination.paused")
    assert waits is not None
    assert waits.state == State.PENDING
    await world.until(delivery, State.DELIVERED)
    changes = [entry for entry in await world.log() if entry["action"] == "destination.changed"]
    assert [entry["facts"]["set"] for entry in changes] == ["paused=true", "paused=false"]  # type: ignore[index]
    assert changes[0]["actor"] == {"kind": "operator", "name": "suzuki"}


async def test_a_change_is_in_force_at_once_and_in_every_process_that_reads_the_journal(
    world: World, tmp_path: Path
) -> None:
    await change(world, **{"rate_per_s": 2, "retry.max_attempts": 3, "breaker.failures": 9})

    policy = world.gateway.destinations[NAME]
    assert (policy.rate_per_s, policy.retry.max_attempts, policy.breaker.failures) == (2, 3, 9)
    other = World.make(tmp_path, store=world.store, opened=world.gateway.journal).gateway
    await other.destinations.refresh()
    assert other.destinations[NAME].rate_per_s == 2


async def test_what_is_reset_is_as_configured_again(world: World) -> None:
    await change(world, rate_per_s=None, max_in_flight=1, window=["mon-fri 08:30-17:15"])

    view: Any = await world.gateway.operate.destinations.change(
        DESTINATION, actor=OPERATOR, reason="over", reset=("*",)
    )

    assert world.gateway.destinations[NAME] == world.gateway.destinations.configured(NAME)
    assert not any(setting["changed"] for setting in view["settings"].values())
    assert view["changed"]["version"] == 2


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"adapter": "file"}, "adapter: cannot be changed while it runs; known: paused"),
        ({"rate_per_s": -1}, "rate_per_s: Input should be greater than 0"),
        ({"max_in_flight": "many"}, "max_in_flight: Input should be a valid integer"),
        ({"window.closed_on": ["2026-02-30"]}, "window.closed_on: Input should be a valid date"),
        ({"window": ["mon 17:00-08:00"]}, "window: 'mon 17:00-08:00': must end after it starts"),
        (
            {"window": ["mon-fri 08:30-17:15"], "window.open_on": ["2099-12-29", "2099-12-27"]},
            r"window.open_on: 2099-12-27 \(Sun\): no opening of the window holds",
        ),
        (
            {"window.open_on": ["2099-12-29"], "window.closed_on": ["2099-12-29"]},
            r"window.open_on: 2099-12-29 \(Tue\)",
        ),
        ({}, "nothing to change"),
    ],
)
async def test_what_cannot_be_set_is_refused_in_words_and_changes_nothing(
    world: World, settings: dict[str, object], says: str
) -> None:
    with pytest.raises(OperationError, match=says):
        await change(world, **settings)

    assert await world.gateway.journal.controls() == []
    assert Action.DESTINATION_CHANGED not in await world.actions()


async def test_a_change_needs_a_reason_and_a_destination_that_is_configured(world: World) -> None:
    operate = world.gateway.operate.destinations

    with pytest.raises(OperationError, match="reason"):
        await operate.pause(DESTINATION, actor=OPERATOR, reason="  ")
    with pytest.raises(NotFoundError, match="known: core"):
        await operate.pause("nowhere", actor=OPERATOR, reason="x")


async def test_what_the_core_system_takes_is_shared_out_among_living_workers(world: World) -> None:
    await beats(world, "w1/a", "w2/b")
    dead = a_heartbeat(
        worker=WorkerName("w0/dead"),
        destination=NAME,
        at=datetime.now(UTC) - timedelta(minutes=1),
    )
    await world.gateway.journal.put_heartbeat(dead)
    await world.gateway.destinations.refresh()

    shares = [
        world.gateway.destinations.terms(replace(dead, worker=WorkerName(name)))
        for name in ("w1/a", "w2/b")
    ]

    assert [share and share.max_in_flight for share in shares] == [3, 2]
    assert [share and share.rate_per_s for share in shares] == [4.5, 4.5]


def share_of(world: World, name: str) -> tuple[int, float | None]:
    terms = world.gateway.destinations.terms(a_heartbeat(worker=WorkerName(name), destination=NAME))
    assert terms is not None
    return terms.max_in_flight, terms.rate_per_s


async def test_who_was_started_in_its_place_has_the_share_of_all_that_died_before_it(
    world: World,
) -> None:
    await change(world, max_in_flight=8)
    await beats(world, *(f"w1/{number:02}" for number in range(12)))

    assert share_of(world, "w1/12") == (8, 9.0)
    assert share_of(world, "w1/03")[0] == 0


async def test_one_that_dies_again_and_again_takes_nothing_from_one_that_works(
    world: World,
) -> None:
    await change(world, max_in_flight=1)
    await beats(world, "w2/01", "w1/02", "w1/03", "w3/04")

    assert [share_of(world, name)[0] for name in ("w2/01", "w1/05", "w3/06")] == [1, 0, 0]


async def test_the_rate_is_shared_by_those_only_that_send(world: World) -> None:
    await change(world, max_in_flight=2)
    await beats(world, "w1/01", "w2/02", "w3/03")

    assert [share_of(world, name)[0] for name in ("w1/01", "w2/02", "w3/03")] == [1, 1, 0]
    assert share_of(world, "w1/01")[1] == 4.5


async def test_its_lane_stops_only_when_no_living_worker_takes_anything(world: World) -> None:
    await beats(world, "w1/a", breaker=BreakerState.OPEN)
    alone = world.gateway.destinations.hold(NAME)
    await beats(world, "w2/b", breaker=BreakerState.HALF_OPEN)
    with_another = world.gateway.destinations.hold(NAME)

    assert alone is not None
    assert alone.code == "destination.unavailable"
    assert with_another is None


async def test_terms_are_closed_outside_the_window(world: World) -> None:
    await change(world, window=["mon-sun 00:00-00:01", "mon-sun 12:00-12:01"])
    if world.gateway.destinations.hold(NAME) is None:
        await change(world, window=["mon-sun 06:00-06:01"])

    terms = world.gateway.destinations.terms(a_heartbeat(destination=NAME))

    assert terms is not None
    assert not terms.open
    assert world.gateway.destinations.opens_at(NAME) is not None


async def test_a_day_of_maintenance_closes_and_ends_without_a_restart_and_is_audited(
    world: World,
) -> None:
    today = datetime.now(JST).date()
    days = [str(today + timedelta(days=1)), str(today)]

    closed = await change(world, **{"window.closed_on": days})
    hold = world.gateway.destinations.hold(NAME)
    again = await change(world, **{"window.closed_on": []})

    assert (closed["open"], closed["hold"]) == (False, "destination.closed")
    assert closed["settings"]["window.closed_on"]["value"] == sorted(days)
    assert hold is not None
    assert hold.until is not None
    assert hold.until.date() == today + timedelta(days=2)
    assert (again["open"], world.gateway.destinations.hold(NAME)) == (True, None)
    changes = [entry for entry in await world.log() if entry["action"] == "destination.changed"]
    assert [entry["facts"]["set"] for entry in changes] == [  # type: ignore[index] - facts is an object
        f"window.closed_on={days[1]}; {days[0]}",
        "window.closed_on=none",
    ]


async def test_a_worker_whose_core_system_is_down_for_it_leaves_its_share_to_the_others(
    world: World,
) -> None:
    await change(world, max_in_flight=1)
    await beats(world, "w1/a", breaker=BreakerState.OPEN)
    await beats(world, "w2/b")

    terms = world.gateway.destinations.terms(
        a_heartbeat(worker=WorkerName("w2/b"), destination=NAME)
    )

    assert terms is not None
    assert terms.max_in_flight == 1


async def test_who_lives_is_told_by_the_gateway_s_clock(world: World) -> None:
    now = datetime.now(UTC)
    for name, at in (("w1/slow", now - timedelta(hours=1)), ("w2/fast", now + timedelta(hours=1))):
        beat = a_heartbeat(worker=WorkerName(name), destination=NAME, at=at)
        await world.gateway.journal.put_heartbeat(replace(beat, heard_at=now))
    await world.gateway.destinations.refresh()

    assert [beat.worker for beat in world.gateway.destinations.alive(NAME)] == [
        "w1/slow",
        "w2/fast",
    ]


@dataclass
class Looking:
    """What one process thinks of workers, in a time of its own."""

    destinations: Destinations
    journal: Journal
    passed_s: float = 0.0

    async def alive(self, *, after_s: float = 0.0, heard_at: datetime | None = None) -> list[str]:
        """Look again, perhaps after a heartbeat that another gateway heard by its clock."""
        self.passed_s += after_s
        if heard_at is not None:
            at = datetime.now(UTC) + timedelta(seconds=self.passed_s)
            beat = a_heartbeat(worker=WorkerName("w1/a"), destination=NAME, at=at)
            await self.journal.put_heartbeat(replace(beat, heard_at=heard_at))
        await self.destinations.refresh()
        return [beat.worker for beat in self.destinations.alive(NAME)]


@pytest.fixture
def looking(world: World) -> Looking:
    journal = world.gateway.journal
    configured = {NAME: world.gateway.destinations.configured(NAME)}
    looking = Looking(Destinations({}, journal=journal, clock=SystemClock()), journal)
    looking.destinations = Destinations(
        configured, journal=journal, clock=SystemClock(), monotonic=lambda: looking.passed_s
    )
    return looking


@pytest.mark.parametrize("apart_s", [-29, -20, 20, 29])
async def test_who_lives_does_not_depend_on_the_clock_of_the_gateway_that_heard_it(
    looking: Looking, apart_s: float
) -> None:
    theirs = datetime.now(UTC) + timedelta(seconds=apart_s)

    found = [await looking.alive(after_s=5, heard_at=theirs) for _ in range(3)]
    missed = [await looking.alive(after_s=6) for _ in range(3)]

    assert found == [["w1/a"]] * 3
    assert missed == [["w1/a"], ["w1/a"], []]


@pytest.mark.parametrize("wrong_by", [timedelta(hours=-1), timedelta(hours=1)])
async def test_who_was_heard_when_clocks_were_quite_different_must_be_heard_again(
    looking: Looking, wrong_by: timedelta
) -> None:
    theirs = datetime.now(UTC) + wrong_by

    first = await looking.alive(heard_at=theirs)
    again = await looking.alive(after_s=5, heard_at=theirs)

    assert (first, again) == ([], ["w1/a"])


async def test_a_reset_of_everything_does_not_end_a_pause(world: World) -> None:
    operate = world.gateway.operate.destinations
    await operate.pause(DESTINATION, actor=OPERATOR, reason="maintenance")
    await change(world, rate_per_s=2)

    view: Any = await operate.change(DESTINATION, actor=OPERATOR, reason="x", reset=("*",))

    assert view["hold"] == "destination.paused"
    assert not view["settings"]["rate_per_s"]["changed"]
    last = [entry for entry in await world.log() if entry["action"] == "destination.changed"][-1]
    assert last["facts"]["reset"] == "rate_per_s=2.0"  # type: ignore[index]


async def test_a_holiday_can_be_made_a_working_day_while_all_runs(world: World) -> None:
    today = datetime.now(JST).date()
    configured = replace(
        world.gateway.destinations.configured(NAME),
        holidays=frozenset({today}),
        window=Window(
            openings=parse_openings(["mon-sun 00:00-24:00"]), closed_on=frozenset({today})
        ),
    )
    destinations = Destinations(
        {NAME: configured}, journal=world.gateway.journal, clock=SystemClock()
    )
    operate = OperateDestinations(
        destinations=destinations,
        journal=world.gateway.journal,
        clock=SystemClock(),
        at_rest=WordsAtRest(world.store.private(PSEUDONYM_KEY)),
    )

    closed = await operate.show(DESTINATION)
    opened = await operate.change(
        DESTINATION, actor=OPERATOR, reason="最終日", settings={"window.on_holidays": "open"}
    )

    assert (closed["hold"], opened["open"]) == ("destination.closed", True)


async def test_since_when_a_core_system_is_down_is_known_though_its_worker_is_started_anew(
    world: World,
) -> None:
    destinations, now = world.gateway.destinations, datetime.now(UTC)
    open_ = BreakerState.OPEN
    gone, lives = WorkerName("w1/1"), WorkerName("w1/2")
    beat = a_heartbeat(destination=NAME, breaker=open_, worker=gone, at=now)
    long_ago = replace(beat, heard_at=now - timedelta(minutes=2), down_s=1_500.0)
    young = replace(beat, worker=lives, heard_at=now, down_s=110.0, trial_in_s=20.0)

    await world.gateway.journal.put_heartbeat(long_ago)
    await world.gateway.journal.put_heartbeat(young)
    await destinations.refresh()
    down = destinations.down(NAME)
    await world.gateway.journal.put_heartbeat(
        replace(young, at=now + timedelta(seconds=1), breaker=BreakerState.CLOSED, down_s=None)
    )
    await destinations.refresh()

    assert down is not None
    assert down.since == now - timedelta(seconds=120 + 1_500)
    assert down.trial_at == now + timedelta(seconds=20)
    assert destinations.down(NAME) is None
