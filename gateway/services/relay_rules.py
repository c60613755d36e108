"""What the relay does to a delivery: ready it, note its publish, ask again about a doubt."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from gateway.domain.entry import Action, Actor, ActorKind, Entry
from gateway.domain.identifiers import CopyId
from gateway.domain.lifecycle import Event, State, following
from gateway.domain.records import DeliveryRecord
from gateway.ports.clock import APART
from gateway.ports.journal import Decision
from gateway.services.policy import DestinationPolicy

_LOOKUP_PATIENCE: Final = timedelta(minutes=10)


def due_rule(
    policy: DestinationPolicy, now: datetime
) -> Callable[[DeliveryRecord], Decision[DeliveryRecord | None]]:
    """Return the rule that readies a leased delivery; the answer is what to publish, if any.

    A retry that is due becomes the next attempt, or is parked when the budget is
    spent; a pending delivery is published as it is; so is one in doubt, so that a
    worker finds out what became of it.
    """

    def rule(record: DeliveryRecord) -> Decision[DeliveryRecord | None]:
        match record.state:
            case State.PENDING | State.QUEUED:
                return Decision(answer=record)
            case State.IN_DOUBT if record.copy is None and record.due_at is not None:
                return Decision(answer=record)
            case State.RETRYING if is_due(record, now):
                # An operator may have lowered the budget meanwhile.
                is_spent = record.counted >= policy.retry.max_attempts
                return _park(record, now) if is_spent else _next_attempt(record, now)
            case _:
                return Decision(answer=None)

    return rule


def is_due(record: DeliveryRecord, now: datetime) -> bool:
    """Tell whether a delivery's time has come, as ``Journal.lease`` tells it."""
    return record.due_at is None or record.due_at <= now or record.updated_at > now + APART


def _next_attempt(record: DeliveryRecord, now: datetime) -> Decision[DeliveryRecord | None]:
    due = replace(
        record,
        state=following(record.state, Event.DUE),
        attempt=record.attempt + 1,
        resolves=0,
        copy=None,
        worker=None,
        claimed_at=None,
        due_at=None,
        budget_since=record.budget_after(now - (record.due_at or now)),
        updated_at=now,
    )
    return Decision(answer=due, record=due, entries=(_entry(Action.DELIVERY_DUE, due, now),))


def _park(record: DeliveryRecord, now: datetime) -> Decision[DeliveryRecord | None]:
    parked = replace(
        record, state=following(record.state, Event.EXHAUSTED), due_at=None, updated_at=now
    )
    entry = _entry(Action.DELIVERY_PARKED, parked, now)
    return Decision(answer=None, record=parked, entries=(entry,))


def published_rule(
    *, attempt: int, copy: CopyId, now: datetime
) -> Callable[[DeliveryRecord], Decision[None]]:
    """Return the rule for a confirmed copy; its claim or outcome may have come first."""

    def rule(record: DeliveryRecord) -> Decision[None]:
        is_first = record.attempt == attempt and record.state == State.PENDING
        is_question = (
            record.attempt == attempt and record.state == State.IN_DOUBT and record.copy is None
        )
        if not is_first and not is_question:
            return Decision(answer=None)
        published = replace(
            record,
            state=following(record.state, Event.PUBLISHED),
            # Asked again after a while, should nobody ever claim this copy.
            due_at=now + _LOOKUP_PATIENCE if is_question else None,
            budget_since=record.budget_after(now - record.updated_at),
            updated_at=now,
        )
        entry = _entry(Action.DELIVERY_QUEUED, published, now, copy=copy)
        return Decision(answer=None, record=published, entries=(entry,))

    return rule


def is_asked(record: DeliveryRecord) -> bool:
    """Tell whether ``published_rule`` has sent a worker to look it up, and none has claimed."""
    return (
        record.state == State.IN_DOUBT
        and record.copy is None
        and record.due_at == record.updated_at + _LOOKUP_PATIENCE
    )


def asked_again_rule(now: datetime) -> Callable[[DeliveryRecord], Decision[None]]:
    """Return the rule for a question that went down with its broker: ask again at once."""

    def rule(record: DeliveryRecord) -> Decision[None]:
        asked = replace(record, due_at=now) if is_asked(record) else None
        return Decision(answer=None, record=asked)

    return rule


def _entry(
    action: Action, record: DeliveryRecord, now: datetime, *, copy: CopyId | None = None
) -> Entry:
    return Entry(
        action=action,
        at=now,
        actor=Actor(ActorKind.GATEWAY, "relay"),
        municipality=record.municipality,
        application=record.application_id,
        delivery=record.id,
        facts={
            "destination": record.destination,
            "state": record.state.value,
            "attempt": record.attempt,
            "copy": None if copy is None else str(copy),
            "code": record.code if action == Action.DELIVERY_PARKED else None,
        },
    )
