"""What operators have asked destinations' workers to check."""

from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Sequence
from typing import Final, TypeVar

from asyncpg import Connection

from gateway.domain.control import CheckAsked
from gateway.domain.entry import Entry
from gateway.drivers.journal_postgres.transaction import Transaction

T = TypeVar("T")

_CHECKS_ASKED: Final = "SELECT * FROM destination_checks ORDER BY destination"
_ASK_CHECK: Final = """
INSERT INTO destination_checks (destination, asked_at, asked_by) VALUES ($1, $2, $3)
ON CONFLICT (destination) DO UPDATE SET
    asked_at = excluded.asked_at, asked_by = excluded.asked_by
"""


class PostgresChecks(ABC):
    """What the journal keeps of it; how it reads and writes, the driver says."""

    async def checks_asked(self) -> Sequence[CheckAsked]:
        """Return the last requests."""
        return await self._read(_asked)

    async def ask_check(self, asked: CheckAsked, entry: Entry) -> None:
        """Store a request."""
        await self._write(lambda transaction: _ask(transaction, asked, entry))

    @abstractmethod
    async def _write(self, step: Callable[[Transaction], Awaitable[T]]) -> T: ...

    @abstractmethod
    async def _read(self, query: Callable[[Connection], Awaitable[T]]) -> T: ...


async def _asked(connection: Connection) -> list[CheckAsked]:
    return [
        CheckAsked(
            destination=row["destination"], asked_at=row["asked_at"], asked_by=row["asked_by"]
        )
        for row in await connection.fetch(_CHECKS_ASKED)
    ]


async def _ask(transaction: Transaction, asked: CheckAsked, entry: Entry) -> None:
    transaction.append((entry,))
    await transaction.connection.execute(
        _ASK_CHECK, asked.destination, asked.asked_at, asked.asked_by
    )
