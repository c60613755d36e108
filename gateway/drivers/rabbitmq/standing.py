"""Look at a broker and its queues; change nothing."""

import asyncio
from collections.abc import Sequence
from typing import Final

from aiormq.exceptions import ChannelNotFoundEntity

from gateway.domain.errors import BrokerUnavailableError
from gateway.drivers.rabbitmq import changes
from gateway.drivers.rabbitmq.connection import Link, SteadyChannel
from gateway.drivers.rabbitmq.errors import unavailable
from gateway.drivers.rabbitmq.topology import QueueLimits, queues
from gateway.ports.broker import destination_queue
from gateway.ports.standing import BrokerStanding

_HEARTBEAT_S: Final = 10


async def look(
    url: str, destinations: Sequence[str], *, is_owner: bool, timeout_s: float
) -> BrokerStanding:
    """Return how the broker stands.

    Args:
        url: ``amqp://`` or ``amqps://``.
        destinations: Whose queues are looked at.
        is_owner: With a gateway's rights all queues and their arguments are compared; a worker
            may only ask whether its destinations' are there and who takes from them.
        timeout_s: Until it must have answered everything.

    Raises:
        BrokerUnavailableError: It did not, or refused.
    """
    link = Link(
        url,
        purpose="doctor",
        # Of a cluster's nodes the frozen one must leave time for the next.
        connect_timeout_s=timeout_s / (1 + url.count(",")),
        heartbeat_s=_HEARTBEAT_S,
        is_quiet=True,
    )
    try:
        with unavailable("doctor"):
            async with asyncio.timeout(timeout_s):
                await link.open()
                version = (await link.connection()).server_properties.get("version", "")
                text = version.decode() if isinstance(version, bytes) else str(version)
                if not is_owner:
                    missing, idle = await _of_a_worker(link, destinations)
                    return BrokerStanding(version=text, missing=missing, idle=idle)
                plans = queues(destinations, QueueLimits())
                absent, different = await changes.compare(link, plans)
    except TimeoutError as error:
        raise BrokerUnavailableError("doctor") from error
    finally:
        await link.close()
    return BrokerStanding(version=text, missing=tuple(absent), different=tuple(different))


async def _of_a_worker(
    link: Link, destinations: Sequence[str]
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return which queues are missing, and which nobody takes from."""
    channel = SteadyChannel(link, confirms=False)
    missing, idle = [], []
    try:
        for queue in map(destination_queue, destinations):
            try:
                found = await (await channel.get()).queue_declare(queue, passive=True)
            except ChannelNotFoundEntity:
                missing.append(queue)
                continue
            if not found.consumer_count:
                idle.append(queue)
    finally:
        await channel.close()
    return tuple(missing), tuple(idle)
