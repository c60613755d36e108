"""Bringing a broker to the topology that is planned, without losing what it holds."""

import asyncio
from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from typing import Final
from uuid import uuid4

import aiormq
from aiormq.abc import AbstractChannel
from aiormq.exceptions import (
    ChannelLockedResource,
    ChannelNotFoundEntity,
    ChannelPreconditionFailed,
)
from structlog import get_logger

from gateway.domain.errors import TopologyMismatchError, UnroutableError
from gateway.drivers.rabbitmq.connection import Link, SteadyChannel
from gateway.drivers.rabbitmq.publisher import publish_on
from gateway.drivers.rabbitmq.topology import (
    EXCHANGE_TYPE,
    EXCHANGES,
    NO_DELIVERY_LIMIT,
    QueuePlan,
)

log = get_logger(__name__)

_DEFAULT_EXCHANGE: Final = ""
_NOTICE_S: Final = 1.0
"""Between a queue and its successor of the same name. Consumers that have not been told by
then are handed to the successor, whose first messages they take for known ones and keep to
themselves (seen on 3.10 without a pause, never with a tenth of this one)."""
_SHELTER_ARGUMENTS: Final[dict[str, str | int]] = {
    "x-queue-type": "quorum",
    "x-delivery-limit": NO_DELIVERY_LIMIT,
}


async def apply(link: Link, plans: Sequence[QueuePlan], *, recreate: bool) -> None:
    """Create what is missing; with ``recreate``, replace what has other arguments.

    A queue's messages are kept: they wait in ``NAME.moving`` while it is replaced,
    and are fetched from there by the next call when this one dies in between.
    Consumers of a replaced queue are cut off, publishers to it refused meanwhile.

    Raises:
        TopologyMismatchError: Something has other arguments, and ``recreate`` is
            false; it was left as it is, and everything else created.
    """
    # A refusal closes its channel, so none is used that anything else stands on.
    channel = SteadyChannel(link)
    try:
        exchanges = [name for name in EXCHANGES if await _differs(channel, name)]
        replaced = [plan for plan in plans if await _queue_differs(channel, plan)]
        if not recreate:
            await _add_missing(channel, plans, {*exchanges, *(plan.name for plan in replaced)})
            return
        for name in exchanges:
            await (await channel.get()).exchange_delete(name)
        for name in EXCHANGES:
            await _declare_exchange(await channel.get(), name)
        for plan in replaced:
            log.warning("broker.queue_replaced", queue=plan.name)
            await _take_down(await channel.get(), plan)
        if replaced:
            await asyncio.sleep(_NOTICE_S)
        for plan in plans:
            await _put_up(await channel.get(), plan)
        for plan in plans:
            await _bring_home(channel, plan)
    finally:
        await channel.close()


async def compare(link: Link, plans: Sequence[QueuePlan]) -> tuple[list[str], list[str]]:
    """Return which exchanges and queues are missing, and which have other arguments.

    Changes nothing: what is declared is there already, and refused if it is another.
    """
    channel = SteadyChannel(link)
    missing, different = [], []
    try:
        for name in EXCHANGES:
            if not await _exchange_exists(channel, name):
                missing.append(name)
            elif await _differs(channel, name):
                different.append(name)
        for plan in plans:
            if not await _exists(channel, plan.name):
                missing.append(plan.name)
            elif await _queue_differs(channel, plan):
                different.append(plan.name)
    finally:
        await channel.close()
    return missing, different


async def _add_missing(
    channel: SteadyChannel, plans: Sequence[QueuePlan], different: AbstractSet[str]
) -> None:
    """Put up all but what is different, and then name that."""
    for name in EXCHANGES:
        if name not in different:
            await _declare_exchange(await channel.get(), name)
    for plan in plans:
        if different.isdisjoint((plan.name, plan.exchange)):
            await _put_up(await channel.get(), plan)
    if different:
        raise TopologyMismatchError(*sorted(different))


async def depth(link: Link, queue: str) -> int:
    """Return how many messages are ready, asked on a channel that knows nothing yet.

    Raises:
        UnroutableError: The queue does not exist.
    """
    channel = SteadyChannel(link, confirms=False)
    try:
        found = await (await channel.get()).queue_declare(queue, passive=True)
    except ChannelNotFoundEntity as error:
        raise UnroutableError(queue) from error
    finally:
        await channel.close()
    return found.message_count or 0


async def _exchange_exists(channel: SteadyChannel, exchange: str) -> bool:
    try:
        await (await channel.get()).exchange_declare(exchange, passive=True)
    except ChannelNotFoundEntity:
        return False
    return True


async def _differs(channel: SteadyChannel, exchange: str) -> bool:
    if not await _exchange_exists(channel, exchange):
        return False
    try:
        await _declare_exchange(await channel.get(), exchange)
    except ChannelPreconditionFailed:
        return True
    return False


async def _queue_differs(channel: SteadyChannel, plan: QueuePlan) -> bool:
    try:
        if not await _exists(channel, plan.name):
            return False
        await _declare_queue(await channel.get(), plan)
    except (ChannelPreconditionFailed, ChannelLockedResource):
        return True
    return False


async def _exists(channel: SteadyChannel, queue: str) -> bool:
    try:
        await (await channel.get()).queue_declare(queue, passive=True)
    except ChannelNotFoundEntity:
        return False
    return True


async def _declare_exchange(channel: AbstractChannel, name: str) -> None:
    await channel.exchange_declare(name, exchange_type=EXCHANGE_TYPE, durable=True)


async def _declare_queue(channel: AbstractChannel, plan: QueuePlan) -> None:
    await channel.queue_declare(plan.name, durable=True, arguments={**plan.arguments})


async def _put_up(channel: AbstractChannel, plan: QueuePlan) -> None:
    await _declare_queue(channel, plan)
    await channel.queue_bind(plan.name, plan.exchange, routing_key=plan.name)


async def _take_down(channel: AbstractChannel, plan: QueuePlan) -> None:
    # Unbound first: publishers are refused from here on, and nothing arrives behind us.
    await channel.queue_unbind(plan.name, plan.exchange, routing_key=plan.name)
    shelter = _shelter(plan)
    await channel.queue_declare(shelter, durable=True, arguments={**_SHELTER_ARGUMENTS})
    await _move(channel, plan.name, shelter)
    # A quorum queue answers the conditions if-unused and if-empty by closing the
    # connection (540).
    await channel.queue_delete(plan.name, if_unused=False, if_empty=False)


async def _bring_home(channel: SteadyChannel, plan: QueuePlan) -> None:
    shelter = _shelter(plan)
    if await _exists(channel, shelter):
        opened = await channel.get()
        await _move(opened, shelter, plan.name)
        await opened.queue_delete(shelter, if_unused=False, if_empty=False)


async def _move(channel: AbstractChannel, source: str, target: str) -> None:
    """Move every message, confirmed there before it is given up here."""
    while True:
        message = await channel.basic_get(source)
        if not isinstance(message.delivery, aiormq.spec.Basic.GetOk):
            return
        properties = message.header.properties
        properties.message_id = uuid4().hex
        await publish_on(channel, _DEFAULT_EXCHANGE, target, message.body, properties)
        await channel.basic_ack(message.delivery.delivery_tag or 0)


def _shelter(plan: QueuePlan) -> str:
    return f"{plan.name}.moving"
