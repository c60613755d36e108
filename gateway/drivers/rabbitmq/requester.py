"""Questions and their answers over the broker's direct reply-to."""

import asyncio
import functools
from dataclasses import replace
from typing import Final
from uuid import uuid4

from aiormq.abc import AbstractChannel, DeliveredMessage
from structlog import get_logger

from gateway.domain.errors import BrokerUnavailableError, QueueFullError
from gateway.drivers.rabbitmq.connection import Link, SteadyChannel
from gateway.drivers.rabbitmq.errors import unavailable
from gateway.drivers.rabbitmq.publisher import publish_on
from gateway.drivers.rabbitmq.wire import message_from, properties_of
from gateway.ports.broker import Message

log = get_logger(__name__)

REPLY_TO: Final = "amq.rabbitmq.reply-to"
"""Pseudo-queue of the broker; a question carries ``amq.rabbitmq.reply-to.TOKEN`` on."""


class _AskingChannel(SteadyChannel):
    """A channel that receives the answers to what is asked on it (the broker's rule)."""

    def __init__(self, link: Link) -> None:
        super().__init__(link)
        self.waiting: dict[str, asyncio.Future[Message]] = {}

    async def prepare(self, channel: AbstractChannel) -> None:
        await channel.basic_consume(REPLY_TO, self._take_answer, no_ack=True)
        channel.closing.add_done_callback(functools.partial(self._fail_all, channel))

    async def _take_answer(self, delivered: DeliveredMessage) -> None:
        answer = message_from(delivered)
        asker = self.waiting.get(answer.correlation_id or "")
        if asker is not None and not asker.done():
            asker.set_result(answer)

    def _fail_all(self, channel: AbstractChannel, _: object) -> None:
        if self._channel not in (None, channel):
            return  # It was replaced; what waits has been asked on its successor.
        # The library fails its own futures when a channel closes, and these are ours.
        for asker in self.waiting.values():
            if not asker.done():
                asker.set_exception(BrokerUnavailableError(REPLY_TO))


class Requester:
    """Asks through one exchange; any number of questions at once."""

    def __init__(self, link: Link, exchange: str) -> None:
        """Plan the channel; nothing is opened."""
        self._exchange = exchange
        self._channel = _AskingChannel(link)

    async def request(self, queue: str, message: Message, *, timeout_s: float) -> Message:
        """Return the answer; errors as the port says. Unasked, the question expires."""
        correlation_id = uuid4().hex
        question = replace(message, correlation_id=correlation_id, reply_to=REPLY_TO)
        properties = properties_of(question, queue, expires_ms=max(1, round(timeout_s * 1000)))
        answer: asyncio.Future[Message] = asyncio.get_running_loop().create_future()
        try:
            with unavailable(queue):
                async with asyncio.timeout(timeout_s):
                    channel = await self._channel.get()
                    self._channel.waiting[correlation_id] = answer
                    await publish_on(channel, self._exchange, queue, question.body, properties)
                    return await answer
        except QueueFullError as error:
            self._channel.replace()
            raise BrokerUnavailableError(queue) from error
        finally:
            self._channel.waiting.pop(correlation_id, None)
            if answer.done() and not answer.cancelled():
                answer.exception()  # Read, or it would be reported as lost.

    async def close(self) -> None:
        """Close the channel, which ends what is being asked; asking opens it again."""
        await self._channel.close()


class Replier:
    """Sends answers where questions say, and nowhere else."""

    def __init__(self, link: Link, *, timeout_s: float) -> None:
        """Plan the channel; nothing is opened."""
        self._channel = SteadyChannel(link, confirms=False)
        self._timeout_s = timeout_s

    async def reply(self, question: Message, answer: Message) -> None:
        """Send ``answer``; lost if the asker or the broker is gone."""
        reply_to = question.reply_to or ""
        if not reply_to.startswith(REPLY_TO + "."):
            # Through the default exchange any queue's name would be an address.
            log.warning("broker.reply_refused")
            return
        addressed = replace(answer, correlation_id=question.correlation_id, reply_to=None)
        properties = properties_of(addressed, reply_to)
        try:
            with unavailable(REPLY_TO):
                async with asyncio.timeout(self._timeout_s):
                    channel = await self._channel.get()
                    await channel.basic_publish(
                        answer.body, routing_key=reply_to, properties=properties
                    )
        except BrokerUnavailableError as error:
            log.warning("broker.reply_lost", reason=type(error.__cause__).__name__)

    async def close(self) -> None:
        """Close the channel; replying opens it again."""
        await self._channel.close()
