"""What carries sealed deliveries to workers and their answers back."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Final, Protocol

OUTCOMES: Final = "kakehashi.outcomes"
"""Queue of the workers' signed outcomes and feedback."""
CLAIMS: Final = "kakehashi.claims"
"""Queue of the workers' signed claims; answers go to ``reply_to``."""
HEARTBEATS: Final = "kakehashi.heartbeats"
"""Queue of the workers' signs of life; messages may be lost and expire after 15 s."""
MAX_BODY_BYTES: Final = 16 * 1024 * 1024
"""Longest body of a message: what RabbitMQ 4 takes by default (``max_message_size``)."""


def destination_queue(destination: str) -> str:
    """Return the name of a destination's queue."""
    return f"dest.{destination}"


def dead_letter_queue(destination: str) -> str:
    """Return the queue of copies that the broker gave up (crash loops)."""
    return f"dest.{destination}.dead"


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """What is put on or taken from the broker.

    Attributes:
        body: Opaque bytes, at most 16 MiB.
        headers: Lower-case names to text values; never personal data.
        content_type: Of the body, as the ``content_type`` property.
        correlation_id: Joins an answer to its question.
        reply_to: Where an answer goes; set by the driver on what ``request`` sends.
    """

    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)
    content_type: str = "application/octet-stream"
    correlation_id: str | None = None
    reply_to: str | None = None


class Received(Protocol):
    """One message in a consumer's hands."""

    @property
    def message(self) -> Message:
        """What was received."""

    @property
    def redelivered(self) -> bool:
        """A hint of the broker; proves nothing (rabbitmq: also set on untouched messages)."""

    async def ack(self) -> None:
        """Give it up for good.

        Never raises for a lost connection: the broker then delivers the message
        again, to this or another consumer, which the caller must expect anyway.
        """


class Broker(Protocol):
    """Carries messages between gateway and workers. At least once, never for keeps.

    Safe to use from many tasks at once. Reconnects by itself; nothing has to be
    re-declared or consumed anew by the caller.
    """

    @property
    def is_connected(self) -> bool:
        """Whether it could carry something now, as far as is known without asking it."""

    async def open(self) -> None:
        """Connect. Idempotent.

        Raises:
            BrokerUnavailableError: No connection within the driver's ``connect_timeout_s``.
        """

    async def declare(self, destinations: Sequence[str]) -> None:
        """Create what is missing of the topology: the gateway's queues and each destination's.

        Raises:
            TopologyMismatchError: Something exists with other arguments; it was left as it
                is, and everything else was created.
            BrokerUnavailableError: The broker did not answer.
        """

    async def publish(self, queue: str, message: Message) -> None:
        """Return once the broker has confirmed that ``queue`` holds ``message``.

        If the call is cancelled or fails with ``BrokerUnavailableError``, the
        message may or may not have been stored: publish it again, deduplicate
        downstream.

        Raises:
            UnroutableError: The queue does not exist; the message is not stored.
            QueueFullError: The queue refused it; the message is not stored.
            BrokerUnavailableError: No confirmation within ``confirm_timeout_s``.
            ValueError: The body is longer than ``MAX_BODY_BYTES``.
        """

    def consume(
        self, queue: str, *, prefetch: int
    ) -> AbstractAsyncContextManager[AsyncIterator[Received]]:
        """Receive from ``queue``, at most ``prefetch`` unacknowledged at a time.

        The iterator does not end by itself: it waits through lost connections.
        Leaving the context gives back what was not acknowledged. The queue must
        have been declared; while it does not exist the iterator waits for it.

        Args:
            queue: Its name.
            prefetch: 1 to 2,000 (the limit of quorum queues).
        """

    async def request(self, queue: str, message: Message, *, timeout_s: float) -> Message:
        """Publish a question and return its answer.

        Raises:
            BrokerUnavailableError: No answer within ``timeout_s``; the question may
                have been received.
            UnroutableError: The queue does not exist.
        """

    async def reply(self, question: Message, answer: Message) -> None:
        """Send ``answer`` to who asked ``question``; best effort, not confirmed.

        Somebody who no longer waits gets nothing, and that is no error.
        """

    async def depth(self, queue: str) -> int:
        """Return how many messages are ready in ``queue``.

        Raises:
            UnroutableError: The queue does not exist.
            BrokerUnavailableError: The broker did not answer.
        """

    async def close(self) -> None:
        """Give back what is unacknowledged and disconnect. Idempotent, safe after a failed open."""
