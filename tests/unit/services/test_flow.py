"""The flow recorder: what is counted when, how long things took, and how much memory it takes."""

import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from gateway.domain.entry import Actor, ActorKind
from gateway.domain.errors import KakehashiError
from gateway.domain.identifiers import CopyId, DeliveryId, DestinationName, WorkerName, uuid7
from gateway.domain.lifecycle import State
from gateway.domain.outcome import Outcome, OutcomeKind
from gateway.domain.records import DeliveryRecord
from gateway.services import flow_ring as flow_module
from gateway.services.flow import Flow
from gateway.services.flow_ring import BYTES_A_DESTINATION, MINUTES, Counted, Lasting
from gateway.services.operate.by_name import operations
from gateway.services.tally import Histogram, quantile
from gateway.testing.builders import a_delivery, an_application, an_id
from gateway.testing.world import DESTINATION, World

NAME = DestinationName("core")
NOON = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)


class SetClock:
    """Tells the time that a test sets."""

    def __init__(self) -> None:
        self.at = NOON

    def now(self) -> datetime:
        return self.at


@pytest.fixture
def clock() -> SetClock:
    return SetClock()


@pytest.fixture
def flow(clock: SetClock) -> Flow:
    return Flow(clock=clock)


def a_record(accepted: datetime = NOON, **over: Any) -> DeliveryRecord:
    id_ = DeliveryId(uuid7(int(accepted.timestamp() * 1000), bytes(10)))
    return a_delivery(an_application(), id=id_, destination=NAME, **over).record


def record_sent(flow: Flow, at: datetime, took_s: float, kind: OutcomeKind) -> None:
    sent = at - timedelta(hours=3)  # a worker's clock that is far behind
    record = a_record()
    outcome = Outcome(
        delivery_id=record.id,
        attempt=1,
        copy=CopyId(an_id()),
        worker=WorkerName("w1"),
        kind=kind,
        received_at=sent,
        sent_at=sent,
        answered_at=sent + timedelta(seconds=took_s),
    )
    flow.recorded(record, outcome, at)


def test_what_is_accepted_and_what_comes_of_it_count_in_the_minute_they_happen(
    flow: Flow, clock: SetClock
) -> None:
    flow.accepted(NAME, NOON)
    flow.accepted(NAME, NOON + timedelta(seconds=59))
    clock.at = NOON + timedelta(minutes=2)
    for kind in OutcomeKind:
        record_sent(flow, clock.at, 0.2, kind)

    history = flow.history(NAME, minutes=4)

    assert history.at == [int(NOON.timestamp()) + 60 * each for each in (-1, 0, 1, 2)]
    assert history.counts[Counted.ACCEPTED] == [0, 2, 0, 0]
    for counted in (Counted.DELIVERED, Counted.REJECTED, Counted.DEFERRED, Counted.IN_DOUBT):
        assert history.counts[counted] == [0, 0, 0, 1]
    assert [each.count for each in history.lasting[Lasting.SEND]] == [0, 0, 0, 4]
    assert history.lasting[Lasting.SEND][0].p50_s is None


def test_only_the_send_time_is_told_by_the_workers_clock(flow: Flow, clock: SetClock) -> None:
    clock.at = NOON + timedelta(seconds=30)
    record_sent(flow, clock.at, 0.2, OutcomeKind.DELIVERED)

    total = flow.totals(1)[NAME]

    assert total.send.mean_s == pytest.approx(0.2)
    assert total.critical.mean_s == pytest.approx(30.0)


def test_a_first_attempt_waits_since_its_acceptance_and_a_later_one_since_its_copy_was_queued(
    flow: Flow,
) -> None:
    flow.claimed(a_record(), NOON + timedelta(seconds=5))
    queued_at = NOON + timedelta(hours=1)
    later = a_record(attempt=2, updated_at=queued_at)
    flow.claimed(later, queued_at + timedelta(seconds=2))

    waiting = flow.since_start[NAME].times[Lasting.WAITING]

    assert sum(waiting.counts) == 2
    assert waiting.sum == pytest.approx(7.0)


def test_a_clock_that_was_set_back_makes_no_time_negative(flow: Flow) -> None:
    flow.claimed(a_record(accepted=NOON + timedelta(seconds=3)), NOON)

    assert flow.since_start[NAME].times[Lasting.WAITING].sum == 0.0


def test_a_minute_of_yesterday_is_overwritten_and_never_shown_as_todays(
    flow: Flow, clock: SetClock
) -> None:
    flow.accepted(NAME, NOON)
    clock.at = NOON + timedelta(minutes=MINUTES)
    assert flow.totals(MINUTES)[NAME].accepted == 0
    flow.accepted(NAME, clock.at)

    assert flow.totals(MINUTES)[NAME].accepted == 1
    assert sum(flow.history(NAME, MINUTES).counts[Counted.ACCEPTED]) == 1
    assert flow.since_start[NAME].counts[Counted.ACCEPTED] == 2


def test_a_destinations_day_takes_as_much_memory_as_is_said(flow: Flow) -> None:
    for minute in range(2 * MINUTES):
        flow.accepted(NAME, NOON + timedelta(minutes=minute))
    day = flow._days[NAME]
    taken = sum(map(sys.getsizeof, (day.counts, day._minutes, day._sums)))

    assert BYTES_A_DESTINATION <= taken <= BYTES_A_DESTINATION + 1024
    assert flow_module.BYTES_A_DESTINATION == 403_200


def test_a_quantile_is_placed_in_its_bucket_in_proportion() -> None:
    times = Histogram((1.0, 2.0, 4.0))
    for value in (0.5, 1.5, 1.5, 3.0):
        times.observe(value)

    assert times.cumulative() == [1, 3, 4, 4]
    assert quantile(times.bounds, times.counts, 0.5) == pytest.approx(1.5)
    assert quantile(times.bounds, times.counts, 1.0) == pytest.approx(4.0)
    times.observe(100.0)
    assert quantile(times.bounds, times.counts, 1.0) == pytest.approx(4.0)


def test_a_time_on_a_bound_belongs_below_it_and_a_trace_is_kept_as_an_example() -> None:
    times = Histogram((1.0, 2.0))
    times.observe(1.0, "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")

    assert list(times.counts) == [1, 0, 0]
    assert times.exemplars[0].trace_id == "0af7651916cd43dd8448eb211c80319c"


async def test_an_application_that_is_delivered_is_in_the_flow_of_its_destination(
    tmp_path: Path,
) -> None:
    actor = Actor(ActorKind.OPERATOR, "suzuki")
    async with World.make(tmp_path) as world:
        ask = operations(world.gateway.operate)
        before: Any = await ask["destination.flow"](actor, {"destination": DESTINATION})
        world.start_worker()
        await world.until(await world.accepted(), State.DELIVERED)
        after: Any = await ask["destination.flow"](actor, {"destination": DESTINATION})
        totals: Any = await ask["flow.totals"](actor, {"minutes": 2})
        with pytest.raises(KakehashiError):
            await ask["destination.flow"](actor, {"destination": "nobody"})
        with pytest.raises(KakehashiError):
            await ask["destination.flow"](actor, {"destination": DESTINATION, "minutes": 0})

    assert sum(before["accepted"]) == 0
    assert len(after["at"]) == len(after["accepted"]) == len(after["send"]["p95_s"]) == 60
    assert (sum(after["accepted"]), sum(after["delivered"])) == (1, 1)
    for what in ("send", "waiting", "critical"):
        assert sum(after[what]["count"]) == 1
        assert totals["destinations"][DESTINATION][what]["count"] == 1
