"""The memory broker keeps the contract, and a few promises of its own."""

from collections.abc import AsyncIterator

import pytest

from gateway.domain.errors import BrokerUnavailableError, QueueFullError
from gateway.drivers.memory_broker import MemoryBroker
from gateway.ports.broker import HEARTBEATS, Message
from gateway.testing.contracts.broker import BrokerContract, a_message, drain


class TestMemoryBroker(BrokerContract):
    @pytest.fixture
    async def broker(self) -> AsyncIterator[MemoryBroker]:
        broker = MemoryBroker()
        await broker.open()
        yield broker
        await broker.close()

    @pytest.fixture
    def other(self, broker: MemoryBroker) -> MemoryBroker:
        return broker

    @pytest.fixture
    async def cramped(self) -> MemoryBroker:
        broker = MemoryBroker(max_queue_messages=5)
        await broker.open()
        return broker


async def test_a_queue_is_full_of_bytes_too_but_takes_any_single_message() -> None:
    broker = MemoryBroker(max_queue_bytes=10)
    await broker.open()
    await broker.declare(["alpha"])

    await broker.publish("dest.alpha", Message(body=bytes(11)))

    with pytest.raises(QueueFullError):
        await broker.publish("dest.alpha", Message(body=b"x"))


async def test_the_oldest_heartbeats_are_dropped_when_nobody_takes_them() -> None:
    broker = MemoryBroker(max_queue_messages=2)
    await broker.open()
    await broker.declare([])

    for number in range(4):
        await broker.publish(HEARTBEATS, a_message(number))

    assert await drain(broker, HEARTBEATS, 2) == [b"2", b"3"]


async def test_a_question_to_a_full_queue_is_not_asked() -> None:
    broker = MemoryBroker(max_queue_messages=1)
    await broker.open()
    await broker.declare(["alpha"])
    await broker.publish("dest.alpha", a_message())

    with pytest.raises(BrokerUnavailableError):
        await broker.request("dest.alpha", a_message(), timeout_s=5)


async def test_closing_what_was_never_opened_is_no_error() -> None:
    await MemoryBroker().close()
