"""The broker of the embedded footing: queues in this process's memory.

It forgets everything when the process ends, and that is no loss: the journal is
the only state, and the relay publishes again at start what was not claimed.
"""

import asyncio
import heapq
import itertools
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Final, Self
from uuid import uuid4

from gateway.domain.errors import BrokerUnavailableError, QueueFullError, UnroutableError
from gateway.ports.broker import (
    CLAIMS,
    HEARTBEATS,
    MAX_BODY_BYTES,
    OUTCOMES,
    Message,
    Received,
    dead_letter_queue,
    destination_queue,
)

MAX_QUEUE_MESSAGES: Final = 10_000
"""Ready messages of one queue; a relay's lane has at most 1,000 copies out."""
MAX_QUEUE_BYTES: Final = 256 * 1024 * 1024
"""Ready bodies of one queue together, in bytes: what one queue may cost this process."""

_REPLY_PREFIX: Final = "memory.reply."


@dataclass(slots=True, order=True)
class _Copy:
    """One message in a queue; the sequence number is its place for life."""

    sequence: int
    message: Message = field(compare=False)
    redelivered: bool = field(default=False, compare=False)


class _Queue:
    """Ready messages in order of arrival, and who waits for them."""

    def __init__(self, *, max_messages: int, max_bytes: int, drop_oldest: bool) -> None:
        self._max_messages = max_messages
        self._max_bytes = max_bytes
        self._drop_oldest = drop_oldest
        self._ready: list[_Copy] = []
        self._ready_bytes = 0
        self.consumers: list[_Consumer] = []

    def __len__(self) -> int:
        return len(self._ready)

    def put(self, copy: _Copy) -> bool:
        """Add a new copy; ``False`` when there is no room."""
        while self._ready and self._is_full(len(copy.message.body)):
            if not self._drop_oldest:
                return False
            self.take()
        self.put_back([copy])
        return True

    def put_back(self, copies: Sequence[_Copy]) -> None:
        """Add copies at their old places, whether or not there is room."""
        for copy in copies:
            heapq.heappush(self._ready, copy)
            self._ready_bytes += len(copy.message.body)
        for consumer in self.consumers:
            consumer.wake()

    def take(self) -> _Copy | None:
        if not self._ready:
            return None
        copy = heapq.heappop(self._ready)
        self._ready_bytes -= len(copy.message.body)
        return copy

    def remove(self, copy: _Copy) -> None:
        """Take this very copy out, if nobody has taken it before."""
        if copy in self._ready:
            self._ready.remove(copy)
            heapq.heapify(self._ready)
            self._ready_bytes -= len(copy.message.body)

    def _is_full(self, more_bytes: int) -> bool:
        return (
            len(self._ready) >= self._max_messages
            or self._ready_bytes + more_bytes > self._max_bytes
        )


class _Delivered:
    """One copy in a consumer's hands."""

    def __init__(self, copy: _Copy, consumer: "_Consumer") -> None:
        self._copy = copy
        self._consumer = consumer

    @property
    def message(self) -> Message:
        return self._copy.message

    @property
    def redelivered(self) -> bool:
        return self._copy.redelivered

    async def ack(self) -> None:
        self._consumer.forget(self._copy)


class _Consumer:
    """An iterator over a queue that holds at most ``prefetch`` copies."""

    def __init__(self, broker: "MemoryBroker", queue: str, prefetch: int) -> None:
        self._broker = broker
        self._queue = queue
        self._prefetch = prefetch
        self._held: dict[int, _Copy] = {}
        self._awake = asyncio.Event()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Received:
        while True:
            queue = self._broker.ready_queue(self._queue)
            if queue is not None and len(self._held) < self._prefetch:
                copy = queue.take()
                if copy is not None:
                    self._held[copy.sequence] = copy
                    return _Delivered(copy, self)
            self._awake.clear()
            await self._awake.wait()

    def wake(self) -> None:
        self._awake.set()

    def forget(self, copy: _Copy) -> None:
        # A copy that was given back is another object, even if it came here again.
        if self._held.get(copy.sequence) is copy:
            del self._held[copy.sequence]
            self.wake()

    def give_back(self) -> list[_Copy]:
        copies = [replace(copy, redelivered=True) for copy in self._held.values()]
        self._held.clear()
        return copies


class MemoryBroker:
    """Carries messages within one process; both ends share the object.

    A full queue refuses, but for heartbeats, whose oldest are dropped. Copies
    that come back keep their place. There are no dead letters: what a crash
    interrupts is gone from memory too.
    """

    def __init__(
        self,
        *,
        max_queue_messages: int = MAX_QUEUE_MESSAGES,
        max_queue_bytes: int = MAX_QUEUE_BYTES,
    ) -> None:
        """Make a closed broker without queues.

        Args:
            max_queue_messages: Ready messages that one queue takes.
            max_queue_bytes: Bytes of ready bodies that one queue takes; a single
                message is always taken.
        """
        self._max_queue_messages = max_queue_messages
        self._max_queue_bytes = max_queue_bytes
        self._queues: dict[str, _Queue] = {}
        self._consumers: dict[str, list[_Consumer]] = {}
        self._questions: dict[str, asyncio.Future[Message]] = {}
        self._sequence = itertools.count()
        self._is_open = False

    @property
    def is_connected(self) -> bool:
        """Whether it was opened."""
        return self._is_open

    async def open(self) -> None:
        """Start carrying. What was in the queues at ``close`` is still there."""
        self._is_open = True
        for consumer in itertools.chain.from_iterable(self._consumers.values()):
            consumer.wake()

    async def declare(self, destinations: Sequence[str]) -> None:
        """Create the gateway's and the destinations' queues."""
        self._refuse_when_closed("declare")
        names = [OUTCOMES, CLAIMS, HEARTBEATS]
        for destination in destinations:
            names += [destination_queue(destination), dead_letter_queue(destination)]
        for name in names:
            if name not in self._queues:
                self._create(name)

    async def publish(self, queue: str, message: Message) -> None:
        """Put ``message`` into ``queue`` at once."""
        self._put(queue, message)

    @asynccontextmanager
    async def consume(self, queue: str, *, prefetch: int) -> AsyncIterator[AsyncIterator[Received]]:
        """Receive from ``queue``; a message is taken when the iterator is asked for it."""
        consumer = _Consumer(self, queue, prefetch)
        consumers = self._consumers.setdefault(queue, [])
        consumers.append(consumer)
        try:
            yield consumer
        finally:
            consumers.remove(consumer)
            self._take_back(queue, consumer)

    async def request(self, queue: str, message: Message, *, timeout_s: float) -> Message:
        """Ask over ``queue``; a question nobody has taken when time is up is withdrawn."""
        correlation_id = str(uuid4())
        answer: asyncio.Future[Message] = asyncio.get_running_loop().create_future()
        question = replace(
            message, correlation_id=correlation_id, reply_to=_REPLY_PREFIX + correlation_id
        )
        try:
            copy = self._put(queue, question)
        except QueueFullError as error:
            raise BrokerUnavailableError(queue) from error
        self._questions[correlation_id] = answer
        try:
            async with asyncio.timeout(timeout_s):
                return await answer
        except TimeoutError as error:
            raise BrokerUnavailableError(queue) from error
        finally:
            del self._questions[correlation_id]
            self._queues[queue].remove(copy)

    async def reply(self, question: Message, answer: Message) -> None:
        """Hand ``answer`` to the waiting ``request``, if it still waits."""
        asker = self._questions.get((question.reply_to or "").removeprefix(_REPLY_PREFIX))
        if self._is_open and asker is not None and not asker.done():
            asker.set_result(replace(answer, correlation_id=question.correlation_id))

    async def depth(self, queue: str) -> int:
        """Return how many messages nobody holds."""
        return len(self._existing(queue))

    async def close(self) -> None:
        """Stop carrying: who consumes waits, who asks gets no answer."""
        self._is_open = False
        for queue, consumers in self._consumers.items():
            for consumer in consumers:
                self._take_back(queue, consumer)
        for answer in self._questions.values():
            if not answer.done():
                answer.set_exception(BrokerUnavailableError("closed"))

    def ready_queue(self, name: str) -> _Queue | None:
        """Return the queue if messages can be taken from it now."""
        return self._queues.get(name) if self._is_open else None

    def _create(self, name: str) -> None:
        queue = _Queue(
            max_messages=self._max_queue_messages,
            max_bytes=self._max_queue_bytes,
            drop_oldest=name == HEARTBEATS,
        )
        # The list is shared: a consumer may wait for its queue before there is one.
        queue.consumers = self._consumers.setdefault(name, [])
        self._queues[name] = queue

    def _put(self, name: str, message: Message) -> _Copy:
        if len(message.body) > MAX_BODY_BYTES:
            msg = f"body of {len(message.body)} bytes"
            raise ValueError(msg)
        copy = _Copy(next(self._sequence), message)
        if not self._existing(name).put(copy):
            raise QueueFullError(name)
        return copy

    def _existing(self, name: str) -> _Queue:
        self._refuse_when_closed(name)
        queue = self._queues.get(name)
        if queue is None:
            raise UnroutableError(name)
        return queue

    def _refuse_when_closed(self, subject: str) -> None:
        if not self._is_open:
            raise BrokerUnavailableError(subject)

    def _take_back(self, name: str, consumer: _Consumer) -> None:
        copies = consumer.give_back()
        if copies:
            self._queues[name].put_back(copies)
