"""A connection apart from the writer's: for what steps must not wait for, nor wait for them.

It is opened when it is first needed, and again after it was lost.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from typing import TypeVar

from asyncpg import Connection

from gateway.domain.errors import CommitUnknownError, JournalUnavailableError
from gateway.drivers.journal_postgres.connections import (
    DATABASE_ERRORS,
    Access,
    Trouble,
    dial,
    subject,
    trouble,
)

T = TypeVar("T")


class Apart:
    """Runs one transaction at a time."""

    def __init__(self, access: Access) -> None:
        """Keep the settings; nothing is opened."""
        self._access = access
        self._connection: Connection | None = None
        self._turn = asyncio.Lock()

    async def run(self, work: Callable[[Connection], Awaitable[T]]) -> T:
        """Run ``work`` in a transaction and return once it is durable.

        Raises:
            JournalUnavailableError: Nothing was committed, but for ``CommitUnknownError``.
        """
        async with self._turn:
            connection = await self._connected()
            committing = False
            try:
                async with asyncio.timeout(self._access.timeout_s):
                    await connection.execute("BEGIN ISOLATION LEVEL READ COMMITTED")
                    answer = await work(connection)
                    committing = True
                    await connection.execute("COMMIT")
            except DATABASE_ERRORS as error:
                is_lost = trouble(error) is Trouble.LOST
                await self._roll_back(connection, is_lost=is_lost)
                unknown = committing and is_lost
                kind = CommitUnknownError if unknown else JournalUnavailableError
                raise kind(subject(error)) from error
            except Exception:
                await self._roll_back(connection, is_lost=False)
                raise
            except BaseException:
                # Cancelled, perhaps in the middle of a statement.
                self._give_up(connection)
                raise
            return answer

    async def close(self) -> None:
        """Finish what is running and disconnect."""
        async with self._turn:
            connection, self._connection = self._connection, None
            if connection is not None:
                with contextlib.suppress(*DATABASE_ERRORS):
                    await connection.close(timeout=self._access.timeout_s)

    def terminate(self) -> None:
        """Hang up, whatever is running. Idempotent."""
        if self._connection is not None:
            self._give_up(self._connection)

    async def _connected(self) -> Connection:
        if self._connection is None or self._connection.is_closed():
            self._connection = await dial(self._access)
        return self._connection

    async def _roll_back(self, connection: Connection, *, is_lost: bool) -> None:
        if not is_lost:
            try:
                await connection.execute("ROLLBACK", timeout=self._access.timeout_s)
            except DATABASE_ERRORS:
                pass
            else:
                return
        self._give_up(connection)

    def _give_up(self, connection: Connection) -> None:
        self._connection = None
        connection.terminate()
