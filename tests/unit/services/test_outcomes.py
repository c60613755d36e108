"""What an outcome does to a delivery, from every state."""

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from gateway.domain.entry import Action
from gateway.domain.identifiers import CopyId, WorkerName
from gateway.domain.lifecycle import State
from gateway.domain.outcome import Outcome, OutcomeKind
from gateway.domain.records import DeliveryRecord
from gateway.domain.retry import RetryPolicy
from gateway.sdk import Idempotency
from gateway.services.outcome_rules import crash_loop_rule, outcome_rule
from gateway.services.policy import DestinationPolicy
from gateway.services.relay_rules import due_rule
from gateway.testing.builders import DESTINATION, MUNICIPALITY, NOW, a_delivery, an_application

COPY = CopyId(UUID(int=1))
STRAY = CopyId(UUID(int=2))
LATER = NOW + timedelta(seconds=5)
HALF = 0.5


def a_record(**over: Any) -> DeliveryRecord:
    claimed = {"state": State.SENDING, "copy": COPY, "worker": "w1/aaaa", "claimed_at": NOW}
    return a_delivery(an_application(), **{**claimed, **over}).record


def an_outcome(record: DeliveryRecord, kind: OutcomeKind, **over: Any) -> Outcome:
    members = {
        "delivery_id": record.id,
        "attempt": record.attempt,
        "copy": COPY,
        "worker": WorkerName("w1/aaaa"),
        "kind": kind,
        "received_at": NOW,
        "answered_at": LATER,
        "code": None if kind == OutcomeKind.DELIVERED else "some.code",
    }
    return Outcome(**{**members, **over})


def a_policy(**over: Any) -> DestinationPolicy:
    return DestinationPolicy(name=DESTINATION, municipality=MUNICIPALITY, **over)


def decide(record: DeliveryRecord, outcome: Outcome, **policy: Any) -> Any:
    return outcome_rule(outcome, a_policy(**policy), LATER, HALF)(record)


@pytest.mark.parametrize("state", [state for state in State if state != State.DELIVERED])
def test_delivered_wins_from_any_state(state: State) -> None:
    record = a_record(state=state)

    decision = decide(record, an_outcome(record, OutcomeKind.DELIVERED, reference="K-1"))

    assert decision.record.state == State.DELIVERED
    assert decision.record.reference == "K-1"
    assert decision.record.code is None
    assert decision.record.flagged == (state == State.CANCELLED)


def test_delivered_by_an_earlier_attempt_wins_too() -> None:
    record = a_record(state=State.PENDING, attempt=2, copy=None, claimed_at=None)

    decision = decide(record, an_outcome(record, OutcomeKind.DELIVERED, attempt=1))

    assert decision.record.state == State.DELIVERED


@pytest.mark.parametrize(
    ("record_over", "attempt"),
    [({"state": State.QUEUED, "claimed_at": None, "copy": None}, 1), ({}, 2)],
    ids=["an attempt that nobody claimed", "an attempt that never was"],
)
def test_delivered_without_a_claim_is_made_up_and_changes_nothing(
    record_over: dict[str, Any], attempt: int
) -> None:
    record = a_record(**record_over)

    decision = decide(record, an_outcome(record, OutcomeKind.DELIVERED, attempt=attempt))

    assert decision.record is None
    assert [entry.action for entry in decision.entries] == [Action.OUTCOME_IGNORED]


@pytest.mark.parametrize("kind", [OutcomeKind.REJECTED, OutcomeKind.DEFERRED, OutcomeKind.IN_DOUBT])
@pytest.mark.parametrize(
    ("record_over", "outcome_over"),
    [
        ({"attempt": 2}, {"attempt": 1}),
        ({}, {"copy": STRAY}),
        ({"state": State.DELIVERED}, {}),
        ({"state": State.CANCELLED}, {}),
        ({"state": State.PARKED}, {}),
        ({"state": State.QUEUED}, {}),
    ],
    ids=["stale attempt", "stray copy", "delivered", "cancelled", "parked", "not claimed"],
)
def test_a_stale_outcome_is_recorded_and_changes_nothing_else(
    kind: OutcomeKind, record_over: dict[str, Any], outcome_over: dict[str, Any]
) -> None:
    record = a_record(**record_over)

    decision = decide(record, an_outcome(record, kind, **outcome_over))

    assert decision.record is None
    assert [entry.action for entry in decision.entries] == [Action.OUTCOME_IGNORED]


def test_a_rejection_parks_at_once_with_its_code_and_pointer() -> None:
    record = a_record()

    decision = decide(
        record, an_outcome(record, OutcomeKind.REJECTED, code="E0002", pointer="/content/x")
    )

    assert decision.record.state == State.PARKED
    assert (decision.record.code, decision.record.pointer) == ("E0002", "/content/x")
    assert decision.record.copy is None


def test_a_deferral_waits_with_backoff_and_counts() -> None:
    record = a_record(attempt=3, counted=2)

    decision = decide(
        record,
        an_outcome(record, OutcomeKind.DEFERRED),
        retry=RetryPolicy(base_s=10, cap_s=1000),
    )

    assert decision.record.state == State.RETRYING
    assert decision.record.counted == 3
    assert decision.record.due_at == LATER + timedelta(seconds=40 * 0.75)


def test_an_uncounted_deferral_spends_nothing() -> None:
    record = a_record(counted=2)

    decision = decide(record, an_outcome(record, OutcomeKind.DEFERRED, counted=False))

    assert decision.record.counted == 2


def test_what_the_core_system_asked_for_is_waited_but_not_beyond_the_budget() -> None:
    record = a_record()
    soon = LATER + timedelta(minutes=5)
    never = LATER + timedelta(days=3650)

    waits = decide(record, an_outcome(record, OutcomeKind.DEFERRED, retry_at=soon))
    bounded = decide(record, an_outcome(record, OutcomeKind.DEFERRED, retry_at=never))

    assert waits.record.due_at == soon
    assert bounded.record.due_at == LATER + timedelta(days=1)


@pytest.mark.parametrize("off", [timedelta(hours=1), timedelta(hours=-1)])
@pytest.mark.parametrize("kind", [OutcomeKind.DEFERRED, OutcomeKind.IN_DOUBT])
def test_how_long_to_wait_is_told_by_the_worker_s_clock_alone(
    off: timedelta, kind: OutcomeKind
) -> None:
    record, theirs = a_record(), LATER + off
    asked = {"answered_at": theirs, "retry_at": theirs + timedelta(minutes=5)}

    decision = decide(record, an_outcome(record, kind, **asked), idempotency=Idempotency.LOOKUP)

    assert decision.record.due_at == LATER + timedelta(minutes=5)


@pytest.mark.parametrize(
    "policy",
    [RetryPolicy(max_attempts=2), RetryPolicy(max_age_s=1)],
    ids=["attempts", "age"],
)
def test_a_spent_budget_parks(policy: RetryPolicy) -> None:
    record = a_record(counted=1)

    decision = decide(record, an_outcome(record, OutcomeKind.DEFERRED), retry=policy)

    assert decision.record.state == State.PARKED
    assert decision.record.due_at is None


def test_time_before_the_first_failure_is_nobody_s_fault_and_spends_no_budget() -> None:
    record = a_record(budget_since=NOW - timedelta(days=30))

    counted = decide(record, an_outcome(record, OutcomeKind.DEFERRED))
    uncounted = decide(record, an_outcome(record, OutcomeKind.DEFERRED, counted=False))

    assert (counted.record.state, counted.record.budget_since) == (State.RETRYING, LATER)
    assert (uncounted.record.state, uncounted.record.counted) == (State.RETRYING, 0)


def test_a_weekend_behind_a_closed_window_spends_no_budget() -> None:
    failed = decide(a_record(), an_outcome(a_record(), OutcomeKind.DEFERRED)).record
    monday = failed.due_at + timedelta(days=2, hours=15)

    due = due_rule(
        DestinationPolicy(name=failed.destination, municipality=failed.municipality), monday
    )(failed).answer

    assert due is not None
    assert monday - due.budget_since < timedelta(minutes=1)


def test_a_doubt_waits_for_a_person_where_nothing_can_be_asked() -> None:
    record = a_record()

    decision = decide(record, an_outcome(record, OutcomeKind.IN_DOUBT))

    assert decision.record.state == State.IN_DOUBT
    assert decision.record.due_at is None


@pytest.mark.parametrize("idempotency", [Idempotency.LOOKUP, Idempotency.NATIVE])
def test_a_doubt_is_asked_about_again_where_that_is_possible(idempotency: Idempotency) -> None:
    record = a_record()

    decision = decide(record, an_outcome(record, OutcomeKind.IN_DOUBT), idempotency=idempotency)

    assert decision.record.state == State.IN_DOUBT
    assert decision.record.due_at > LATER
    assert decision.record.copy is None


def test_a_lookup_that_said_no_leads_to_a_new_attempt() -> None:
    record = a_record(state=State.IN_DOUBT)

    decision = decide(record, an_outcome(record, OutcomeKind.DEFERRED))

    assert decision.record.state == State.RETRYING


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        (State.PENDING, State.PARKED),
        (State.QUEUED, State.PARKED),
        (State.SENDING, State.IN_DOUBT),
        (State.IN_DOUBT, State.IN_DOUBT),
    ],
)
def test_a_crash_loop_parks_what_was_not_opened_and_doubts_what_was(
    state: State, expected: State
) -> None:
    record = a_record(state=state)

    decision = crash_loop_rule(attempt=1, copy=COPY, now=LATER)(record)

    assert decision.record is not None
    assert decision.record.state == expected
    assert decision.record.code == "delivery.crash_loop"


@pytest.mark.parametrize(
    "over",
    [{"attempt": 2}, {"state": State.DELIVERED}, {"state": State.RETRYING}, {"copy": STRAY}],
)
def test_a_crash_loop_of_something_over_changes_nothing(over: dict[str, Any]) -> None:
    record = a_record(**over)

    decision = crash_loop_rule(attempt=1, copy=COPY, now=LATER)(record)

    assert decision.record is None
