"""A copy of the database while it is written to: one moment of it, checked, whole or not there."""

import os
import sqlite3
import time
from contextlib import closing, suppress
from pathlib import Path
from typing import Final

from gateway.domain.errors import JournalUnavailableError, JournalUnusableError
from gateway.drivers.journal_sqlite import rows, sealing
from gateway.drivers.journal_sqlite.database import subject
from gateway.ports.audit_log import LogHead, TileId
from gateway.ports.backup import PART, BackedUp, CheckHead, IsStopped

_STEP_PAGES: Final = 512
"""2 MiB with SQLite's pages of 4 KiB."""
_PAUSE_S: Final = 0.002
"""Between two steps, in which others have the disk and the interpreter."""


class SQLiteBackup:
    """Backs up one database file."""

    def __init__(self, source: Path) -> None:
        """Keep where it is; opens nothing."""
        self._source = source

    def __call__(
        self, target: Path, check: CheckHead, is_stopped: IsStopped = lambda: False
    ) -> BackedUp:
        """Write the copy. Blocking; any process may do so beside the one that writes.

        Args:
            target: A file that is not there; made with mode 0600, under its name once whole.
            check: Told the copy's head of the log and how to read its tiles; raises if these
                are not what was signed.
            is_stopped: Asked between two steps whether nobody wants it any more.

        Raises:
            FileExistsError: There is one.
            OSError: It cannot be written.
            JournalUnavailableError: The database cannot be read now, or it was stopped.
            JournalUnusableError: The copy is not whole.
        """
        part = target.with_name(target.name + PART)
        if target.exists():
            raise FileExistsError(target)
        # Who finds one of these finds the rest of an attempt that was killed, or another's.
        descriptor = os.open(part, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            try:
                self._copy(part, is_stopped)
                done = _checked(part, check)
            except sqlite3.OperationalError as error:
                raise JournalUnavailableError(subject(error)) from error
            except sqlite3.DatabaseError as error:
                raise JournalUnusableError("backup", subject(error)) from error
            os.fsync(descriptor)
            # Unlike a rename, a link never takes another file's place.
            os.link(part, target)
        finally:
            os.close(descriptor)
            for rest in (part, *(part.with_name(part.name + end) for end in ("-wal", "-shm"))):
                with suppress(FileNotFoundError):
                    rest.unlink()
        _sync_folder(target.parent)
        return done

    def _copy(self, part: Path, is_stopped: IsStopped) -> None:
        def give_way(_status: int, remaining: int, _total: int) -> None:
            if is_stopped():
                raise JournalUnavailableError("stopped")
            if remaining:
                time.sleep(_PAUSE_S)

        uri = f"{self._source.absolute().as_uri()}?mode=ro"
        with (
            closing(sqlite3.connect(uri, uri=True, isolation_level=None)) as source,
            closing(sqlite3.connect(part, isolation_level=None)) as copy,
        ):
            copy.execute("PRAGMA synchronous = OFF")
            # One moment, held until the end: whatever is committed meanwhile would otherwise
            # have every copy begin anew (https://sqlite.org/c3ref/backup_finish.html).
            source.execute("BEGIN")
            source.execute("SELECT 1 FROM schema_migrations").fetchone()
            source.backup(copy, pages=_STEP_PAGES, progress=give_way, sleep=_PAUSE_S)
            # One file, without a WAL beside it; whoever opens it as a journal sets it again.
            copy.execute("PRAGMA journal_mode = DELETE")


def _checked(part: Path, check: CheckHead) -> BackedUp:
    with closing(sqlite3.connect(part, isolation_level=None)) as copy:
        copy.row_factory = sqlite3.Row
        copy.execute("PRAGMA query_only = ON")
        if [row[0] for row in copy.execute("PRAGMA quick_check(1)")] != ["ok"]:
            raise JournalUnusableError("backup", "quick_check")
        head: LogHead | None = sealing.head(copy)

        def tiles(wanted: tuple[TileId, ...]) -> dict[TileId, bytes]:
            return sealing.tiles(copy, wanted)

        check(head, tiles)
        entries, last = copy.execute("SELECT count(*), max(at) FROM entries").fetchone()
    return BackedUp(
        size_bytes=part.stat().st_size,
        entries=entries,
        until=None if last is None else rows.to_time(last),
        head=head,
    )


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
