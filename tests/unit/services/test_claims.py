"""What a worker that claims a copy is answered, from every state."""

from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from gateway.domain.claim import Claim, Verdict
from gateway.domain.entry import Action
from gateway.domain.identifiers import CopyId, DestinationName, WorkerName
from gateway.domain.lifecycle import State
from gateway.domain.records import DeliveryRecord
from gateway.domain.window import Window, parse_openings
from gateway.sdk import Idempotency
from gateway.services.answer_claims import claim_rule
from gateway.services.policy import DestinationPolicy
from gateway.testing.builders import DESTINATION, MUNICIPALITY, NOW, a_delivery, an_application

COPY = CopyId(UUID(int=1))
OTHER_COPY = CopyId(UUID(int=2))
LATER = NOW + timedelta(seconds=5)
ME = WorkerName("w1/aaaa")


def a_record(**over: Any) -> DeliveryRecord:
    return a_delivery(an_application(), **over).record


def a_policy(**over: Any) -> DestinationPolicy:
    return DestinationPolicy(name=DESTINATION, municipality=MUNICIPALITY, **over)


def a_claim(record: DeliveryRecord, **over: Any) -> Claim:
    members = {
        "delivery_id": record.id,
        "destination": record.destination,
        "attempt": record.attempt,
        "copy": COPY,
        "worker": ME,
    }
    return Claim(**{**members, **over})


@pytest.mark.parametrize("state", [State.PENDING, State.QUEUED])
def test_a_first_claim_goes_and_is_recorded(state: State) -> None:
    record = a_record(state=state)

    decision = claim_rule(a_claim(record), a_policy(), LATER)(record)

    assert decision.answer.verdict == Verdict.GO
    assert decision.answer.age_s == 0.0
    assert decision.record is not None
    assert decision.record.state == State.SENDING
    assert (decision.record.copy, decision.record.worker) == (COPY, ME)
    assert decision.record.claimed_at == LATER
    assert [entry.action for entry in decision.entries] == [Action.DELIVERY_CLAIMED]


@pytest.mark.parametrize("state", [State.RETRYING, State.PARKED, State.DELIVERED, State.CANCELLED])
def test_a_copy_nobody_needs_any_more_is_dropped(state: State) -> None:
    record = a_record(state=state)

    decision = claim_rule(a_claim(record), a_policy(), LATER)(record)

    assert decision.answer.verdict == Verdict.DROP
    assert decision.record is None
    assert [entry.action for entry in decision.entries] == [Action.DELIVERY_CLAIM_REFUSED]


@pytest.mark.parametrize(
    "over",
    [{"attempt": 2}, {"attempt": 0}, {"destination": DestinationName("kaigo")}],
    ids=["a later attempt", "an earlier attempt", "another destination"],
)
def test_a_claim_for_something_else_is_dropped(over: dict[str, Any]) -> None:
    record = a_record(state=State.QUEUED)

    decision = claim_rule(a_claim(record, **over), a_policy(), LATER)(record)

    assert decision.answer.verdict == Verdict.DROP
    assert decision.record is None
    assert [entry.action for entry in decision.entries] == [Action.DELIVERY_CLAIM_REFUSED]


@pytest.mark.parametrize("state", [State.SENDING, State.IN_DOUBT])
def test_a_second_copy_of_a_claimed_attempt_is_dropped(state: State) -> None:
    record = a_record(state=state, copy=OTHER_COPY, worker=ME, claimed_at=NOW)

    decision = claim_rule(a_claim(record), a_policy(), LATER)(record)

    assert decision.answer.verdict == Verdict.DROP
    assert decision.record is None
    assert [entry.action for entry in decision.entries] == [Action.DELIVERY_CLAIM_REFUSED]


@pytest.mark.parametrize("state", [State.SENDING, State.IN_DOUBT])
def test_the_claimed_copy_coming_again_is_resolved_not_sent(state: State) -> None:
    record = a_record(state=state, copy=COPY, worker=WorkerName("w1/dead"), claimed_at=NOW)

    decision = claim_rule(a_claim(record), a_policy(), LATER)(record)

    assert decision.answer.verdict == Verdict.RESOLVE
    assert decision.answer.age_s == (LATER - NOW).total_seconds()
    assert decision.record is not None
    assert decision.record.state == state
    assert decision.record.resolves == 1


def test_a_claim_looks_no_younger_because_the_clock_was_set_back() -> None:
    record = a_record(
        state=State.SENDING, copy=COPY, worker=WorkerName("w1/dead"), claimed_at=LATER
    )

    decision = claim_rule(a_claim(record), a_policy(), NOW, latest=LATER + timedelta(seconds=7))(
        record
    )

    assert decision.answer.age_s == 7


def test_an_instance_whose_answer_was_lost_may_go_as_it_opened_nothing() -> None:
    record = a_record(state=State.SENDING, copy=COPY, worker=ME, claimed_at=NOW)

    decision = claim_rule(a_claim(record), a_policy(), LATER)(record)

    assert decision.answer.verdict == Verdict.GO
    assert len(decision.entries) == 1


def test_what_is_given_again_counts_from_then_on() -> None:
    record = a_record(state=State.SENDING, copy=COPY, worker=ME, claimed_at=NOW)

    decision = claim_rule(a_claim(record), a_policy(), LATER)(record)

    assert decision.answer.age_s == 0
    assert decision.record == replace(record, claimed_at=LATER, updated_at=LATER)


def test_an_instance_whose_answer_to_resolve_it_was_lost_must_still_resolve_it() -> None:
    sent_by_another = a_record(
        state=State.SENDING, copy=COPY, worker=WorkerName("w1/dead"), claimed_at=NOW
    )
    resolving = claim_rule(a_claim(sent_by_another), a_policy(), NOW)(sent_by_another).record
    assert resolving is not None

    decision = claim_rule(a_claim(resolving), a_policy(), LATER)(resolving)

    assert decision.answer.verdict == Verdict.RESOLVE


def test_an_instance_that_opened_the_copy_must_resolve_it() -> None:
    record = a_record(state=State.SENDING, copy=COPY, worker=ME, claimed_at=NOW)

    decision = claim_rule(a_claim(record, opened=True), a_policy(), LATER)(record)

    assert decision.answer.verdict == Verdict.RESOLVE


def test_a_question_about_a_delivery_in_doubt_is_resolved_by_who_claims_it_first() -> None:
    record = a_record(state=State.IN_DOUBT, claimed_at=NOW, due_at=NOW)

    decision = claim_rule(a_claim(record), a_policy(), LATER)(record)

    assert decision.answer.verdict == Verdict.RESOLVE
    assert decision.record is not None
    assert decision.record.copy == COPY


def test_a_native_destination_is_not_resent_more_often_than_allowed() -> None:
    record = a_record(state=State.IN_DOUBT, claimed_at=NOW, due_at=NOW, resolves=3)
    policy = a_policy(idempotency=Idempotency.NATIVE, resends=3)

    decision = claim_rule(a_claim(record), policy, LATER)(record)

    assert decision.answer.verdict == Verdict.DROP
    assert decision.record is not None
    assert decision.record.state == State.PARKED
    assert decision.record.code == "delivery.unresolved"
    assert [entry.action for entry in decision.entries] == [Action.DELIVERY_PARKED]


def test_a_paused_destination_s_copies_wait_in_the_journal() -> None:
    record = a_record(state=State.QUEUED)

    decision = claim_rule(a_claim(record), a_policy(paused=True, hold_s=30), LATER)(record)

    assert decision.answer.verdict == Verdict.WAIT
    assert decision.record is not None
    assert decision.record.state == State.RETRYING
    assert decision.record.due_at == LATER + timedelta(seconds=30)


def test_outside_its_window_a_destination_s_copies_wait_until_it_opens() -> None:
    record = a_record(state=State.QUEUED)
    window = Window(openings=parse_openings(["mon-fri 08:30-09:00"]))

    decision = claim_rule(a_claim(record), a_policy(window=window), LATER)(record)

    assert decision.answer.verdict == Verdict.WAIT
    assert (decision.record.state, decision.record.code) == (State.RETRYING, "destination.closed")
    assert decision.record.due_at == window.opens_at(LATER) > LATER


def test_a_copy_that_a_worker_declines_is_rescheduled_and_spends_nothing() -> None:
    record = a_record(state=State.QUEUED, counted=3)
    claim = a_claim(record, declined="destination.unavailable")

    decision = claim_rule(claim, a_policy(), LATER)(record)

    assert decision.answer.verdict == Verdict.WAIT
    assert (decision.record.state, decision.record.counted) == (State.RETRYING, 3)
    assert [entry.action for entry in decision.entries] == [Action.DELIVERY_HELD]


@pytest.mark.parametrize(
    ("idempotency", "is_asked"), [(Idempotency.LOOKUP, True), (Idempotency.NONE, False)]
)
def test_a_copy_that_may_have_been_sent_is_asked_about_once_its_destination_is_open(
    idempotency: Idempotency,
    is_asked: bool,  # noqa: FBT001 - what the table says
) -> None:
    record = a_record(state=State.SENDING, copy=COPY, worker=WorkerName("w1/dead"))
    policy = a_policy(idempotency=idempotency, paused=True)

    decision = claim_rule(a_claim(record), policy, LATER)(record)

    assert decision.answer.verdict == Verdict.WAIT
    assert (decision.record.state, decision.record.copy) == (State.IN_DOUBT, None)
    assert (decision.record.due_at is not None) == is_asked


def test_a_go_that_was_given_stands_although_its_destination_has_closed_since() -> None:
    """Else an old question, read twice by a gateway that was killed, takes back what is sent."""
    record = a_record(state=State.SENDING, copy=COPY, worker=ME)

    decision = claim_rule(a_claim(record), a_policy(paused=True), LATER)(record)

    assert decision.answer.verdict == Verdict.GO
    assert decision.record.state == State.SENDING


def test_what_a_worker_declines_after_a_go_is_in_doubt_and_never_tried_blindly() -> None:
    record = a_record(state=State.SENDING, copy=COPY, worker=ME)
    claim = a_claim(record, declined="worker.stopping")

    decision = claim_rule(claim, a_policy(), LATER)(record)

    assert decision.answer.verdict == Verdict.WAIT
    assert (decision.record.state, decision.record.due_at) == (State.IN_DOUBT, None)
