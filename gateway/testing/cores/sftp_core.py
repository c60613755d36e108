"""A core system behind a real SFTP server, which can be told to fail at any request.

The server shows ``root`` to one login: ``drop`` for what comes in, ``results`` for what goes
back. The core system behind it takes files out of ``drop`` as ``file_core`` does, each once
its trigger file is there if there are trigger files.
"""

import argparse
import asyncio
import errno
import os
import signal
import sys
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import asyncssh

from gateway.testing.cores.file_core import FileCore, FileCoreSettings
from gateway.testing.cores.ledger import Ledger

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

    def cuts(self, name: str, number: int) -> bool:
        """Tell whether the connection ends at this request, and count it."""
        if name == self.cut_on and self.cut_times > 0:
            self.cut_times -= 1
            return True
        return number == self.cut_at


class SFTPCore:
    """The server. Change ``behaviour`` at any time; it holds for connections that stand too.

    Attributes:
        behaviour: What it does.
        requests: Every request that reached it, by name, in order.
        arrivals: Every file that got its final name in ``drop``, with its content, in order.
        most_at_once: How many were getting their names at one moment at most.
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

    def __init__(self, core: SFTPCore) -> None:
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

    def __init__(self, channel: "asyncssh.SSHServerChannel[bytes]", core: SFTPCore) -> None:
        super().__init__(channel, chroot=os.fsencode(core.root))
        self._core = core

    async def open(self, path: bytes, pflags: int, attrs: asyncssh.SFTPAttrs) -> object:
        number = self._before("open")
        opened = super().open(path, pflags, attrs)
        await self._after("open", number)
        return opened

    async def close(self, file_obj: object) -> None:
        super().close(file_obj)  # not counted: the server does it by itself at the end

    async def read(self, file_obj: object, offset: int, size: int) -> bytes:
        number = self._before("read")
        content = super().read(file_obj, offset, size)
        await self._after("read", number)
        assert isinstance(content, bytes)
        return content

    async def write(self, file_obj: object, offset: int, data: bytes) -> int:
        number = self._before("write")
        written = super().write(file_obj, offset, data)
        await self._after("write", number)
        assert isinstance(written, int)
        return written

    async def lstat(self, path: bytes) -> object:  # type: ignore[override]
        number = self._before("lstat")
        found = super().lstat(path)
        await self._after("lstat", number)
        return found

    async def stat(self, path: bytes) -> object:  # type: ignore[override]
        number = self._before("stat")
        found = super().stat(path)
        await self._after("stat", number)
        return found

    async def scandir(self, path: bytes) -> AsyncIterator[asyncssh.SFTPName]:
        number = self._before("scandir")
        async for name in super().scandir(path):
            yield name
        await self._after("scandir", number)

    async def remove(self, path: bytes) -> None:
        number = self._before("remove")
        super().remove(path)
        await self._after("remove", number)

    async def mkdir(self, path: bytes, attrs: asyncssh.SFTPAttrs) -> None:
        number = self._before("mkdir")
        super().mkdir(path, attrs)
        await self._after("mkdir", number)

    async def rename(self, oldpath: bytes, newpath: bytes) -> None:
        number = self._before("rename")
        super().rename(oldpath, newpath)
        self._core.note(newpath)
        with self._core.arriving():
            await self._after("rename", number)

    async def posix_rename(self, oldpath: bytes, newpath: bytes) -> None:
        number = self._before(POSIX_RENAME)
        super().posix_rename(oldpath, newpath)
        self._core.note(newpath)
        with self._core.arriving():
            await self._after(POSIX_RENAME, number)

    async def statvfs(self, path: bytes) -> object:  # type: ignore[override]
        number = self._before(STATVFS)
        found = super().statvfs(path)
        await self._after(STATVFS, number)
        return found

    async def fsync(self, file_obj: object) -> None:
        number = self._before(FSYNC)
        super().fsync(file_obj)
        await self._after(FSYNC, number)

    def _before(self, name: str) -> int:
        """Count the request and return its number, unless it is to fail."""
        core = self._core
        core.requests.append(name)
        number = len(core.requests)
        behaviour = core.behaviour
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
            await asyncio.sleep(behaviour.silent_s)


class SFTPTaker:
    """The core system behind the server: takes files away and writes results. Blocking."""

    def __init__(
        self,
        core: SFTPCore,
        ledger: Ledger,
        taken: Path,
        *,
        trigger_suffix: str | None = None,
        refuses_every: int = 5,
        decides_after_s: float = 0.0,
    ) -> None:
        """Make its folders; ``taken`` is on the same file system, outside of the server's root."""
        self._drop = core.drop
        self._inside = taken / "inside"
        self._trigger_suffix = trigger_suffix
        self.files = FileCore(
            FileCoreSettings(
                drop=self._inside if trigger_suffix else self._drop,
                taken=taken / "taken",
                results=core.results,
                refuses_every=refuses_every,
                decides_after_s=decides_after_s,
            ),
            ledger,
        )
        """What it took, and what it could not read."""

    def step(self) -> int:
        """Take what lies in the folder, write results that are due; return how many were taken."""
        if self._trigger_suffix is not None:
            for trigger in sorted(self._drop.glob(f"*{self._trigger_suffix}")):
                name = trigger.name.removesuffix(self._trigger_suffix)
                (self._drop / name).rename(self._inside / name)
                trigger.unlink()
        return self.files.step()


def refused(name: str, code: int, times: int = _FOR_EVER) -> dict[str, tuple[int, int]]:
    """Return ``Behaviour.refused`` that fails one kind of request."""
    return {name: (code, times)}


def _key_in(path: Path) -> asyncssh.SSHKey:
    """Return the host key of an earlier start, or make one and keep it."""
    if not path.exists():
        asyncssh.generate_private_key("ssh-ed25519").write_private_key(str(path))
    return asyncssh.read_private_key(str(path))


async def _serve(arguments: argparse.Namespace) -> None:
    ledger = Ledger(arguments.log)
    authorized = [asyncssh.read_public_key(str(path)) for path in arguments.authorized_key]
    core = SFTPCore(
        arguments.root,
        host_key=_key_in(arguments.host_key),
        password=arguments.password_file and arguments.password_file.read_text("utf-8").strip(),
        authorized=authorized,
    )
    taker = SFTPTaker(
        core,
        ledger,
        arguments.taken,
        trigger_suffix=arguments.trigger,
        refuses_every=arguments.refuse_every,
        decides_after_s=arguments.decide_after,
    )
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    port = await core.start(arguments.port)
    sys.stdout.write(f"{port}\n{core.host_key}\n")
    sys.stdout.flush()
    while not stop.is_set():
        taker.step()
        try:
            async with asyncio.timeout(arguments.interval):
                await stop.wait()
        except TimeoutError:
            continue
    await core.close()
    ledger.close()


def main() -> None:
    """Run it until it is told to stop; its output is its port and its host key, a line each."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--root", type=Path, required=True, help="what a login sees")
    parser.add_argument("--taken", type=Path, required=True, help="where it takes files to")
    parser.add_argument("--log", type=Path, required=True, help="the ledger, JSON Lines")
    parser.add_argument("--host-key", type=Path, required=True, help="made if missing")
    parser.add_argument("--port", type=int, default=0, help="0 takes a free one")
    parser.add_argument("--password-file", type=Path, help="the login's password")
    parser.add_argument(
        "--authorized-key", type=Path, action="append", default=[], help="a public key's file"
    )
    parser.add_argument("--trigger", help="take a file when this is there behind its name")
    parser.add_argument("--refuse-every", type=int, default=5, help="0 refuses none")
    parser.add_argument("--decide-after", type=float, default=0.0, help="seconds")
    parser.add_argument("--interval", type=float, default=0.2, help="seconds between two looks")
    asyncio.run(_serve(parser.parse_args()))


if __name__ == "__main__":
    main()
