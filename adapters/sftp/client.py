"""The wire: one SSH connection to a server whose key is known, and the channels through it.

A request that is not answered in time ends the connection for all: a server that is silent
to one is silent.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Final

import asyncssh
import structlog

from adapters.sftp.config import SFTPConfig
from adapters.sftp.session import LostError, Session
from gateway.sdk import ConfigError, DestinationUnavailableError

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
                self._drop(connection)
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

    def _drop(self, connection: asyncssh.SSHClientConnection) -> None:
        """End a connection for all who use it; the next one asks for another."""
        if self._connection is connection:
            self._connection = None
        connection.abort()

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
            self._drop(connection)
            raise DestinationUnavailableError("sftp.no_channel") from error
        return Session(sftp, self._config)

    async def _connected(self) -> asyncssh.SSHClientConnection:
        async with self._connecting:
            if self._connection is None or self._connection.is_closed():
                connection = await self._connect()
                if not self._is_open:  # closed meanwhile: nobody would end it
                    connection.abort()
                    raise DestinationUnavailableError("sftp.not_open")
                self._connection = connection
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
