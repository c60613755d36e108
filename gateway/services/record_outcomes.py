"""Write down what workers report: outcomes, feedback, and copies the broker gave up."""

import asyncio
import random
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

import structlog

from gateway.crypto.sign import Verifier
from gateway.domain.entry import Action, Actor, ActorKind, Entry, Fact
from gateway.domain.errors import (
    DeliveryNotFoundError,
    JournalUnavailableError,
    PermanentError,
    SignatureInvalidError,
)
from gateway.domain.identifiers import DestinationName
from gateway.domain.lifecycle import FINAL, Event, State, following
from gateway.domain.outcome import Outcome, OutcomeKind
from gateway.domain.records import DeliveryRecord, FeedbackRecord
from gateway.ports.broker import OUTCOMES, Broker, Received
from gateway.ports.clock import Clock
from gateway.ports.journal import Decision, Journal
from gateway.sdk import Idempotency
from gateway.services import wire
from gateway.services.answer_claims import refusal_entry
from gateway.services.policy import DestinationPolicy
from gateway.services.wire import FEEDBACK_CODEC, KIND_HEADER, OUTCOME_CODEC, REFUSED_CODEC
from gateway.services.workers import WorkerRegister

log = structlog.get_logger()

_MESSAGES_AT_ONCE: Final = 500
_RETRY_S: Final = 1.0


def outcome_rule(
    outcome: Outcome, policy: DestinationPolicy, now: datetime, fraction: float
) -> Callable[[DeliveryRecord], Decision[State]]:
    """Return the rule that records ``outcome``.

    Delivered wins from any state, if the attempt was ever claimed. Everything
    else counts only for the attempt and copy that are claimed now: an outcome of
    a stale attempt is recorded and changes nothing else.
    """

    def rule(record: DeliveryRecord) -> Decision[State]:
        if outcome.kind == OutcomeKind.DELIVERED:
            if record.state == State.DELIVERED or not _was_claimed(record, outcome):
                return _ignored(record, outcome, now)
            return _delivered(record, outcome, now)
        is_current = (
            outcome.attempt == record.attempt
            and outcome.copy == record.copy
            and record.state in (State.SENDING, State.IN_DOUBT)
        )
        if not is_current:
            return _ignored(record, outcome, now)
        if outcome.kind == OutcomeKind.IN_DOUBT:
            return _doubted(record, outcome, policy, now, fraction)
        if outcome.kind == OutcomeKind.REJECTED:
            return _changed(record, outcome, now, Event.REJECTED, Action.DELIVERY_PARKED)
        return _deferred(record, outcome, policy, now, fraction)

    return rule


def _was_claimed(record: DeliveryRecord, outcome: Outcome) -> bool:
    """Tell whether the reported attempt was claimed: else somebody makes it up."""
    if outcome.attempt == record.attempt:
        return record.claimed_at is not None
    return outcome.attempt < record.attempt


def _delivered(record: DeliveryRecord, outcome: Outcome, now: datetime) -> Decision[State]:
    record = replace(record, reference=outcome.reference, flagged=record.state == State.CANCELLED)
    return _changed(record, outcome, now, Event.DELIVERED, Action.DELIVERY_DELIVERED)


def _deferred(
    record: DeliveryRecord,
    outcome: Outcome,
    policy: DestinationPolicy,
    now: datetime,
    fraction: float,
) -> Decision[State]:
    counted = record.counted + outcome.counted
    record = replace(record, counted=counted)
    if policy.retry.is_spent(counted=counted, since=record.budget_since, now=now):
        return _changed(record, outcome, now, Event.EXHAUSTED, Action.DELIVERY_PARKED)
    due_at = now + timedelta(seconds=policy.retry.wait_s(record.attempt, fraction))
    return _changed(
        record,
        outcome,
        now,
        Event.DEFERRED,
        Action.DELIVERY_DEFERRED,
        due_at=_not_before(due_at, outcome.retry_at, policy, record),
    )


def _not_before(
    due_at: datetime, retry_at: datetime | None, policy: DestinationPolicy, record: DeliveryRecord
) -> datetime:
    """Honour what the core system asked for, but never past the end of the budget."""
    if retry_at is None:
        return due_at
    end = record.budget_since + timedelta(seconds=policy.retry.max_age_s)
    return max(due_at, min(retry_at, end))


def _doubted(
    record: DeliveryRecord,
    outcome: Outcome,
    policy: DestinationPolicy,
    now: datetime,
    fraction: float,
) -> Decision[State]:
    is_old = now - record.budget_since >= timedelta(seconds=policy.retry.max_age_s)
    due_at = None
    if policy.idempotency != Idempotency.NONE and not is_old:
        wait = timedelta(seconds=policy.retry.wait_s(record.resolves + 1, fraction))
        due_at = _not_before(now + wait, outcome.retry_at, policy, record)
    return _changed(record, outcome, now, Event.DOUBTED, Action.DELIVERY_IN_DOUBT, due_at=due_at)


def _changed(
    record: DeliveryRecord,
    outcome: Outcome,
    now: datetime,
    event: Event,
    action: Action,
    *,
    due_at: datetime | None = None,
) -> Decision[State]:
    state = following(record.state, event)
    changed = replace(
        record,
        state=state,
        copy=None,
        worker=None,
        due_at=due_at,
        code=outcome.code,
        pointer=outcome.pointer,
        updated_at=now,
    )
    return Decision(answer=state, record=changed, entries=(_entry(action, changed, outcome, now),))


def _ignored(record: DeliveryRecord, outcome: Outcome, now: datetime) -> Decision[State]:
    entry = _entry(Action.OUTCOME_IGNORED, record, outcome, now)
    return Decision(answer=record.state, entries=(entry,))


def _entry(action: Action, record: DeliveryRecord, outcome: Outcome, now: datetime) -> Entry:
    return Entry(
        action=action,
        at=now,
        actor=Actor(ActorKind.WORKER, outcome.worker),
        municipality=record.municipality,
        application=record.application_id,
        delivery=record.id,
        facts={
            "destination": record.destination,
            "state": record.state.value,
            "attempt": outcome.attempt,
            "copy": str(outcome.copy),
            "outcome": outcome.kind.value,
            "code": outcome.code,
            "pointer": outcome.pointer,
            "counted": outcome.counted,
            "defect": outcome.defect or None,
            "flagged": record.flagged or None,
            "due_at": _iso(record.due_at),
            "received_at": _iso(outcome.received_at),
            "opened_at": _iso(outcome.opened_at),
            "sent_at": _iso(outcome.sent_at),
            "answered_at": _iso(outcome.answered_at),
        },
    )


def _iso(moment: datetime | None) -> Fact:
    return None if moment is None else moment.isoformat(timespec="milliseconds")


def feedback_rule(
    feedback: FeedbackRecord, actor: Actor, now: datetime
) -> Callable[[DeliveryRecord], Decision[None]]:
    """Return the rule that adds ``feedback`` to the application's history."""

    def rule(record: DeliveryRecord) -> Decision[None]:
        entry = Entry(
            action=Action.FEEDBACK_RECEIVED,
            at=now,
            actor=actor,
            municipality=record.municipality,
            application=record.application_id,
            delivery=record.id,
            facts={
                "destination": record.destination,
                "status": feedback.status.value,
                "code": feedback.code,
                "decided_at": _iso(feedback.at),
            },
        )
        kept = replace(feedback, delivery_id=record.id, received_at=now)
        return Decision(answer=None, entries=(entry,), feedback=kept)

    return rule


def crash_loop_rule(*, attempt: int, now: datetime) -> Callable[[DeliveryRecord], Decision[State]]:
    """Return the rule for a copy that the broker gave up: it kept killing its workers."""

    def rule(record: DeliveryRecord) -> Decision[State]:
        if record.attempt != attempt or record.state in FINAL | {State.RETRYING, State.PARKED}:
            return Decision(answer=record.state)
        state = following(record.state, Event.CRASH_LOOPED)
        changed = replace(
            record,
            state=state,
            copy=None,
            worker=None,
            due_at=None,
            code="delivery.crash_loop",
            updated_at=now,
        )
        action = Action.DELIVERY_PARKED if state == State.PARKED else Action.DELIVERY_IN_DOUBT
        entry = Entry(
            action=action,
            at=now,
            actor=Actor(ActorKind.GATEWAY, "dead-letters"),
            municipality=record.municipality,
            application=record.application_id,
            delivery=record.id,
            facts={
                "destination": record.destination,
                "state": state.value,
                "attempt": attempt,
                "code": "delivery.crash_loop",
            },
        )
        return Decision(answer=state, record=changed, entries=(entry,))

    return rule


class RecordOutcomes:
    """Listens for outcomes and feedback; acknowledges once the journal has them."""

    def __init__(
        self,
        *,
        journal: Journal,
        broker: Broker,
        verifier: Verifier,
        workers: WorkerRegister,
        policies: Mapping[DestinationName, DestinationPolicy],
        clock: Clock,
    ) -> None:
        """Keep what it works with; opens nothing."""
        self._journal = journal
        self._broker = broker
        self._verifier = verifier
        self._workers = workers
        self._policies = policies
        self._clock = clock

    async def run(self) -> None:
        """Record until cancelled."""
        async with (
            asyncio.TaskGroup() as tasks,
            self._broker.consume(OUTCOMES, prefetch=_MESSAGES_AT_ONCE) as reports,
        ):
            async for report in reports:
                tasks.create_task(self._record(report))

    async def _record(self, report: Received) -> None:
        """Retry until the journal has it: an unacknowledged report is never lost."""
        # The header only says how to read it; what it is, the signature says.
        match report.message.headers.get(KIND_HEADER):
            case wire.FEEDBACK_TYPE:
                record = self._record_feedback
            case wire.REFUSED_TYPE:
                record = self._record_refused
            case _:
                record = self._record_outcome
        while True:
            try:
                await record(report)
            except DeliveryNotFoundError as error:
                log.warning("outcome.delivery_unknown", code=error.code)
            except PermanentError as error:
                log.warning("outcome.refused", code=error.code)
                refused = refusal_entry("outcome", error, self._clock.now())
                if not await self._is_recorded(refused):
                    continue
            except JournalUnavailableError as error:
                log.warning("outcome.not_committed", code=error.code)
                await asyncio.sleep(_RETRY_S)
                continue
            await report.ack()
            return

    async def _is_recorded(self, entry: Entry) -> bool:
        try:
            await self._journal.record([entry])
        except JournalUnavailableError:
            await asyncio.sleep(_RETRY_S)
            return False
        return True

    async def _record_outcome(self, report: Received) -> None:
        outcome, kid = OUTCOME_CODEC.read(report.message, self._verifier)
        grant = self._workers.require(kid, worker=outcome.worker)
        now, fraction = self._clock.now(), random.random()  # noqa: S311 - jitter, not a secret

        def rule(record: DeliveryRecord) -> Decision[State]:
            if record.destination not in grant.destinations:
                raise SignatureInvalidError("destination")
            policy = self._policies.get(record.destination) or DestinationPolicy(
                name=record.destination, municipality=record.municipality
            )
            return outcome_rule(outcome, policy, now, fraction)(record)

        state = await self._journal.decide(outcome.delivery_id, rule)
        log.info(
            "outcome.recorded",
            delivery_id=str(outcome.delivery_id),
            attempt=outcome.attempt,
            outcome=outcome.kind.value,
            code=outcome.code,
            state=state.value,
            defect=outcome.defect,
            send_ms=_milliseconds(outcome.sent_at, outcome.answered_at),
        )

    async def _record_refused(self, report: Received) -> None:
        refused, kid = REFUSED_CODEC.read(report.message, self._verifier)
        self._workers.require(kid, worker=refused.worker, destination=refused.destination)
        entry = Entry(
            action=Action.MESSAGE_REFUSED,
            at=self._clock.now(),
            actor=Actor(ActorKind.WORKER, refused.worker),
            facts={"kind": "copy", "destination": refused.destination, "code": refused.code},
        )
        await self._journal.record([entry])

    async def _record_feedback(self, report: Received) -> None:
        feedback, kid = FEEDBACK_CODEC.read(report.message, self._verifier)
        grant = self._workers.require_key(kid)
        now = self._clock.now()

        def rule(record: DeliveryRecord) -> Decision[None]:
            if record.destination not in grant.destinations:
                raise SignatureInvalidError("destination")
            actor = Actor(ActorKind.WORKER, grant.name)
            return feedback_rule(feedback, actor, now)(record)

        await self._journal.decide(feedback.delivery_id, rule)
        log.info(
            "feedback.recorded",
            delivery_id=str(feedback.delivery_id),
            status=feedback.status.value,
            code=feedback.code,
        )


def _milliseconds(start: datetime | None, end: datetime) -> float | None:
    return None if start is None else round((end - start).total_seconds() * 1000, 1)
