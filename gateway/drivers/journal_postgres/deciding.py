"""Many decisions in a handful of round trips.

All rows are locked in one statement, in order of their ids; the rules are applied
here, in order of arrival; what they changed is written in one statement.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from gateway.domain.errors import DeliveryNotFoundError
from gateway.domain.identifiers import DeliveryId
from gateway.domain.lifecycle import State
from gateway.domain.records import DeliveryRecord
from gateway.drivers.journal_postgres import queries, rows
from gateway.drivers.journal_postgres.transaction import Decide, Transaction, Waiting
from gateway.ports.journal import Decision


@dataclass(frozen=True, slots=True)
class Asked:
    """A rule and who waits for it."""

    waiting: Waiting
    step: Decide


@dataclass(slots=True)
class _Locked:
    """A locked row as the rules have left it so far."""

    record: DeliveryRecord
    changed: bool = False
    ends_lease: bool = False

    def change(self, record: DeliveryRecord) -> None:
        # A lease is for publishing: it ends when the delivery has gone on.
        if record.state not in (self.record.state, State.PENDING):
            self.ends_lease = True
        self.record = record
        self.changed = True


@dataclass(slots=True)
class _Ruled:
    """What is to be written."""

    locked: dict[DeliveryId, _Locked]
    feedback: list[rows.Row] = field(default_factory=list)


async def decide_all(transaction: Transaction, asked: Sequence[Asked]) -> None:
    """Apply the rules, write what they decide, and answer."""
    if not asked:
        return
    ids = sorted({one.step.delivery_id for one in asked})
    found = await transaction.connection.fetch(queries.DELIVERIES_LOCKED, ids)
    ruled = _Ruled({row["id"]: _Locked(rows.to_delivery(row)) for row in found})
    for one in asked:
        _rule(transaction, one, ruled)
    await _write(transaction, ruled)


def _rule(transaction: Transaction, asked: Asked, ruled: _Ruled) -> None:
    locked = ruled.locked.get(asked.step.delivery_id)
    if locked is None:
        asked.waiting.error = DeliveryNotFoundError(asked.step.delivery_id)
        return
    try:
        decision: Decision[object] = asked.step.rule(locked.record)
        transaction.append(decision.entries)
    except Exception as error:  # noqa: BLE001 - a rule may raise anything; its caller gets it
        asked.waiting.error = error
        return
    if decision.record is not None:
        locked.change(decision.record)
    if decision.feedback is not None:
        ruled.feedback.append(rows.from_feedback(decision.feedback))
    asked.waiting.answer = decision.answer


async def _write(transaction: Transaction, ruled: _Ruled) -> None:
    changed = [
        (delivery_id, *rows.from_delivery(locked.record), locked.ends_lease)
        for delivery_id, locked in ruled.locked.items()
        if locked.changed
    ]
    if changed:
        await transaction.connection.execute(queries.UPDATE_DELIVERIES, *rows.columns(changed))
    if ruled.feedback:
        await transaction.connection.execute(queries.INSERT_FEEDBACK, *rows.columns(ruled.feedback))
