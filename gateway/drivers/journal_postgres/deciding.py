"""Many decisions in a handful of round trips.

All rows are locked in one statement, in order of their ids; the rules are applied
here, in order of arrival; what they changed is written in one statement. Between the
two, whoever finishes an ordered delivery locks its turn (``ordering``).
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from uuid import UUID

from gateway.domain.errors import DeliveryNotFoundError
from gateway.domain.identifiers import DeliveryId
from gateway.domain.lifecycle import FINAL, State
from gateway.domain.records import DeliveryRecord, FeedbackRecord
from gateway.domain.webhook import Announcement
from gateway.drivers.journal_postgres import ordering, queries, rows, webhooks
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

    stored: DeliveryRecord
    record: DeliveryRecord
    changed: bool = False
    ends_lease: bool = False

    def change(self, record: DeliveryRecord) -> None:
        # A lease is for publishing: it ends when the delivery has gone on.
        if record.state not in (self.record.state, State.PENDING):
            self.ends_lease = True
        self.record = record
        self.changed = True

    @property
    def ends_turn(self) -> bool:
        """Whether others may have waited for it to be finished."""
        is_finished = self.record.state in FINAL and self.stored.state not in FINAL
        return is_finished and self.stored.order_key is not None


@dataclass(slots=True)
class Ruled:
    """What is to be written."""

    locked: dict[DeliveryId, _Locked] = field(default_factory=dict)
    feedback: list[FeedbackRecord] = field(default_factory=list)
    announced: dict[tuple[UUID, str], Announcement] = field(default_factory=dict)
    items: list[rows.Row] = field(default_factory=list)

    def turns(self) -> set[ordering.Turn]:
        """Return the turns that end."""
        return {
            turn
            for locked in self.locked.values()
            if locked.ends_turn and (turn := ordering.turn(locked.stored)) is not None
        }


async def rule_all(transaction: Transaction, asked: Sequence[Asked]) -> Ruled:
    """Lock the rows, apply the rules and answer; nothing is written yet."""
    ruled = Ruled()
    if not asked:
        return ruled
    ids = sorted({one.step.delivery_id for one in asked})
    for row in await transaction.connection.fetch(queries.DELIVERIES_LOCKED, ids):
        record = rows.to_delivery(row)
        ruled.locked[record.id] = _Locked(record, record)
    for one in asked:
        _rule(transaction, one, ruled)
    return ruled


def _rule(transaction: Transaction, asked: Asked, ruled: Ruled) -> None:
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
        _add_feedback(ruled, decision.feedback, decision.announcement)
    if decision.item is not None:
        ruled.items.append(rows.from_item(decision.item))
    asked.waiting.answer = decision.answer


def _add_feedback(
    ruled: Ruled, feedback: FeedbackRecord, announcement: Announcement | None
) -> None:
    ruled.feedback.append(feedback)
    if announcement is not None:
        # Of two that say the same the first is stored, and so told of.
        ruled.announced.setdefault((feedback.delivery_id, feedback.id), announcement)


async def write(transaction: Transaction, ruled: Ruled) -> None:
    """Write what the rules decided; the turns that end are locked."""
    changed = [
        (delivery_id, *rows.from_delivery(locked.record), locked.ends_lease)
        for delivery_id, locked in ruled.locked.items()
        if locked.changed
    ]
    if changed:
        await transaction.connection.execute(queries.UPDATE_DELIVERIES, *rows.columns(changed))
    if ruled.feedback:
        await _write_feedback(transaction, ruled)
    if ruled.items:
        await transaction.connection.execute(
            queries.UPDATE_REPLAY_ITEMS, *rows.columns(ruled.items)
        )
    finished = [delivery_id for delivery_id, one in ruled.locked.items() if one.ends_turn]
    await ordering.advance(transaction, finished)


async def _write_feedback(transaction: Transaction, ruled: Ruled) -> None:
    columns = rows.columns([rows.from_feedback(one) for one in ruled.feedback])
    added = await transaction.connection.fetch(queries.INSERT_FEEDBACK, *columns)
    new = {(row["delivery_id"], row["id"]) for row in added}
    told: list[tuple[Announcement, FeedbackRecord]] = []
    for one in ruled.feedback:
        place = (one.delivery_id, one.id)
        if place in new and (announcement := ruled.announced.pop(place, None)) is not None:
            told.append((announcement, one))
    applications = {id_: locked.record.application_id for id_, locked in ruled.locked.items()}
    await webhooks.announce(transaction, told, applications)
