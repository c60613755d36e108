"""The broker's port on RabbitMQ: one object for everything that is said to it."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Final

from gateway.drivers.rabbitmq import changes
from gateway.drivers.rabbitmq.connection import Link
from gateway.drivers.rabbitmq.consumer import Patience, Subscription
from gateway.drivers.rabbitmq.errors import unavailable
from gateway.drivers.rabbitmq.publisher import Publisher
from gateway.drivers.rabbitmq.requester import Replier, Requester
from gateway.drivers.rabbitmq.topology import EXCHANGES, QueueLimits, exchange_of, queues
from gateway.ports.broker import Message, Received

HEARTBEAT_S: Final = 10
"""AMQP heartbeat; a frozen broker is given up after about 33 s (aiormq: three and a grace)."""
CANARY_EVERY_S: Final = 5.0
"""How often a consumer asks whether it still is one."""
APPLY_TIMEOUT_S: Final = 600.0
"""Replacing queues moves their messages, one by one."""


class RabbitBroker:
    """Speaks to one RabbitMQ over two connections, one to publish and one to consume.

    A queue that is broken may have a further one to itself (``consumer``).

    With the credentials of ``topology.worker_permissions`` everything works but
    ``declare``, ``apply``, ``reply`` and what concerns other destinations.
    """

    def __init__(
        self,
        url: str,
        *,
        confirm_timeout_s: float = 10.0,
        connect_timeout_s: float = 20.0,
        heartbeat_s: int = HEARTBEAT_S,
        canary_every_s: float = CANARY_EVERY_S,
        limits: QueueLimits | None = None,
    ) -> None:
        """Plan the connections; nothing is opened.

        Args:
            url: ``amqp://`` or ``amqps://``, with user, password and virtual host; aiormq's
                parameters (``cafile``, ``certfile``, ``keyfile``) may follow. For a cluster
                its nodes' addresses stand in it, ``HOST:PORT,HOST:PORT``: the next one is
                taken when one is lost.
            confirm_timeout_s: Until the broker must have confirmed, or answered.
            connect_timeout_s: Until a connection must stand: three round trips, and as many
                for TLS.
            heartbeat_s: AMQP heartbeat of both connections.
            canary_every_s: How often consumers are looked after.
            limits: Of the destinations' queues, for ``declare`` and ``apply``.
        """
        self._confirm_timeout_s = confirm_timeout_s
        self._limits = limits or QueueLimits()
        self._patience = Patience(answer_s=confirm_timeout_s, canary_every_s=canary_every_s)
        self._publishing, self._consuming = (
            Link(
                url,
                purpose=purpose,
                connect_timeout_s=connect_timeout_s,
                heartbeat_s=heartbeat_s,
            )
            for purpose in ("publishing", "consuming")
        )
        self._publishers = {
            exchange: Publisher(self._publishing, exchange, confirm_timeout_s=confirm_timeout_s)
            for exchange in EXCHANGES
        }
        self._requesters = {
            exchange: Requester(self._publishing, exchange) for exchange in EXCHANGES
        }
        self._replier = Replier(self._publishing, timeout_s=confirm_timeout_s)

    @property
    def is_connected(self) -> bool:
        """Whether both connections stand; a frozen broker is noticed after its heartbeats."""
        return self._publishing.is_connected and self._consuming.is_connected

    async def open(self) -> None:
        """Open both connections."""
        await self._publishing.open()
        await self._consuming.open()

    async def declare(self, destinations: Sequence[str]) -> None:
        """Create what is missing of ``topology.queues``."""
        await self.apply(destinations, recreate=False)

    async def apply(self, destinations: Sequence[str], *, recreate: bool) -> None:
        """Create what is missing; with ``recreate``, replace what has other arguments.

        Stop workers and gateways before replacing: what they hold unacknowledged
        in a replaced queue is gone from the broker.

        Raises:
            TopologyMismatchError: Something has other arguments, and ``recreate`` is
                false; it was left as it is, and everything else created.
            BrokerUnavailableError: The broker did not answer; apply again.
        """
        with unavailable("topology"):
            async with asyncio.timeout(APPLY_TIMEOUT_S):
                plans = queues(destinations, self._limits)
                await changes.apply(self._publishing, plans, recreate=recreate)

    async def compare(self, destinations: Sequence[str]) -> tuple[list[str], list[str]]:
        """Return what is missing of ``topology.queues``, and what has other arguments.

        Raises:
            BrokerUnavailableError: The broker did not answer.
        """
        with unavailable("topology"):
            async with asyncio.timeout(APPLY_TIMEOUT_S):
                return await changes.compare(self._publishing, queues(destinations, self._limits))

    async def publish(self, queue: str, message: Message) -> None:
        """Publish through the queue's exchange: persistent, mandatory, confirmed."""
        await self._publishers[exchange_of(queue)].publish(queue, message)

    @asynccontextmanager
    async def consume(self, queue: str, *, prefetch: int) -> AsyncIterator[AsyncIterator[Received]]:
        """Receive on a channel of its own, which is looked after."""
        subscription = Subscription(
            self._consuming, queue, prefetch=prefetch, patience=self._patience
        )
        subscription.start()
        try:
            yield subscription
        finally:
            await subscription.stop()

    async def request(self, queue: str, message: Message, *, timeout_s: float) -> Message:
        """Ask through the queue's exchange; the answer comes by direct reply-to."""
        return await self._requesters[exchange_of(queue)].request(
            queue, message, timeout_s=timeout_s
        )

    async def reply(self, question: Message, answer: Message) -> None:
        """Answer through the default exchange, which needs a right on ``amq.default``."""
        await self._replier.reply(question, answer)

    async def depth(self, queue: str) -> int:
        """Ask by a passive declare; for a quorum queue the count is exact."""
        with unavailable(queue):
            async with asyncio.timeout(self._confirm_timeout_s):
                return await changes.depth(self._publishing, queue)

    async def close(self) -> None:
        """Close both connections; the broker takes back what was not acknowledged."""
        await self._consuming.close()
        await self._publishing.close()
