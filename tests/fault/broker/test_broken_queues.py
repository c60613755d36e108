"""One destination's queue is full, gone, different or broken: its own lane waits, no other."""

import asyncio

import aiormq
import pytest

from gateway.domain.lifecycle import State
from gateway.drivers.rabbitmq import QueueLimits, RabbitBroker
from gateway.ports.broker import destination_queue
from gateway.testing.cores.http_core import Mode
from gateway.testing.rabbitmq import RabbitNode
from tests.fault.broker.bridge import CORE, OTHER, Bridge, named, until
from tests.fault.broker.conftest import Events, StartBridge

BOTH = (CORE, OTHER)
QUEUE = destination_queue(CORE)


async def everything_arrives_at_the_other(parts: Bridge, count: int) -> None:
    assert await parts.books.settled(OTHER) == {State.DELIVERED: count}
    assert (await parts.books.states(CORE))[State.DELIVERED] < count


async def test_a_full_queue_holds_up_its_own_lane_until_there_is_room(
    bridge: StartBridge, events: Events
) -> None:
    parts = await bridge(destinations=BOTH, limits=QueueLimits(messages=5))
    parts.start_worker(OTHER)

    # Few at a time: the other's queue is as short.
    for count in range(3, 61, 3):
        await parts.accept(3)
        await everything_arrives_at_the_other(parts, count)

    assert named(events, "lane.held_up", destination=CORE, code="broker.queue_full")
    assert named(events, "lane.held_up", destination=OTHER) == 0
    parts.start_worker(CORE)
    assert await parts.books.settled() == {State.DELIVERED: 120}


async def test_a_queue_that_is_deleted_under_us_is_made_again_and_what_it_held_is_found(
    bridge: StartBridge, node: RabbitNode, vhost: str
) -> None:
    parts = await bridge(destinations=BOTH)
    parts.core.behave(Mode.SLOW, times=8, seconds=1)
    parts.start_worker()
    await parts.accept(20)
    await until(lambda: parts.arrived() == 8, "the worker's hands are not full")
    await parts.all_published()

    async with aiormq.connect(node.url + vhost) as connection:
        channel = await connection.channel()
        await channel.queue_delete(QUEUE, if_unused=False, if_empty=False)
    await parts.accept(10)

    assert await parts.books.settled(OTHER) == {State.DELIVERED: 30}
    await until(lambda: parts.arrived() == 18, "what came after is not delivered")
    await parts.reconcile_later()
    assert await parts.books.settled() == {State.DELIVERED: 60}


async def test_a_queue_of_other_arguments_is_named_and_replaced_when_told_to(
    bridge: StartBridge, events: Events, node: RabbitNode, vhost: str
) -> None:
    async with aiormq.connect(node.url + vhost) as connection:
        channel = await connection.channel()
        await channel.queue_declare(QUEUE, durable=True, arguments={"x-queue-type": "classic"})
    parts = await bridge(destinations=BOTH, missing=(QUEUE,))
    parts.start_worker()
    await parts.accept(10)

    await everything_arrives_at_the_other(parts, 10)
    [said] = [each["subject"] for each in events if each["event"] == "topology.differs"]
    assert QUEUE in said
    # As ``topology apply --recreate`` does it.
    operator = RabbitBroker(node.url + vhost)
    await operator.open()
    await operator.apply(BOTH, recreate=True)
    await operator.close()

    assert await parts.books.settled() == {State.DELIVERED: 20}


BROKEN = {
    "silent": (
        'sys:suspend(whereis(binary_to_atom(<<"{queue}">>))).',
        'sys:resume(whereis(binary_to_atom(<<"{queue}">>))).',
    ),
    "dead": (
        'ra:stop_server(quorum_queues, {{binary_to_atom(<<"{queue}">>), node()}}).',
        'ra:restart_server(quorum_queues, {{binary_to_atom(<<"{queue}">>), node()}}).',
    ),
}
"""What is done to the process in the broker that leads a quorum queue, and what mends it."""
MOST_LOSSES = {"silent": 0, "dead": 1}


@pytest.mark.parametrize("how", BROKEN)
async def test_a_queue_without_a_leader_disturbs_no_other_and_flows_again_by_itself(
    bridge: StartBridge, events: Events, node: RabbitNode, vhost: str, how: str
) -> None:
    parts = await bridge(destinations=BOTH, confirm_timeout_s=3)
    break_it, mend_it = (each.format(queue=f"{vhost}_{QUEUE}") for each in BROKEN[how])
    await asyncio.to_thread(node.evaluate, break_it)
    parts.start_worker()

    # More than the broker lets wait on one channel (some dozen), until the worker has given
    # the queue up at least once.
    while len(parts.books.promised) < 60 or not named(events, "broker.consumer_lost", queue=QUEUE):
        await parts.accept(10)
        await everything_arrives_at_the_other(parts, len(parts.books.promised))
    # A queue whose process is dead makes the broker close the connection; not again.
    assert named(events, "broker.connection_lost") <= MOST_LOSSES[how]
    await asyncio.to_thread(node.evaluate, mend_it)

    assert await parts.books.settled(CORE) == {State.DELIVERED: len(parts.books.promised)}
    assert named(events, "broker.connection_lost") <= MOST_LOSSES[how]
