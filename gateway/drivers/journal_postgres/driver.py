"""The journal for production: one database, any number of gateway processes."""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import datetime
from typing import Final, TypeVar, cast
from uuid import UUID

from asyncpg import Connection

from gateway.domain.claim import Heartbeat
from gateway.domain.control import Control
from gateway.domain.entry import Entry, StoredEntry
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
from gateway.domain.repair import (
    ReplayId,
    ReplayItem,
    ReplayOrder,
    ReplayState,
    ReplayTally,
    WaitingFilter,
    WaitingGroup,
)
from gateway.drivers.journal_postgres import queries, reading, repairing, steps, totals
from gateway.drivers.journal_postgres.accounts import PostgresAccounts
from gateway.drivers.journal_postgres.apart import Apart
from gateway.drivers.journal_postgres.applications import PostgresApplications
from gateway.drivers.journal_postgres.approvals import PostgresApprovals
from gateway.drivers.journal_postgres.attention import PostgresAttention
from gateway.drivers.journal_postgres.audit_log import PAGE_ENTRIES, PostgresAuditLog
from gateway.drivers.journal_postgres.checks import PostgresChecks
from gateway.drivers.journal_postgres.compare_clocks import CompareClocks, utc_now
from gateway.drivers.journal_postgres.connections import (
    DATABASE_ERRORS,
    Access,
    connect,
    subject,
)
from gateway.drivers.journal_postgres.measured import PostgresMeasured
from gateway.drivers.journal_postgres.reading import Readers
from gateway.drivers.journal_postgres.retention import PostgresRetention
from gateway.drivers.journal_postgres.schema import migrate
from gateway.drivers.journal_postgres.transaction import (
    Accept,
    Decide,
    Lease,
    Other,
    Transaction,
)
from gateway.drivers.journal_postgres.webhooks import PostgresWebhooks
from gateway.drivers.journal_postgres.writer import Writer
from gateway.ports.journal import (
    Acceptance,
    AcceptAnswer,
    ClientKey,
    CommitNoted,
    Decision,
    DossierFilter,
    KeyKnown,
)

T = TypeVar("T")

PAGE_DELIVERIES: Final = 50
"""Sealed payloads read at a time; at most 70 MiB, usually 0.2."""


@dataclass(frozen=True, slots=True)
class _Opened:
    writer: Writer
    readers: Readers
    apart: Apart


class PostgresJournal(
    PostgresAccounts,
    PostgresApplications,
    PostgresAuditLog,
    PostgresWebhooks,
    PostgresAttention,
    PostgresApprovals,
    PostgresChecks,
    PostgresMeasured,
    PostgresRetention,
):
    """Keeps the journal in a PostgreSQL database that several processes share.

    One connection writes (``writer``) and holds the node's name, another one seals; a few
    others read.
    It needs sessions of its own: a pooler in transaction mode would lose the name.
    """

    def __init__(
        self,
        url: str,
        *,
        node: NodeName,
        lease_s: float = 30.0,
        timeout_s: float = 10.0,
        now: Callable[[], datetime] = utc_now,
        note_commit: CommitNoted = lambda _steps, _seconds: None,
    ) -> None:
        """Keep the settings; nothing is opened.

        Args:
            url: ``postgresql://user:password@host:port/database?sslmode=…``.
            node: This process's name in the audit log.
            lease_s: How long accepted deliveries are this process's alone to publish.
            timeout_s: Longest wait for a connection, a statement or a transaction.
            now: The time of day, which is compared with the database's.
            note_commit: Called in the event loop.
        """
        self._note_commit = note_commit
        self._access = Access(url, node, timeout_s)
        self._lease_s = lease_s
        self._opened: _Opened | None = None
        self._clocks = CompareClocks(now)

    @property
    def node(self) -> NodeName:
        """This process's name in the audit log."""
        return self._access.node

    async def open(self) -> None:
        """Connect, take the name, bring the database up to date."""
        if self._opened is not None:
            return
        connection = await connect(self._access)
        try:
            await migrate(connection)
            opening = await connection.fetchval(queries.NOTE_OPENED, self._access.node)
            readers = await Readers.open(self._access)
        except DATABASE_ERRORS as error:
            connection.terminate()
            raise JournalUnavailableError(subject(error)) from error
        except BaseException:
            connection.terminate()
            raise
        lease = Lease(opening, self._lease_s)
        writer = Writer(connection, self._access, lease, self._note_commit)
        self._opened = _Opened(writer, readers, Apart(self._access))

    async def close(self) -> None:
        """Finish what is being written and give the name back; if cancelled, hang up at once."""
        if self._opened is None:
            return
        opened, self._opened = self._opened, None
        try:
            await opened.apart.close()
            await opened.writer.close()
            await opened.readers.close()
        finally:
            opened.apart.terminate()
            opened.writer.terminate()
            opened.readers.terminate()

    # Steps

    async def accept(self, acceptance: Acceptance) -> AcceptAnswer:
        """Commit an application."""
        return cast("AcceptAnswer", await self._submit(Accept(acceptance)))

    async def accepted_under(self, client: ClientName, idempotency_mac: bytes) -> KeyKnown | None:
        """Return what was accepted under a client's key."""
        return await self._read(lambda c: reading.accepted_under(c, client, idempotency_mac))

    async def decide(
        self, delivery_id: DeliveryId, rule: Callable[[DeliveryRecord], Decision[T]]
    ) -> T:
        """Apply ``rule``, in this task's event loop."""
        # What the rule answers is what comes back; the queue between holds any answer.
        anything = cast("Callable[[DeliveryRecord], Decision[object]]", rule)
        return cast("T", await self._submit(Decide(delivery_id, anything)))

    async def record(self, entries: Sequence[Entry]) -> None:
        """Append entries."""
        await self._write(lambda transaction: steps.record(transaction, entries))

    # The relay's work

    async def lease(
        self,
        destination: DestinationName,
        *,
        limit: int,
        now: datetime,
        until: datetime,
    ) -> Sequence[SealedDelivery]:
        """Take what is due."""
        return await self._write(
            lambda transaction: steps.lease(
                transaction, destination, limit=limit, now=now, until=until
            )
        )

    async def unclaimed(self, destination: DestinationName) -> AsyncIterator[SealedDelivery]:
        """Yield what a broker without memory has lost."""
        after = UUID(int=0)
        while page := await self._unclaimed_after(destination, after):
            for sealed in page:
                yield sealed
            after = page[-1].record.id

    async def _unclaimed_after(
        self, destination: DestinationName, after: UUID
    ) -> list[SealedDelivery]:
        return await self._read(
            lambda connection: reading.unclaimed(connection, destination, after, PAGE_DELIVERIES)
        )

    async def size_bytes(self) -> int:
        """Return the size of the database on its server's disk."""
        return await self._read(totals.size_bytes)

    async def counts(self) -> dict[DestinationName, dict[State, int]]:
        """Count deliveries."""
        return await self._read(totals.counts)

    async def unfinished(self) -> int:
        """Count the deliveries that are not final."""
        return await self._read(totals.unfinished)

    async def oldest(self) -> dict[DestinationName, dict[State, datetime]]:
        """Find the oldest in each state that is not final."""
        return await self._read(totals.oldest)

    async def halted_keys(self) -> dict[DestinationName, int]:
        """Count the order keys that stand still."""
        return await self._read(totals.halted_keys)

    # Reading

    async def dossier(self, application_id: ApplicationId) -> Dossier | None:
        """Return what is known of one application."""
        return await self._read(lambda connection: reading.dossier(connection, application_id))

    async def dossiers(
        self, where: DossierFilter, *, before: ApplicationId | None = None, limit: int = 50
    ) -> Sequence[Dossier]:
        """Return one page of applications."""
        return await self._read(
            lambda connection: reading.dossiers(connection, where, before, limit)
        )

    async def delivery(self, delivery_id: DeliveryId) -> DeliveryRecord | None:
        """Return one delivery."""
        return await self._read(lambda connection: reading.delivery(connection, delivery_id))

    async def entries_about(self, application_id: ApplicationId) -> Sequence[StoredEntry]:
        """Return an application's audit entries."""
        return await self._read(
            lambda connection: reading.entries_about(connection, application_id)
        )

    async def entries(self) -> AsyncIterator[StoredEntry]:
        """Yield the whole log."""
        node, nseq = NodeName(""), 0
        while page := await self._entries_after(node, nseq):
            for entry in page:
                yield entry
            node, nseq = page[-1].node, page[-1].nseq

    async def _entries_after(self, node: NodeName, nseq: int) -> list[StoredEntry]:
        return await self._read(
            lambda connection: reading.entries(connection, node, nseq, PAGE_ENTRIES)
        )

    # What waits for a person

    async def waiting_groups(self, where: WaitingFilter) -> Sequence[WaitingGroup]:
        """Return what waits, by its cause."""
        return await self._read(lambda connection: repairing.waiting_groups(connection, where))

    async def order_replay(
        self, order: ReplayOrder, where: WaitingFilter, entry: Callable[[int], Entry]
    ) -> ReplayOrder:
        """Freeze a selection and store the order."""
        return await self._write(
            lambda transaction: repairing.order_replay(transaction, order, where, entry)
        )

    async def replay_orders(self, *, limit: int = 50) -> Sequence[ReplayOrder]:
        """Return the latest orders."""
        return await self._read(lambda connection: repairing.replay_orders(connection, limit))

    async def replay_order(self, order: ReplayId) -> ReplayOrder | None:
        """Return one order."""
        return await self._read(lambda connection: repairing.replay_order(connection, order))

    async def lease_replays(self, *, now: datetime, until: datetime) -> Sequence[ReplayOrder]:
        """Take the running orders."""
        return await self._write(
            lambda transaction: repairing.lease_replays(transaction, now=now, until=until)
        )

    async def replay_items(self, order: ReplayId, *, limit: int) -> Sequence[ReplayItem]:
        """Return an order's next items."""
        return await self._read(lambda connection: repairing.replay_items(connection, order, limit))

    async def replay_tally(self, order: ReplayId) -> Sequence[ReplayTally]:
        """Return where an order's deliveries stand."""
        return await self._read(lambda connection: repairing.replay_tally(connection, order))

    async def change_replay(
        self,
        order: ReplayId,
        *,
        was: AbstractSet[ReplayState],
        becomes: ReplayState,
        at: datetime,
        entry: Entry,
        canary: int | None = None,
    ) -> bool:
        """Change an order's state."""
        return await self._write(
            lambda transaction: repairing.change_replay(
                transaction, order, was=was, becomes=becomes, at=at, entry=entry, canary=canary
            )
        )

    # Settings, client keys and workers

    async def controls(self) -> Sequence[Control]:
        """Return what operators set."""
        return await self._read(reading.controls)

    async def put_control(self, control: Control, entry: Entry) -> bool:
        """Store the next version of a destination's control."""
        return await self._write(lambda transaction: steps.put_control(transaction, control, entry))

    async def add_client_key(self, key: ClientKey, entry: Entry) -> None:
        """Store a client's key."""
        await self._write(lambda transaction: steps.add_client_key(transaction, key, entry))

    async def revoke_client_key(self, key_id: str, at: datetime, entry: Entry) -> bool:
        """Revoke a key."""
        return await self._write(
            lambda transaction: steps.revoke_client_key(transaction, key_id, at, entry)
        )

    async def client_keys(self) -> Sequence[ClientKey]:
        """Return all keys."""
        return await self._read(reading.client_keys)

    async def put_heartbeat(self, heartbeat: Heartbeat) -> None:
        """Keep a worker's heartbeat."""
        await self._write(lambda transaction: steps.put_heartbeat(transaction, heartbeat))

    async def heartbeats(self) -> Sequence[Heartbeat]:
        """Return the latest heartbeats."""
        return await self._read(reading.heartbeats)

    async def ping(self) -> None:
        """Commit a small change, and compare the clocks."""
        await self._write(self._clocks.ping)

    @property
    def chain_head(self) -> tuple[int, bytes] | None:
        """What this process stored last."""
        stored = None if self._opened is None else self._opened.writer.stored
        return None if stored is None else (stored.nseq, stored.last)

    async def _write(self, step: Callable[[Transaction], Awaitable[T]]) -> T:
        return cast("T", await self._submit(Other(step)))

    async def _submit(self, step: Accept | Decide | Other) -> object:
        if self._opened is None:
            raise JournalUnavailableError("closed")
        return await self._opened.writer.submit(step)

    async def _apart(self, work: Callable[[Connection], Awaitable[T]]) -> T:
        if self._opened is None:
            raise JournalUnavailableError("closed")
        return await self._opened.apart.run(work)

    async def _read(self, query: Callable[[Connection], Awaitable[T]]) -> T:
        if self._opened is None:
            raise JournalUnavailableError("closed")
        return await self._opened.readers.read(query)
