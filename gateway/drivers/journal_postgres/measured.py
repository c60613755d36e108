"""What gateways count and measure for those who watch."""

from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from typing import Final, TypeVar

from asyncpg import Connection

from gateway.domain.identifiers import DestinationName
from gateway.domain.measured import CodeCount, FlowMinute, JournalSize
from gateway.drivers.journal_postgres import rows
from gateway.drivers.journal_postgres.transaction import Transaction

T = TypeVar("T")

_PUT_FLOW: Final = """
INSERT INTO flow_minutes (series, destination, minute, ended, numbers, stored_at)
SELECT said.*, $6::timestamptz
FROM unnest($1::text[], $2::text[], $3::bigint[], $4::boolean[], $5::text[]) AS said
ON CONFLICT (minute, destination, series) DO UPDATE SET
    ended = excluded.ended, numbers = excluded.numbers, stored_at = excluded.stored_at
"""
# Several gateways do so at once: none waits for another.
_FORGET_FLOW: Final = """
DELETE FROM flow_minutes WHERE ctid = ANY(ARRAY(
    SELECT ctid FROM flow_minutes WHERE minute < $1 LIMIT 1000 FOR UPDATE SKIP LOCKED
))
"""
_FLOW: Final = """
SELECT series, destination, minute, ended, numbers FROM flow_minutes
WHERE stored_at >= $1 AND series <> $2
"""
_PUT_SIZE: Final = """
INSERT INTO journal_sizes (at, bytes) VALUES ($1, $2) ON CONFLICT (at) DO NOTHING
"""
_FORGET_SIZES: Final = """
DELETE FROM journal_sizes WHERE at = ANY(ARRAY(
    SELECT at FROM journal_sizes WHERE at < $1 FOR UPDATE SKIP LOCKED
))
"""
_SIZES: Final = "SELECT at, bytes FROM journal_sizes ORDER BY at"
_RETRYING_CODES: Final = """
SELECT code, count(*) AS deliveries, max(updated_at) AS last_at
FROM (
    SELECT code, updated_at FROM deliveries
    WHERE destination COLLATE "C" = $1 AND state COLLATE "C" = 'retrying'
    ORDER BY application_id DESC LIMIT $2
) latest
GROUP BY code ORDER BY deliveries DESC, code
"""


class PostgresMeasured(ABC):
    """What the journal keeps of it; how it reads and writes, the driver says."""

    async def put_flow(
        self, minutes: Sequence[FlowMinute], *, at: datetime, forget_before: int | None = None
    ) -> None:
        """Store minutes, and forget old ones."""
        said = [
            (each.series, each.destination, each.minute, each.ended, each.numbers)
            for each in minutes
        ]

        async def step(transaction: Transaction) -> None:
            if said:
                await transaction.connection.execute(_PUT_FLOW, *rows.columns(said), at)
            if forget_before is not None:
                await transaction.connection.execute(_FORGET_FLOW, forget_before)

        await self._write(step)

    async def flow(self, *, since: datetime, but: str = "") -> Sequence[FlowMinute]:
        """Return what was stored."""

        async def query(connection: Connection) -> list[FlowMinute]:
            return [FlowMinute(**row) for row in await connection.fetch(_FLOW, since, but)]

        return await self._read(query)

    async def put_size(self, size: JournalSize, *, forget_before: datetime) -> None:
        """Store a size, and forget old ones."""

        async def step(transaction: Transaction) -> None:
            await transaction.connection.execute(_PUT_SIZE, size.at, size.bytes)
            await transaction.connection.execute(_FORGET_SIZES, forget_before)

        await self._write(step)

    async def sizes(self) -> Sequence[JournalSize]:
        """Return the stored sizes."""

        async def query(connection: Connection) -> list[JournalSize]:
            return [JournalSize(row["at"], row["bytes"]) for row in await connection.fetch(_SIZES)]

        return await self._read(query)

    async def retrying_codes(
        self, destination: DestinationName, *, at_most: int
    ) -> Sequence[CodeCount]:
        """Count what is tried again."""

        async def query(connection: Connection) -> list[CodeCount]:
            found = await connection.fetch(_RETRYING_CODES, destination, at_most)
            return [CodeCount(row["code"], row["deliveries"], row["last_at"]) for row in found]

        return await self._read(query)

    @abstractmethod
    async def _write(self, step: Callable[[Transaction], Awaitable[T]]) -> T: ...

    @abstractmethod
    async def _read(self, query: Callable[[Connection], Awaitable[T]]) -> T: ...
