"""Messages that nobody of ours has sent, and copies that are the death of their worker."""

import asyncio
import itertools
from collections.abc import Mapping

import aiormq
from aiormq.abc import DeliveredMessage

from gateway.audit.verify import read
from gateway.domain.lifecycle import State
from gateway.drivers.rabbitmq import RabbitBroker
from gateway.ports.broker import CLAIMS, OUTCOMES, dead_letter_queue, destination_queue
from gateway.testing.cores.http_core import Mode
from gateway.testing.rabbitmq import RabbitNode
from tests.fault.broker.bridge import CORE, Bridge, until
from tests.fault.broker.conftest import StartBridge

QUEUE = destination_queue(CORE)
GARBAGE = (b"", b"\x00\xff" * 1000, b'{"payload":"","signatures":[]}', b"[" * 100_000)
_GIVEN_UP_S = 1.0
"""No copy for so long: it is not in the queue any more."""

QUEUES = (QUEUE, dead_letter_queue(CORE), OUTCOMES, CLAIMS)


async def refusals(parts: Bridge) -> list[Mapping[str, object]]:
    entries = [read(stored.data) async for stored in parts.gateway.journal.entries()]
    return [each for each in entries if each["action"] == "message.refused"]


async def test_garbage_in_any_queue_is_refused_written_down_and_gone_and_stops_nobody(
    bridge: StartBridge, node: RabbitNode, vhost: str
) -> None:
    parts = await bridge()
    async with aiormq.connect(node.url + vhost) as connection:
        channel = await connection.channel()
        for queue, body in itertools.product(QUEUES, GARBAGE):
            await channel.basic_publish(body, routing_key=queue)
    await parts.accept(5)
    parts.start_worker()

    assert await parts.books.settled() == {State.DELIVERED: 5}
    expected = len(QUEUES) * len(GARBAGE)
    await until(lambda: count_of_refusals(parts, expected), "not written down")
    await until(lambda: none_left(node, vhost), "still there")


async def count_of_refusals(parts: Bridge, count: int) -> bool:
    return len(await refusals(parts)) == count


async def none_left(node: RabbitNode, vhost: str) -> bool:
    """Tell whether every queue is empty, of what is in somebody's hands too."""
    listed = await asyncio.to_thread(node.ctl, "list_queues", "-p", vhost, "messages")
    return set(listed.split()) == {"messages", "0"}


async def test_a_copy_that_somebody_altered_is_refused_and_the_true_one_arrives(
    bridge: StartBridge, node: RabbitNode, vhost: str
) -> None:
    parts = await bridge()
    await parts.accept(3)
    await parts.all_published()
    async with aiormq.connect(node.url + vhost) as connection:
        channel = await connection.channel()
        true: DeliveredMessage = await channel.basic_get(QUEUE)
        middle = len(true.body) // 2
        altered = true.body[:middle] + bytes([true.body[middle] ^ 1]) + true.body[middle + 1 :]
        properties = aiormq.spec.Basic.Properties(headers=true.header.properties.headers)
        await channel.basic_publish(altered, routing_key=QUEUE, properties=properties)
    parts.start_worker()

    assert await parts.books.settled() == {State.DELIVERED: 3}
    await until(lambda: count_of_refusals(parts, 1), "not written down")


async def test_a_copy_that_kills_every_worker_that_takes_it_is_parked(
    bridge: StartBridge, node: RabbitNode, vhost: str
) -> None:
    parts = await bridge()
    await parts.accept(1)
    await parts.all_published()

    await workers_die_of_it(node.url + vhost)

    assert await parts.books.settled() == {State.PARKED: 1}
    parts.start_worker()
    await parts.accept(5)
    assert await parts.books.settled() == {State.PARKED: 1, State.DELIVERED: 5}


async def test_a_copy_that_was_sent_and_then_kills_every_worker_is_in_doubt(
    bridge: StartBridge, node: RabbitNode, vhost: str
) -> None:
    parts = await bridge()
    await parts.accept(1)
    await one_is_sent_and_the_worker_killed(parts)

    await workers_die_of_it(node.url + vhost)

    assert await parts.books.settled() == {State.IN_DOUBT: 1}
    parts.start_worker()
    await parts.accept(5)
    assert await parts.books.settled() == {State.IN_DOUBT: 1, State.DELIVERED: 5}


async def test_a_copy_whose_sending_killed_its_worker_is_in_doubt_and_not_sent_again(
    bridge: StartBridge,
) -> None:
    parts = await bridge()
    await parts.accept(1)
    await one_is_sent_and_the_worker_killed(parts)

    parts.start_worker()

    assert await parts.books.settled() == {State.IN_DOUBT: 1}
    await parts.accept(5)
    assert await parts.books.settled() == {State.IN_DOUBT: 1, State.DELIVERED: 5}


async def one_is_sent_and_the_worker_killed(parts: Bridge) -> None:
    parts.core.behave(Mode.SLOW, times=1, seconds=5)
    parts.start_worker()
    await until(lambda: parts.arrived() == 1, "not sent")
    await parts.kill_worker()


async def workers_die_of_it(url: str) -> None:
    """Take the copy and be gone, again and again, before anybody is asked about it."""
    worker = RabbitBroker(url)
    await worker.open()
    try:
        while True:
            async with worker.consume(QUEUE, prefetch=1) as copies, asyncio.timeout(_GIVEN_UP_S):
                await anext(copies)
    except TimeoutError:
        pass
    finally:
        await worker.close()
