"""Forgetting details: their keys are overwritten where they stand, and in the WAL."""

import sqlite3
from collections.abc import Callable
from typing import Final

from gateway.audit.head import Head
from gateway.domain.entry import Entry
from gateway.domain.identifiers import ApplicationId
from gateway.drivers.journal_sqlite import steps

# A value of the same length is written over the old one in its place.
_DESTROY: Final = """
UPDATE detail_keys SET key = zeroblob(32) WHERE application_id = ? AND key <> zeroblob(32)
"""
_TRUNCATE: Final = "PRAGMA wal_checkpoint(TRUNCATE)"
_WAIT_MS: Final = 20
TRIES: Final = 50
PAUSE_S: Final = 0.2
"""Between two attempts to cut the WAL: others write then."""


def shred(
    connection: sqlite3.Connection,
    head: Head,
    application_id: ApplicationId,
    entry: Callable[[int], Entry],
) -> int:
    """Destroy keys and append the entry of it."""
    destroyed = connection.execute(_DESTROY, (application_id.bytes,)).rowcount
    if destroyed:
        steps.append(connection, head, (entry(destroyed),))
    return destroyed


def empty_wal(connection: sqlite3.Connection) -> bool:
    """Bring everything into the database and cut the WAL to nothing; outside a transaction.

    Returns:
        Whether that was possible: not while somebody reads, as a backup does.
    """
    # Whoever waits for readers here keeps everybody from writing.
    [patience_ms] = connection.execute("PRAGMA busy_timeout").fetchone()
    connection.execute(f"PRAGMA busy_timeout = {_WAIT_MS}")
    try:
        return bool(connection.execute(_TRUNCATE).fetchone()[0] == 0)
    finally:
        connection.execute(f"PRAGMA busy_timeout = {patience_ms:d}")
