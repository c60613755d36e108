"""Where a process can be ended, by the name of the step it is at; and drivers that end there.

A test *orders* an end (``order``): a file in a folder that the process looks into at every
step. The process that comes to the ordered step first takes the order away, which proves
that it was there, and sends itself the signal: SIGKILL, SIGTERM, or SIGSTOP to freeze.
The drivers here are the real ones and do nothing else; production code knows none of this.
"""

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from types import MappingProxyType
from typing import Final, Self, TypeVar

from gateway.domain.entry import Action, ActorKind, Entry
from gateway.domain.errors import TransientError
from gateway.domain.identifiers import DeliveryId
from gateway.domain.records import DeliveryRecord
from gateway.drivers.journal_postgres import PostgresJournal
from gateway.drivers.journal_sqlite import SQLiteJournal
from gateway.drivers.memory_broker import MemoryBroker
from gateway.drivers.rabbitmq import RabbitBroker
from gateway.ports.broker import CLAIMS, HEARTBEATS, OUTCOMES, Message, Received
from gateway.ports.journal import Acceptance, AcceptAnswer, Decision

T = TypeVar("T")


class Part(StrEnum):
    """Whose step it is, where gateway and worker are two processes."""

    GATEWAY = "gateway"
    WORKER = "worker"


STEPS: Final[Mapping[str, tuple[Part, str]]] = MappingProxyType(
    {
        "accept.before_commit": (Part.GATEWAY, "The application is sealed; nothing is stored."),
        "accept.after_commit": (Part.GATEWAY, "It is stored; no 202 has left, nobody publishes."),
        "relay.before_publish": (Part.GATEWAY, "A copy is made, and not given to the broker."),
        "relay.after_confirm": (Part.GATEWAY, "The broker has the copy; the journal says pending."),
        "published.before_commit": (Part.GATEWAY, "In the transaction that says queued."),
        "published.after_commit": (Part.GATEWAY, "The journal says queued."),
        "worker.before_claim": (Part.WORKER, "A copy is in hand, verified; nobody was asked."),
        "claim.before_commit": (Part.GATEWAY, "In the transaction that gives a worker its right."),
        "claim.after_commit": (Part.GATEWAY, "The right is committed; no answer has left."),
        "claim.after_answer": (Part.GATEWAY, "The worker has its answer; the question is open."),
        "worker.after_go": (Part.WORKER, "The answer is there; nothing is opened."),
        "send.before_effect": (Part.WORKER, "Inside send; the core system has nothing."),
        "send.after_effect": (Part.WORKER, "Inside send; the core system has it and said nothing."),
        "outcome.before_publish": (Part.WORKER, "The outcome is signed, and nobody knows it."),
        "outcome.after_confirm": (Part.WORKER, "The broker has the outcome; the copy is open."),
        "copy.after_ack": (Part.WORKER, "The copy is given up."),
        "outcome.before_commit": (Part.GATEWAY, "In the transaction that records the outcome."),
        "outcome.after_commit": (Part.GATEWAY, "It is recorded; the report is open."),
        "due.before_commit": (Part.GATEWAY, "In the transaction that begins the next attempt."),
        "due.after_commit": (Part.GATEWAY, "The next attempt has begun; nothing is published."),
        "lookup.before": (Part.WORKER, "The core system is not yet asked what it has."),
        "lookup.after": (Part.WORKER, "It has answered; nobody else knows."),
        "replay.before_commit": (Part.GATEWAY, "In the transaction of a person's replay."),
        "replay.after_commit": (Part.GATEWAY, "The replay is committed; the person knows nothing."),
    }
)
"""Every step in the order of a message's life: whose it is, and what is true there."""

_DECIDED: Final[Mapping[Action, str]] = MappingProxyType(
    {
        Action.DELIVERY_QUEUED: "published",
        Action.DELIVERY_CLAIMED: "claim",
        Action.DELIVERY_DUE: "due",
        Action.DELIVERY_REPLAYED: "replay",
    }
)
"""Which step a decision is, by what it writes into the audit log."""


@dataclass(frozen=True, slots=True)
class KillPoints:
    """The steps of one process, and where its orders are.

    Attributes:
        folder: Where orders are looked for; ``None`` for a process that nobody ends.
    """

    folder: Path | None = None

    def order(self, step: str, number: signal.Signals) -> None:
        """Have the first process that comes to ``step`` end, or freeze, by a signal.

        Raises:
            KeyError: There is no such step.
        """
        _ = STEPS[step]
        self._file("reached").unlink(missing_ok=True)
        draft = self._file("draft")
        draft.write_text(f"{step} {number:d}")
        # Whole or not at all: the other process reads at any moment.
        draft.rename(self._file("order"))

    def withdraw(self) -> None:
        """Take back what was ordered and has not happened."""
        self._file("order").unlink(missing_ok=True)

    @property
    def reached(self) -> bool:
        """Whether some process came to the ordered step, and sent itself the signal there."""
        return self._file("reached").exists()

    def reach(self, step: str) -> None:
        """Be at ``step``: go on, unless an end was ordered there."""
        if self.folder is None:
            return
        with suppress(FileNotFoundError):
            ordered, number = self._file("order").read_text().split()
            if ordered == step:
                # Of two threads or processes one is told so.
                self._file("order").rename(self._file("reached"))
                os.kill(os.getpid(), int(number))

    def _file(self, name: str) -> Path:
        if self.folder is None:
            raise FileNotFoundError(name)
        return self.folder / name


NOWHERE: Final = KillPoints()
ECHO_S: Final = 0.3
"""Long enough for a message to be done with when it comes again."""


def watched_rule(
    points: KillPoints, rule: Callable[[DeliveryRecord], Decision[T]], seen: list[str]
) -> Callable[[DeliveryRecord], Decision[T]]:
    """Return the same rule, which ends the process inside the transaction, and tells its step."""

    def watched(record: DeliveryRecord) -> Decision[T]:
        decision = rule(record)
        seen[:] = [step for entry in decision.entries if (step := _step_of(entry)) is not None]
        for step in seen:
            points.reach(f"{step}.before_commit")
        return decision

    return watched


def _step_of(entry: Entry) -> str | None:
    known = _DECIDED.get(entry.action)
    if known is None and entry.actor.kind == ActorKind.WORKER and entry.delivery is not None:
        return "outcome"
    return known


class EndingSQLiteJournal(SQLiteJournal):
    """The embedded journal, in a process that ends at its steps."""

    points = NOWHERE

    async def accept(self, acceptance: Acceptance) -> AcceptAnswer:
        """Commit an application."""
        self.points.reach("accept.before_commit")
        answer = await super().accept(acceptance)
        self.points.reach("accept.after_commit")
        return answer

    async def decide(
        self, delivery_id: DeliveryId, rule: Callable[[DeliveryRecord], Decision[T]]
    ) -> T:
        """Apply ``rule``."""
        seen: list[str] = []
        answer = await super().decide(delivery_id, watched_rule(self.points, rule, seen))
        for step in seen:
            self.points.reach(f"{step}.after_commit")
        return answer


class EndingPostgresJournal(PostgresJournal):
    """The shared journal, in a process that ends at its steps."""

    points = NOWHERE

    async def accept(self, acceptance: Acceptance) -> AcceptAnswer:
        """Commit an application."""
        self.points.reach("accept.before_commit")
        answer = await super().accept(acceptance)
        self.points.reach("accept.after_commit")
        return answer

    async def decide(
        self, delivery_id: DeliveryId, rule: Callable[[DeliveryRecord], Decision[T]]
    ) -> T:
        """Apply ``rule``."""
        seen: list[str] = []
        answer = await super().decide(delivery_id, watched_rule(self.points, rule, seen))
        for step in seen:
            self.points.reach(f"{step}.after_commit")
        return answer


def _before_publish(points: KillPoints, queue: str) -> None:
    if queue == OUTCOMES:
        points.reach("outcome.before_publish")
    elif queue != HEARTBEATS:
        points.reach("relay.before_publish")


def _after_publish(points: KillPoints, queue: str) -> None:
    if queue == OUTCOMES:
        points.reach("outcome.after_confirm")
    elif queue != HEARTBEATS:
        points.reach("relay.after_confirm")


def _before_request(points: KillPoints, queue: str) -> None:
    if queue == CLAIMS:
        points.reach("worker.before_claim")


def _after_request(points: KillPoints, queue: str) -> None:
    if queue == CLAIMS:
        points.reach("worker.after_go")


class _InHand:
    """A copy in a worker's hands, or a question in the gateway's, that is given up at a step."""

    def __init__(self, received: Received, points: KillPoints, step: str) -> None:
        self._received = received
        self._points = points
        self._step = step

    @property
    def message(self) -> Message:
        return self._received.message

    @property
    def redelivered(self) -> bool:
        return self._received.redelivered

    async def ack(self) -> None:
        if self._step.startswith("copy."):
            await self._received.ack()
            self._points.reach(self._step)
        else:
            self._points.reach(self._step)
            await self._received.ack()


class _Arriving:
    """The messages of one queue."""

    def __init__(self, messages: AsyncIterator[Received], points: KillPoints, queue: str) -> None:
        self._messages = messages
        self._points = points
        self._step = {CLAIMS: "claim.after_answer"}.get(queue, "copy.after_ack")
        self._is_watched = queue not in (OUTCOMES, HEARTBEATS) and not queue.endswith(".dead")

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Received:
        received = await anext(self._messages)
        return _InHand(received, self._points, self._step) if self._is_watched else received


class EndingMemoryBroker(MemoryBroker):
    """The broker in memory, in a process that ends at its steps."""

    points = NOWHERE

    async def publish(self, queue: str, message: Message) -> None:
        """Publish."""
        _before_publish(self.points, queue)
        await super().publish(queue, message)
        _after_publish(self.points, queue)

    async def request(self, queue: str, message: Message, *, timeout_s: float) -> Message:
        """Ask."""
        _before_request(self.points, queue)
        answer = await super().request(queue, message, timeout_s=timeout_s)
        _after_request(self.points, queue)
        return answer

    @asynccontextmanager
    async def consume(self, queue: str, *, prefetch: int) -> AsyncIterator[AsyncIterator[Received]]:
        """Receive."""
        async with super().consume(queue, prefetch=prefetch) as messages:
            yield _Arriving(messages, self.points, queue)


class EndingRabbitBroker(RabbitBroker):
    """RabbitMQ's driver, in a process that ends at its steps.

    Attributes:
        echoes: Whether all that is published is published once more, ``ECHO_S`` later.
    """

    points = NOWHERE
    echoes = False

    def __init__(self, url: str) -> None:
        """Plan the connections; nothing is opened."""
        super().__init__(url)
        self._echoing: set[asyncio.Task[None]] = set()

    async def publish(self, queue: str, message: Message) -> None:
        """Publish."""
        _before_publish(self.points, queue)
        await super().publish(queue, message)
        _after_publish(self.points, queue)
        if self.echoes:
            echo = asyncio.create_task(self._echo(queue, message))
            self._echoing.add(echo)
            echo.add_done_callback(self._echoing.discard)

    async def _echo(self, queue: str, message: Message) -> None:
        await asyncio.sleep(ECHO_S)
        with suppress(TransientError):
            await super().publish(queue, message)

    async def request(self, queue: str, message: Message, *, timeout_s: float) -> Message:
        """Ask."""
        _before_request(self.points, queue)
        answer = await super().request(queue, message, timeout_s=timeout_s)
        _after_request(self.points, queue)
        return answer

    @asynccontextmanager
    async def consume(self, queue: str, *, prefetch: int) -> AsyncIterator[AsyncIterator[Received]]:
        """Receive."""
        async with super().consume(queue, prefetch=prefetch) as messages:
            yield _Arriving(messages, self.points, queue)
