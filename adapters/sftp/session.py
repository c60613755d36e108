"""What is asked through one SFTP channel, and how each request ends.

Every request has a limit in time. It ends in an answer, in ``RefusedError`` (the server
said no: it had no effect) or in ``LostError`` (nobody knows).
"""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable
from dataclasses import dataclass
from stat import S_ISREG
from typing import Final, TypeVar

import asyncssh
from asyncssh import sftp as protocol

from adapters.sftp.config import SFTPConfig
from adapters.sftp.mapping import NO_SUCH_FILE, NO_SUCH_PATH, UNSUPPORTED

T = TypeVar("T")

WINDOW_BYTES: Final = 256 * 1024
"""So much is written before its answers are awaited, so all before it is surely there."""

_BLOCK_BYTES: Final = 32 * 1024
"""What every server takes in one request (draft-ietf-secsh-filexfer-02, 3)."""

_REQUESTS: Final = 8

VOID: Final = b".void"
"""What a part's name has behind it once nobody may rename it to its final name."""


class LostError(Exception):
    """No answer came: the request may have had its effect. The argument is the reason."""

    @property
    def reason(self) -> str:
        """A stable code."""
        return str(self.args[0])


class RefusedError(Exception):
    """The server refused the request, which had no effect. The argument is the status."""

    @property
    def status(self) -> int:
        """``SSH_FX_…``."""
        return int(self.args[0])

    @property
    def is_absent(self) -> bool:
        """Whether the file is not there."""
        return self.status in {NO_SUCH_FILE, NO_SUCH_PATH}


@dataclass(frozen=True, slots=True)
class RemoteFile:
    """A regular file.

    Attributes:
        size: In bytes.
        changed_at: When it was changed, in seconds since 1970 by the server's clock; ``None``
            if the server does not tell.
    """

    size: int
    changed_at: int | None


class Session:
    """One SFTP channel. For one task at a time."""

    def __init__(self, sftp: asyncssh.SFTPClient, config: SFTPConfig) -> None:
        """Use a channel that is open."""
        self._sftp = sftp
        self._timeout_s = config.answer_timeout_s

    async def stat(self, path: bytes) -> RemoteFile | None:
        """Return the regular file at ``path``, or ``None`` if there is none."""
        try:
            attributes = await self._ask(self._sftp.lstat(path))
        except RefusedError as error:
            if error.is_absent:
                return None
            raise
        if attributes.permissions is not None and not S_ISREG(attributes.permissions):
            return None
        return _file(attributes)

    async def is_folder(self, path: bytes) -> bool:
        """Tell whether there is a folder at ``path``."""
        return await self._ask(self._sftp.isdir(path))

    async def read(self, path: bytes, most_bytes: int) -> bytes:
        """Return a file's content, of which at most ``most_bytes``."""
        file = await self._opened(path, asyncssh.FXF_READ, None)
        content = bytearray()
        while len(content) < most_bytes:
            # One request at a time: of several behind the end the library leaves errors about.
            size = min(_BLOCK_BYTES, most_bytes - len(content))
            block: bytes = await self._ask(file.read(size, len(content)))
            if not block:
                break
            content += block
        await self._ask(file.close())
        return bytes(content)

    async def write_new(self, path: bytes, content: bytes, mode: int | None = None) -> None:
        """Write a file that must not exist; its content is on the disk, where the server can."""
        flags = asyncssh.FXF_WRITE | asyncssh.FXF_CREAT | asyncssh.FXF_EXCL
        await self._write(await self._opened(path, flags, mode), content, 0)

    async def write_on(self, path: bytes, content: bytes, size: int) -> None:
        """Finish a file of which ``size`` bytes are there, the last window perhaps with gaps."""
        start = max(-(-size // WINDOW_BYTES) - 1, 0) * WINDOW_BYTES
        await self._write(await self._opened(path, asyncssh.FXF_WRITE, None), content, start)

    async def void(self, path: bytes) -> None:
        """Take a part away from whoever may still rename it, then its content.

        In this order: emptied first it could yet be delivered, empty.
        """
        await self.rename(path, path + VOID)
        await self.truncate(path + VOID)

    async def truncate(self, path: bytes) -> None:
        """Take a file's content away."""
        flags = asyncssh.FXF_WRITE | asyncssh.FXF_TRUNC
        await self._ask((await self._opened(path, flags, None)).close())

    async def remove(self, path: bytes) -> bool:
        """Remove a file; return whether it was there."""
        try:
            await self._ask(self._sftp.remove(path))
        except RefusedError as error:
            if error.is_absent:
                return False
            raise
        return True

    async def rename(self, source: bytes, target: bytes) -> None:
        """Rename at once where the server can; otherwise as it can, never over a file.

        Look first what lies at ``target``: ``posix-rename@openssh.com`` overwrites it.
        """
        try:
            await self._ask(self._sftp.posix_rename(source, target))
        except RefusedError as error:
            if error.status != UNSUPPORTED:
                raise
            await self._ask(self._sftp.rename(source, target))

    async def make_folder(self, path: bytes) -> None:
        """Make a folder that is missing; its parent must be there."""
        if not await self.is_folder(path):
            with contextlib.suppress(RefusedError):  # another worker was faster, or it shows below
                await self._ask(self._sftp.mkdir(path))

    async def names(self, path: bytes) -> AsyncIterator[tuple[bytes, RemoteFile]]:
        """Yield the regular files of a folder, of any number, in no order."""
        listing = aiter(self._sftp.scandir(path))
        try:
            while (entry := await self._ask(anext(listing, None))) is not None:
                attributes, name = entry.attrs, entry.filename
                known = attributes.permissions
                if isinstance(name, bytes) and (known is None or S_ISREG(known)):
                    yield name, _file(attributes)
        finally:
            if isinstance(listing, AsyncGenerator):
                await listing.aclose()

    async def free_bytes(self, path: bytes) -> int | None:
        """Return the room left for us, or ``None`` if the server does not tell."""
        try:
            space = await self._ask(self._sftp.statvfs(path))
        except RefusedError:
            return None
        return space.bavail * (space.frsize or space.bsize)

    def end(self) -> None:
        """End the channel, and with it whatever is still open on the server."""
        self._sftp.exit()

    async def _opened(self, path: bytes, flags: int, mode: int | None) -> asyncssh.SFTPClientFile:
        attributes = asyncssh.SFTPAttrs() if mode is None else asyncssh.SFTPAttrs(permissions=mode)
        return await self._ask(
            self._sftp.open(
                path,
                flags,
                attributes,
                encoding=None,
                block_size=_BLOCK_BYTES,
                max_requests=_REQUESTS,
            )
        )

    async def _write(self, file: asyncssh.SFTPClientFile, content: bytes, start: int) -> None:
        for offset in range(start, len(content), WINDOW_BYTES):
            window = content[offset : offset + WINDOW_BYTES]
            await self._ask(file.write(window, offset))
        try:
            await self._ask(file.fsync())
        except RefusedError as error:
            if error.status != UNSUPPORTED:
                raise
        await self._ask(file.close())

    async def _ask(self, answer: Awaitable[T]) -> T:
        try:
            async with asyncio.timeout(self._timeout_s):
                return await answer
        except TimeoutError as error:
            raise LostError("sftp.answer_late") from error
        except (protocol.SFTPConnectionLost, protocol.SFTPNoConnection) as error:
            raise LostError("sftp.connection_lost") from error
        except protocol.SFTPBadMessage as error:
            raise LostError("sftp.answer_malformed") from error
        except asyncssh.SFTPError as error:
            raise RefusedError(error.code) from error
        except (asyncssh.Error, OSError) as error:
            raise LostError("sftp.connection_lost") from error


def _file(attributes: asyncssh.SFTPAttrs) -> RemoteFile:
    changed_at = attributes.mtime
    return RemoteFile(attributes.size or 0, None if changed_at is None else int(changed_at))
