"""Publishing: persistent, mandatory, confirmed, pipelined over one channel."""

import asyncio

import aiormq
from aiormq.abc import AbstractChannel
from aiormq.exceptions import ChannelNotFoundEntity, DeliveryError, PublishError

from gateway.domain.errors import QueueFullError, UnroutableError
from gateway.drivers.rabbitmq.connection import Link, SteadyChannel
from gateway.drivers.rabbitmq.errors import unavailable
from gateway.drivers.rabbitmq.wire import properties_of
from gateway.ports.broker import Message


class Publisher:
    """Publishes through one exchange.

    The channel serves this exchange alone: publishing to an exchange that is
    missing closes the channel, and that shall tell the truth to all it fails.
    """

    def __init__(self, link: Link, exchange: str, *, confirm_timeout_s: float) -> None:
        """Plan the channel; nothing is opened."""
        self._exchange = exchange
        self._confirm_timeout_s = confirm_timeout_s
        self._channel = SteadyChannel(link)

    async def publish(self, queue: str, message: Message) -> None:
        """Return once ``queue`` holds ``message``; errors as the port says."""
        properties = properties_of(message, queue)
        with unavailable(queue):
            # The limit covers everything: under an alarm the broker stops reading, and
            # what cannot be written would be waited for without end.
            async with asyncio.timeout(self._confirm_timeout_s):
                channel = await self._channel.get()
                await publish_on(channel, self._exchange, queue, message.body, properties)

    async def close(self) -> None:
        """Close the channel; publishing opens it again."""
        await self._channel.close()


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
