"""The last signed checkpoint in a file of the gateway's home."""

import errno
import os
import secrets
from contextlib import suppress
from pathlib import Path
from typing import Final

from gateway.audit.note import MAX_NOTE_BYTES
from gateway.domain.errors import LogUnusableError

_NEW: Final = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
_MODE: Final = 0o600


class FileCheckpoint:
    """A ``KeptCheckpoint``: the note's bytes, written beside and moved into place."""

    def __init__(self, path: Path) -> None:
        """Take the file's path; its folder is made when something is kept."""
        self._path = path

    def read(self) -> str | None:
        """See ``KeptCheckpoint``."""
        try:
            with self._path.open("rb") as file:
                return file.read(MAX_NOTE_BYTES + 1).decode()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise LogUnusableError(str(self._path), _word(error)) from error
        except UnicodeDecodeError:
            raise LogUnusableError(str(self._path), "not a checkpoint") from None

    def keep(self, checkpoint: str) -> bool:
        """See ``KeptCheckpoint``."""
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._put(checkpoint.encode(), self._path)
        except OSError:
            return False
        return True

    def set_aside(self) -> str | None:
        """See ``KeptCheckpoint``: as ``NAME.before-restore-…``."""
        aside = self._path.with_name(f"{self._path.name}.before-restore-{secrets.token_hex(4)}")
        try:
            self._put(self._path.read_bytes(), aside)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise LogUnusableError(str(self._path), _word(error)) from error
        return str(aside)

    def _put(self, data: bytes, path: Path) -> None:
        draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
        try:
            with os.fdopen(os.open(draft, _NEW, _MODE), "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            draft.replace(path)
            self._sync_folder()
        except OSError:
            with suppress(OSError):
                draft.unlink(missing_ok=True)
            raise

    def _sync_folder(self) -> None:
        folder = os.open(self._path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def _word(error: OSError) -> str:
    return errno.errorcode.get(error.errno or 0, "it cannot be read")
