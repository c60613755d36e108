"""The embedded journal: one file, one process, nothing to install."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Callable, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final, TypeVar

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
from gateway.drivers.journal_sqlite import controls, reading, repairs, steps, totals
from gateway.drivers.journal_sqlite.accounts import SQLiteAccounts
from gateway.drivers.journal_sqlite.applications import SQLiteApplications
from gateway.drivers.journal_sqlite.approvals import SQLiteApprovals
from gateway.drivers.journal_sqlite.attention import SQLiteAttention
from gateway.drivers.journal_sqlite.audit_log import PAGE_ENTRIES, SQLiteAuditLog
from gateway.drivers.journal_sqlite.checkpointing import Checkpointer
from gateway.drivers.journal_sqlite.checks import SQLiteChecks
from gateway.drivers.journal_sqlite.database import FileLock, open_database, size_bytes
from gateway.drivers.journal_sqlite.measured import SQLiteMeasured
from gateway.drivers.journal_sqlite.reading import Readers
from gateway.drivers.journal_sqlite.retention import SQLiteRetention
from gateway.drivers.journal_sqlite.webhooks import SQLiteWebhooks
from gateway.drivers.journal_sqlite.writer import Step, Writer
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
    lock: FileLock
    writer: Writer
    readers: Readers


class SQLiteJournal(
    SQLiteAccounts,
    SQLiteApplications,
    SQLiteAuditLog,
    SQLiteWebhooks,
    SQLiteAttention,
    SQLiteApprovals,
    SQLiteChecks,
    SQLiteMeasured,
    SQLiteRetention,
):
    """Keeps the journal in one SQLite database (WAL, ``synchronous=FULL``).

    One process at a time: a file lock beside the database says so. Steps are
    written by one thread (``writer``); reading has connections of its own. Leases are
    not kept: whoever else held one is dead, or this process would not have the file.
    """

    def __init__(
        self,
        path: Path,
        *,
        node: NodeName,
        note_commit: CommitNoted = lambda _steps, _seconds: None,
    ) -> None:
        """Keep the settings; nothing is opened.

        Args:
            path: The database; ``open`` makes it, and its folder, with modes 0600 and 0700.
            node: This process's name in the audit log.
            note_commit: Called in the writer's thread.
        """
        self._note_commit = note_commit
        self._path = path
        self._node = node
        self._opened: _Opened | None = None

    @property
    def node(self) -> NodeName:
        """This process's name in the audit log."""
        return self._node

    async def open(self) -> None:
        """Take the file and bring it up to date."""
        if self._opened is not None:
            return
        await asyncio.to_thread(self._path.parent.mkdir, 0o700, parents=True, exist_ok=True)
        lock_path = self._path.with_name(self._path.name + ".lock")
        lock = await asyncio.to_thread(FileLock, lock_path, self._node)
        try:
            connection = await asyncio.to_thread(open_database, self._path, self._node)
            checkpointer = await asyncio.to_thread(Checkpointer, self._path)
            readers = await asyncio.to_thread(Readers, self._path)
        except BaseException:
            lock.release()
            raise
        writer = Writer(connection, self._node, checkpointer, self._note_commit)
        self._opened = _Opened(lock, writer, readers)

    async def close(self) -> None:
        """Finish what is being written and give the file back."""
        if self._opened is None:
            return
        opened, self._opened = self._opened, None
        # The last connection to close empties the WAL, and only one that writes can.
        await asyncio.to_thread(opened.readers.close)
        await opened.writer.close()
        opened.lock.release()

    # Steps

    async def accept(self, acceptance: Acceptance) -> AcceptAnswer:
        """Commit an application."""
        return await self._write(
            lambda connection, head: steps.accept(connection, head, acceptance)
        )

    async def accepted_under(self, client: ClientName, idempotency_mac: bytes) -> KeyKnown | None:
        """Return what was accepted under a client's key."""
        return await self._read(lambda c: reading.accepted_under(c, client, idempotency_mac))

    async def decide(
        self, delivery_id: DeliveryId, rule: Callable[[DeliveryRecord], Decision[T]]
    ) -> T:
        """Apply ``rule``, in the writer's thread."""
        return await self._write(
            lambda connection, head: steps.decide(connection, head, delivery_id, rule)
        )

    async def record(self, entries: Sequence[Entry]) -> None:
        """Append entries."""
        await self._write(lambda connection, head: steps.append(connection, head, entries))

    # The relay's work

    async def lease(
        self,
        destination: DestinationName,
        *,
        limit: int,
        now: datetime,
        until: datetime,  # noqa: ARG002 - the port's; see the class
    ) -> Sequence[SealedDelivery]:
        """Return what is due; ``until`` needs no writing down, since there is no other node."""
        return await self._read(
            lambda connection: reading.publishable(connection, destination, now, limit)
        )

    async def unclaimed(self, destination: DestinationName) -> AsyncIterator[SealedDelivery]:
        """Yield what a broker without memory has lost."""
        after = bytes(16)
        while page := await self._unclaimed_after(destination, after):
            for sealed in page:
                yield sealed
            after = page[-1].record.id.bytes

    async def _unclaimed_after(
        self, destination: DestinationName, after: bytes
    ) -> list[SealedDelivery]:
        return await self._read(
            lambda connection: reading.unclaimed(connection, destination, after, PAGE_DELIVERIES)
        )

    async def size_bytes(self) -> int:
        """Return the size of the database's file and of its WAL."""
        return await asyncio.to_thread(size_bytes, self._path)

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
        """Return what waits, grouped by its cause."""
        return await self._read(lambda connection: repairs.waiting_groups(connection, where))

    async def order_replay(
        self, order: ReplayOrder, where: WaitingFilter, entry: Callable[[int], Entry]
    ) -> ReplayOrder:
        """Freeze a selection; ``entry`` is called in the writer's thread."""
        return await self._write(
            lambda connection, head: repairs.order_replay(connection, head, order, where, entry)
        )

    async def replay_orders(self, *, limit: int = 50) -> Sequence[ReplayOrder]:
        """Return the latest orders."""
        return await self._read(lambda connection: repairs.replay_orders(connection, limit))

    async def replay_order(self, order: ReplayId) -> ReplayOrder | None:
        """Return one order."""
        return await self._read(lambda connection: repairs.replay_order(connection, order))

    async def lease_replays(
        self,
        *,
        now: datetime,  # noqa: ARG002 - the port's; see the class
        until: datetime,  # noqa: ARG002 - the port's; see the class
    ) -> Sequence[ReplayOrder]:
        """Return the running orders; there is no other node to keep away."""
        return await self._read(repairs.running_replays)

    async def replay_items(self, order: ReplayId, *, limit: int) -> Sequence[ReplayItem]:
        """Return an order's next items."""
        return await self._read(lambda connection: repairs.replay_items(connection, order, limit))

    async def replay_tally(self, order: ReplayId) -> Sequence[ReplayTally]:
        """Return where an order's deliveries stand."""
        return await self._read(lambda connection: repairs.replay_tally(connection, order))

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
        """Change an order."""
        change = repairs.Change(order=order, was=was, becomes=becomes, at=at, canary=canary)
        return await self._write(
            lambda connection, head: repairs.change_replay(connection, head, change, entry)
        )

    # What operators set

    async def controls(self) -> Sequence[Control]:
        """Return every destination's last control."""
        return await self._read(controls.controls)

    async def put_control(self, control: Control, entry: Entry) -> bool:
        """Store the next version of a control."""
        return await self._write(
            lambda connection, head: controls.put_control(connection, head, control, entry)
        )

    # Client keys and workers

    async def add_client_key(self, key: ClientKey, entry: Entry) -> None:
        """Store a client's key."""
        await self._write(
            lambda connection, head: steps.add_client_key(connection, head, key, entry)
        )

    async def revoke_client_key(self, key_id: str, at: datetime, entry: Entry) -> bool:
        """Revoke a key."""
        return await self._write(
            lambda connection, head: steps.revoke_client_key(connection, head, key_id, at, entry)
        )

    async def client_keys(self) -> Sequence[ClientKey]:
        """Return all keys."""
        return await self._read(reading.client_keys)

    async def put_heartbeat(self, heartbeat: Heartbeat) -> None:
        """Keep a worker's heartbeat."""
        await self._write(lambda connection, _: steps.put_heartbeat(connection, heartbeat))

    async def heartbeats(self) -> Sequence[Heartbeat]:
        """Return the latest heartbeats."""
        return await self._read(reading.heartbeats)

    async def ping(self) -> None:
        """Commit a small change."""
        await self._write(lambda connection, head: steps.ping(connection, head.node))

    @property
    def chain_head(self) -> tuple[int, bytes] | None:
        """What this process stored last."""
        stored = None if self._opened is None else self._opened.writer.stored
        return None if stored is None else (stored.nseq, stored.last)

    async def _write(self, step: Step[T]) -> T:
        if self._opened is None:
            raise JournalUnavailableError("closed")
        return await self._opened.writer.submit(step)

    async def _outside(self, action: Callable[[sqlite3.Connection], T]) -> T:
        if self._opened is None:
            raise JournalUnavailableError("closed")
        return await self._opened.writer.submit_outside(action)

    async def _read(self, query: Callable[[sqlite3.Connection], T]) -> T:
        if self._opened is None:
            raise JournalUnavailableError("closed")
        return await self._opened.readers.read(query)
