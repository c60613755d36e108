"""Keys as files: ``FOLDER/NAME.private.jwk`` and ``FOLDER/NAME.public.jwk``.

Nothing is read that somebody else could have read (private files) or exchanged
(all files and the folders they are in), and no symbolic link below the folder is
followed. The folder itself may be one: the operator named it.
"""

import errno
import os
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from gateway.crypto import keyring, keys
from gateway.domain.errors import KeyNotFoundError, KeyUnusableError

MAX_KEY_BYTES: Final = 16 * 1024
"""Longest file that is read; a JWK of ours has about 300 bytes."""

_PRIVATE: Final = "private"
_PUBLIC: Final = "public"
_MODES: Final = {_PRIVATE: 0o600, _PUBLIC: 0o644}
_FORBIDDEN: Final = {_PRIVATE: 0o077, _PUBLIC: 0o022}
_FOLDER_MODE: Final = 0o700
_FOLDER_FORBIDDEN: Final = 0o022
_OPEN_FOLDER: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
# A pipe in a key's place must not stop the process: do not wait for its other end.
_OPEN_FILE: Final = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_NEW_FILE: Final = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


class FileKeys:
    """A ``KeyStore`` in a folder. Several processes may use one at once."""

    def __init__(self, folder: Path) -> None:
        """Take the folder, which is made with mode 0700 by the first ``add``."""
        self._folder = folder

    def private(self, name: str) -> bytes:
        """See ``KeyStore``. Refuses a file with a mode wider than 0600, or of another user."""
        return self._read(name, _PRIVATE)

    def public(self, name: str) -> bytes:
        """See ``KeyStore``. Refuses a file that others may write."""
        with suppress(KeyNotFoundError):
            return self._read(name, _PUBLIC)
        return keys.public_half(self._read(name, _PRIVATE))

    def names(self) -> tuple[str, ...]:
        """See ``KeyStore``. Looks at file names only."""
        found: set[str] = set()
        for folder, _, files in os.walk(self._folder):
            for file in files:
                for half in (_PRIVATE, _PUBLIC):
                    name = (Path(folder) / file).relative_to(self._folder).as_posix()
                    if name.endswith(_suffix(half)):
                        found.add(name.removesuffix(_suffix(half)))
        return tuple(sorted(name for name in found if keyring.is_key_name(name)))

    def add(self, name: str, jwk: bytes, *, private: bool) -> None:
        """See ``KeyStore``. A crash leaves the whole key or none."""
        half = _PRIVATE if private else _PUBLIC
        present = self._present(name)
        keyring.admit(name, jwk, private=private, present=present.values())
        if half in present:
            return
        with _named(name), self._open_folder(name, make=True) as folder:
            _write(folder, name.rpartition("/")[2] + _suffix(half), jwk, _MODES[half])
        # Another process may have been quicker: then its key stands, if it is the same one.
        keyring.admit(name, jwk, private=private, present=self._present(name).values())

    def _present(self, name: str) -> dict[str, bytes]:
        present: dict[str, bytes] = {}
        for half in (_PRIVATE, _PUBLIC):
            with suppress(KeyNotFoundError):
                present[half] = self._read(name, half)
        return present

    def _read(self, name: str, half: str) -> bytes:
        if not keyring.is_key_name(name):
            raise KeyNotFoundError(name)
        try:
            with _named(name), self._open_folder(name) as folder:
                file_name = name.rpartition("/")[2] + _suffix(half)
                with os.fdopen(os.open(file_name, _OPEN_FILE, dir_fd=folder), "rb") as file:
                    _check(name, os.fstat(file.fileno()), stat.S_IFREG, _FORBIDDEN[half])
                    jwk = file.read(MAX_KEY_BYTES)
        except FileNotFoundError:
            raise KeyNotFoundError(name) from None
        return keyring.checked(name, jwk, private=half == _PRIVATE)

    @contextmanager
    def _open_folder(self, name: str, *, make: bool = False) -> Iterator[int]:
        """Yield the folder of ``name``'s files as a descriptor, its whole way checked."""
        if make:
            self._folder.mkdir(mode=_FOLDER_MODE, parents=True, exist_ok=True)
        folder = os.open(self._folder, _OPEN_FOLDER)
        try:
            _check(name, os.fstat(folder), stat.S_IFDIR, _FOLDER_FORBIDDEN)
            for step in name.split("/")[:-1]:
                if make:
                    _make_folder(folder, step)
                inner = os.open(step, _OPEN_FOLDER | os.O_NOFOLLOW, dir_fd=folder)
                os.close(folder)
                folder = inner
                _check(name, os.fstat(folder), stat.S_IFDIR, _FOLDER_FORBIDDEN)
            yield folder
        finally:
            os.close(folder)


@contextmanager
def _named(name: str) -> Iterator[None]:
    """Raise what the operating system refuses as ``KeyUnusableError`` with its short name."""
    try:
        yield
    except FileNotFoundError:
        raise
    except OSError as error:
        raise KeyUnusableError(name, errno.errorcode.get(error.errno or 0, "")) from error


def _suffix(half: str) -> str:
    return f".{half}.jwk"


def _check(name: str, status: os.stat_result, kind: int, forbidden: int) -> None:
    """Raise ``KeyUnusableError`` if somebody else could have read or written it."""
    if stat.S_IFMT(status.st_mode) != kind:
        raise KeyUnusableError(name, "not a plain file in plain folders")
    if status.st_uid not in {os.geteuid(), 0}:
        raise KeyUnusableError(name, "belongs to another user")
    if status.st_mode & forbidden:
        mode = stat.S_IMODE(status.st_mode)
        raise KeyUnusableError(name, f"mode {mode:04o} is too wide: remove {forbidden & mode:04o}")


def _make_folder(parent: int, step: str) -> None:
    with suppress(FileExistsError):
        os.mkdir(step, _FOLDER_MODE, dir_fd=parent)
        os.fsync(parent)


def _write(folder: int, file_name: str, jwk: bytes, mode: int) -> None:
    """Make the file durably, all at once; leave one that is there as it is."""
    draft = f".{file_name}.{secrets.token_hex(8)}"
    file = os.open(draft, _NEW_FILE, mode, dir_fd=folder)
    try:
        with os.fdopen(file, "wb") as stream:
            stream.write(jwk)
            stream.flush()
            os.fsync(file)
        with suppress(FileExistsError):
            os.link(draft, file_name, src_dir_fd=folder, dst_dir_fd=folder, follow_symlinks=False)
    finally:
        os.unlink(draft, dir_fd=folder)
    os.fsync(folder)
