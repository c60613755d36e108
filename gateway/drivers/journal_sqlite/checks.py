"""What operators have asked destinations' workers to check."""

import sqlite3
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import Final, TypeVar

from gateway.audit.head import Head
from gateway.domain.control import CheckAsked
from gateway.domain.entry import Entry
from gateway.drivers.journal_sqlite import rows, steps
from gateway.drivers.journal_sqlite.writer import Step

T = TypeVar("T")

_CHECKS_ASKED: Final = "SELECT * FROM destination_checks ORDER BY destination"
_ASK_CHECK: Final = """
INSERT INTO destination_checks (destination, asked_at, asked_by) VALUES (?, ?, ?)
ON CONFLICT (destination) DO UPDATE SET
    asked_at = excluded.asked_at, asked_by = excluded.asked_by
"""


class SQLiteChecks(ABC):
    """What the journal keeps of it; how it reads and writes, the driver says."""

    async def checks_asked(self) -> Sequence[CheckAsked]:
        """Return the last requests."""
        return await self._read(_asked)

    async def ask_check(self, asked: CheckAsked, entry: Entry) -> None:
        """Store a request."""
        await self._write(lambda connection, head: _ask(connection, head, asked, entry))

    @abstractmethod
    async def _write(self, step: Step[T]) -> T: ...

    @abstractmethod
    async def _read(self, query: Callable[[sqlite3.Connection], T]) -> T: ...


def _asked(connection: sqlite3.Connection) -> list[CheckAsked]:
    return [
        CheckAsked(
            destination=row["destination"],
            asked_at=rows.to_time(row["asked_at"]),
            asked_by=row["asked_by"],
        )
        for row in connection.execute(_CHECKS_ASKED)
    ]


def _ask(connection: sqlite3.Connection, head: Head, asked: CheckAsked, entry: Entry) -> None:
    parameters = (asked.destination, rows.from_time(asked.asked_at), asked.asked_by)
    connection.execute(_ASK_CHECK, parameters)
    steps.append(connection, head, (entry,))
