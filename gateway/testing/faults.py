"""A broker and a journal that fail when a test says so, and otherwise work."""

from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from sqlite3 import Connection
from typing import TypeVar

from gateway.audit.head import Head
from gateway.domain.errors import (
    BrokerUnavailableError,
    CommitUnknownError,
    JournalUnavailableError,
)
from gateway.domain.identifiers import DeliveryId, NodeName
from gateway.domain.records import DeliveryRecord
from gateway.drivers.journal_sqlite import SQLiteJournal
from gateway.drivers.memory_broker import MemoryBroker
from gateway.ports.broker import Message
from gateway.ports.journal import Decision

T = TypeVar("T")


class FlakyBroker(MemoryBroker):
    """A memory broker that goes down, loses confirms and answers, and doubles copies.

    Attributes:
        is_down: Nothing is taken or answered; consumers wait.
        keeps_nothing: Declaring fails: a queue that is gone stays so.
        lost_confirms: How many messages a queue will store without saying so.
        lost_answers: How many answers will not arrive.
        doubles: Every message is stored twice.
        deepest: The most messages that were ready in a queue after a publish.
    """

    def __init__(self, *, max_queue_messages: int = 10_000) -> None:
        """Work, until told otherwise."""
        super().__init__(max_queue_messages=max_queue_messages)
        self.is_down = False
        self.keeps_nothing = False
        self.lost_confirms: Counter[str] = Counter()
        self.lost_answers = 0
        self.doubles = False
        self.deepest: Counter[str] = Counter()

    async def declare(self, destinations: Sequence[str]) -> None:
        """Create what is missing."""
        if self.is_down or self.keeps_nothing:
            raise BrokerUnavailableError("declare")
        await super().declare(destinations)

    async def publish(self, queue: str, message: Message) -> None:
        """Store a message none, one or two times."""
        self._refuse_when_down(queue)
        await super().publish(queue, message)
        if self.doubles:
            await super().publish(queue, message)
        self.deepest[queue] = max(self.deepest[queue], await super().depth(queue))
        if self.lost_confirms[queue] > 0:
            self.lost_confirms[queue] -= 1
            raise BrokerUnavailableError(queue)

    async def request(self, queue: str, message: Message, *, timeout_s: float) -> Message:
        """Ask."""
        self._refuse_when_down(queue)
        return await super().request(queue, message, timeout_s=timeout_s)

    async def reply(self, question: Message, answer: Message) -> None:
        """Answer, or not."""
        if self.lost_answers > 0:
            self.lost_answers -= 1
        else:
            await super().reply(question, answer)

    async def depth(self, queue: str) -> int:
        """Count."""
        self._refuse_when_down(queue)
        return await super().depth(queue)

    def remove(self, queue: str) -> None:
        """Delete a queue and what is in it, as somebody may do on a real broker."""
        del self._queues[queue]

    def _refuse_when_down(self, queue: str) -> None:
        if self.is_down:
            raise BrokerUnavailableError(queue)


class FlakyJournal(SQLiteJournal):
    """A journal that cannot be reached, or loses the answer to a commit.

    Attributes:
        is_down: Every call fails, and nothing takes effect.
    """

    def __init__(self, path: Path, *, node: NodeName) -> None:
        """Work, until told otherwise."""
        super().__init__(path, node=node)
        self.is_down = False
        self._unknown: list[tuple[str, bool]] = []

    def lose_commit(self, rule: str, *, committed: bool) -> None:
        """Leave the next decision by the rule of this name unknown, in effect ``committed``."""
        self._unknown.append((rule, committed))

    async def decide(
        self, delivery_id: DeliveryId, rule: Callable[[DeliveryRecord], Decision[T]]
    ) -> T:
        """Decide; a commit that shall be lost is."""
        for lost in self._unknown:
            name, committed = lost
            if name in rule.__qualname__:
                self._unknown.remove(lost)
                if committed:
                    await super().decide(delivery_id, rule)
                raise CommitUnknownError(name)
        return await super().decide(delivery_id, rule)

    async def _write(self, step: Callable[[Connection, Head], T]) -> T:
        self._refuse_when_down()
        return await super()._write(step)

    async def _read(self, query: Callable[[Connection], T]) -> T:
        self._refuse_when_down()
        return await super()._read(query)

    def _refuse_when_down(self) -> None:
        if self.is_down:
            raise JournalUnavailableError("down")
