"""What each step does inside its transaction."""

import sqlite3
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import TypeVar
from uuid import UUID

from gateway.audit.head import Head
from gateway.domain.claim import Heartbeat
from gateway.domain.entry import Entry
from gateway.domain.errors import DeliveryNotFoundError, JournalUnavailableError
from gateway.domain.identifiers import ApplicationId, DeliveryId, NodeName
from gateway.domain.lifecycle import FINAL
from gateway.domain.records import ApplicationRecord, DeliveryRecord, FeedbackRecord
from gateway.domain.webhook import Announcement
from gateway.drivers.journal_sqlite import queries, rows, webhook_queries
from gateway.drivers.journal_sqlite.reading import accepted_under
from gateway.ports.journal import (
    Acceptance,
    AcceptAnswer,
    Accepted,
    ClientKey,
    Decision,
    NothingToSupersede,
    ReceiptNumberKnown,
)

T = TypeVar("T")


def accept(connection: sqlite3.Connection, head: Head, acceptance: Acceptance) -> AcceptAnswer:
    """Store an application and all that belongs to it, or say why not."""
    application = acceptance.application
    connection.execute("SAVEPOINT acceptance")
    superseding = _supersede(connection, application)
    if not superseding or not _insert(connection, application):
        connection.execute("ROLLBACK TO acceptance")
        return _refusal(connection, application, superseding=superseding)
    for delivery in acceptance.deliveries:
        record = delivery.record
        connection.execute(
            queries.INSERT_DELIVERY,
            (
                record.id.bytes,
                record.application_id.bytes,
                record.municipality,
                record.destination,
                *rows.from_delivery(record),
                *_place(connection, record),
            ),
        )
        connection.execute(
            queries.INSERT_PAYLOAD, (record.id.bytes, delivery.sealed, delivery.signature)
        )
    return Accepted(application, append(connection, head, (acceptance.entry,)))


def _insert(connection: sqlite3.Connection, application: ApplicationRecord) -> bool:
    parameters = rows.from_application(application)
    return connection.execute(queries.INSERT_APPLICATION, parameters).rowcount == 1


def _place(connection: sqlite3.Connection, record: DeliveryRecord) -> tuple[rows.Value, ...]:
    """Return ``order_key``, ``order_seq`` and ``behind`` of a delivery that is accepted now."""
    if record.order_key is None:
        return (None, None, 0)
    parameters = (record.destination, record.order_key)
    last = connection.execute(queries.LAST_IN_ORDER, parameters).fetchone()["order_seq"]
    return (record.order_key, (last or 0) + 1, int(last is not None))


def _supersede(connection: sqlite3.Connection, application: ApplicationRecord) -> bool:
    if application.supersedes is None:
        return True
    parameters = (
        application.id.bytes,
        application.supersedes.bytes,
        application.client,
        application.municipality,
    )
    return connection.execute(queries.SUPERSEDE, parameters).rowcount == 1


def _refusal(
    connection: sqlite3.Connection, application: ApplicationRecord, *, superseding: bool
) -> AcceptAnswer:
    known = accepted_under(connection, application.client, application.idempotency_mac)
    if known is not None:
        return known
    if not superseding:
        return NothingToSupersede()
    row = connection.execute(
        queries.APPLICATION_BY_RECEIPT,
        (application.client, application.municipality, application.receipt_mac),
    ).fetchone()
    if row is None:
        raise ValueError(application.id)
    return ReceiptNumberKnown(ApplicationId(UUID(bytes=row["id"])))


def decide(
    connection: sqlite3.Connection,
    head: Head,
    delivery_id: DeliveryId,
    rule: Callable[[DeliveryRecord], Decision[T]],
) -> T:
    """Apply ``rule`` to the delivery as it is in this transaction."""
    row = connection.execute(queries.DELIVERY, (delivery_id.bytes,)).fetchone()
    if row is None:
        raise DeliveryNotFoundError(delivery_id)
    known = rows.to_delivery(row)
    decision = rule(known)
    if decision.record is not None:
        parameters = (delivery_id.bytes, *rows.from_delivery(decision.record))
        connection.execute(queries.UPDATE_DELIVERY, parameters)
        if known.order_key is not None and decision.record.state in FINAL:
            connection.execute(queries.FREE_NEXT_IN_ORDER, (known.destination, known.order_key))
    if decision.feedback is not None:
        _add_feedback(connection, decision.feedback, decision.announcement)
    if decision.item is not None:
        connection.execute(queries.SET_REPLAY_RESULT, rows.from_result(decision.item))
    append(connection, head, decision.entries)
    return decision.answer


def _add_feedback(
    connection: sqlite3.Connection, feedback: FeedbackRecord, announcement: Announcement | None
) -> None:
    added = connection.execute(queries.INSERT_FEEDBACK, rows.from_feedback(feedback)).rowcount
    if added and announcement is not None:
        parameters = rows.from_announcement(announcement, feedback)
        connection.execute(webhook_queries.ANNOUNCE, parameters)


def append(connection: sqlite3.Connection, head: Head, entries: Sequence[Entry]) -> bytes:
    """Append entries to the node's chain and return its new end."""
    for entry in entries:
        chained = head.append(entry)
        row = rows.from_entry(head.node, chained)
        try:
            if connection.execute(queries.INSERT_ENTRY, row).rowcount == 0:
                connection.execute(queries.INSERT_SERIES, rows.from_series(entry))
                connection.execute(queries.INSERT_ENTRY, row)
        except sqlite3.IntegrityError as error:
            # Somebody wrote in this node's name: its chain has another end than it wrote.
            raise JournalUnavailableError("chain") from error
        if entry.detail is not None:
            key = rows.from_detail_key(head.node, chained, entry.detail)
            connection.execute(queries.INSERT_DETAIL_KEY, key)
    return head.position.last


def add_client_key(
    connection: sqlite3.Connection, head: Head, key: ClientKey, entry: Entry
) -> None:
    """Store a client's key."""
    connection.execute(queries.INSERT_CLIENT_KEY, rows.from_client_key(key))
    append(connection, head, (entry,))


def revoke_client_key(
    connection: sqlite3.Connection, head: Head, key_id: str, at: datetime, entry: Entry
) -> bool:
    """Revoke a key that is not revoked."""
    parameters = (key_id, rows.from_time(at))
    if connection.execute(queries.REVOKE_CLIENT_KEY, parameters).rowcount == 0:
        return False
    append(connection, head, (entry,))
    return True


def put_heartbeat(connection: sqlite3.Connection, heartbeat: Heartbeat) -> None:
    """Keep a heartbeat unless a later one is known; forget those a day older."""
    connection.execute(queries.PUT_HEARTBEAT, rows.from_heartbeat(heartbeat))
    forgotten = (heartbeat.destination, rows.from_time(heartbeat.heard_at or heartbeat.at))
    connection.execute(queries.FORGET_HEARTBEATS, forgotten)


def ping(connection: sqlite3.Connection, node: NodeName) -> None:
    """Change a row, so that the commit has something to write."""
    connection.execute(queries.PING, (node,))
