"""Forgetting details: their keys are overwritten where they stand, and in the WAL."""

import sqlite3
import time
from collections.abc import Callable
from typing import Final

from gateway.audit.head import Head
from gateway.domain.entry import Entry
from gateway.domain.errors import JournalUnavailableError
from gateway.domain.identifiers import ApplicationId
from gateway.drivers.journal_sqlite import steps

# A value of the same length is written over the old one in its place.
_DESTROY: Final = """
UPDATE detail_keys SET key = zeroblob(32) WHERE application_id = ? AND key <> zeroblob(32)
"""
_TRUNCATE: Final = "PRAGMA wal_checkpoint(TRUNCATE)"
_TRIES: Final = 5
_WAIT_S: Final = 0.1


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


def empty_wal(connection: sqlite3.Connection) -> None:
    """Bring everything into the database and cut the WAL to nothing; outside a transaction.

    Raises:
        JournalUnavailableError: Somebody was reading all the time.
    """
    for _ in range(_TRIES):
        if connection.execute(_TRUNCATE).fetchone()[0] == 0:
            return
        time.sleep(_WAIT_S)
    raise JournalUnavailableError("wal_checkpoint")
