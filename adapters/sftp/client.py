"""The wire: one SSH connection to a server whose key is known, and what is asked through it.

Every request has a limit in time. It ends in an answer, in ``RefusedError`` (the server
said no: it had no effect) or in ``LostError`` (nobody knows). One that is not answered in
time ends the connection for all: a server that is silent to one is silent.
"""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable
from dataclasses import dataclass
from stat import S_ISREG
from typing import Final, TypeVar

import asyncssh
import structlog
from asyncssh import sftp as protocol

from adapters.sftp.config import SFTPConfig
from adapters.sftp.mapping import NO_SUCH_FILE, NO_SUCH_PATH, UNSUPPORTED
from gateway.sdk import ConfigError, DestinationUnavailableError

T = TypeVar("T")

WINDOW_BYTES: Final = 256 * 1024
"""So much is written before its answers are awaited, so all before it is surely there."""

_BLOCK_BYTES: Final = 32 * 1024
"""What every server takes in one request (draft-ietf-secsh-filexfer-02, 3)."""

_REQUESTS: Final = 8
_IDLE_SESSIONS: Final = 4
_SIGNATURES: Final = (
    "ssh-ed25519",
    "ecdsa-sha2-nistp256",
    "ecdsa-sha2-nistp384",
    "ecdsa-sha2-nistp521",
    "rsa-sha2-512",
    "rsa-sha2-256",
)
"""Of host keys. Those that are pinned come first; the others only show what is there instead."""

log = structlog.get_logger()


class LostError(Exception):
    """No answer came: the request may have had its effect. The argument is the reason."""

    @property
    def reason(self) -> str:
        """A stable code."""
        return str(self.args[0])


class UntrustedHostError(DestinationUnavailableError):
    """The server has another key than those that are pinned.

    Attributes:
        detail: The code and both fingerprints, for the operator.
    """

    def __init__(self, pinned: list[str], offered: str) -> None:
        """Keep the fingerprints."""
        super().__init__("sftp.host_key_unknown")
        self.offered = offered
        self.detail = f"{self.reason}: pinned {' '.join(pinned)}, offered {offered}"


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
    """A regular file: its size in bytes and when it was changed, in seconds since 1970."""

    size: int
    changed_at: int


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
        return RemoteFile(attributes.size or 0, int(attributes.mtime or 0))

    async def is_folder(self, path: bytes) -> bool:
        """Tell whether there is a folder at ``path``."""
        return await self._ask(self._sftp.isdir(path))

    async def read(self, path: bytes, most_bytes: int) -> bytes:
        """Return a file's content, of which at most ``most_bytes``."""
        file = await self._opened(path, asyncssh.FXF_READ, None)
        content = bytearray()
        while len(content) < most_bytes:
            size = min(WINDOW_BYTES, most_bytes - len(content))
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
                    file = RemoteFile(attributes.size or 0, int(attributes.mtime or 0))
                    yield name, file
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


class Line:
    """The connection, made when it is needed and again when it is gone."""

    def __init__(self, config: SFTPConfig) -> None:
        """Keep the configuration; connects to nothing."""
        self._config = config
        self._connecting = asyncio.Lock()
        self._connection: asyncssh.SSHClientConnection | None = None
        self._idle: list[tuple[asyncssh.SSHClientConnection, Session]] = []
        self._reported: str | None = None
        self._is_open = False
        self._running = 0
        self._at_rest = asyncio.Event()
        self._at_rest.set()

    async def open(self) -> None:
        """Read the credentials once, to find out now what is wrong with them.

        Raises:
            ConfigError: A file cannot be read, or it is no private key.
        """
        await asyncio.to_thread(_credentials, self._config)
        self._is_open = True

    @contextlib.asynccontextmanager
    async def session(self) -> AsyncIterator[Session]:
        """Lend a channel; one that was not left in peace is ended, not lent again.

        Raises:
            DestinationUnavailableError: There is no connection, and why.
        """
        if not self._is_open:
            raise DestinationUnavailableError("sftp.not_open")
        self._running += 1
        self._at_rest.clear()
        try:
            connection = await self._connected()
            session = await self._channel(connection)
            try:
                yield session
            except LostError:
                # Nobody waits for a server that is silent, or talks nonsense.
                connection.abort()
                raise
            except BaseException:
                session.end()  # with it, files that are still open on the server
                raise
            self._give_back(connection, session)
        finally:
            self._running -= 1
            if not self._running:
                self._at_rest.set()

    async def close(self) -> None:
        """Wait for what runs, for a while, then end the connection. Idempotent."""
        self._is_open = False
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._config.close_timeout_s):
                await self._at_rest.wait()
        self._idle.clear()
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.abort()
            await connection.wait_closed()

    def _give_back(self, connection: asyncssh.SSHClientConnection, session: Session) -> None:
        if len(self._idle) < _IDLE_SESSIONS and not connection.is_closed():
            self._idle.append((connection, session))
        else:
            session.end()

    async def _channel(self, connection: asyncssh.SSHClientConnection) -> Session:
        while self._idle:
            of, session = self._idle.pop()
            if of is connection:
                return session
        try:
            async with asyncio.timeout(self._config.answer_timeout_s):
                # Names are bytes here: a name that is no text would end a listing.
                sftp = await connection.start_sftp_client(path_encoding=None)
        except (asyncssh.Error, OSError) as error:
            # TimeoutError is an OSError.
            connection.abort()
            raise DestinationUnavailableError("sftp.no_channel") from error
        return Session(sftp, self._config)

    async def _connected(self) -> asyncssh.SSHClientConnection:
        async with self._connecting:
            if self._connection is None or self._connection.is_closed():
                self._connection = await self._connect()
            return self._connection

    async def _connect(self) -> asyncssh.SSHClientConnection:
        config = self._config
        try:
            password, keys = await asyncio.to_thread(_credentials, config)
        except ConfigError as error:
            raise DestinationUnavailableError("sftp.credentials_unreadable") from error
        pinned = [asyncssh.import_public_key(line) for line in config.host_keys]
        watch = _HostKeyWatch(pinned)
        try:
            async with asyncio.timeout(config.connect_timeout_s + config.login_timeout_s):
                return await asyncssh.connect(
                    config.host,
                    config.port,
                    client_factory=lambda: watch,
                    known_hosts=(pinned, [], []),
                    server_host_key_algs=_algorithms(pinned),
                    username=config.username,
                    password=password,
                    client_keys=keys or None,
                    agent_path=None,
                    config=None,
                    gss_host=None,
                    x509_trusted_certs=None,
                    connect_timeout=config.connect_timeout_s,
                    login_timeout=config.login_timeout_s,
                    keepalive_interval=config.keepalive_s,
                )
        except asyncssh.HostKeyNotVerifiable as error:
            untrusted = watch.untrusted()
            if untrusted.offered != self._reported:
                self._reported = untrusted.offered
                log.warning("sftp.host_key_refused", detail=untrusted.detail)
            raise untrusted from error
        except asyncssh.PermissionDenied as error:
            raise DestinationUnavailableError("sftp.login_refused") from error
        except asyncssh.KeyExchangeFailed as error:
            raise DestinationUnavailableError("sftp.no_common_algorithm") from error
        except (asyncssh.Error, OSError) as error:
            raise DestinationUnavailableError("sftp.not_connected") from error


class _HostKeyWatch(asyncssh.SSHClient):
    """Trusts no key that is not pinned, and remembers which one was offered."""

    def __init__(self, pinned: list[asyncssh.SSHKey]) -> None:
        self._pinned = [key.get_fingerprint() for key in pinned]
        self._offered = "a certificate"

    def validate_host_public_key(
        self, host: str, addr: str, port: int, key: asyncssh.SSHKey
    ) -> bool:
        """Refuse: it is asked for keys that are not pinned only."""
        del host, addr, port
        self._offered = key.get_fingerprint()
        return False

    def untrusted(self) -> UntrustedHostError:
        """Return the error that names both fingerprints."""
        return UntrustedHostError(self._pinned, self._offered)


def _algorithms(pinned: list[asyncssh.SSHKey]) -> list[str]:
    ours = [name.decode() for key in pinned for name in key.sig_algorithms]
    return list(dict.fromkeys([*(name for name in ours if name in _SIGNATURES), *_SIGNATURES]))


def _credentials(config: SFTPConfig) -> tuple[str | None, list[asyncssh.SSHKey]]:
    """Return password and private keys as they are now. Blocking.

    Raises:
        ConfigError: A file cannot be read, or it is no private key.
    """
    password = None
    if config.password is not None:
        password = config.password.get_secret_value()
    elif config.password_file is not None:
        try:
            password = config.password_file.read_text("utf-8").rstrip("\r\n")
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigError("password_file: cannot be read") from error
    if config.private_key_file is None:
        return password, []
    secret = config.private_key_passphrase
    passphrase = None if secret is None else secret.get_secret_value()
    try:
        content = config.private_key_file.read_bytes()
    except OSError as error:
        raise ConfigError("private_key_file: cannot be read") from error
    try:
        return password, [asyncssh.import_private_key(content, passphrase)]
    except (asyncssh.KeyImportError, asyncssh.KeyEncryptionError, ValueError) as error:
        raise ConfigError("private_key_file: not a private key, or not its passphrase") from error
