"""Forgetting details: the rows of their keys are deleted, and then their bytes."""

from collections.abc import Callable
from typing import Final

from asyncpg import Connection

from gateway.domain.entry import Entry
from gateway.domain.identifiers import ApplicationId
from gateway.drivers.journal_postgres.transaction import Transaction

_DESTROY: Final = """
WITH destroyed AS (DELETE FROM detail_keys WHERE application_id = $1 RETURNING 1)
SELECT count(*) FROM destroyed
"""
# Writes the rows that are left into a new file and empties the old one. VACUUM FULL does the
# same, but would keep deleted rows as long as any session's snapshot is older than that.
_REWRITE: Final = "ALTER TABLE detail_keys ALTER COLUMN key TYPE bytea USING key || ''::bytea"


async def shred(
    transaction: Transaction, application_id: ApplicationId, entry: Callable[[int], Entry]
) -> int:
    """Delete keys and append the entry of it."""
    destroyed = int(await transaction.connection.fetchval(_DESTROY, application_id))
    if destroyed:
        transaction.append((entry(destroyed),))
    return destroyed


async def rewrite(connection: Connection) -> None:
    """Leave nothing of deleted rows in the table's files."""
    await connection.execute(_REWRITE)
