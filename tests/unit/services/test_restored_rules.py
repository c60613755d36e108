"""What a restore does to each delivery, by its state and by what its core system can tell."""

from dataclasses import replace
from datetime import timedelta

import pytest

from gateway.domain.entry import Action, Actor, ActorKind
from gateway.domain.identifiers import CopyId
from gateway.domain.lifecycle import State
from gateway.domain.records import DeliveryRecord
from gateway.sdk import Idempotency
from gateway.services.restored_rules import restored_rule
from gateway.testing.builders import NOW, an_acceptance, an_id

ME = Actor(ActorKind.OPERATOR, "sato")
LATER = NOW + timedelta(hours=8)
NATIVE, LOOKUP, NONE = Idempotency.NATIVE, Idempotency.LOOKUP, Idempotency.NONE


def a_record(state: State, *, claimed: bool = False) -> DeliveryRecord:
    copy = CopyId(an_id()) if claimed else None
    return replace(an_acceptance().deliveries[0].record, state=state, copy=copy)


@pytest.mark.parametrize(
    ("record", "idempotency"),
    [
        (a_record(State.PENDING), LOOKUP),
        (a_record(State.RETRYING), LOOKUP),
        (a_record(State.QUEUED, claimed=True), LOOKUP),
        # The broker may have no copy any more, and nothing else would publish one soon.
        (a_record(State.QUEUED, claimed=True), NATIVE),
        (a_record(State.SENDING, claimed=True), LOOKUP),
        (a_record(State.SENDING, claimed=True), NATIVE),
        (a_record(State.IN_DOUBT, claimed=True), LOOKUP),
        (a_record(State.QUEUED, claimed=True), NONE),
        (a_record(State.SENDING, claimed=True), NONE),
    ],
)
def test_what_may_have_arrived_since_is_in_doubt_and_asked_about_where_that_is_possible(
    record: DeliveryRecord, idempotency: Idempotency
) -> None:
    decision = restored_rule(idempotency, ME, LATER)(record)

    assert decision.answer
    assert decision.record is not None
    assert (decision.record.state, decision.record.copy) == (State.IN_DOUBT, None)
    assert decision.record.due_at == (None if idempotency == NONE else LATER)
    assert [entry.action for entry in decision.entries] == [Action.DELIVERY_IN_DOUBT]


@pytest.mark.parametrize(
    ("record", "idempotency"),
    [
        (a_record(State.PENDING), NATIVE),
        (a_record(State.RETRYING), NATIVE),
        (a_record(State.IN_DOUBT), LOOKUP),
        (a_record(State.PARKED), NONE),
        (a_record(State.DELIVERED), LOOKUP),
    ],
)
def test_what_is_known_already_or_does_no_harm_stays_as_it_is(
    record: DeliveryRecord, idempotency: Idempotency
) -> None:
    assert not restored_rule(idempotency, ME, LATER)(record).answer
