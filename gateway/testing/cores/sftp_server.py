"""A real SFTP server on loopback, which can be told to fail at any request.

It shows ``root`` to one login: ``drop`` for what comes in, ``results`` for what goes back.
"""

import asyncio
import errno
import os
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import asyncssh

DROP: Final = "drop"
RESULTS: Final = "results"
USERNAME: Final = "kakehashi"

FSYNC: Final = "fsync"
POSIX_RENAME: Final = "posix_rename"
STATVFS: Final = "statvfs"

_HOST: Final = "127.0.0.1"
_FOR_EVER: Final = 1_000_000_000
_AN_HOUR_S: Final = 3600.0


@dataclass(slots=True)
class Behaviour:
    """What the server was told to do.

    Attributes:
        refused: Request to the ``errno`` with which it fails, and how often still.
        lacks: Extensions that it says not to know.
        silent_at: Requests that have their effect and are answered late.
        silent_s: So late.
        cut_at: Number of the request, from 1, at which the connection ends; 0 for none.
        cut_on: Requests by this name end the connection too, ``cut_times`` of them.
        cut_after: Whether such a request has its effect first.
        accepts: Whether it lets anybody in.
        on_request: Called with the name and number of each request, before its effect.
        clock_s: By how much the times that it tells are ahead; ``None`` tells no times.
        lists_times: Whether a listing tells times, too.
    """

    refused: dict[str, tuple[int, int]] = field(default_factory=dict)
    lacks: frozenset[str] = frozenset()
    silent_at: str | None = None
    silent_s: float = _AN_HOUR_S
    cut_at: int = 0
    cut_on: str | None = None
    cut_times: int = 0
    cut_after: bool = False
    accepts: bool = True
    on_request: Callable[[str, int], None] | None = None
    clock_s: int | None = 0
    lists_times: bool = True

    def told(self, attributes: asyncssh.SFTPAttrs) -> asyncssh.SFTPAttrs:
        """Change a file's times to what the server says."""
        if self.clock_s is None:
            attributes.mtime = None
        else:
            attributes.mtime = (attributes.mtime or 0) + self.clock_s
        return attributes

    def cuts(self, name: str, number: int) -> bool:
        """Tell whether the connection ends at this request, and count it."""
        if name == self.cut_on and self.cut_times > 0:
            self.cut_times -= 1
            return True
        return number == self.cut_at


class SFTPServer:
    """The server. Change ``behaviour`` at any time; it holds for connections that stand too.

    Attributes:
        behaviour: What it does.
        requests: Every request that reached it, by name, in order.
        arrivals: Every file that got its final name in ``drop``, with its content, in order.
        most_at_once: How many were getting their names at one moment at most.
        closing: Set when it ends: nobody is kept waiting any more.
    """

    def __init__(
        self,
        root: Path,
        *,
        host_key: asyncssh.SSHKey | None = None,
        password: str | None = None,
        authorized: Iterable[asyncssh.SSHKey] = (),
    ) -> None:
        """Keep what it shows and whom it lets in; makes the two folders."""
        self.behaviour = Behaviour()
        self.requests: list[str] = []
        self.arrivals: list[tuple[str, bytes]] = []
        self.most_at_once = 0
        self.closing = asyncio.Event()
        self._arriving = 0
        self._root = root
        self._host_key = host_key or asyncssh.generate_private_key("ssh-ed25519")
        self._password = password
        self._authorized = [key.convert_to_public() for key in authorized]
        self._server: asyncssh.SSHAcceptor | None = None
        for name in (DROP, RESULTS):
            (root / name).mkdir(parents=True, exist_ok=True)

    @property
    def drop(self) -> Path:
        """Where files come in."""
        return self._root / DROP

    @property
    def results(self) -> Path:
        """Where result files go."""
        return self._root / RESULTS

    @property
    def host_key(self) -> str:
        """Its public key, as a client pins it."""
        return self._host_key.export_public_key().decode().strip()

    async def start(self, port: int = 0) -> int:
        """Listen on loopback and return the port."""
        self._server = await asyncssh.listen(
            _HOST,
            port,
            server_factory=lambda: _Door(self),
            server_host_keys=[self._host_key],
            sftp_factory=lambda channel: _Files(channel, self),
            agent_forwarding=False,
            gss_host=None,
        )
        return int(self._server.get_port())

    async def close(self) -> None:
        """End every connection and stop listening. Idempotent."""
        server, self._server = self._server, None
        self.closing.set()
        if server is not None:
            server.close()
            await server.wait_closed()

    def lets_in(self, password: str) -> bool:
        """Tell whether it is the password."""
        return self.behaviour.accepts and password == self._password

    def knows(self, key: asyncssh.SSHKey) -> bool:
        """Tell whether the key may log in."""
        return self.behaviour.accepts and key in self._authorized

    @property
    def root(self) -> Path:
        """What a login sees as ``/``."""
        return self._root

    @contextmanager
    def arriving(self) -> Iterator[None]:
        """Count those that arrive at the same moment."""
        self._arriving += 1
        self.most_at_once = max(self.most_at_once, self._arriving)
        try:
            yield
        finally:
            self._arriving -= 1

    def note(self, path: bytes) -> None:
        """Write down that ``path``, as a login sees it, has its name."""
        file = self._root / os.fsdecode(path).lstrip("/")
        if file.parent == self.drop:
            self.arrivals.append((file.name, file.read_bytes()))


class _Door(asyncssh.SSHServer):
    """Who may come in."""

    def __init__(self, core: SFTPServer) -> None:
        self._core = core

    def password_auth_supported(self) -> bool:
        return True

    def validate_password(self, username: str, password: str) -> bool:
        return username == USERNAME and self._core.lets_in(password)

    def public_key_auth_supported(self) -> bool:
        return True

    def validate_public_key(self, username: str, key: asyncssh.SSHKey) -> bool:
        return username == USERNAME and self._core.knows(key)


class _Files(asyncssh.SFTPServer):
    """What is done with requests: counted, perhaps failed, cut or left without an answer."""

    def __init__(self, channel: "asyncssh.SSHServerChannel[bytes]", core: SFTPServer) -> None:
        super().__init__(channel, chroot=os.fsencode(core.root))
        self._core = core

    async def open(self, path: bytes, pflags: int, attrs: asyncssh.SFTPAttrs) -> object:
        async with self._request("open"):
            return super().open(path, pflags, attrs)

    async def read(self, file_obj: object, offset: int, size: int) -> bytes:
        async with self._request("read"):
            content = super().read(file_obj, offset, size)
            assert isinstance(content, bytes)
            return content

    async def write(self, file_obj: object, offset: int, data: bytes) -> int:
        async with self._request("write"):
            written = super().write(file_obj, offset, data)
            assert isinstance(written, int)
            return written

    async def lstat(self, path: bytes) -> object:  # type: ignore[override]
        async with self._request("lstat"):
            return self._told(super().lstat(path))

    async def stat(self, path: bytes) -> object:  # type: ignore[override]
        async with self._request("stat"):
            return self._told(super().stat(path))

    async def scandir(self, path: bytes) -> AsyncIterator[asyncssh.SFTPName]:
        async with self._request("scandir"):
            async for name in super().scandir(path):
                self._core.behaviour.told(name.attrs)
                if not self._core.behaviour.lists_times:
                    name.attrs.mtime = None
                yield name

    async def remove(self, path: bytes) -> None:
        async with self._request("remove"):
            super().remove(path)

    async def mkdir(self, path: bytes, attrs: asyncssh.SFTPAttrs) -> None:
        async with self._request("mkdir"):
            super().mkdir(path, attrs)

    async def rename(self, oldpath: bytes, newpath: bytes) -> None:
        async with self._request("rename"):
            super().rename(oldpath, newpath)
            self._core.note(newpath)

    async def posix_rename(self, oldpath: bytes, newpath: bytes) -> None:
        async with self._request(POSIX_RENAME):
            super().posix_rename(oldpath, newpath)
            self._core.note(newpath)

    async def statvfs(self, path: bytes) -> object:  # type: ignore[override]
        async with self._request(STATVFS):
            return super().statvfs(path)

    async def fsync(self, file_obj: object) -> None:
        async with self._request(FSYNC):
            super().fsync(file_obj)

    def _told(self, found: object) -> asyncssh.SFTPAttrs:
        assert isinstance(found, os.stat_result)
        return self._core.behaviour.told(asyncssh.SFTPAttrs.from_local(found))

    @asynccontextmanager
    async def _request(self, name: str) -> AsyncIterator[None]:
        """Count a request; let it fail, cut the connection, or keep the answer back."""
        number = self._before(name)
        try:
            yield
        finally:
            if name in {POSIX_RENAME, "rename"}:
                with self._core.arriving():
                    await self._after(name, number)
            else:
                await self._after(name, number)

    def _before(self, name: str) -> int:
        """Count the request and return its number, unless it is to fail."""
        core = self._core
        core.requests.append(name)
        number = len(core.requests)
        behaviour = core.behaviour
        if behaviour.on_request is not None:
            behaviour.on_request(name, number)
        if not behaviour.cut_after and behaviour.cuts(name, number):
            self.connection.abort()
            raise OSError(errno.EIO, "cut")
        if name in behaviour.lacks:
            raise asyncssh.SFTPOpUnsupported(name)
        code, times = behaviour.refused.get(name, (0, 0))
        if times > 0:
            behaviour.refused[name] = (code, times - 1)
            raise OSError(code, os.strerror(code))
        return number

    async def _after(self, name: str, number: int) -> None:
        """Let the answer go out, or not."""
        behaviour = self._core.behaviour
        if behaviour.cut_after and behaviour.cuts(name, number):
            self.connection.abort()
        if name == behaviour.silent_at:
            with suppress(TimeoutError):
                async with asyncio.timeout(behaviour.silent_s):
                    await self._core.closing.wait()


def refused(name: str, code: int, times: int = _FOR_EVER) -> dict[str, tuple[int, int]]:
    """Return ``Behaviour.refused`` that fails one kind of request."""
    return {name: (code, times)}
