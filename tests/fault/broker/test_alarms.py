"""RabbitMQ says that it is out of memory or disk, and takes nothing until it is not."""

import asyncio

import pytest

from gateway.domain.lifecycle import State
from gateway.testing.cores.http_core import Mode
from gateway.testing.rabbitmq import RabbitNode
from tests.fault.broker.bridge import named, until
from tests.fault.broker.conftest import Events, StartBridge

ALARMS = {"memory": RabbitNode.raise_memory_alarm, "disk": RabbitNode.raise_disk_alarm}


@pytest.mark.parametrize("alarm", ALARMS)
async def test_during_an_alarm_accepting_goes_on_and_after_it_everything_flows_by_itself(
    node: RabbitNode, bridge: StartBridge, events: Events, alarm: str
) -> None:
    parts = await bridge(confirm_timeout_s=1)
    parts.core.behave(Mode.SLOW, times=8, seconds=1)
    parts.start_worker()
    await parts.accept(20)
    await until(lambda: parts.arrived() == 8, "the worker's hands are not full")

    await asyncio.to_thread(ALARMS[alarm], node)
    try:
        await parts.accept(10)
        assert await parts.is_ready()
        await until(lambda: named(events, "lane.held_up") > 0, "no lane is held up")
        held_up = await parts.books.states()
    finally:
        await asyncio.to_thread(node.clear_alarms)

    assert held_up[State.PENDING]
    assert await parts.books.settled() == {State.DELIVERED: 30}
    await parts.accept(1)
    await until(lambda: named(events, "lane.recovered") > 0, "nobody says that it is over")
