"""Apply a migration while gateways go on accepting and delivering."""

import asyncio
import re
import time
from typing import Final

import structlog
from asyncpg import Connection
from asyncpg.exceptions import DeadlockDetectedError, LockNotAvailableError

from gateway.domain.errors import JournalUnavailableError

LOCK_TIMEOUT_MS: Final = 200
"""Whoever waits for a table stops all behind it, so nobody is stopped for longer by a script that
only waits. Shorter than PostgreSQL's ``deadlock_timeout`` (1 s by default): of two that wait for
each other it is the script that gives up."""
PATIENCE_S: Final = 600.0
_PAUSE_S: Final = 1.0
"""In which what had to wait is done."""
_INDEX: Final = re.compile(r"CREATE (?:UNIQUE )?INDEX CONCURRENTLY (\w+)")
_NO_TIMEOUT: Final = "SET statement_timeout = 0; SET lock_timeout = 0"
# To what the session began with.
_TIMEOUTS_AGAIN: Final = "RESET statement_timeout; RESET lock_timeout"
_BOUND: Final = f"SET LOCAL statement_timeout = 0; SET LOCAL lock_timeout = {LOCK_TIMEOUT_MS}"

log = structlog.get_logger()


def in_a_transaction(sql: str) -> str:
    """Return a script as a new database takes it."""
    return sql.replace("INDEX CONCURRENTLY", "INDEX")


async def apply(connection: Connection, sql: str, note: str, row: tuple[int, str, str]) -> None:
    """Apply one script and note that it was: all or nothing, but for an index.

    A script with ``CREATE INDEX CONCURRENTLY`` is that one statement: the table can be written
    while the index grows. One that was interrupted is dropped and begun anew.

    Args:
        connection: Holds the lock of migrations, and is in no transaction.
        sql: The script.
        note: Stores ``row``.
        row: Version, name and checksum.

    Raises:
        JournalUnavailableError: Its tables were in use for ``PATIENCE_S``.
    """
    if index := _INDEX.search(sql):
        await connection.execute(_NO_TIMEOUT)
        await connection.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {index[1]}")
        await connection.execute(sql, timeout=None)
        await connection.execute(note, *row)
        await connection.execute(_TIMEOUTS_AGAIN)
        return
    given_up_at = time.monotonic() + PATIENCE_S
    while not await _applied(connection, sql, note, row):
        if time.monotonic() > given_up_at:
            raise JournalUnavailableError("schema_in_use")
        log.info("journal.migration_put_off", version=row[0])
        await asyncio.sleep(_PAUSE_S)


async def _applied(connection: Connection, sql: str, note: str, row: tuple[int, str, str]) -> bool:
    try:
        async with connection.transaction():
            await connection.execute(_BOUND)
            await connection.execute(sql, timeout=None)
            await connection.execute(note, *row)
    except (LockNotAvailableError, DeadlockDetectedError):
        return False
    return True
