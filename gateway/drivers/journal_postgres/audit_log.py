"""The journal's sealed log."""

from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from typing import Final, TypeVar
from uuid import UUID

from asyncpg import Connection

from gateway.domain.entry import Entry, StoredEntry
from gateway.domain.identifiers import ApplicationId, DeliveryId, NodeName
from gateway.drivers.journal_postgres import auditing, filing, sealing, searching, shredding
from gateway.drivers.journal_postgres.connections import Access
from gateway.drivers.journal_postgres.transaction import Transaction
from gateway.ports.audit_log import (
    EntryFilter,
    FiledEntry,
    FoundEntry,
    LogHead,
    Run,
    Seal,
    TileId,
    Unsealed,
)

T = TypeVar("T")

PAGE_ENTRIES: Final = 500
"""Entries read at a time; at most 32 MiB, usually 0.3."""
PAGE_IDS: Final = 10_000
"""Identifiers read at a time."""


class PostgresAuditLog(ABC):
    """What the journal does as an audit log; how it reads and writes, the driver says."""

    _access: Access

    async def seal(self, rule: Callable[[Unsealed], Seal], *, limit: int) -> LogHead | None:
        """Seal what has no index; ``rule`` is called in this task's event loop."""
        try:
            return await self._apart(lambda connection: sealing.seal(connection, rule, limit))
        except sealing.RuleError as failed:
            raise failed.error from None

    async def log_head(self) -> LogHead | None:
        """Return the log as it was last sealed."""
        return await self._read(sealing.head)

    async def checkpoints(self) -> Sequence[str]:
        """Return the checkpoints that are kept."""
        return await self._read(auditing.checkpoints)

    async def unsealed(self) -> int:
        """Count the entries that have no index."""
        return await self._read(auditing.unsealed)

    async def tiles(self, wanted: Sequence[TileId]) -> Mapping[TileId, bytes]:
        """Return tiles."""
        return await self._read(lambda connection: sealing.tiles(connection, wanted))

    async def index_of(self, entry: StoredEntry) -> int | None:
        """Return an entry's index."""
        return await self._read(lambda connection: auditing.index_of(connection, entry))

    async def sealed_entries(self, *, first: int = 0) -> AsyncIterator[StoredEntry]:
        """Yield the sealed entries."""
        while page := await self._sealed(first):
            for entry in page:
                yield entry
            first += len(page)

    async def _sealed(self, first: int) -> list[StoredEntry]:
        return await self._read(lambda connection: auditing.sealed(connection, first, PAGE_ENTRIES))

    async def entries_behind(self, ends: Mapping[NodeName, int]) -> AsyncIterator[StoredEntry]:
        """Yield each node's entries but those up to its end."""
        after: tuple[NodeName, int] | None = None
        while page := await self._behind(after):
            for entry in page:
                after = (entry.node, entry.nseq)
                if 1 <= entry.nseq <= ends.get(entry.node, 0):
                    after = (entry.node, ends[entry.node])
                    break
                yield entry

    async def _behind(self, after: tuple[NodeName, int] | None) -> list[StoredEntry]:
        return await self._read(lambda connection: auditing.behind(connection, after, PAGE_ENTRIES))

    async def runs(self, *, after: int = -1, limit: int = 1_000) -> Sequence[Run]:
        """Return runs."""
        return await self._read(lambda connection: auditing.runs(connection, after, limit))

    async def find_entries(
        self, where: EntryFilter, *, before: int | None = None, limit: int = 50
    ) -> Sequence[FoundEntry]:
        """Return one page of entries."""
        return await self._read(
            lambda connection: searching.find_entries(connection, where, before, limit)
        )

    async def acceptance_of(self, application_id: ApplicationId) -> StoredEntry | None:
        """Return the entry of an acceptance."""
        return await self._read(
            lambda connection: auditing.acceptance_of(connection, application_id)
        )

    async def accepted_ids(self) -> AsyncIterator[ApplicationId]:
        """Yield every application's id."""
        after = UUID(int=0)
        while page := await self._accepted_after(after):
            for found in page:
                yield ApplicationId(found)
            after = page[-1]

    async def _accepted_after(self, after: UUID) -> Sequence[UUID]:
        return await self._read(lambda connection: auditing.accepted(connection, after, PAGE_IDS))

    async def delivery_states(self) -> AsyncIterator[tuple[ApplicationId, DeliveryId, str]]:
        """Yield where every delivery stands."""
        after = UUID(int=0)
        while page := await self._states_after(after):
            for application, after, state in page:
                yield ApplicationId(application), DeliveryId(after), state

    async def _states_after(self, after: UUID) -> list[tuple[UUID, UUID, str]]:
        return await self._read(lambda connection: auditing.states(connection, after, PAGE_IDS))

    async def misfiled(self) -> AsyncIterator[FiledEntry]:
        """Yield entries that may be filed wrongly."""
        last: int | None = -(1 << 63)
        while last is not None:
            last, page = await self._misfiled(last)
            for entry in page:
                yield entry

    async def _misfiled(self, after: int) -> tuple[int | None, list[FiledEntry]]:
        return await self._read(lambda connection: filing.misfiled(connection, after))

    async def shred(self, application_id: ApplicationId, entry: Callable[[int], Entry]) -> int:
        """Destroy keys and write those that are left anew."""
        destroyed = await self._write(
            lambda transaction: shredding.shred(transaction, application_id, entry)
        )
        # Also when there were none: perhaps it could not be done the last time.
        await shredding.rewrite(self._access)
        return destroyed

    @abstractmethod
    async def _write(self, step: Callable[[Transaction], Awaitable[T]]) -> T:
        """Run a step in the writer's next transaction."""

    @abstractmethod
    async def _apart(self, work: Callable[[Connection], Awaitable[T]]) -> T:
        """Run a transaction on another connection than the writer's."""

    @abstractmethod
    async def _read(self, query: Callable[[Connection], Awaitable[T]]) -> T:
        """Read in one snapshot."""
