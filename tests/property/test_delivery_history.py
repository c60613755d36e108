"""One delivery through random histories: copies double, workers die, outcomes come late.

The rules of the services run on a record as the journal would run them; round them
stands a small model of a broker that loses and doubles, of workers that die at every
step, and of a core system that counts what reaches it and deduplicates nothing.
"""

import itertools
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, rule

from gateway.domain.claim import Claim, Verdict
from gateway.domain.identifiers import CopyId, WorkerName
from gateway.domain.lifecycle import FINAL, State
from gateway.domain.outcome import Outcome, OutcomeKind
from gateway.domain.records import DeliveryRecord
from gateway.ports.journal import Decision
from gateway.sdk import Idempotency
from gateway.services.answer_claims import claim_rule
from gateway.services.outcome_rules import outcome_rule
from gateway.services.policy import DestinationPolicy
from gateway.services.relay_rules import due_rule, published_rule
from gateway.testing.builders import DESTINATION, MUNICIPALITY, NOW, a_delivery, an_application


@dataclass(frozen=True)
class Copy:
    """What the broker carries."""

    id: CopyId
    attempt: int


@dataclass(frozen=True)
class Going:
    """A worker that may send: it was told to go, or holds a native destination's copy."""

    copy: Copy
    worker: WorkerName


class History(RuleBasedStateMachine):
    """What can happen, in any order, as often as hypothesis likes."""

    idempotency = Idempotency.NONE

    broker = Bundle("broker")
    going = Bundle("going")
    outcomes = Bundle("outcomes")

    def __init__(self) -> None:
        super().__init__()
        self.record: DeliveryRecord = a_delivery(an_application()).record
        self.now = NOW
        self.ids = itertools.count(1)
        self.effects = 0
        self.was_final = False
        self.policy = DestinationPolicy(
            name=DESTINATION, municipality=MUNICIPALITY, idempotency=self.idempotency
        )

    def decide(self, step: Callable[[DeliveryRecord], Decision[Any]]) -> Any:
        decision = step(self.record)
        if decision.record is not None:
            assert decision.entries, "a change without an audit entry"
            self.record = decision.record
        return decision.answer

    @rule(seconds=st.sampled_from([1, 60, 4000]))
    def time_passes(self, seconds: int) -> None:
        self.now += timedelta(seconds=seconds)

    @rule(target=broker)
    def relay_publishes(self) -> Copy:
        leased = self.record.state in (State.PENDING, State.RETRYING, State.IN_DOUBT)
        due = self.decide(due_rule(self.policy, self.now)) if leased else None
        copy = Copy(CopyId(UUID(int=next(self.ids))), self.record.attempt)
        if due is None:
            return Copy(copy.id, 0)
        return copy

    @rule(copy=broker)
    def broker_confirms(self, copy: Copy) -> None:
        self.decide(published_rule(attempt=copy.attempt, copy=copy.id, now=self.now))

    @rule(target=going, copy=broker, instance=st.sampled_from(["a", "b"]))
    def worker_claims(self, copy: Copy, instance: str) -> Going:
        claim = Claim(
            delivery_id=self.record.id,
            destination=DESTINATION,
            attempt=copy.attempt,
            copy=copy.id,
            worker=WorkerName(f"w/{instance}{next(self.ids)}"),
        )
        answer = self.decide(claim_rule(claim, self.policy, self.now))
        if answer.verdict == Verdict.GO:
            return Going(copy, claim.worker)
        if answer.verdict == Verdict.RESOLVE:
            doubt = self.reported(copy, claim.worker, OutcomeKind.IN_DOUBT)
            self.decide(outcome_rule(doubt, self.policy, self.now, 0.5))
        return Going(Copy(copy.id, 0), claim.worker)

    def reported(self, copy: Copy, worker: WorkerName, kind: OutcomeKind) -> Outcome:
        return Outcome(
            delivery_id=self.record.id,
            attempt=copy.attempt,
            copy=copy.id,
            worker=worker,
            kind=kind,
            received_at=self.now,
            answered_at=self.now,
        )

    @rule(target=outcomes, worker=consumes(going), kind=st.sampled_from(OutcomeKind))
    def worker_sends(self, worker: Going, kind: OutcomeKind) -> Outcome:
        if worker.copy.attempt and kind in (OutcomeKind.DELIVERED, OutcomeKind.IN_DOUBT):
            self.effects += 1
        return self.reported(worker.copy, worker.worker, kind)

    @rule(worker=consumes(going))
    def worker_dies_after_sending(self, worker: Going) -> None:
        if worker.copy.attempt:
            self.effects += 1

    @rule(worker=consumes(going))
    def worker_dies_before_sending(self, worker: Going) -> None:
        pass

    @rule(outcome=outcomes)
    def outcome_arrives_perhaps_again(self, outcome: Outcome) -> None:
        self.decide(outcome_rule(outcome, self.policy, self.now, 0.5))

    @invariant()
    def nothing_reaches_the_core_system_twice(self) -> None:
        assert self.effects <= 1, "doubled"

    @invariant()
    def what_is_final_stays_so(self) -> None:
        if self.was_final:
            assert self.record.state in FINAL
        self.was_final = self.record.state in FINAL

    @invariant()
    def an_effect_is_never_forgotten(self) -> None:
        if self.effects:
            assert self.record.state not in (State.PENDING, State.QUEUED, State.RETRYING)


TestHistory = History.TestCase
TestHistory.settings = settings(max_examples=300, stateful_step_count=40, deadline=None)
