"""Publishing: persistent, mandatory, confirmed, pipelined."""

import asyncio
import math
from typing import Final

import aiormq
from aiormq.abc import AbstractChannel
from aiormq.exceptions import ChannelNotFoundEntity, DeliveryError, PublishError

from gateway.domain.errors import BrokerUnavailableError, QueueFullError, UnroutableError
from gateway.drivers.rabbitmq.connection import Link, SteadyChannel
from gateway.drivers.rabbitmq.errors import unavailable
from gateway.drivers.rabbitmq.wire import properties_of
from gateway.ports.broker import Message

_AT_ONCE: Final = 100
"""Messages to one queue that wait for their confirms; more gain nothing."""
_UNCONFIRMED: Final = 250
"""The same, with those that nobody waits for any more. With 400 the broker stops reading the
whole connection (its ``credit_flow_default_credit``), whoever else uses it."""


_RENEW_EVERY_S: Final = 2.0


class _QueueChannel(SteadyChannel):
    """A channel that serves one queue."""

    def __init__(self, link: Link) -> None:
        super().__init__(link)
        self.window = asyncio.Semaphore(_AT_ONCE)
        self._renewed_at = -math.inf

    def renew(self) -> None:
        """Use another channel from now on, at most every ``_RENEW_EVERY_S``.

        A channel that meets a queue for the first time while its leader is lost keeps to the
        lost node, and refuses everything until that is back, whoever leads by then (3.10).
        Nothing tells such a refusal from a full queue's.
        """
        now = asyncio.get_running_loop().time()
        if now - self._renewed_at >= _RENEW_EVERY_S:
            self._renewed_at = now
            self.replace()


class Publisher:
    """Publishes through one exchange, to each queue on a channel of its own.

    The broker stops reading a channel once some dozen messages on it wait for a queue that
    has no leader; and publishing to an exchange that is missing closes the channel. Neither
    shall be felt by those who publish elsewhere.
    """

    def __init__(self, link: Link, exchange: str, *, confirm_timeout_s: float) -> None:
        """Plan the channels; nothing is opened."""
        self._link = link
        self._exchange = exchange
        self._confirm_timeout_s = confirm_timeout_s
        self._channels: dict[str, _QueueChannel] = {}

    async def publish(self, queue: str, message: Message) -> None:
        """Return once ``queue`` holds ``message``; errors as the port says."""
        properties = properties_of(message, queue)
        own = self._channels.setdefault(queue, _QueueChannel(self._link))
        with unavailable(queue):
            # The limit covers everything: under an alarm the broker stops reading, and
            # what cannot be written would be waited for without end.
            async with asyncio.timeout(self._confirm_timeout_s), own.window:
                channel = await own.get()
                if _unconfirmed(channel) >= _UNCONFIRMED:
                    raise BrokerUnavailableError(queue)
                try:
                    await publish_on(channel, self._exchange, queue, message.body, properties)
                except QueueFullError:
                    own.renew()
                    raise

    async def close(self) -> None:
        """Close the channels; publishing opens them again."""
        for channel in self._channels.values():
            await channel.close()


def _unconfirmed(channel: AbstractChannel) -> int:
    # The library's own: what it is told to give up it keeps there until the broker speaks.
    return len(channel.confirmations) if isinstance(channel, aiormq.Channel) else 0


async def publish_on(
    channel: AbstractChannel,
    exchange: str,
    queue: str,
    body: bytes,
    properties: aiormq.spec.Basic.Properties,
) -> None:
    """Publish on a channel with confirms and return once the message is stored.

    Raises:
        UnroutableError: Returned, or there is no such exchange.
        QueueFullError: Refused (``reject-publish``).
    """
    try:
        confirmation = await channel.basic_publish(
            body, exchange=exchange, routing_key=queue, properties=properties, mandatory=True
        )
    except (PublishError, ChannelNotFoundEntity) as error:
        raise UnroutableError(queue) from error
    except DeliveryError as error:
        raise QueueFullError(queue) from error
    # A returned message as a result, or none at all, is what a channel opened without
    # confirms gives back; nothing but an acknowledgement counts.
    if not isinstance(confirmation, aiormq.spec.Basic.Ack):
        raise UnroutableError(queue)
