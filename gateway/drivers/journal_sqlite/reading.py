"""What is read without the writer: connections that cannot write, in threads of their own."""

import asyncio
import json
import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from pathlib import Path
from queue import SimpleQueue
from typing import Final, TypeVar
from uuid import UUID

from gateway.audit.chain import leaf
from gateway.domain.claim import Heartbeat
from gateway.domain.entry import StoredEntry
from gateway.domain.errors import JournalUnavailableError
from gateway.domain.identifiers import (
    ApplicationId,
    ClientName,
    DeliveryId,
    DestinationName,
    NodeName,
)
from gateway.domain.lifecycle import State
from gateway.domain.records import DeliveryRecord, Dossier, SealedDelivery
from gateway.drivers.journal_sqlite import queries, rows
from gateway.drivers.journal_sqlite.database import subject
from gateway.ports.clock import APART
from gateway.ports.journal import ClientKey, DossierFilter, KeyKnown

T = TypeVar("T")

READERS: Final = 3
"""Slow reads (counts, long lists) leave connections for quick ones."""


class Readers:
    """A few read-only connections."""

    def __init__(self, path: Path) -> None:
        """Open the connections to the database at ``path``, which must exist."""
        self._connections: SimpleQueue[sqlite3.Connection] = SimpleQueue()
        for _ in range(READERS):
            self._connections.put(_connect(path))
        self._threads = ThreadPoolExecutor(READERS, thread_name_prefix="journal-reader")

    async def read(self, query: Callable[[sqlite3.Connection], T]) -> T:
        """Run ``query`` in one snapshot of the database.

        Raises:
            JournalUnavailableError: The database could not be read.
        """
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, self._run, query)
        except sqlite3.Error as error:
            raise JournalUnavailableError(subject(error)) from error

    def _run(self, query: Callable[[sqlite3.Connection], T]) -> T:
        connection = self._connections.get()
        try:
            connection.execute("BEGIN")
            try:
                return query(connection)
            finally:
                connection.execute("ROLLBACK")
        finally:
            self._connections.put(connection)

    def close(self) -> None:
        """Finish what is being read and close the connections."""
        self._threads.shutdown()
        for _ in range(READERS):
            self._connections.get().close()


def _connect(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(
        f"{path.absolute().as_uri()}?mode=ro",
        uri=True,
        isolation_level=None,
        check_same_thread=False,
    )
    connection.row_factory = sqlite3.Row
    for setting in queries.READER_SETTINGS:
        connection.execute(setting)
    return connection


def accepted_under(
    connection: sqlite3.Connection, client: ClientName, idempotency_mac: bytes
) -> KeyKnown | None:
    """Return what was accepted under a client's key."""
    found = connection.execute(queries.APPLICATION_BY_KEY, (client, idempotency_mac)).fetchone()
    if found is None:
        return None
    entry = connection.execute(queries.ACCEPTANCE_ENTRY, (found["id"],)).fetchone()
    return KeyKnown(rows.to_application(found), leaf(entry["data"]))


def dossier(connection: sqlite3.Connection, application_id: ApplicationId) -> Dossier | None:
    """Return one application with its deliveries and feedback."""
    row = connection.execute(queries.APPLICATION, (application_id.bytes,)).fetchone()
    if row is None:
        return None
    deliveries = tuple(
        rows.to_delivery(row)
        for row in connection.execute(queries.DELIVERIES_OF, (application_id.bytes,))
    )
    feedback = tuple(
        rows.to_feedback(row)
        for delivery in deliveries
        for row in connection.execute(queries.FEEDBACK_ON, (delivery.id.bytes,))
    )
    return Dossier(application=rows.to_application(row), deliveries=deliveries, feedback=feedback)


_LAST: Final = b"\xff" * 16


def dossiers(
    connection: sqlite3.Connection, where: DossierFilter, before: ApplicationId | None, limit: int
) -> list[Dossier]:
    """Return one page of applications, newest first."""
    ids = _page(connection, where, _LAST if before is None else before.bytes, limit)
    found = (dossier(connection, ApplicationId(UUID(bytes=found_id))) for found_id in ids)
    return [one for one in found if one is not None]


def _page(
    connection: sqlite3.Connection, where: DossierFilter, before: bytes, limit: int
) -> list[bytes]:
    states = [state.value for state in where.states or State]
    parameters: dict[str, rows.Value] = {
        "before": before,
        "destination": where.destination,
        "limit": limit,
        "municipality": where.municipality,
        "states": json.dumps(states),
    }
    if where.receipt_macs:
        ids = {
            row["id"]
            for mac in where.receipt_macs
            for row in connection.execute(
                queries.LATEST_OF_RECEIPT, {**parameters, "receipt_mac": mac}
            )
        }
        return sorted(ids, reverse=True)[:limit]
    if where.states or where.destination is not None:
        return _page_in_states(connection, parameters, limit)
    if where.municipality is not None:
        # Any state: every delivery is in one.
        return _page_in_states(connection, parameters, limit)
    found = connection.execute(queries.LATEST, (before, limit))
    return [row["id"] for row in found]


def _page_in_states(
    connection: sqlite3.Connection, parameters: dict[str, rows.Value], limit: int
) -> list[bytes]:
    # The index is ordered within one destination and state: the newest of each, merged, are
    # the newest of all. Only where something is counted is looked, and only for newer ones.
    ids: list[bytes] = []
    for place in connection.execute(queries.COUNTED, parameters).fetchall():
        after = ids[-1] if len(ids) == limit else b""
        wanted = {**parameters, **dict(place), "after": after}
        found = connection.execute(queries.LATEST_IN_STATE, wanted)
        ids = sorted({*ids, *(row["application_id"] for row in found)}, reverse=True)[:limit]
    return ids


def delivery(connection: sqlite3.Connection, delivery_id: DeliveryId) -> DeliveryRecord | None:
    """Return one delivery."""
    row = connection.execute(queries.DELIVERY, (delivery_id.bytes,)).fetchone()
    return None if row is None else rows.to_delivery(row)


def publishable(
    connection: sqlite3.Connection, destination: DestinationName, now: datetime, limit: int
) -> list[SealedDelivery]:
    """Return what is due."""
    parameters = {
        "destination": destination,
        "now": rows.from_time(now),
        "ahead": rows.from_time(now + APART),
        "limit": limit,
    }
    return [rows.to_sealed(row) for row in connection.execute(queries.PUBLISHABLE, parameters)]


def unclaimed(
    connection: sqlite3.Connection, destination: DestinationName, after: bytes, limit: int
) -> list[SealedDelivery]:
    """Return one page of what a broker without memory has lost."""
    found = connection.execute(queries.UNCLAIMED, (destination, after, limit))
    return [rows.to_sealed(row) for row in found]


def entries_about(
    connection: sqlite3.Connection, application_id: ApplicationId
) -> list[StoredEntry]:
    """Return an application's entries in the order in which they were stored."""
    found = connection.execute(queries.ENTRIES_ABOUT, (application_id.bytes,))
    return [rows.to_entry(row) for row in found]


def entries(
    connection: sqlite3.Connection, node: NodeName, nseq: int, limit: int
) -> list[StoredEntry]:
    """Return one page of the log, from behind ``node`` and ``nseq``."""
    return [
        rows.to_entry(row) for row in connection.execute(queries.ENTRIES_AFTER, (node, nseq, limit))
    ]


def client_keys(connection: sqlite3.Connection) -> list[ClientKey]:
    """Return all keys, oldest first."""
    return [rows.to_client_key(row) for row in connection.execute(queries.CLIENT_KEYS)]


def heartbeats(connection: sqlite3.Connection) -> list[Heartbeat]:
    """Return the latest heartbeat of each worker and destination."""
    return [rows.to_heartbeat(row) for row in connection.execute(queries.HEARTBEATS)]
