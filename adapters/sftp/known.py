"""Whether the state folder on the server is the one that knows what was delivered."""

import asyncio
import contextlib
import os
import secrets
from pathlib import Path
from typing import Final

from adapters.sftp.session import Session
from gateway.sdk import DestinationUnavailableError

_REMEMBERED: Final = "state-folder-id"
_ID: Final = "id-"


class KnownFolder:
    """Recognises the state folder by the random name of a file in it."""

    def __init__(self, folder: bytes, state: bytes) -> None:
        """Take the drop folder's path and the state folder's; asks nothing."""
        self._folder = folder
        self._state = state
        self._remembered: Path | None = None
        self._id: str | None = None
        self._naming = asyncio.Lock()

    def open(self, own_folder: Path) -> None:
        """Recall which state folder was used before. Blocking."""
        self._remembered = own_folder / _REMEMBERED
        with contextlib.suppress(FileNotFoundError):
            self._id = self._remembered.read_text("ascii").strip()

    async def check(self, session: Session) -> None:
        """Refuse a state folder that is not the one, if one was used before.

        Raises:
            DestinationUnavailableError: It is another one, or none.
        """
        if self._id is not None:
            await self.require(session)

    async def require(self, session: Session) -> None:
        """Refuse a state folder that is not the one that knows what was delivered.

        The first time there is none to know: then it is made, or taken as it is.

        Raises:
            DestinationUnavailableError: It is another one, or none.
        """
        async with self._naming:
            if self._id is None:
                self._id = await self._first_id(session)
        if await session.stat(self._path(self._id)) is None:
            is_there = await session.is_folder(self._folder)
            raise DestinationUnavailableError(
                "sftp.folder_unfamiliar" if is_there else "sftp.folder_missing"
            )

    async def _first_id(self, session: Session) -> str:
        if not await session.is_folder(self._folder):
            raise DestinationUnavailableError("sftp.folder_missing")
        await session.make_folder(self._state)
        found = None
        async for name, _ in session.names(self._state):
            if name.startswith(_ID.encode("ascii")) and name.isascii():
                found = name.decode("ascii")
        if found is None:
            found = f"{_ID}{secrets.token_hex(16)}"
            await session.write_new(self._path(found), b"")
        if self._remembered is not None:
            await asyncio.to_thread(_write_synced, self._remembered, found)
        return found

    def _path(self, name: str) -> bytes:
        return self._state + b"/" + name.encode("ascii")


def _write_synced(path: Path, text: str) -> None:
    """Replace a small file of our own; it is on the disk afterwards. Blocking."""
    temporary = path.with_suffix(".tmp")
    with temporary.open("w", encoding="ascii") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    temporary.rename(path)
