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

UNSENT: Final = frozenset({State.PENDING, State.QUEUED, State.RETRYING})
"""What a journal that was not put back would simply send."""


def restored_rule(
    idempotency: Idempotency, actor: Actor, now: datetime
) -> Callable[[DeliveryRecord], Decision[bool]]:
    """Return the rule that puts in doubt what waits to be sent; the answer is whether it did.

    A core system that knows our keys refuses a second one itself. One that can be asked is asked
    first; of any other a person decides.
    """

    def rule(record: DeliveryRecord) -> Decision[bool]:
        if record.state not in UNSENT or idempotency == Idempotency.NATIVE:
            return Decision(answer=False)
        doubted = replace(
            record,
            state=following(record.state, Event.RESTORED),
            copy=None,
            worker=None,
            due_at=now if idempotency == Idempotency.LOOKUP else None,
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
