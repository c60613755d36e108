"""The WAL is brought into the database beside the writer, so that no commit waits for it.

SQLite makes a checkpoint within the commit that finds the WAL long: on a large journal that
commit, and all behind it, then wait for thousands of pages and an fsync. A checkpoint on a
connection of its own runs while others commit (https://sqlite.org/wal.html, 2.1 and 3.2).
If this thread cannot keep up the writer's own limit still bounds the WAL
(``queries.WRITER_SETTINGS``): what its commit then has left to do is little.
"""

import sqlite3
import threading
from pathlib import Path
from typing import Final

import structlog

from gateway.domain.errors import JournalUnavailableError
from gateway.drivers.journal_sqlite import queries
from gateway.drivers.journal_sqlite.database import subject

EVERY_CHANGES: Final = 10_000
"""Rows written between two checkpoints: 10 MiB of WAL in an empty journal, 28 to 42 MiB behind
100,000 applications, where every change of an index is another page (``benchmarks bulkhead``)."""
_CHECKPOINT: Final = "PRAGMA wal_checkpoint(PASSIVE)"
_TRIES: Final = 3
"""What was committed during one is brought in by the next; a WAL without rest begins anew."""

log = structlog.get_logger()


class Checkpointer:
    """Makes a checkpoint when ``EVERY_CHANGES`` rows were written since the last one began."""

    def __init__(self, path: Path) -> None:
        """Open the connection and begin; the database must be in WAL mode.

        Raises:
            JournalUnavailableError: It cannot be opened now.
        """
        try:
            self._connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
            for setting in queries.CHECKPOINT_SETTINGS:
                self._connection.execute(setting)
        except sqlite3.Error as error:
            raise JournalUnavailableError(subject(error)) from error
        self._wanted = threading.Event()
        self._closed = False
        self._changes = 0
        self._failing = False
        self._thread = threading.Thread(target=self._run, name="journal-checkpoint", daemon=True)
        self._thread.start()

    def note(self, changes: int) -> None:
        """Take the writer's count of rows that it has changed since it opened the database."""
        # SQLite counts in 32 bits, so after 2**31 rows it begins again from below.
        if abs(changes - self._changes) >= EVERY_CHANGES:
            self._changes = changes
            self._wanted.set()

    def close(self) -> None:
        """Finish the one that is being made and close the connection. Blocking."""
        self._closed = True
        self._wanted.set()
        self._thread.join()
        self._connection.close()

    def _run(self) -> None:
        while True:
            self._wanted.wait()
            if self._closed:
                return
            self._wanted.clear()
            try:
                self._checkpoint()
            except sqlite3.Error as error:
                # The writer's commits meet the same trouble, and it is they who must refuse.
                if not self._failing:
                    log.warning("journal.checkpoint_failed", reason=subject(error))
                self._failing = True
            else:
                self._failing = False

    def _checkpoint(self) -> None:
        for _ in range(_TRIES):
            _, written, brought = self._connection.execute(_CHECKPOINT).fetchone()
            if written == brought or self._closed:
                return
