"""The broker is killed, stopped or frozen while copies are out."""

import asyncio

import pytest

from gateway.domain.lifecycle import State
from gateway.testing.cores.http_core import Mode
from gateway.testing.rabbitmq import RabbitNode
from tests.fault.broker.bridge import named, until
from tests.fault.broker.conftest import Events, StartBridge

WAYS = {"killed": RabbitNode.kill, "stopped in order": RabbitNode.shut_down}


@pytest.mark.parametrize("way", WAYS)
async def test_what_is_out_when_the_broker_ends_and_what_is_accepted_meanwhile_arrives_once(
    node: RabbitNode, bridge: StartBridge, way: str
) -> None:
    parts = await bridge()
    parts.core.behave(Mode.SLOW, times=8, seconds=2)
    parts.start_worker()
    await parts.accept(20)
    await until(lambda: parts.arrived() == 8, "the worker's hands are not full")

    await asyncio.to_thread(WAYS[way], node)
    await parts.accept(10)
    assert await parts.is_ready()
    await asyncio.to_thread(node.restart)

    assert await parts.books.settled() == {State.DELIVERED: 30}


async def test_a_broker_that_freezes_past_its_heartbeats_and_thaws_costs_nothing(
    node: RabbitNode, bridge: StartBridge, events: Events
) -> None:
    parts = await bridge(heartbeat_s=1)
    parts.core.behave(Mode.SLOW, times=8, seconds=1)
    parts.start_worker()
    await parts.accept(20)
    await until(lambda: parts.arrived() == 8, "the worker's hands are not full")

    node.pause()
    await parts.accept(10)
    assert await parts.is_ready()
    # Two of the gateway, two of the worker.
    await until(lambda: named(events, "broker.connection_lost") == 4, "who is frozen is trusted")
    node.resume()

    assert await parts.books.settled() == {State.DELIVERED: 30}
