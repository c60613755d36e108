"""Records to rows and back."""

import json
import sqlite3
from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import UUID

from gateway.audit.head import ChainedEntry
from gateway.domain.claim import BreakerState, Heartbeat
from gateway.domain.entry import Detail, Entry, StoredEntry
from gateway.domain.identifiers import ApplicationId, CopyId, DeliveryId, NodeName
from gateway.domain.lifecycle import State
from gateway.domain.outcome import FeedbackStatus
from gateway.domain.records import (
    ApplicationRecord,
    DeliveryRecord,
    FeedbackRecord,
    SealedDelivery,
)
from gateway.domain.repair import ReplayItem
from gateway.domain.webhook import Announcement
from gateway.ports.audit_log import EntryFilter
from gateway.ports.journal import ClientKey

Value = bytes | str | int | float | None

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)


def from_time(at: datetime) -> int:
    """Return microseconds since the epoch.

    Raises:
        TypeError: ``at`` is naive.
    """
    return (at - _EPOCH) // _MICROSECOND


def to_time(microseconds: int) -> datetime:
    """Return the aware UTC time."""
    return _EPOCH + timedelta(microseconds=microseconds)


def from_optional_time(at: datetime | None) -> int | None:
    """Return the same of a time that there may not be."""
    return None if at is None else from_time(at)


def to_optional_time(microseconds: int | None) -> datetime | None:
    """Return the same of a time that there may not be."""
    return None if microseconds is None else to_time(microseconds)


def from_application(record: ApplicationRecord) -> tuple[Value, ...]:
    """Return the parameters of ``INSERT_APPLICATION``."""
    return (
        record.id.bytes,
        record.client,
        record.municipality,
        record.procedure,
        record.version,
        record.idempotency_mac,
        record.receipt_mac,
        record.commitment,
        from_time(record.accepted_at),
        None if record.supersedes is None else record.supersedes.bytes,
        record.traceparent,
    )


def to_application(row: sqlite3.Row) -> ApplicationRecord:
    """Return a row of ``applications``."""
    supersedes, superseded_by = row["supersedes"], row["superseded_by"]
    return ApplicationRecord(
        id=ApplicationId(UUID(bytes=row["id"])),
        client=row["client"],
        municipality=row["municipality"],
        procedure=row["procedure"],
        version=row["version"],
        idempotency_mac=row["idempotency_mac"],
        receipt_mac=row["receipt_mac"],
        commitment=row["commitment"],
        accepted_at=to_time(row["accepted_at"]),
        supersedes=None if supersedes is None else ApplicationId(UUID(bytes=supersedes)),
        superseded_by=None if superseded_by is None else ApplicationId(UUID(bytes=superseded_by)),
        traceparent=row["traceparent"],
    )


def from_delivery(record: DeliveryRecord) -> tuple[Value, ...]:
    """Return what changes of a delivery, in the order of ``UPDATE_DELIVERY`` from ``state``."""
    return (
        record.state.value,
        from_time(record.budget_since),
        from_time(record.updated_at),
        record.attempt,
        record.counted,
        record.resolves,
        None if record.copy is None else record.copy.bytes,
        record.worker,
        from_optional_time(record.claimed_at),
        from_optional_time(record.due_at),
        record.code,
        record.pointer,
        record.reference,
        int(record.flagged),
        record.adapter,
    )


def to_delivery(row: sqlite3.Row) -> DeliveryRecord:
    """Return a row of ``deliveries``."""
    return DeliveryRecord(
        id=DeliveryId(UUID(bytes=row["id"])),
        application_id=ApplicationId(UUID(bytes=row["application_id"])),
        municipality=row["municipality"],
        destination=row["destination"],
        state=State(row["state"]),
        budget_since=to_time(row["budget_since"]),
        updated_at=to_time(row["updated_at"]),
        attempt=row["attempt"],
        counted=row["counted"],
        resolves=row["resolves"],
        copy=None if row["copy"] is None else CopyId(UUID(bytes=row["copy"])),
        worker=row["worker"],
        claimed_at=to_optional_time(row["claimed_at"]),
        due_at=to_optional_time(row["due_at"]),
        code=row["code"],
        pointer=row["pointer"],
        reference=row["reference"],
        flagged=bool(row["flagged"]),
        order_key=row["order_key"],
        adapter=row["adapter"],
    )


def to_sealed(row: sqlite3.Row) -> SealedDelivery:
    """Return a delivery joined with its payload and application."""
    return SealedDelivery(
        record=to_delivery(row),
        sealed=row["sealed"],
        signature=row["signature"],
        procedure=row["procedure"],
        version=row["version"],
        traceparent=row["traceparent"],
    )


def from_entry(node: NodeName, chained: ChainedEntry) -> tuple[Value, ...]:
    """Return the parameters of ``INSERT_ENTRY``."""
    entry = chained.entry
    return (
        node,
        chained.nseq,
        from_time(entry.at),
        entry.action.value,
        None if entry.application is None else entry.application.bytes,
        None if entry.delivery is None else entry.delivery.bytes,
        chained.data,
        entry.subject,
        entry.actor.name,
        entry.municipality or "",
        entry.actor.kind.value,
    )


def from_series(entry: Entry) -> tuple[Value, ...]:
    """Return the parameters of ``INSERT_SERIES``."""
    actor = entry.actor
    return (entry.action.value, actor.name, entry.municipality or "", actor.kind.value)


def from_detail_key(node: NodeName, chained: ChainedEntry, detail: Detail) -> tuple[Value, ...]:
    """Return the parameters of ``INSERT_DETAIL_KEY``."""
    application = chained.entry.application
    return (node, chained.nseq, None if application is None else application.bytes, detail.key)


def from_entry_filter(where: EntryFilter) -> dict[str, Value]:
    """Return the parameters of the statements that find entries."""
    return {
        "actions": json.dumps(sorted(where.actions)) if where.actions else None,
        "municipality": where.municipality,
        "application": None if where.application is None else where.application.bytes,
        "subjects": json.dumps([subject.hex().upper() for subject in where.subjects])
        if where.subjects
        else None,
        "actor": where.actor,
        "actor_kind": where.actor_kind,
        "since": from_optional_time(where.since),
        "until": from_optional_time(where.until),
    }


def to_entry(row: sqlite3.Row) -> StoredEntry:
    """Return a row of ``entries``."""
    return StoredEntry(node=row["node"], nseq=row["nseq"], data=row["data"])


def from_feedback(record: FeedbackRecord) -> tuple[Value, ...]:
    """Return the parameters of ``INSERT_FEEDBACK``."""
    return (
        record.delivery_id.bytes,
        record.id,
        record.status.value,
        from_time(record.at),
        from_time(record.received_at),
        record.code,
        record.reference,
    )


def from_announcement(announcement: Announcement, feedback: FeedbackRecord) -> dict[str, Value]:
    """Return the parameters of ``webhook_queries.ANNOUNCE``."""
    return {
        "id": announcement.id.bytes,
        "delivery": feedback.delivery_id.bytes,
        "feedback": feedback.id,
        "due_at": from_time(feedback.received_at),
        "clients": json.dumps(sorted(announcement.clients)),
    }


def to_feedback(row: sqlite3.Row) -> FeedbackRecord:
    """Return a row of ``feedback``."""
    return FeedbackRecord(
        id=row["id"],
        delivery_id=DeliveryId(UUID(bytes=row["delivery_id"])),
        status=FeedbackStatus(row["status"]),
        at=to_time(row["at"]),
        received_at=to_time(row["received_at"]),
        code=row["code"],
        reference=row["reference"],
    )


def from_result(item: ReplayItem) -> tuple[Value, ...]:
    """Return the parameters of ``SET_REPLAY_RESULT``."""
    result = None if item.result is None else item.result.value
    return (item.order.bytes, item.position, result)


def from_client_key(key: ClientKey) -> tuple[Value, ...]:
    """Return the parameters of ``INSERT_CLIENT_KEY``."""
    return (
        key.id,
        key.client,
        key.digest,
        from_time(key.created_at),
        from_optional_time(key.revoked_at),
    )


def to_client_key(row: sqlite3.Row) -> ClientKey:
    """Return a row of ``client_keys``."""
    return ClientKey(
        id=row["id"],
        client=row["client"],
        digest=row["digest"],
        created_at=to_time(row["created_at"]),
        revoked_at=to_optional_time(row["revoked_at"]),
    )


def from_heartbeat(heartbeat: Heartbeat) -> tuple[Value, ...]:
    """Return the parameters of ``PUT_HEARTBEAT``."""
    return (
        heartbeat.worker,
        heartbeat.destination,
        heartbeat.version,
        heartbeat.adapter,
        heartbeat.in_flight,
        int(heartbeat.healthy),
        from_time(heartbeat.checked_at),
        from_time(heartbeat.at),
        heartbeat.breaker.value,
        heartbeat.unclaimed,
        None if heartbeat.heard_at is None else from_time(heartbeat.heard_at),
        None if heartbeat.answers is None else from_time(heartbeat.answers),
        heartbeat.said,
        heartbeat.down_s,
        heartbeat.trial_in_s,
        heartbeat.host,
    )


def to_heartbeat(row: sqlite3.Row) -> Heartbeat:
    """Return a row of ``heartbeats``."""
    return Heartbeat(
        worker=row["worker"],
        destination=row["destination"],
        version=row["version"],
        adapter=row["adapter"],
        in_flight=row["in_flight"],
        healthy=bool(row["healthy"]),
        checked_at=to_time(row["checked_at"]),
        at=to_time(row["at"]),
        breaker=BreakerState(row["breaker"]),
        unclaimed=row["unclaimed"],
        heard_at=None if row["heard_at"] is None else to_time(row["heard_at"]),
        answers=None if row["answers"] is None else to_time(row["answers"]),
        said=row["said"],
        down_s=row["down_s"],
        trial_in_s=row["trial_in_s"],
        host=row["host"],
    )
