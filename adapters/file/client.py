"""The drop folder: a file appears in it whole and once, whatever is killed when.

Beside the delivered files lies ``.kakehashi/``, on the same file system::

    KEY.tmp      the content, before it has its final name
    KEY.intent   "this content is about to be renamed"; kept for ``key_memory_days``
    lock-00 …    one of 64 lock files guards each key, between processes
    folder-id    a random name of this folder, so that an unmounted share is noticed
    clock        counts openings and days, so that a restored folder is noticed; its time of
                 change, that a clock jumps

A delivery goes: write and sync ``KEY.tmp``; write and sync ``KEY.intent``; rename
the first to its final name; sync the folder. So at any instant:

    ``KEY.tmp`` there                  not delivered
    ``KEY.intent`` without ``KEY.tmp`` delivered, even if the file has been taken away
    neither                            not delivered (or forgotten long ago)

An unfinished delivery is forgotten in the opposite order: first the intent.
"""

import contextlib
import fcntl
import os
import re
import secrets
import threading
import zlib
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Final

from adapters.file.config import STATE_FOLDER
from adapters.file.durable import (
    FILE_MODE,
    as_ours,
    changed_before,
    read_text,
    surely_exists,
    sync_folder,
    write_synced,
)
from gateway.sdk import DestinationUnavailableError, TransientError, UnknownOutcomeError

FOLDER_ID: Final = "folder-id"
CLOCK: Final = "clock"
COUNT: Final = "drop-folder-count"
"""In our own folder: the count that ``clock`` had at the least."""

LOCKS: Final = 64

LONGEST_STEP_S: Final = 2 * 86_400.0
"""Pruning comes once a day: who has not looked for longer may have had no clock, or has one now."""

_KEY: Final = re.compile(r"[0-9a-f-]{36}")
_COUNT: Final = re.compile(r"[0-9]{1,12}")
_MIB: Final = 1024 * 1024


class DropFolder:
    """Puts files into one folder. Blocking; safe from many threads and processes at once."""

    def __init__(self, folder: Path, *, suffix: str, min_free_mib: int = 0) -> None:
        """Remember where; touches nothing."""
        self.folder: Final = folder
        self.state: Final = folder / STATE_FOLDER
        self._suffix = suffix
        self._min_free_mib = min_free_mib
        self._id: str | None = None
        self._count = 0
        self._count_file: Path | None = None
        self._clock_lock = threading.Lock()
        self._locks = tuple(threading.Lock() for _ in range(LOCKS))

    def open(self, remembered: Path) -> None:
        """Make what is missing, and make sure that it is the folder that was used before.

        Args:
            remembered: A file of our own, elsewhere, that keeps the folder's name.

        Raises:
            DestinationUnavailableError: It cannot be used now, or it is another folder
                than before (``file.folder_unfamiliar``).
        """
        with as_ours():
            known = read_text(remembered)
            if known is None:
                self.state.mkdir(parents=True, exist_ok=True)
                known = self._name_folder()
                write_synced(remembered, known.encode())
                sync_folder(remembered.parent)
                remembered.with_name(COUNT).unlink(missing_ok=True)
            self._id = known
            self._count_file = remembered.with_name(COUNT)
            self._count = _count(self._count_file)
            self.require_familiar()

    def check(self) -> None:
        """Return if a delivery could be written now; changes nothing.

        Raises:
            DestinationUnavailableError: It could not.
        """
        with as_ours():
            self.require_familiar()
            for folder in (self.folder, self.state):
                if not os.access(folder, os.W_OK | os.X_OK):
                    raise DestinationUnavailableError("file.permission_denied")
            space = os.statvfs(self.folder)
            if space.f_bavail * space.f_frsize < self._min_free_mib * _MIB:
                raise DestinationUnavailableError("file.disk_full")

    def put(self, key: str, content: bytes, stop: threading.Event) -> str:
        """Deliver ``content`` once and return the file's name.

        What was delivered before is not delivered again. ``stop`` set from outside
        stops it unless the file already has its final name.

        Raises:
            TransientError: Nothing was delivered (also as ``DestinationUnavailableError``).
            UnknownOutcomeError: The file has its name, but perhaps not for good.
        """
        with as_ours(), self._locked(key):
            if self._delivered(key):
                return self._settled(key)
            try:
                self._forget(key)
                self._prepare(key, content)
                self._rename(key, stop)
            except (OSError, TransientError):
                with contextlib.suppress(OSError):
                    self._forget(key)
                raise
            return self._settled(key)

    def find(self, key: str) -> str | None:
        """Return the delivered file's name, or ``None`` if nothing was or will be delivered.

        Waits for a ``put`` of the same key that still runs. What an unfinished one
        left behind is removed.

        Raises:
            TransientError: Cannot tell now.
        """
        with as_ours(), self._locked(key):
            if self._delivered(key):
                return self._settled(key)
            self._forget(key)
            return None

    def trusted_time(self) -> float | None:
        """Return the time by the clock that dates our files, or ``None`` if it may be wrong.

        It may be if it went back, or ahead by more than ``LONGEST_STEP_S``, since this was
        last asked; the next call takes it for right.
        """
        clock = self.state / CLOCK
        with as_ours(), self.locked("lock-clock", self._clock_lock):
            before = clock.stat().st_mtime if clock.exists() else None  # None: the first look
            count = _count(clock) + 1
            # Written, not only touched: the server of a share must say what time it is.
            written = clock.with_suffix(".new")
            write_synced(written, b"%d" % count)
            os.rename(written, clock)  # noqa: PTH104 - one system call; nobody reads half of it
            sync_folder(self.state)
            now = clock.stat().st_mtime
            if self._count_file is not None:
                write_synced(self._count_file, b"%d" % count)
            self._count = count
        return now if before is None or 0 <= now - before <= LONGEST_STEP_S else None

    def prune(self, key_memory: timedelta, now: float) -> int:
        """Forget deliveries older than ``key_memory``; return how many files were removed."""
        before = now - key_memory.total_seconds()
        removed = 0
        with as_ours():
            self.require_familiar()
            keys = {path.stem for path in self._records() if changed_before(path, before)}
        for key in sorted(keys):
            with as_ours(), self._locked(key):
                removed += self._forget(key)
        return removed

    def _records(self) -> list[Path]:
        """Return what we wrote for some delivery; other programs leave files here, too."""
        there = [*self.state.glob("*.intent"), *self.state.glob("*.tmp")]
        return [path for path in there if _KEY.fullmatch(path.stem)]

    def _temporary(self, key: str) -> Path:
        return self.state / f"{key}.tmp"

    def _intent(self, key: str) -> Path:
        return self.state / f"{key}.intent"

    def _name(self, key: str) -> str:
        return f"{key}{self._suffix}"

    def _delivered(self, key: str) -> bool:
        """Tell it by the table at the head of this file; a final name alone is ours too."""
        if self._temporary(key).exists():
            return False
        return self._intent(key).exists() or (self.folder / self._name(key)).exists()

    def _prepare(self, key: str, content: bytes) -> None:
        """Write the content, then the intent; both are durable afterwards, in this order."""
        write_synced(self._temporary(key), content)
        # The temporary name must be durable before the intent is: the intent alone
        # would mean that the file had been delivered.
        sync_folder(self.state)
        write_synced(self._intent(key), self._name(key).encode())
        sync_folder(self.state)

    def _rename(self, key: str, stop: threading.Event) -> None:
        temporary = self._temporary(key)
        if stop.is_set():
            raise TransientError("file.stopped")
        try:
            os.rename(temporary, self.folder / self._name(key))  # noqa: PTH104 - one system call each here
        except OSError as error:
            # On a network file system a rename can succeed and still report a failure.
            if surely_exists(temporary):
                raise
            raise UnknownOutcomeError("file.rename_unclear") from error

    def _settled(self, key: str) -> str:
        """Make the final name durable before anybody is told of it."""
        try:
            sync_folder(self.folder)
            sync_folder(self.state)
        except OSError as error:
            raise UnknownOutcomeError("file.not_synced") from error
        return self._name(key)

    def _forget(self, key: str) -> int:
        """Remove what an unfinished delivery left; the intent first, and durably so."""
        removed = 0
        for path in (self._intent(key), self._temporary(key)):
            with contextlib.suppress(FileNotFoundError):
                path.unlink()
                sync_folder(self.state)
                removed += 1
        return removed

    def _name_folder(self) -> str:
        """Return the folder's random name, giving it one if it has none."""
        path = self.state / FOLDER_ID
        name = read_text(path)
        if name is None:
            name = secrets.token_hex(16)
            temporary = path.with_suffix(f".{name}")
            write_synced(temporary, name.encode())
            with contextlib.suppress(FileExistsError):
                os.link(temporary, path)  # unlike a rename, does not take another process's place
            temporary.unlink()
            sync_folder(self.state)
            sync_folder(self.folder)
            name = path.read_text(encoding="ascii")
        return name

    def require_familiar(self) -> None:
        """Refuse a folder that has lost its memory, such as an empty mount point."""
        if not self.folder.is_dir():
            raise DestinationUnavailableError("file.folder_missing")
        if self._id is None or read_text(self.state / FOLDER_ID) != self._id:
            raise DestinationUnavailableError("file.folder_unfamiliar")
        if self._count > _count(self.state / CLOCK):
            # Restored as it was earlier: it has forgotten what was delivered since.
            raise DestinationUnavailableError("file.folder_unfamiliar")

    @contextlib.contextmanager
    def _locked(self, key: str) -> Iterator[None]:
        """Keep everybody else away from ``key``, here and elsewhere; refuse a strange folder."""
        if not _KEY.fullmatch(key):
            raise ValueError("idempotency key")  # it becomes a file name
        number = zlib.crc32(key.encode()) % LOCKS
        with self.locked(f"lock-{number:02}", self._locks[number]):
            yield

    @contextlib.contextmanager
    def locked(self, name: str, threads: threading.Lock) -> Iterator[None]:
        """Hold one lock file of the folder; refuse a strange folder.

        Args:
            name: Of the lock file.
            threads: For file systems that emulate flock per process (NFS).
        """
        with threads:
            self.require_familiar()
            path = self.state / name
            handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, FILE_MODE)
            try:
                fcntl.flock(handle, fcntl.LOCK_EX)
                yield
            finally:
                os.close(handle)


def _count(path: Path) -> int:
    """Return the number in a file; 0 if there is none."""
    text = read_text(path)
    return int(text) if text is not None and _COUNT.fullmatch(text) else 0
