"""Records to rows and back."""

import json
from collections.abc import Sequence
from datetime import datetime
from typing import TypeVar
from uuid import UUID

from asyncpg import Record

from gateway.audit.head import ChainedEntry
from gateway.domain.claim import BreakerState, Heartbeat
from gateway.domain.control import Control
from gateway.domain.entry import Detail, Entry, StoredEntry
from gateway.domain.lifecycle import State
from gateway.domain.outcome import FeedbackStatus
from gateway.domain.records import (
    ApplicationRecord,
    DeliveryRecord,
    FeedbackRecord,
    SealedDelivery,
)
from gateway.domain.repair import (
    ReplayItem,
    ReplayOrder,
    ReplayResult,
    ReplayState,
    ReplayTally,
    WaitingFilter,
    WaitingGroup,
)
from gateway.ports.audit_log import EntryFilter
from gateway.ports.journal import ClientKey

Value = UUID | bytes | str | int | float | datetime | None
Row = tuple[Value, ...]
T = TypeVar("T")


def columns(rows: Sequence[tuple[T, ...]]) -> tuple[list[T], ...]:
    """Turn rows into one array a column, as ``unnest`` takes them; there must be a row."""
    return tuple(map(list, zip(*rows, strict=True)))


def from_application(record: ApplicationRecord) -> Row:
    """Return one row for ``INSERT_APPLICATIONS``."""
    return (
        record.id,
        record.client,
        record.municipality,
        record.procedure,
        record.version,
        record.idempotency_mac,
        record.receipt_mac,
        record.commitment,
        record.accepted_at,
        record.supersedes,
        record.traceparent,
    )


def to_application(row: Record) -> ApplicationRecord:
    """Return a row of ``applications``."""
    return ApplicationRecord(
        id=row["id"],
        client=row["client"],
        municipality=row["municipality"],
        procedure=row["procedure"],
        version=row["version"],
        idempotency_mac=row["idempotency_mac"],
        receipt_mac=row["receipt_mac"],
        commitment=row["commitment"],
        accepted_at=row["accepted_at"],
        supersedes=row["supersedes"],
        superseded_by=row["superseded_by"],
        traceparent=row["traceparent"],
    )


def from_delivery(record: DeliveryRecord) -> Row:
    """Return what changes of a delivery, in the order of the statements, from ``state``."""
    return (
        record.state.value,
        record.budget_since,
        record.updated_at,
        record.attempt,
        record.counted,
        record.resolves,
        record.copy,
        record.worker,
        record.claimed_at,
        record.due_at,
        record.code,
        record.pointer,
        record.reference,
        record.flagged,
        record.adapter,
    )


def to_delivery(row: Record) -> DeliveryRecord:
    """Return a row of ``deliveries``."""
    return DeliveryRecord(
        id=row["id"],
        application_id=row["application_id"],
        municipality=row["municipality"],
        destination=row["destination"],
        state=State(row["state"]),
        budget_since=row["budget_since"],
        updated_at=row["updated_at"],
        attempt=row["attempt"],
        counted=row["counted"],
        resolves=row["resolves"],
        copy=row["copy"],
        worker=row["worker"],
        claimed_at=row["claimed_at"],
        due_at=row["due_at"],
        code=row["code"],
        pointer=row["pointer"],
        reference=row["reference"],
        flagged=row["flagged"],
        order_key=row["order_key"],
        adapter=row["adapter"],
    )


def to_sealed(row: Record) -> SealedDelivery:
    """Return a delivery joined with its payload and application."""
    return SealedDelivery(
        record=to_delivery(row),
        sealed=row["sealed"],
        signature=row["signature"],
        procedure=row["procedure"],
        version=row["version"],
        traceparent=row["traceparent"],
    )


Series = tuple[str, str, str, str]
"""Action, municipality or nothing, and actor's kind and name: what a series has in common."""


def series_of(entry: Entry) -> Series:
    """Return which series an entry is in."""
    actor = entry.actor
    return (entry.action.value, entry.municipality or "", actor.kind.value, actor.name)


def to_series(row: Record) -> Series:
    """Return a row of ``entry_series``."""
    return (row["action"], row["municipality"], row["actor_kind"], row["actor"])


def from_series_filter(where: EntryFilter) -> tuple[object, ...]:
    """Return what a filter says of series: actions, municipality, actor's name and kind."""
    actions = [action.value for action in where.actions] or None
    kind = None if where.actor_kind is None else where.actor_kind.value
    return (actions, where.municipality, where.actor, kind)


def from_detail_key(chained: ChainedEntry, detail: Detail) -> Row:
    """Return one row for ``INSERT_DETAIL_KEYS``."""
    return (chained.nseq, chained.entry.application, detail.key)


def from_entry(chained: ChainedEntry, series: int) -> Row:
    """Return one row for ``INSERT_ENTRIES``."""
    entry = chained.entry
    return (
        chained.nseq,
        entry.at,
        entry.action.value,
        entry.application,
        entry.delivery,
        chained.data,
        entry.subject,
        series,
    )


def to_entry(row: Record) -> StoredEntry:
    """Return a row of ``entries``."""
    return StoredEntry(node=row["node"], nseq=row["nseq"], data=row["data"])


def from_feedback(record: FeedbackRecord) -> Row:
    """Return one row for ``INSERT_FEEDBACK``."""
    return (
        record.delivery_id,
        record.id,
        record.status.value,
        record.at,
        record.received_at,
        record.code,
        record.reference,
    )


def to_feedback(row: Record) -> FeedbackRecord:
    """Return a row of ``feedback``."""
    return FeedbackRecord(
        id=row["id"],
        delivery_id=row["delivery_id"],
        status=FeedbackStatus(row["status"]),
        at=row["at"],
        received_at=row["received_at"],
        code=row["code"],
        reference=row["reference"],
    )


def from_client_key(key: ClientKey) -> Row:
    """Return the parameters of ``INSERT_CLIENT_KEY``."""
    return (key.id, key.client, key.digest, key.created_at, key.revoked_at)


def to_client_key(row: Record) -> ClientKey:
    """Return a row of ``client_keys``."""
    return ClientKey(
        id=row["id"],
        client=row["client"],
        digest=row["digest"],
        created_at=row["created_at"],
        revoked_at=row["revoked_at"],
    )


def from_heartbeat(heartbeat: Heartbeat) -> Row:
    """Return the parameters of ``PUT_HEARTBEAT``."""
    return (
        heartbeat.worker,
        heartbeat.destination,
        heartbeat.version,
        heartbeat.adapter,
        heartbeat.in_flight,
        heartbeat.healthy,
        heartbeat.checked_at,
        heartbeat.at,
        heartbeat.breaker.value,
        heartbeat.unclaimed,
        heartbeat.heard_at,
        heartbeat.answers,
        heartbeat.said,
        heartbeat.down_s,
        heartbeat.trial_in_s,
        heartbeat.host,
    )


def to_heartbeat(row: Record) -> Heartbeat:
    """Return a row of ``heartbeats``."""
    return Heartbeat(
        worker=row["worker"],
        destination=row["destination"],
        version=row["version"],
        adapter=row["adapter"],
        in_flight=row["in_flight"],
        healthy=row["healthy"],
        checked_at=row["checked_at"],
        at=row["at"],
        breaker=BreakerState(row["breaker"]),
        unclaimed=row["unclaimed"],
        heard_at=row["heard_at"],
        answers=row["answers"],
        said=row["said"],
        down_s=row["down_s"],
        trial_in_s=row["trial_in_s"],
        host=row["host"],
    )


def from_control(control: Control) -> Row:
    """Return the parameters of ``PUT_CONTROL``.

    Raises:
        ValueError: A setting is a number that JSON does not have.
    """
    return (
        control.destination,
        control.version,
        json.dumps(dict(control.settings), ensure_ascii=False, allow_nan=False, sort_keys=True),
        control.changed_by,
        control.changed_at,
        control.reason,
    )


def to_control(row: Record) -> Control:
    """Return a row of ``controls``."""
    settings = json.loads(row["settings"])
    return Control(
        destination=row["destination"],
        version=row["version"],
        settings={
            name: tuple(value) if isinstance(value, list) else value
            for name, value in settings.items()
        },
        changed_by=row["changed_by"],
        changed_at=row["changed_at"],
        reason=row["reason"],
    )


def from_waiting_filter(where: WaitingFilter) -> tuple[object, ...]:
    """Return the parameters of the statements about what waits for a person, from ``$1``."""
    return (
        [state.value for state in where.states],
        where.destination,
        where.municipality,
        where.code,
        where.adapter,
        where.since,
        where.until,
        list(where.ids) or None,
    )


def to_waiting_group(row: Record) -> WaitingGroup:
    """Return a row of ``WAITING_GROUPS``."""
    return WaitingGroup(
        state=State(row["state"]),
        destination=row["destination"],
        code=row["code"],
        adapter=row["adapter"],
        deliveries=row["deliveries"],
        first_at=row["first_at"],
        last_at=row["last_at"],
    )


def from_order(order: ReplayOrder) -> Row:
    """Return what ``ORDER_REPLAY`` stores of an order, from ``$9``."""
    return (
        order.id,
        order.ordered_by,
        order.ordered_at,
        order.reason,
        order.selection,
        order.canary,
        order.rate_per_s,
        order.state.value,
        order.updated_at,
    )


def to_order(row: Record) -> ReplayOrder:
    """Return a row of ``replays``."""
    return ReplayOrder(
        id=row["id"],
        ordered_by=row["ordered_by"],
        ordered_at=row["ordered_at"],
        reason=row["reason"],
        selection=row["selection"],
        canary=row["canary"],
        rate_per_s=row["rate_per_s"],
        state=ReplayState(row["state"]),
        updated_at=row["updated_at"],
        total=row["total"],
    )


def from_item(item: ReplayItem) -> Row:
    """Return one row for ``UPDATE_REPLAY_ITEMS``."""
    return (item.order, item.position, None if item.result is None else item.result.value)


def to_item(row: Record) -> ReplayItem:
    """Return a row of ``replay_items``."""
    return ReplayItem(
        order=row["replay_id"],
        position=row["position"],
        delivery=row["delivery_id"],
        attempt=row["attempt"],
        result=_result(row),
    )


def to_tally(row: Record) -> ReplayTally:
    """Return a row of ``REPLAY_TALLY``."""
    return ReplayTally(
        result=_result(row),
        state=State(row["state"]),
        is_canary=row["is_canary"],
        waits=row["waits"],
        deliveries=row["deliveries"],
    )


def _result(row: Record) -> ReplayResult | None:
    return None if row["result"] is None else ReplayResult(row["result"])
