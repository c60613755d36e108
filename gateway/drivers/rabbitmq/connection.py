"""Connections and channels that are made anew when they are needed and gone."""

import asyncio
import logging
from collections import deque
from contextlib import suppress
from typing import Final, Self
from urllib.parse import parse_qsl, urlencode, urlsplit

import aiormq
from aiormq.abc import AbstractChannel
from structlog import get_logger

from gateway.domain.errors import BrokerUnavailableError
from gateway.drivers.rabbitmq.errors import LIBRARY_ERRORS, unavailable
from gateway.drivers.rabbitmq.guarded_transport import GuardedTransport

log = get_logger(__name__)

_CLOSE_TIMEOUT_S: Final = 5.0
_OPEN_TIMEOUT_S: Final = 60.0
_IDLE_TIMEOUT_S: Final = 60.0


class Link:
    """One connection for one purpose, made when first needed and again when lost."""

    def __init__(
        self,
        url: str,
        *,
        purpose: str,
        connect_timeout_s: float,
        heartbeat_s: int,
        is_quiet: bool = False,
    ) -> None:
        """Plan a connection; nothing is connected.

        Args:
            url: ``amqp://`` or ``amqps://``, with credentials. Several addresses may stand
                in it, with commas between them: the nodes of one cluster.
            purpose: Shown as the connection's name on the broker.
            connect_timeout_s: Until a connection must stand, for each address.
            heartbeat_s: A silent broker is given up after about three of them.
            is_quiet: Whether it says nothing of its losses.
        """
        self._url = url
        self._addresses = deque(_addresses(url, purpose=purpose, heartbeat_s=heartbeat_s))
        self._tls = urlsplit(url).scheme == "amqps"
        self._purpose = purpose
        self._connect_timeout_s = connect_timeout_s
        self._heartbeat_s = heartbeat_s
        self._is_quiet = is_quiet
        self._connection: aiormq.Connection | None = None
        self._connecting: asyncio.Task[aiormq.Connection] | None = None
        self._closing: set[asyncio.Task[None]] = set()
        self._is_open = False
        self._is_down = False

    @property
    def is_connected(self) -> bool:
        """Whether the connection stands, as far as is known here."""
        return self._connection is not None and self._connection.is_opened

    def apart(self) -> Self:
        """Return a link of its own to the same broker, not yet open, that says nothing."""
        return type(self)(
            self._url,
            purpose=self._purpose,
            connect_timeout_s=self._connect_timeout_s,
            heartbeat_s=self._heartbeat_s,
            is_quiet=True,
        )

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

    async def still_answers(self, connection: aiormq.Connection, *, timeout_s: float) -> bool:
        """Tell whether the broker answers on ``connection`` what concerns no queue."""
        try:
            with unavailable(self._purpose):
                async with asyncio.timeout(timeout_s):
                    channel = await connection.channel(publisher_confirms=False)
        except BrokerUnavailableError:
            return False
        await self.close_channel(channel)
        return True

    async def close_channel(self, channel: AbstractChannel) -> None:
        """Close a channel whatever its state; what it had not acknowledged goes back."""
        await self._close(channel)

    def close_when_idle(self, channel: aiormq.Channel) -> None:
        """Close a channel after the broker has confirmed, or refused, what is under way on it."""

        async def close() -> None:
            if waited := [each for each in channel.confirmations.values() if not each.done()]:
                await asyncio.wait(waited, timeout=_IDLE_TIMEOUT_S)
            await _close_quietly(channel)

        self._keep(asyncio.create_task(close()))

    def _keep(self, closing: asyncio.Task[None]) -> None:
        self._closing.add(closing)
        closing.add_done_callback(self._closing.discard)

    async def _close(self, closable: AbstractChannel | aiormq.Connection) -> None:
        """Close, and wait for it no longer than ``_CLOSE_TIMEOUT_S``.

        In a task of its own, which nobody cancels. The library swallows cancellations; and
        a channel whose closing is cancelled it closes a second time, which the broker
        answers by closing the whole connection (504).
        """
        closing = asyncio.create_task(_close_quietly(closable))
        self._keep(closing)
        await asyncio.wait([closing], timeout=_CLOSE_TIMEOUT_S)

    async def drop(self, connection: aiormq.Connection) -> None:
        """Give up a connection that no longer answers; the next use makes another."""
        if connection is self._connection:
            self._connection = None
        await self._close(connection)

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
        connection = await self._connect_to_any()
        if self._is_down:
            self._is_down = False
            self._say(logging.INFO, "broker.connected_again")
        connection.closing.add_done_callback(self._note_loss)
        self._connection = connection
        return connection

    async def _connect_to_any(self) -> aiormq.Connection:
        tried = 0
        while True:
            try:
                return await self._connect_to(self._addresses[0])
            except BrokerUnavailableError as error:
                self._addresses.rotate(-1)
                tried += 1
                if tried == len(self._addresses):
                    self._note_failure(error)
                    raise

    async def _connect_to(self, address: str) -> aiormq.Connection:
        transport = GuardedTransport(tls=self._tls)
        connection = aiormq.Connection(address, transport_factory=transport)
        with unavailable(self._purpose):
            async with asyncio.timeout(self._connect_timeout_s):
                await connection.connect()
        return connection

    def _note_failure(self, error: BrokerUnavailableError) -> None:
        if not self._is_down:
            self._is_down = True
            reason = type(error.__cause__).__name__
            self._say(logging.WARNING, "broker.connect_failed", reason=reason)

    def _note_loss(self, _: object) -> None:
        # Another node first: a frozen one would still take connections and say nothing.
        self._addresses.rotate(-1)
        if self._is_open and not self._is_down:
            self._is_down = True
            self._say(logging.WARNING, "broker.connection_lost")

    def _say(self, level: int, event: str, **facts: str) -> None:
        if not self._is_quiet:
            log.log(level, event, purpose=self._purpose, **facts)


def _addresses(url: str, *, purpose: str, heartbeat_s: int) -> list[str]:
    """Return ``url`` once for each address in it, with the library's parameters."""
    parts = urlsplit(url)
    query = dict(parse_qsl(parts.query)) | {
        "heartbeat": str(heartbeat_s),
        "name": f"kakehashi {purpose}",
    }
    credentials, at, addresses = parts.netloc.rpartition("@")
    return [
        parts._replace(netloc=f"{credentials}{at}{address}", query=urlencode(query)).geturl()
        for address in addresses.split(",")
    ]


class SteadyChannel:
    """A channel for many tasks at once, opened when first needed and again when closed."""

    def __init__(self, link: Link, *, confirms: bool = True) -> None:
        """Plan a channel on ``link``; with ``confirms``, unroutable messages raise too."""
        self._link = link
        self._confirms = confirms
        self._channel: AbstractChannel | None = None
        self._opening: asyncio.Task[AbstractChannel] | None = None

    async def get(self) -> AbstractChannel:
        """Return the open channel. Its caller sets the time limit and translates errors.

        Opening goes on when a caller gives up: over a slow line it takes longer than most
        wait, and would be begun again and again.
        """
        if self._channel is not None and not self._channel.is_closed:
            return self._channel
        if self._opening is None or self._opening.done():
            self._opening = asyncio.create_task(self._open())
            # Everybody who waited may have been cancelled: then nobody reads the error.
            self._opening.add_done_callback(lambda task: task.cancelled() or task.exception())
        return await asyncio.shield(self._opening)

    async def _open(self) -> AbstractChannel:
        async with asyncio.timeout(_OPEN_TIMEOUT_S):
            channel = await open_channel(self._link, confirms=self._confirms)
            try:
                await self.prepare(channel)
            except BaseException:
                await self._link.close_channel(channel)
                raise
        self._channel = channel
        return channel

    async def prepare(self, channel: AbstractChannel) -> None:
        """Do what a new channel needs before it is used; subclasses say what."""

    def replace(self) -> None:
        """Let ``get`` open another; the old one is closed once nobody waits on it."""
        channel, self._channel = self._channel, None
        if isinstance(channel, aiormq.Channel):
            self._link.close_when_idle(channel)

    async def close(self) -> None:
        """Close it if it is open; ``get`` opens it again."""
        opening, self._opening = self._opening, None
        if opening is not None:
            opening.cancel()
            await asyncio.wait([opening])
        channel, self._channel = self._channel, None
        if channel is not None:
            await self._link.close_channel(channel)


async def open_channel(link: Link, *, confirms: bool = True) -> AbstractChannel:
    """Return a new channel. Its caller sets the time limit and translates errors."""
    connection = await link.connection()
    return await connection.channel(publisher_confirms=confirms, on_return_raises=confirms)


async def _close_quietly(closable: AbstractChannel | aiormq.Connection) -> None:
    with suppress(*LIBRARY_ERRORS, asyncio.CancelledError):
        await closable.close()
