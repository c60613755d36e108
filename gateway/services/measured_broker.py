"""A broker that tallies what goes over it: how often, how long, and what failed."""

import time
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import AbstractAsyncContextManager, contextmanager

from gateway.domain.errors import KakehashiError
from gateway.ports.broker import Broker, Message, Received
from gateway.services.tally import Histogram
from gateway.services.wire import TRACEPARENT_HEADER


class MeasuredBroker:
    """Hands everything to another broker. A microsecond a message.

    Attributes:
        published_s: How long the broker took to confirm, by queue.
        unpublished: What it did not confirm, by queue and code.
        answered_s: How long questions waited for their answers, by queue.
        unanswered: Those that got none, by queue and code.
    """

    def __init__(self, broker: Broker) -> None:
        """Start at zero; what ``broker`` carried before is not counted."""
        self._broker = broker
        self.published_s: defaultdict[str, Histogram] = defaultdict(Histogram)
        self.unpublished: Counter[tuple[str, str]] = Counter()
        self.answered_s: defaultdict[str, Histogram] = defaultdict(Histogram)
        self.unanswered: Counter[tuple[str, str]] = Counter()

    @property
    def is_connected(self) -> bool:
        """As the broker says."""
        return self._broker.is_connected

    async def open(self) -> None:
        """Open the broker."""
        await self._broker.open()

    async def declare(self, destinations: Sequence[str]) -> None:
        """Declare over the broker."""
        await self._broker.declare(destinations)

    async def publish(self, queue: str, message: Message) -> None:
        """Publish, and tally."""
        with _tallied(queue, message, self.published_s, self.unpublished):
            await self._broker.publish(queue, message)

    def consume(
        self, queue: str, *, prefetch: int
    ) -> AbstractAsyncContextManager[AsyncIterator[Received]]:
        """Consume from the broker."""
        return self._broker.consume(queue, prefetch=prefetch)

    async def request(self, queue: str, message: Message, *, timeout_s: float) -> Message:
        """Ask, and tally."""
        with _tallied(queue, message, self.answered_s, self.unanswered):
            return await self._broker.request(queue, message, timeout_s=timeout_s)

    async def reply(self, question: Message, answer: Message) -> None:
        """Reply over the broker."""
        await self._broker.reply(question, answer)

    async def depth(self, queue: str) -> int:
        """Ask the broker."""
        return await self._broker.depth(queue)

    async def close(self) -> None:
        """Close the broker."""
        await self._broker.close()


@contextmanager
def _tallied(
    queue: str,
    message: Message,
    seconds: defaultdict[str, Histogram],
    failures: Counter[tuple[str, str]],
) -> Iterator[None]:
    began = time.perf_counter()
    try:
        yield
    except KakehashiError as error:
        failures[queue, error.code] += 1
        raise
    else:
        taken_s = time.perf_counter() - began
        seconds[queue].observe(taken_s, message.headers.get(TRACEPARENT_HEADER))
