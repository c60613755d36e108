"""What is read without the writer, on connections that cannot write."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Final, TypeVar, cast
from uuid import UUID

import asyncpg
from asyncpg import Connection, Pool

from gateway.audit.chain import leaf
from gateway.domain.claim import Heartbeat
from gateway.domain.control import Control
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
from gateway.domain.records import DeliveryRecord, Dossier, FeedbackRecord, SealedDelivery
from gateway.drivers.journal_postgres import queries, rows
from gateway.drivers.journal_postgres.connections import DATABASE_ERRORS, Access, subject
from gateway.ports.journal import ClientKey, DossierFilter, KeyKnown

T = TypeVar("T")

READERS: Final = 4
"""Slow reads (counts, long lists) leave connections for quick ones."""


class _Reader(Connection):
    """A connection on which a read leaves nothing behind that the next one would have to undo."""

    def get_reset_query(self) -> str:
        """Ask for nothing: a round trip and four statements for each read would be in vain."""
        return ""


class Readers:
    """A few read-only connections, opened when they are needed."""

    def __init__(self, pool: Pool, access: Access) -> None:
        """Read from ``pool``."""
        self._pool = pool
        self._timeout_s = access.timeout_s

    @classmethod
    async def open(cls, access: Access) -> "Readers":
        """Make an empty pool; nothing is connected yet."""
        pool = await asyncpg.create_pool(
            access.url,
            min_size=0,
            max_size=READERS,
            connection_class=_Reader,
            timeout=access.timeout_s,
            command_timeout=access.timeout_s,
            server_settings={**access.settings(), "default_transaction_read_only": "on"},
        )
        return cls(pool, access)

    async def read(self, query: Callable[[Connection], Awaitable[T]]) -> T:
        """Run ``query`` in one snapshot of the database.

        Raises:
            JournalUnavailableError: The database did not answer.
        """
        try:
            async with asyncio.timeout(self._timeout_s):
                connection = await self._pool.acquire()
                try:
                    # The pool hands out a proxy that has every method of a connection.
                    return await _in_a_snapshot(cast("Connection", connection), query)
                except asyncio.CancelledError:
                    # A server that hangs would not roll back either.
                    connection.terminate()
                    raise
                finally:
                    await self._pool.release(connection)
        except DATABASE_ERRORS as error:
            raise JournalUnavailableError(subject(error)) from error

    async def close(self) -> None:
        """Finish what is being read and disconnect."""
        try:
            async with asyncio.timeout(self._timeout_s):
                await self._pool.close()
        except DATABASE_ERRORS:
            self._pool.terminate()

    def terminate(self) -> None:
        """Hang up, whatever is being read. Idempotent."""
        self._pool.terminate()


async def _in_a_snapshot(connection: Connection, query: Callable[[Connection], Awaitable[T]]) -> T:
    transaction = connection.transaction(isolation="repeatable_read", readonly=True)
    await transaction.start()
    try:
        answer = await query(connection)
    except Exception:
        await transaction.rollback()
        raise
    await transaction.commit()
    return answer


async def accepted_under(
    connection: Connection, client: ClientName, idempotency_mac: bytes
) -> KeyKnown | None:
    """Return what was accepted under a client's key."""
    found = await connection.fetchrow(queries.APPLICATIONS_BY_KEY, [client], [idempotency_mac])
    return None if found is None else KeyKnown(rows.to_application(found), leaf(found["data"]))


async def dossier(connection: Connection, application_id: ApplicationId) -> Dossier | None:
    """Return one application with its deliveries and feedback."""
    found = await dossiers_of(connection, [application_id])
    return found[0] if found else None


async def dossiers_of(connection: Connection, ids: Sequence[UUID]) -> list[Dossier]:
    """Return applications with their deliveries and feedback, newest first."""
    applications = [
        rows.to_application(row) for row in await connection.fetch(queries.APPLICATIONS, ids)
    ]
    deliveries: dict[ApplicationId, list[DeliveryRecord]] = {}
    for row in await connection.fetch(queries.DELIVERIES_OF, ids):
        deliveries.setdefault(row["application_id"], []).append(rows.to_delivery(row))
    feedback: dict[ApplicationId, list[FeedbackRecord]] = {}
    for row in await connection.fetch(queries.FEEDBACK_ON, ids):
        feedback.setdefault(row["application_id"], []).append(rows.to_feedback(row))
    return [
        Dossier(
            application=application,
            deliveries=tuple(deliveries.get(application.id, ())),
            feedback=tuple(feedback.get(application.id, ())),
        )
        for application in applications
    ]


_LAST: Final = UUID(int=(1 << 128) - 1)


async def dossiers(
    connection: Connection, where: DossierFilter, before: ApplicationId | None, limit: int
) -> list[Dossier]:
    """Return one page of applications, newest first."""
    page = (_LAST if before is None else before, limit)
    states = [state.value for state in where.states or State]
    filters = (states, where.destination, where.municipality)
    if where.receipt_macs:
        found = await connection.fetch(
            queries.LATEST_OF_RECEIPT, *page, *filters, list(where.receipt_macs)
        )
    elif where.states or where.destination is not None or where.municipality is not None:
        found = await connection.fetch(queries.LATEST_IN_STATES, *page, *filters)
    else:
        found = await connection.fetch(queries.LATEST, *page)
    return await dossiers_of(connection, [row["id"] for row in found])


async def delivery(connection: Connection, delivery_id: DeliveryId) -> DeliveryRecord | None:
    """Return one delivery."""
    row = await connection.fetchrow(queries.DELIVERY, delivery_id)
    return None if row is None else rows.to_delivery(row)


async def unclaimed(
    connection: Connection, destination: DestinationName, after: UUID, limit: int
) -> list[SealedDelivery]:
    """Return one page of what a broker without memory has lost."""
    found = await connection.fetch(queries.UNCLAIMED, destination, after, limit)
    return [rows.to_sealed(row) for row in found]


async def entries_about(connection: Connection, application_id: ApplicationId) -> list[StoredEntry]:
    """Return an application's entries in the order in which they were stored."""
    found = await connection.fetch(queries.ENTRIES_ABOUT, application_id)
    return [rows.to_entry(row) for row in found]


async def entries(
    connection: Connection, node: NodeName, nseq: int, limit: int
) -> list[StoredEntry]:
    """Return one page of the log, from behind ``node`` and ``nseq``."""
    found = await connection.fetch(queries.ENTRIES_AFTER, node, nseq, limit)
    return [rows.to_entry(row) for row in found]


async def client_keys(connection: Connection) -> list[ClientKey]:
    """Return all keys, oldest first."""
    return [rows.to_client_key(row) for row in await connection.fetch(queries.CLIENT_KEYS)]


async def controls(connection: Connection) -> list[Control]:
    """Return every destination's last control."""
    return [rows.to_control(row) for row in await connection.fetch(queries.CONTROLS)]


async def heartbeats(connection: Connection) -> list[Heartbeat]:
    """Return the latest heartbeat of each worker and destination."""
    return [rows.to_heartbeat(row) for row in await connection.fetch(queries.HEARTBEATS)]
