"""What a report does to a delivery: outcomes, feedback, and copies the broker gave up."""

from collections.abc import Callable
from collections.abc import Set as AbstractSet
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from gateway.domain.entry import Action, Actor, ActorKind, Entry, Fact
from gateway.domain.identifiers import CopyId, WorkerName
from gateway.domain.lifecycle import FINAL, Event, State, following
from gateway.domain.outcome import Outcome, OutcomeKind
from gateway.domain.records import DeliveryRecord, FeedbackRecord
from gateway.domain.webhook import Announcement
from gateway.ports.journal import Decision
from gateway.sdk import Idempotency
from gateway.services.policy import DestinationPolicy


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
    if outcome.counted:
        since = record.budget_since if record.counted else now
        record = replace(record, counted=record.counted + 1, budget_since=since)
        if policy.retry.is_spent(counted=record.counted, since=since, now=now):
            return _changed(record, outcome, now, Event.EXHAUSTED, Action.DELIVERY_PARKED)
    wait = timedelta(seconds=policy.retry.wait_s(record.attempt, fraction))
    due_at = now + max(wait, _asked_wait(outcome, policy))
    if not outcome.counted:
        record = replace(record, budget_since=record.budget_after(due_at - record.updated_at))
    return _changed(record, outcome, now, Event.DEFERRED, Action.DELIVERY_DEFERRED, due_at=due_at)


def _asked_wait(outcome: Outcome, policy: DestinationPolicy) -> timedelta:
    """Return how long the core system asked to wait, but not longer than the budget lasts.

    Both times are the worker's: how far its clock is from ours does not matter.
    """
    if outcome.retry_at is None:
        return timedelta()
    return min(outcome.retry_at - outcome.answered_at, timedelta(seconds=policy.retry.max_age_s))


def _doubted(
    record: DeliveryRecord,
    outcome: Outcome,
    policy: DestinationPolicy,
    now: datetime,
    fraction: float,
) -> Decision[State]:
    due_at = None
    if not outcome.counted:
        # The core system did not even take the question.
        record = replace(record, resolves=max(0, record.resolves - 1))
    if policy.idempotency != Idempotency.NONE and not _is_old(record, policy, now):
        wait = timedelta(seconds=policy.retry.wait_s(record.resolves + 1, fraction))
        due_at = now + max(wait, _asked_wait(outcome, policy))
    return _changed(record, outcome, now, Event.DOUBTED, Action.DELIVERY_IN_DOUBT, due_at=due_at)


def _is_old(record: DeliveryRecord, policy: DestinationPolicy, now: datetime) -> bool:
    """Tell whether it was asked about so long and so often that a person must look.

    Long alone does not count: its destination may have been closed or down all the while.
    """
    since = record.claimed_at or record.updated_at
    is_long = now - since >= timedelta(seconds=policy.retry.max_age_s)
    return is_long and record.resolves >= policy.retry.max_attempts


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
        adapter=outcome.adapter or record.adapter,
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
    feedback: FeedbackRecord, actor: Actor, now: datetime, announcement: Announcement | None = None
) -> Callable[[DeliveryRecord], Decision[FeedbackRecord]]:
    """Return the rule that adds ``feedback`` to the application's history; the answer is as kept.

    It changes no state: whatever the delivery came to, this was said of it.
    """

    def rule(record: DeliveryRecord) -> Decision[FeedbackRecord]:
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
        kept = replace(feedback, delivery_id=record.id, received_at=now, destination=None)
        return Decision(answer=kept, entries=(entry,), feedback=kept, announcement=announcement)

    return rule


_UNHEARD_OF_S: Final = 60.0
_HEARD_OF_S: Final = 600.0


def abandoned_rule(
    policy: DestinationPolicy,
    alive: AbstractSet[WorkerName],
    now: datetime,
    *,
    seen: DeliveryRecord,
    unchanged_s: float,
) -> Callable[[DeliveryRecord], Decision[bool]]:
    """Return the rule for a claim that came to nothing; the answer is whether it did.

    Its outcome was lost, or its copy and its worker were. It has been in hand for longer
    than a send may take, with a margin: a minute when its worker gives no sign of life
    (``alive`` names those who do), ten when it does. What became of it is then looked up
    where that is possible; a "delivered" that still comes late is believed, and any other
    outcome changes nothing.

    Args:
        policy: Its destination's.
        alive: The workers that give signs of life.
        now: The time of day, for what is written.
        seen: The delivery as it was seen last: one that has changed is not abandoned.
        unchanged_s: For how long this process has seen it so, on a clock that nobody sets:
            the time since its claim cannot be told by the time of day.
    """

    def rule(record: DeliveryRecord) -> Decision[bool]:
        is_claimed = record.copy is not None and record.state in (State.SENDING, State.IN_DOUBT)
        margin_s = _HEARD_OF_S if record.worker in alive else _UNHEARD_OF_S
        is_recent = unchanged_s < policy.send_timeout_s + margin_s
        if not is_claimed or is_recent or record != seen:
            return Decision(answer=False)
        can_be_asked = policy.idempotency != Idempotency.NONE and not _is_old(record, policy, now)
        doubted = replace(
            record,
            state=following(record.state, Event.ABANDONED),
            copy=None,
            worker=None,
            due_at=now if can_be_asked else None,
            code="delivery.abandoned",
            updated_at=now,
        )
        entry = Entry(
            action=Action.DELIVERY_IN_DOUBT,
            at=now,
            actor=Actor(ActorKind.GATEWAY, "reconciliation"),
            municipality=record.municipality,
            application=record.application_id,
            delivery=record.id,
            facts={
                "destination": record.destination,
                "state": doubted.state.value,
                "attempt": record.attempt,
                "copy": str(record.copy),
                "worker": record.worker,
                "code": doubted.code,
            },
        )
        return Decision(answer=True, record=doubted, entries=(entry,))

    return rule


def crash_loop_rule(
    *, attempt: int, copy: CopyId, now: datetime
) -> Callable[[DeliveryRecord], Decision[State]]:
    """Return the rule for a copy that the broker gave up: it kept killing its workers."""

    def rule(record: DeliveryRecord) -> Decision[State]:
        is_over = record.state in FINAL | {State.RETRYING, State.PARKED}
        if is_over or record.attempt != attempt or record.copy not in (None, copy):
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
