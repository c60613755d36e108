"""Apply a migration while gateways go on accepting and delivering."""

import asyncio
import re
import time
from dataclasses import dataclass
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
_INDEX: Final = re.compile(
    r"^CREATE( UNIQUE)? INDEX(?: CONCURRENTLY)? (\w+)\s+ON (\w+)\b[^;]*;", re.MULTILINE
)
_COMMENT: Final = re.compile(r"^--.*$", re.MULTILINE)
_NEW_TABLE: Final = re.compile(r"CREATE TABLE (\w+)")
_IS_VALID: Final = """
SELECT indisvalid FROM pg_index WHERE indexrelid = to_regclass($1)
"""
_NO_TIMEOUT: Final = "SET statement_timeout = 0; SET lock_timeout = 0"
# To what the session began with.
_TIMEOUTS_AGAIN: Final = "RESET statement_timeout; RESET lock_timeout"
_BOUND: Final = f"SET LOCAL statement_timeout = 0; SET LOCAL lock_timeout = {LOCK_TIMEOUT_MS}"

log = structlog.get_logger()


def in_a_transaction(sql: str) -> str:
    """Return a script as a new database takes it."""
    return sql.replace("INDEX CONCURRENTLY", "INDEX")


@dataclass(frozen=True, slots=True)
class Growing:
    """An index of a table that gateways write meanwhile.

    Attributes:
        name: Its name.
        table: Whose it is.
        statement: Makes it beside them.
    """

    name: str
    table: str
    statement: str


def growing(sql: str) -> tuple[list[Growing], str]:
    """Return a script's indexes of tables that were there before it, and what else is in it.

    These must concern columns that were there before, too.
    """
    new = set(_NEW_TABLE.findall(sql))
    found: list[Growing] = []

    def take(match: re.Match[str]) -> str:
        unique, name, table = match[1] or "", match[2], match[3]
        if table in new:
            return match[0]
        rest = match[0][match.start(2) - match.start() :]
        statement = f"CREATE{unique} INDEX CONCURRENTLY {rest}"
        found.append(Growing(name=name, table=table, statement=statement))
        return ""

    rest = _COMMENT.sub("", _INDEX.sub(take, sql)).strip()
    return found, rest


async def apply(connection: Connection, sql: str, note: str, row: tuple[int, str, str]) -> None:
    """Apply one script and note that it was: all or nothing, but for indexes.

    Indexes of tables that were there come first, each by itself and ``CONCURRENTLY``: the table
    is written while they grow. The rest is one transaction. Whatever is interrupted is begun
    anew, an index from its start.

    Args:
        connection: Holds the lock of migrations, and is in no transaction.
        sql: The script.
        note: Stores ``row``.
        row: Version, name and checksum.

    Raises:
        JournalUnavailableError: Its tables were in use for ``PATIENCE_S``.
    """
    indexes, rest = growing(sql)
    given_up_at = time.monotonic() + PATIENCE_S
    while not (await _grown(connection, indexes) and await _applied(connection, rest, note, row)):
        if time.monotonic() > given_up_at:
            raise JournalUnavailableError("schema_in_use")
        log.info("journal.migration_put_off", version=row[0])
        await asyncio.sleep(_PAUSE_S)


async def _grown(connection: Connection, indexes: list[Growing]) -> bool:
    """Make what is missing; an index that was interrupted is there, and of no use."""
    if not indexes:
        return True
    await connection.execute(_NO_TIMEOUT)
    try:
        for index in indexes:
            if not await connection.fetchval(_IS_VALID, index.name):
                await connection.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {index.name}")
                await connection.execute(index.statement, timeout=None)
    except (LockNotAvailableError, DeadlockDetectedError):
        return False
    finally:
        if not connection.is_closed():
            await connection.execute(_TIMEOUTS_AGAIN)
    return True


async def _applied(connection: Connection, sql: str, note: str, row: tuple[int, str, str]) -> bool:
    try:
        async with connection.transaction():
            await connection.execute(_BOUND)
            if sql:
                await connection.execute(sql, timeout=None)
            await connection.execute(note, *row)
    except (LockNotAvailableError, DeadlockDetectedError):
        return False
    return True
