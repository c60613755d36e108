"""RabbitMQ keeps the broker's contract; its own traps are in tests/integration."""

from collections.abc import AsyncIterator

import pytest

from gateway.drivers.rabbitmq import QueueLimits, RabbitBroker
from gateway.testing.contracts.broker import BrokerContract
from gateway.testing.rabbitmq import RabbitNode

pytestmark = pytest.mark.rabbitmq


class TestRabbitBroker(BrokerContract):
    @pytest.fixture
    async def broker(self, rabbit_node: RabbitNode) -> AsyncIterator[RabbitBroker]:
        broker = RabbitBroker(rabbit_node.url)
        await broker.open()
        yield broker
        await broker.close()

    @pytest.fixture
    async def other(self, rabbit_node: RabbitNode) -> AsyncIterator[RabbitBroker]:
        broker = RabbitBroker(rabbit_node.url)
        await broker.open()
        yield broker
        await broker.close()

    @pytest.fixture
    async def cramped(self, rabbit_node: RabbitNode) -> AsyncIterator[RabbitBroker]:
        broker = RabbitBroker(rabbit_node.url, limits=QueueLimits(messages=5))
        await broker.open()
        yield broker
        await broker.close()
