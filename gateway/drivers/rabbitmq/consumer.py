"""Receiving that survives whatever happens to the broker, the connection or the queue.

All subscriptions share one connection. A queue that is broken (a quorum queue without a
leader) leaves who wants to consume it without an answer, or has the broker close the whole
connection; every new attempt would cost the others what they hold. So an attempt after such
a failure is made on a connection of its own, and stays there if it succeeds.
"""

import asyncio
from collections.abc import Awaitable
from dataclasses import dataclass
from typing import Final, Self, TypeVar

import aiormq
from aiormq.abc import AbstractChannel, DeliveredMessage
from aiormq.exceptions import ConnectionInternalError
from structlog import get_logger

from gateway.domain.errors import BrokerUnavailableError
from gateway.drivers.rabbitmq.connection import Link
from gateway.drivers.rabbitmq.errors import unavailable
from gateway.drivers.rabbitmq.wire import message_from
from gateway.ports.broker import Message, Received

log = get_logger(__name__)

T = TypeVar("T")

_FIRST_PAUSE_S: Final = 0.05
_LONGEST_PAUSE_S: Final = 1.0
_LONGEST_PAUSE_APART_S: Final = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How long a consumer trusts in silence.

    Attributes:
        answer_s: The broker must answer a question on the consuming channel within this.
        canary_every_s: How often it is asked. A consumer that got nothing between two
            questions, although messages lay ready and it had room, begins anew.
    """

    answer_s: float
    canary_every_s: float


class _Session:
    """One channel that consumes; what it delivered is void once it is closed."""

    def __init__(self, channel: AbstractChannel, prefetch: int) -> None:
        self.channel = channel
        self._prefetch = prefetch
        self._held: set[int] = set()
        self._delivered = 0
        self._delivered_before = -1
        self._was_stalled = False

    def take(self, delivery_tag: int) -> None:
        self._held.add(delivery_tag)
        self._delivered += 1

    async def ack(self, delivery_tag: int) -> None:
        if delivery_tag in self._held:
            # Twice would be a channel error (406) that costs everybody their messages.
            self._held.remove(delivery_tag)
            await self.channel.basic_ack(delivery_tag)

    def is_deaf(self, ready: int) -> bool:
        """Tell whether, for the second time in a row, nothing came that should have."""
        stalled = (
            ready > 0
            and len(self._held) < self._prefetch
            and self._delivered == self._delivered_before
        )
        deaf = stalled and self._was_stalled
        self._delivered_before, self._was_stalled = self._delivered, stalled
        return deaf


class _Delivered:
    """One message in a consumer's hands."""

    def __init__(self, delivered: DeliveredMessage, session: _Session, timeout_s: float) -> None:
        self.session = session
        self._message = message_from(delivered)
        self._redelivered = bool(delivered.redelivered)
        self._delivery_tag = delivered.delivery_tag or 0
        self._timeout_s = timeout_s

    @property
    def message(self) -> Message:
        return self._message

    @property
    def redelivered(self) -> bool:
        return self._redelivered

    async def ack(self) -> None:
        try:
            with unavailable("ack"):
                async with asyncio.timeout(self._timeout_s):
                    await self.session.ack(self._delivery_tag)
        except BrokerUnavailableError as error:
            log.info("broker.ack_lost", reason=type(error.__cause__).__name__)


class Subscription:
    """An iterator over a queue; ``start`` it, iterate, ``stop`` it."""

    def __init__(self, link: Link, queue: str, *, prefetch: int, patience: Patience) -> None:
        """Plan to receive; nothing is opened."""
        self._link = link
        self._queue = queue
        self._prefetch = prefetch
        self._patience = patience
        self._inbox: asyncio.Queue[_Delivered | None] = asyncio.Queue()
        self._session: _Session | None = None
        self._running: asyncio.Task[None] | None = None
        self._is_down = False
        self._is_apart = False

    def __aiter__(self) -> Self:
        """Return itself."""
        return self

    async def __anext__(self) -> Received:
        """Return the next message, however long it takes."""
        while True:
            delivered = await self._inbox.get()
            if delivered is None:
                self._inbox.put_nowait(None)
                raise RuntimeError(self._queue) from self._defect()
            # What an earlier channel had delivered will be delivered again.
            if delivered.session is self._session:
                return delivered

    def start(self) -> None:
        """Begin to receive, as soon as there is a broker and a queue."""
        self._running = asyncio.create_task(self._run(), name=f"consume {self._queue}")
        self._running.add_done_callback(lambda _: self._inbox.put_nowait(None))

    async def stop(self) -> None:
        """Give back what was not acknowledged."""
        if self._running is not None:
            self._running.cancel()
            await asyncio.wait([self._running])

    def _defect(self) -> BaseException | None:
        if self._running is None or not self._running.done() or self._running.cancelled():
            return None
        return self._running.exception()

    async def _run(self) -> None:
        pause_s = _FIRST_PAUSE_S
        while True:
            try:
                with unavailable(self._queue):
                    await self._receive()
            except BrokerUnavailableError as error:
                if not self._is_down:
                    pause_s = _FIRST_PAUSE_S
                    self._is_down = True
                    reason = type(error.__cause__ or error).__name__
                    log.warning("broker.consumer_lost", queue=self._queue, reason=reason)
            await asyncio.sleep(pause_s)
            longest_s = _LONGEST_PAUSE_APART_S if self._is_apart else _LONGEST_PAUSE_S
            pause_s = min(2 * pause_s, longest_s)

    async def _receive(self) -> None:
        """Consume until that breaks, which is always an error."""
        if not self._is_apart:
            await self._receive_over(self._link)
            return
        link, self._is_apart = self._link.apart(), False
        try:
            await link.open()
            self._is_apart = True
            await self._receive_over(link)
        finally:
            await link.close()

    async def _receive_over(self, link: Link) -> None:
        """Consume on a channel of its own until that breaks."""
        connection = await link.connection()
        channel = await self._answer(connection, connection.channel(publisher_confirms=False))
        session = _Session(channel, self._prefetch)
        cancelled: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        try:
            try:
                await self._answer(connection, self._consume(session, cancelled))
            except ConnectionInternalError:
                self._is_apart = True
                raise
            self._is_apart = False
            if self._is_down:
                self._is_down = False
                log.info("broker.consumer_back", queue=self._queue)
            await self._watch(connection, session, cancelled)
        finally:
            self._session = None
            await link.close_channel(channel)

    async def _consume(self, session: _Session, cancelled: asyncio.Future[None]) -> None:
        async def receive(delivered: DeliveredMessage) -> None:
            session.take(delivered.delivery_tag or 0)
            self._inbox.put_nowait(_Delivered(delivered, session, self._patience.answer_s))

        def stop_waiting(_: aiormq.spec.Basic.Cancel) -> None:
            if not cancelled.done():
                cancelled.set_result(None)

        session.channel.on_consumer_cancel_callbacks.add(stop_waiting)
        await session.channel.basic_qos(prefetch_count=self._prefetch)
        # Set first: messages may arrive before the answer.
        self._session = session
        await session.channel.basic_consume(self._queue, receive)

    async def _watch(
        self, connection: aiormq.Connection, session: _Session, cancelled: asyncio.Future[None]
    ) -> None:
        """Wait until the consumer is known to be gone, then raise."""
        closing = session.channel.closing
        while True:
            await asyncio.wait(
                (closing, cancelled),
                timeout=self._patience.canary_every_s,
                return_when=asyncio.FIRST_COMPLETED,
            )
            if closing.done():
                await closing
            if cancelled.done():
                raise BrokerUnavailableError(self._queue)
            found = await self._answer(
                connection, session.channel.queue_declare(self._queue, passive=True)
            )
            if not found.consumer_count or session.is_deaf(found.message_count or 0):
                raise BrokerUnavailableError(self._queue)

    async def _answer(self, connection: aiormq.Connection, question: Awaitable[T]) -> T:
        """Return the broker's answer; a connection on which it gives none is dropped.

        Unless it answers other questions: then it is our queue that is silent.
        """
        try:
            async with asyncio.timeout(self._patience.answer_s):
                return await question
        except TimeoutError:
            self._is_apart = await self._link.still_answers(
                connection, timeout_s=self._patience.answer_s
            )
            if not self._is_apart:
                await self._link.drop(connection)
            raise
