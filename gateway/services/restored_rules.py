"""What a restore does to a delivery: it may have been sent since the backup was made."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import Final

from gateway.domain.entry import Action, Actor, Entry
from gateway.domain.lifecycle import Event, State, following
from gateway.domain.records import DeliveryRecord
from gateway.ports.journal import Decision
from gateway.sdk import Idempotency

_UNSENT: Final = frozenset({State.PENDING, State.QUEUED, State.RETRYING})
_IN_HAND: Final = frozenset({State.SENDING, State.IN_DOUBT})
CONCERNED: Final = _UNSENT | _IN_HAND
"""What a journal that was not put back would simply send, or wait for a worker to report."""


def restored_rule(
    idempotency: Idempotency, actor: Actor, now: datetime
) -> Callable[[DeliveryRecord], Decision[bool]]:
    """Return the rule that puts in doubt what waits to be sent; the answer is whether it did.

    A core system that knows our keys refuses a second one itself: it simply gets what waits, and
    at once what is queued, whose copy the broker may not have any more. One that can be asked is
    asked first; of any other a person decides. The same goes for what a worker had in hand: it was
    stopped, and what it reported since the backup is gone.
    """

    def rule(record: DeliveryRecord) -> Decision[bool]:
        event = _event(record, is_native=idempotency == Idempotency.NATIVE)
        if event is None:
            return Decision(answer=False)
        doubted = replace(
            record,
            state=following(record.state, event),
            copy=None,
            worker=None,
            due_at=None if idempotency == Idempotency.NONE else now,
            code="delivery.effect_unknown",
            updated_at=now,
        )
        entry = Entry(
            action=Action.DELIVERY_IN_DOUBT,
            at=now,
            actor=actor,
            municipality=record.municipality,
            application=record.application_id,
            delivery=record.id,
            facts={
                "destination": record.destination,
                "state": doubted.state.value,
                "attempt": record.attempt,
                "code": doubted.code,
            },
        )
        return Decision(answer=True, record=doubted, entries=(entry,))

    return rule


def _event(record: DeliveryRecord, *, is_native: bool) -> Event | None:
    """Return what a restore is to a delivery; ``None``: nothing."""
    if record.state in _IN_HAND:
        return None if record.copy is None else Event.ABANDONED
    if record.state not in _UNSENT or (is_native and record.state != State.QUEUED):
        return None
    return Event.RESTORED
