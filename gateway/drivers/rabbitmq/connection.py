"""Connections and channels that are made anew when they are needed and gone."""

import asyncio
import logging
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Final
from urllib.parse import parse_qsl, urlencode, urlsplit

import aiormq
from aiormq.abc import AbstractChannel
from structlog import get_logger

from gateway.domain.errors import BrokerUnavailableError
from gateway.drivers.rabbitmq.errors import LIBRARY_ERRORS, cancellations, unavailable
from gateway.drivers.rabbitmq.guarded_transport import GuardedTransport

log = get_logger(__name__)

_CLOSE_TIMEOUT_S: Final = 5.0


class Link:
    """One connection for one purpose, made when first needed and again when lost."""

    def __init__(
        self, url: str, *, purpose: str, connect_timeout_s: float, heartbeat_s: int
    ) -> None:
        """Plan a connection; nothing is connected.

        Args:
            url: ``amqp://`` or ``amqps://``, with credentials.
            purpose: Shown as the connection's name on the broker.
            connect_timeout_s: Until a connection must stand.
            heartbeat_s: A silent broker is given up after about three of them.
        """
        parts = urlsplit(url)
        query = dict(parse_qsl(parts.query)) | {
            "heartbeat": str(heartbeat_s),
            "name": f"kakehashi {purpose}",
        }
        self._url = parts._replace(query=urlencode(query)).geturl()
        self._tls = parts.scheme == "amqps"
        self._purpose = purpose
        self._connect_timeout_s = connect_timeout_s
        self._connection: aiormq.Connection | None = None
        self._connecting: asyncio.Task[aiormq.Connection] | None = None
        self._is_open = False
        self._is_down = False

    async def open(self) -> None:
        """Connect. Idempotent.

        Raises:
            BrokerUnavailableError: No connection within ``connect_timeout_s``.
        """
        # What it would say we say ourselves, without frames and bodies in it.
        logging.getLogger("aiormq").setLevel(logging.CRITICAL)
        self._is_open = True
        try:
            await self.connection()
        except BrokerUnavailableError:
            self._is_open = False
            raise

    async def connection(self) -> aiormq.Connection:
        """Return the living connection; everybody who waits shares one attempt.

        Raises:
            BrokerUnavailableError: It was closed, or cannot be made now.
        """
        if not self._is_open:
            raise BrokerUnavailableError(self._purpose)
        if self._connection is not None and self._connection.is_opened:
            return self._connection
        if self._connecting is None or self._connecting.done():
            self._connecting = asyncio.create_task(self._connect())
            # Everybody who waited may have been cancelled: then nobody reads the error.
            self._connecting.add_done_callback(lambda task: task.cancelled() or task.exception())
        with unavailable(self._purpose):
            return await asyncio.shield(self._connecting)

    async def drop(self, connection: aiormq.Connection) -> None:
        """Give up a connection that no longer answers; the next use makes another."""
        if connection is self._connection:
            self._connection = None
        await _close_quietly(connection)

    async def close(self) -> None:
        """Disconnect. Idempotent."""
        self._is_open = False
        if self._connecting is not None:
            self._connecting.cancel()
            await asyncio.wait([self._connecting])
            self._connecting = None
        if self._connection is not None:
            await self.drop(self._connection)

    async def _connect(self) -> aiormq.Connection:
        connection = aiormq.Connection(self._url, transport_factory=GuardedTransport(tls=self._tls))
        try:
            with unavailable(self._purpose):
                async with asyncio.timeout(self._connect_timeout_s):
                    await connection.connect()
        except BrokerUnavailableError as error:
            if not self._is_down:
                self._is_down = True
                reason = type(error.__cause__).__name__
                log.warning("broker.connect_failed", purpose=self._purpose, reason=reason)
            raise
        if self._is_down:
            self._is_down = False
            log.info("broker.connected_again", purpose=self._purpose)
        connection.closing.add_done_callback(self._note_loss)
        self._connection = connection
        return connection

    def _note_loss(self, _: object) -> None:
        if self._is_open and not self._is_down:
            self._is_down = True
            log.warning("broker.connection_lost", purpose=self._purpose)


class SteadyChannel:
    """A channel for many tasks at once, opened when first needed and again when closed."""

    def __init__(self, link: Link, *, confirms: bool = True) -> None:
        """Plan a channel on ``link``; with ``confirms``, unroutable messages raise too."""
        self._link = link
        self._confirms = confirms
        self._channel: AbstractChannel | None = None
        self._opening = asyncio.Lock()

    async def get(self) -> AbstractChannel:
        """Return the open channel. Its caller sets the time limit and translates errors."""
        if self._channel is None or self._channel.is_closed:
            async with self._opening:
                if self._channel is None or self._channel.is_closed:
                    channel = await open_channel(self._link, confirms=self._confirms)
                    await self.prepare(channel)
                    self._channel = channel
        return self._channel

    async def prepare(self, channel: AbstractChannel) -> None:
        """Do what a new channel needs before it is used; subclasses say what."""

    async def close(self) -> None:
        """Close it if it is open; ``get`` opens it again."""
        channel, self._channel = self._channel, None
        if channel is not None:
            await close_channel(channel)


async def open_channel(link: Link, *, confirms: bool = True) -> AbstractChannel:
    """Return a new channel. Its caller sets the time limit and translates errors."""
    connection = await link.connection()
    return await connection.channel(publisher_confirms=confirms, on_return_raises=confirms)


async def close_channel(channel: AbstractChannel) -> None:
    """Close a channel whatever its state; what it had not acknowledged goes back."""
    with _closing_quietly():
        async with asyncio.timeout(_CLOSE_TIMEOUT_S):
            await channel.close()


@contextmanager
def _closing_quietly() -> Iterator[None]:
    """Ignore what the library raises inside, its own cancellations included.

    One that somebody asked this task for goes on, although the library may swallow it:
    lost here, it would leave the task running after its process was told to stop.
    """
    before = cancellations()
    with suppress(*LIBRARY_ERRORS, asyncio.CancelledError):
        yield
    if cancellations() > before:
        raise asyncio.CancelledError


async def _close_quietly(connection: aiormq.Connection) -> None:
    with _closing_quietly():
        async with asyncio.timeout(_CLOSE_TIMEOUT_S):
            await connection.close()
