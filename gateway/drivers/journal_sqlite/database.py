"""The file: who holds it, how it is opened, and what makes it unusable."""

import fcntl
import os
import sqlite3
from pathlib import Path

from gateway.domain.errors import (
    JournalUnavailableError,
    JournalUnusableError,
    NodeNameTakenError,
)
from gateway.domain.identifiers import NodeName
from gateway.drivers.journal_sqlite import queries
from gateway.drivers.journal_sqlite.schema import migrate


class FileLock:
    """Keeps other processes away from one database, until it is released or we die."""

    def __init__(self, path: Path, node: NodeName) -> None:
        """Take the lock.

        Raises:
            NodeNameTakenError: Another process has it.
        """
        self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            os.close(self._descriptor)
            raise NodeNameTakenError(node) from error

    def release(self) -> None:
        """Give it back. The file stays: removing it would let two processes hold "it"."""
        os.close(self._descriptor)


def open_database(path: Path, node: NodeName) -> sqlite3.Connection:
    """Open the one writing connection, with the schema of this version.

    Raises:
        JournalUnusableError: Not a database, unsafe settings, or not our schema.
        JournalUnavailableError: It cannot be opened or written now.
    """
    try:
        # SQLite would give a new file the mode of the umask, and its WAL that of the file.
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
        connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    except (OSError, sqlite3.Error) as error:
        raise JournalUnavailableError(path.name) from error
    try:
        _set_up(connection, node)
    except sqlite3.OperationalError as error:
        connection.close()
        raise JournalUnavailableError(subject(error)) from error
    except sqlite3.DatabaseError as error:
        connection.close()
        raise JournalUnusableError(subject(error)) from error
    except JournalUnusableError:
        connection.close()
        raise
    return connection


def _set_up(connection: sqlite3.Connection, node: NodeName) -> None:
    connection.row_factory = sqlite3.Row
    # A file system without shared memory (NFS) answers another mode.
    if (mode := connection.execute("PRAGMA journal_mode = WAL").fetchone()[0]) != "wal":
        raise JournalUnusableError("journal_mode", mode)
    for setting in queries.WRITER_SETTINGS:
        connection.execute(setting)
    migrate(connection)
    connection.execute(queries.NOTE_OPENED, (node,))


def size_bytes(path: Path) -> int:
    """Return the size of the database at ``path`` and of its WAL.

    Raises:
        JournalUnavailableError: There is none.
    """
    try:
        size = path.stat().st_size
        wal = path.with_name(path.name + "-wal")
        return size + (wal.stat().st_size if wal.exists() else 0)
    except OSError as error:
        raise JournalUnavailableError(path.name) from error


def subject(error: sqlite3.Error) -> str:
    """Return the name of SQLite's result code, or else the kind of error; never its text."""
    return getattr(error, "sqlite_errorname", type(error).__name__)
