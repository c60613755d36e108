"""Forgetting details: the rows of their keys are deleted, and then their bytes.

The bytes are dealt with on a connection of its own, so that neither the writer nor the
sequencer waits. They leave the table's files; in the WAL they stay until its segments are
written over, which is hastened if the database's user may do that.
"""

import asyncio
from collections.abc import Callable, Sequence
from typing import Final

import asyncpg
import structlog
from asyncpg import Connection

from gateway.domain.entry import Entry
from gateway.domain.errors import JournalUnavailableError
from gateway.domain.identifiers import ApplicationId
from gateway.drivers.journal_postgres.connections import (
    DATABASE_ERRORS,
    Access,
    dial,
    subject,
)
from gateway.drivers.journal_postgres.transaction import Transaction

_DESTROY: Final = """
WITH destroyed AS (DELETE FROM detail_keys WHERE application_id = $1 RETURNING 1)
SELECT count(*) FROM destroyed
"""
# Writes the rows that are left into a new file and empties the old one. VACUUM FULL does the
# same, but would keep deleted rows as long as any session's snapshot is older than that.
_REWRITE: Final = "ALTER TABLE detail_keys ALTER COLUMN key TYPE bytea USING key || ''::bytea"
# Everybody who wants the table queues behind whoever waits for it alone: so not for long,
# and with pauses in which they come through.
_LOCK_MS: Final = 200
_PAUSE_S: Final = 0.8
_TRIES: Final = 10
_LONGEST_S: Final = 300.0
# The segment that has the keys is ended, and no longer needed after a checkpoint. Both are for
# superusers, and for whom they granted it (``pg_checkpoint``, ``GRANT EXECUTE``).
_LET_GO_OF_WAL: Final = ("SELECT pg_switch_wal()", "CHECKPOINT")

log = structlog.get_logger()


async def shred(
    transaction: Transaction, application_id: ApplicationId, entry: Callable[[int], Entry]
) -> int:
    """Delete keys and append the entry of it."""
    destroyed = int(await transaction.connection.fetchval(_DESTROY, application_id))
    if destroyed:
        transaction.append((entry(destroyed),))
    return destroyed


async def rewrite(access: Access, statements: Sequence[str] = (_REWRITE,)) -> None:
    """Leave nothing of deleted rows in the tables' files, and let go of the WAL that has them.

    Raises:
        JournalUnavailableError: Somebody was reading the table all the time, as a backup does;
            or the database could not be reached. It may be tried again.
    """
    connection = await dial(access)
    try:
        # Rewriting takes as long as the table is large, and a checkpoint as long as the disk.
        await connection.execute("SET statement_timeout = 0")
        await connection.execute(f"SET lock_timeout = {_LOCK_MS}")
        for statement in statements:
            await _rewrite(connection, statement)
        await _let_go_of_wal(connection)
    except DATABASE_ERRORS as error:
        raise JournalUnavailableError(subject(error)) from error
    finally:
        connection.terminate()


async def vacuum(access: Access, statement: str) -> None:
    """Free the room of deleted rows; nobody waits for it.

    Raises:
        JournalUnavailableError: The database could not be reached.
    """
    connection = await dial(access)
    try:
        await connection.execute("SET statement_timeout = 0")
        await connection.execute(statement, timeout=_LONGEST_S)
    except DATABASE_ERRORS as error:
        raise JournalUnavailableError(subject(error)) from error
    finally:
        connection.terminate()


async def _rewrite(connection: Connection, statement: str) -> None:
    for tries_left in reversed(range(_TRIES)):
        try:
            await connection.execute(statement, timeout=_LONGEST_S)
        except asyncpg.LockNotAvailableError as error:
            if not tries_left:
                raise JournalUnavailableError("details_in_use") from error
            await asyncio.sleep(_PAUSE_S)
        else:
            return


async def _let_go_of_wal(connection: Connection) -> None:
    for statement in _LET_GO_OF_WAL:
        try:
            await connection.execute(statement, timeout=_LONGEST_S)
        except asyncpg.InsufficientPrivilegeError:
            log.warning("journal.wal_kept", statement=statement)
