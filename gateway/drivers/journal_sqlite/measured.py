"""What gateways count and measure for those who watch."""

import sqlite3
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Final, TypeVar

from gateway.audit.head import Head
from gateway.domain.identifiers import DestinationName
from gateway.domain.measured import CodeCount, FlowMinute, JournalSize
from gateway.drivers.journal_sqlite import rows
from gateway.drivers.journal_sqlite.writer import Step

T = TypeVar("T")

_PUT_FLOW: Final = """
INSERT INTO flow_minutes (series, destination, minute, ended, numbers, stored_at)
VALUES (?, ?, ?, ?, ?, ?)
ON CONFLICT (minute, destination, series) DO UPDATE SET
    ended = excluded.ended, numbers = excluded.numbers, stored_at = excluded.stored_at
"""
_FORGET_FLOW: Final = """
DELETE FROM flow_minutes WHERE (minute, destination, series) IN (
    SELECT minute, destination, series FROM flow_minutes WHERE minute < ? LIMIT 1000
)
"""
_FLOW: Final = """
SELECT series, destination, minute, ended, numbers FROM flow_minutes
WHERE stored_at >= ? AND series <> ?
"""
_PUT_SIZE: Final = """
INSERT INTO journal_sizes (at, bytes) VALUES (?, ?) ON CONFLICT (at) DO NOTHING
"""
_FORGET_SIZES: Final = "DELETE FROM journal_sizes WHERE at < ?"
_SIZES: Final = "SELECT at, bytes FROM journal_sizes ORDER BY at"
_RETRYING_CODES: Final = """
SELECT code, count(*) AS deliveries, max(updated_at) AS last_at
FROM (
    SELECT code, updated_at FROM deliveries INDEXED BY deliveries_listed
    WHERE destination = ? AND state = 'retrying' ORDER BY application_id DESC LIMIT ?
)
GROUP BY code ORDER BY deliveries DESC, code
"""


class SQLiteMeasured(ABC):
    """What the journal keeps of it; how it reads and writes, the driver says."""

    async def put_flow(
        self, minutes: Sequence[FlowMinute], *, at: datetime, forget_before: int | None = None
    ) -> None:
        """Store minutes, and forget old ones."""
        stored_at = rows.from_time(at)
        said = [
            (each.series, each.destination, each.minute, each.ended, each.numbers, stored_at)
            for each in minutes
        ]

        def step(connection: sqlite3.Connection, _: Head) -> None:
            connection.executemany(_PUT_FLOW, said)
            if forget_before is not None:
                connection.execute(_FORGET_FLOW, (forget_before,))

        await self._write(step)

    async def flow(self, *, since: datetime, but: str = "") -> Sequence[FlowMinute]:
        """Return what was stored."""

        def query(connection: sqlite3.Connection) -> list[FlowMinute]:
            return [
                FlowMinute(
                    series=row["series"],
                    destination=row["destination"],
                    minute=row["minute"],
                    ended=bool(row["ended"]),
                    numbers=row["numbers"],
                )
                for row in connection.execute(_FLOW, (rows.from_time(since), but))
            ]

        return await self._read(query)

    async def put_size(self, size: JournalSize, *, forget_before: datetime) -> None:
        """Store a size, and forget old ones."""

        def step(connection: sqlite3.Connection, _: Head) -> None:
            connection.execute(_PUT_SIZE, (rows.from_time(size.at), size.bytes))
            connection.execute(_FORGET_SIZES, (rows.from_time(forget_before),))

        await self._write(step)

    async def sizes(self) -> Sequence[JournalSize]:
        """Return the stored sizes."""

        def query(connection: sqlite3.Connection) -> list[JournalSize]:
            found = connection.execute(_SIZES)
            return [JournalSize(rows.to_time(row["at"]), row["bytes"]) for row in found]

        return await self._read(query)

    async def retrying_codes(
        self, destination: DestinationName, *, at_most: int
    ) -> Sequence[CodeCount]:
        """Count what is tried again."""

        def query(connection: sqlite3.Connection) -> list[CodeCount]:
            found = connection.execute(_RETRYING_CODES, (destination, at_most))
            return [
                CodeCount(row["code"], row["deliveries"], rows.to_time(row["last_at"]))
                for row in found
            ]

        return await self._read(query)

    @abstractmethod
    async def _write(self, step: Step[T]) -> T: ...

    @abstractmethod
    async def _read(self, query: Callable[[sqlite3.Connection], T]) -> T: ...
