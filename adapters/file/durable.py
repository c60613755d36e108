"""Files that survive a crash, one system call each, and what the system's errors mean."""

import contextlib
import errno
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from gateway.sdk import DestinationUnavailableError, TransientError

FILE_MODE: Final = 0o640

_UNAVAILABLE: Final = {
    errno.ENOSPC: "file.disk_full",
    errno.EDQUOT: "file.disk_full",
    errno.EFBIG: "file.disk_full",
    errno.EACCES: "file.permission_denied",
    errno.EPERM: "file.permission_denied",
    errno.EROFS: "file.read_only",
    errno.ENOENT: "file.folder_missing",
    errno.ENOTDIR: "file.folder_missing",
    errno.ESTALE: "file.folder_missing",
    errno.EIO: "file.device_failed",
    errno.ENODEV: "file.device_failed",
    errno.ETIMEDOUT: "file.device_failed",
    errno.EHOSTDOWN: "file.device_failed",
}
"""Errors that meet every delivery alike: nobody's attempt is counted."""


@contextlib.contextmanager
def as_ours() -> Iterator[None]:
    """Translate errors of the operating system."""
    try:
        yield
    except OSError as error:
        reason = _UNAVAILABLE.get(error.errno or 0)
        if reason is None:
            raise TransientError("file.failed") from error
        raise DestinationUnavailableError(reason) from error


def write_synced(path: Path, content: bytes) -> None:
    """Write a new file and return once its content is on the disk."""
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, FILE_MODE)
    try:
        rest = memoryview(content)
        while rest:
            rest = rest[os.write(handle, rest) :]
        os.fsync(handle)
    finally:
        os.close(handle)


def sync_folder(folder: Path) -> None:
    """Return once the names in ``folder`` are on the disk."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def surely_exists(path: Path) -> bool:
    """Tell whether ``path`` is certainly there."""
    try:
        return path.exists()
    except OSError:
        return False


def changed_before(path: Path, moment: float) -> bool:
    """Tell whether ``path`` is there and older than ``moment`` (seconds since the epoch)."""
    try:
        return path.stat().st_mtime < moment
    except FileNotFoundError:
        return False


def read_text(path: Path) -> str | None:
    """Return an ASCII file's content, or ``None`` if there is no such file."""
    try:
        return path.read_text(encoding="ascii")
    except FileNotFoundError:
        return None
