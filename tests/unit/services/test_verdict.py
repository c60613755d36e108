"""How an application stands, in one word and in a sentence."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from gateway.domain.identifiers import CopyId, DestinationName
from gateway.domain.lifecycle import State
from gateway.domain.records import DeliveryRecord
from gateway.drivers.system_clock import new_id
from gateway.services.policy import Hold
from gateway.services.verdict import (
    NEXT_STEP,
    VERDICTS,
    Standing,
    Verdict,
    judge,
    next_attempt_at,
    next_step,
)
from gateway.testing.builders import NOW, a_delivery, an_application

PAUSED = Standing(hold=Hold(code="destination.paused"))
DOWN = Standing(hold=Hold(code="destination.unavailable"))
DESERTED = Standing(has_worker=False)
OPEN = Standing()

HOUR = timedelta(hours=1)


def a_record(state: State, *, to: str = "core", **over: Any) -> DeliveryRecord:
    return a_delivery(an_application(), destination=to, state=state, **over).record


def verdict(*records: DeliveryRecord, standing: Standing = OPEN) -> Verdict:
    return judge(records, {record.destination: standing for record in records})[0]


@pytest.mark.parametrize(
    ("record", "standing", "expected"),
    [
        (a_record(State.DELIVERED), PAUSED, Verdict.ARRIVED),
        (a_record(State.CANCELLED), PAUSED, Verdict.CANCELLED),
        (a_record(State.PARKED), DOWN, Verdict.NEEDS_YOU),
        (a_record(State.IN_DOUBT), OPEN, Verdict.NEEDS_YOU),
        (a_record(State.IN_DOUBT, due_at=NOW), OPEN, Verdict.RETRYING),
        (a_record(State.IN_DOUBT, copy=CopyId(new_id())), OPEN, Verdict.RETRYING),
        (a_record(State.PENDING), PAUSED, Verdict.HELD),
        (a_record(State.RETRYING, due_at=NOW), DOWN, Verdict.HELD),
        (a_record(State.RETRYING, due_at=NOW), OPEN, Verdict.RETRYING),
        (a_record(State.QUEUED), DESERTED, Verdict.NO_WORKER),
        (a_record(State.QUEUED), OPEN, Verdict.ON_ITS_WAY),
        (a_record(State.QUEUED, attempt=2), OPEN, Verdict.RETRYING),
        (a_record(State.SENDING), PAUSED, Verdict.ON_ITS_WAY),
    ],
)
def test_each_state_and_standing_has_its_verdict(
    record: DeliveryRecord, standing: Standing, expected: Verdict
) -> None:
    assert verdict(record, standing=standing) == expected


def test_the_worst_of_its_deliveries_decides_and_is_named() -> None:
    records = [
        a_record(State.DELIVERED, to="north"),
        a_record(State.PARKED, to="south"),
        a_record(State.RETRYING, to="east", due_at=NOW),
    ]

    found, (japanese, english) = judge(records, {DestinationName("east"): PAUSED})

    assert found == Verdict.NEEDS_YOU
    assert english == "Waits for a person (south)."
    assert "south" in japanese


def test_what_arrived_counts_when_the_rest_was_taken_back() -> None:
    assert verdict(a_record(State.CANCELLED), a_record(State.DELIVERED)) == Verdict.ARRIVED


def test_every_verdict_and_state_has_words_in_both_languages() -> None:
    assert set(VERDICTS) == set(Verdict)
    assert set(NEXT_STEP) == set(State)
    for japanese, english in (*VERDICTS.values(), *NEXT_STEP.values()):
        assert english.isascii()
        assert not japanese.isascii()


@pytest.mark.parametrize(
    ("record", "standing", "says"),
    [
        (a_record(State.PENDING), PAUSED, "paused; waits until somebody resumes it"),
        (a_record(State.PENDING), DOWN, "goes on by itself once it is back"),
        (a_record(State.QUEUED), DESERTED, "No worker of its destination is alive"),
        (a_record(State.PENDING, order_key=bytes(32)), OPEN, "Waits its turn"),
        (a_record(State.RETRYING, due_at=NOW, code="db.locked"), OPEN, "again at 2026-11-20T"),
    ],
)
def test_the_next_step_says_what_is_waited_for(
    record: DeliveryRecord, standing: Standing, says: str
) -> None:
    assert says in next_step(record, standing)[1]


def test_a_closed_destination_s_next_step_names_the_time_at_which_it_opens() -> None:
    opens = NOW + timedelta(hours=9)
    closed = Standing(hold=Hold(code="destination.closed", until=opens))

    japanese, english = next_step(a_record(State.PENDING), closed)

    assert opens.isoformat(timespec="milliseconds") in english
    assert opens.isoformat(timespec="milliseconds") in japanese


@pytest.mark.parametrize(
    ("record", "standing", "expected"),
    [
        (a_record(State.RETRYING, due_at=NOW), OPEN, NOW),
        (a_record(State.RETRYING, due_at=NOW), PAUSED, None),
        (
            a_record(State.RETRYING, due_at=NOW),
            Standing(hold=Hold(code="destination.closed", until=NOW + timedelta(hours=9))),
            NOW + timedelta(hours=9),
        ),
        (
            a_record(State.PENDING),
            Standing(hold=Hold(code="destination.closed", until=NOW + timedelta(hours=9))),
            NOW + timedelta(hours=9),
        ),
        (a_record(State.IN_DOUBT), OPEN, None),
        (a_record(State.DELIVERED), OPEN, None),
    ],
)
def test_the_next_attempt_is_not_before_its_destination_opens(
    record: DeliveryRecord, standing: Standing, expected: datetime | None
) -> None:
    assert next_attempt_at(record, standing) == expected


def test_what_waits_for_a_time_before_the_clock_was_set_back_is_due_now() -> None:
    waits = a_record(
        State.RETRYING, due_at=NOW + timedelta(hours=1, seconds=8), updated_at=NOW + HOUR
    )
    set_back, as_it_was = Standing(now=NOW), Standing(now=NOW + HOUR)

    assert next_attempt_at(waits, set_back) == NOW
    assert NOW.isoformat(timespec="milliseconds") in next_step(waits, set_back)[1]
    assert next_attempt_at(waits, as_it_was) == waits.due_at
