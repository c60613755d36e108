"""What is known to lose messages or to hang with RabbitMQ, and the test that it does not.

Tests without a file are here; ``contract`` is ``gateway/testing/contracts/broker.py``,
``topology`` is ``test_topology.py``.

| trap | test |
|---|---|
| messages are transient by default | test_messages_are_marked_persistent, test_what_was_confirmed_survives_a_killed_broker |
| an unroutable publish returns instead of raising | contract: test_a_queue_that_does_not_exist_takes_nothing |
| returns are matched on the message id | contract: test_of_many_unroutable_messages_published_at_once_none_is_confirmed |
| publishing blocks under an alarm | test_an_alarm_ends_in_an_error_and_not_in_waiting |
| a frozen broker surfaces as a cancellation | test_a_frozen_broker_is_no_cancellation, test_a_cancellation_by_the_library_is_the_brokers |
| a timeout is an unknown outcome | test_what_was_confirmed_survives_a_killed_broker (published again, none missing) |
| acks on the old channel raise, publishing fails for a while | test_a_killed_broker_costs_acknowledgements_but_no_message_and_no_error |
| consumers do not come back | the same, test_a_consumer_comes_back_*, test_a_consumer_that_*_begins_anew |
| passive redeclare answers from memory | contract: test_depth_counts_what_nobody_holds |
| deleting a quorum queue closes the connection | topology: test_recreating_keeps_the_messages |
| futures of one's own stay pending | test_a_question_fails_when_the_broker_dies_and_the_next_is_answered, contract: test_closing_ends_a_question_that_waits |
| hostile properties end every connection in turn | test_hostile_properties_are_left_out_and_stop_nobody |
| dead letters are lost with the default overflow | topology: test_every_destination_queue_keeps_its_dead_letters_at_least_once |
| prefetched messages burn the delivery limit | topology: test_a_copy_that_comes_back_too_often_is_a_dead_letter (the limit is 50, not 6) |
| an alternate exchange confirms the unroutable | topology: test_no_exchange_has_an_alternate |
| ``redelivered`` is set on untouched messages | contract: test_what_was_not_acknowledged_is_given_back_in_order (nothing reads it but as a hint) |
| publishing is throttled on the consumers' connection | test_publishing_and_consuming_have_connections_of_their_own |
| quorum queues take a prefetch of 2,000 at most | test_the_largest_prefetch_is_taken |
| a quorum queue declared in the last half second is dead after a SIGKILL | not ours to mend: the fixture waits for its name on disk |
| a consumer that holds a message for 30 min is closed | not here: the worker's deadline is shorter |
"""
# ruff: noqa: E501 - a table has no short lines

import asyncio
import struct
from typing import Any

import aiormq
import pamqp.header
import pytest

from gateway.domain.errors import BrokerUnavailableError
from gateway.drivers.rabbitmq import RabbitBroker
from gateway.drivers.rabbitmq.errors import unavailable
from gateway.ports.broker import Message
from gateway.testing.contracts.broker import (
    PATIENCE_S,
    a_message,
    depth_becomes,
    drain,
    take,
)
from gateway.testing.rabbitmq import RabbitNode

pytestmark = pytest.mark.rabbitmq


async def publish_until_it_works(broker: RabbitBroker, queue: str, message: Message) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while True:
            try:
                return await broker.publish(queue, message)
            except BrokerUnavailableError:
                await asyncio.sleep(0.05)


async def take_and_ack(messages: Any) -> bytes:
    [received] = await take(messages)
    await received.ack()
    return received.message.body


# Publishing


async def test_messages_are_marked_persistent(
    node: RabbitNode, broker: RabbitBroker, queue: str
) -> None:
    await broker.publish(queue, a_message(1))

    async with aiormq.connect(node.url) as connection:
        channel = await connection.channel()
        found = await channel.basic_get(queue, no_ack=True)
    assert found.header.properties.delivery_mode == 2


async def test_what_was_confirmed_survives_a_killed_broker(
    node: RabbitNode, broker: RabbitBroker, queue: str
) -> None:
    confirmed: set[bytes] = set()
    failed = 0

    async def publish(number: int) -> None:
        nonlocal failed
        try:
            await broker.publish(queue, a_message(number))
        except BrokerUnavailableError:
            failed += 1
            await publish_until_it_works(broker, queue, a_message(number))
        confirmed.add(str(number).encode())

    async def kill_in_mid_stream() -> None:
        while len(confirmed) < 200:  # noqa: ASYNC110 - in the midst, at no event
            await asyncio.sleep(0)
        node.kill()
        await asyncio.to_thread(node.restart)

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(kill_in_mid_stream())
        for number in range(2000):
            tasks.create_task(publish(number))

    assert failed
    found = await drain(broker, queue, await broker.depth(queue))
    assert confirmed - set(found) == set()


async def test_an_alarm_ends_in_an_error_and_not_in_waiting(node: RabbitNode, queue: str) -> None:
    broker = RabbitBroker(node.url, confirm_timeout_s=0.5)
    await broker.open()
    await broker.publish(queue, a_message(1))
    await asyncio.to_thread(node.ctl, "set_vm_memory_high_watermark", "0.0000001")
    try:
        results = await asyncio.gather(
            *(broker.publish(queue, a_message(2)) for _ in range(20)), return_exceptions=True
        )
        # Consuming goes on, or nothing would ever end the alarm.
        assert await drain(broker, queue, 1) == [b"1"]
    finally:
        await asyncio.to_thread(node.ctl, "set_vm_memory_high_watermark", "0.4")

    assert {type(result) for result in results} == {BrokerUnavailableError}
    await publish_until_it_works(broker, queue, a_message(3))
    await broker.close()


async def test_a_frozen_broker_is_no_cancellation(node: RabbitNode, queue: str) -> None:
    broker = RabbitBroker(node.url, heartbeat_s=1, confirm_timeout_s=60)
    await broker.open()
    node.pause()

    with pytest.raises(BrokerUnavailableError):
        await broker.publish(queue, a_message(1))

    node.resume()
    await publish_until_it_works(broker, queue, a_message(2))
    await broker.close()


async def test_a_cancellation_by_the_library_is_the_brokers() -> None:
    future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    future.cancel()

    with pytest.raises(BrokerUnavailableError), unavailable("queue"):
        await future


async def test_a_cancellation_of_the_caller_stays_one() -> None:
    async def wait() -> None:
        with unavailable("queue"):
            await asyncio.Event().wait()

    task = asyncio.ensure_future(wait())
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.wait([task])

    assert task.cancelled()


async def test_no_broker_at_all_is_an_error_of_open() -> None:
    broker = RabbitBroker("amqp://guest:guest@127.0.0.1:1/", connect_timeout_s=1)

    with pytest.raises(BrokerUnavailableError):
        await broker.open()

    await broker.close()


async def test_wrong_credentials_are_an_error_of_open(node: RabbitNode) -> None:
    broker = RabbitBroker(node.url_for("guest", "wrong"))

    with pytest.raises(BrokerUnavailableError):
        await broker.open()


# Consuming


async def test_a_killed_broker_costs_acknowledgements_but_no_message_and_no_error(
    node: RabbitNode, broker: RabbitBroker, queue: str
) -> None:
    await broker.publish(queue, a_message(1))
    async with broker.consume(queue, prefetch=1) as messages:
        [held] = await take(messages)
        node.kill()

        await held.ack()

        await asyncio.to_thread(node.restart)
        assert await take_and_ack(messages) == b"1"
        await publish_until_it_works(broker, queue, a_message(2))
        assert await take_and_ack(messages) == b"2"


async def test_a_consumer_comes_back_after_its_connection_was_closed(
    node: RabbitNode, broker: RabbitBroker, queue: str
) -> None:
    async with broker.consume(queue, prefetch=10) as messages:
        await broker.publish(queue, a_message(1))
        assert await take_and_ack(messages) == b"1"

        await asyncio.to_thread(node.ctl, "close_all_connections", "for a test")

        await publish_until_it_works(broker, queue, a_message(2))
        assert await take_and_ack(messages) == b"2"


async def test_a_consumer_comes_back_after_its_queue_was_deleted(
    node: RabbitNode, broker: RabbitBroker, queue: str, name: str
) -> None:
    async with broker.consume(queue, prefetch=10) as messages:
        await broker.publish(queue, a_message(1))
        assert await take_and_ack(messages) == b"1"

        await asyncio.to_thread(node.ctl, "delete_queue", queue)
        # A queue that takes the name within milliseconds may hand its first messages to the
        # consumer of its predecessor, which nobody hears (as in ``topology.apply``).
        await asyncio.sleep(1)
        await broker.declare([name])

        await broker.publish(queue, a_message(2))
        assert await take_and_ack(messages) == b"2"


async def test_a_consumer_comes_back_after_its_channel_was_closed(
    broker: RabbitBroker, queue: str
) -> None:
    async with broker.consume(queue, prefetch=1) as messages:
        await broker.publish(queue, a_message(1))
        [held] = await take(messages)
        # An unknown delivery tag: the broker closes the channel (406).
        await messages._session.channel.basic_ack(99)

        assert await take_and_ack(messages) == b"1"
        await held.ack()


async def test_acknowledging_twice_costs_nobody_their_channel(
    broker: RabbitBroker, queue: str
) -> None:
    async with broker.consume(queue, prefetch=1) as messages:
        await broker.publish(queue, a_message(1))
        [received] = await take(messages)
        session = messages._session
        await received.ack()
        await received.ack()

        await broker.publish(queue, a_message(2))
        assert await take_and_ack(messages) == b"2"
        await session.channel.queue_declare(queue, passive=True)
        assert messages._session is session


async def test_a_consumer_comes_back_from_a_frozen_broker(node: RabbitNode, queue: str) -> None:
    broker = RabbitBroker(node.url, confirm_timeout_s=0.5, connect_timeout_s=1, canary_every_s=0.1)
    await broker.open()
    async with broker.consume(queue, prefetch=1) as messages:
        await broker.publish(queue, a_message(1))
        assert await take_and_ack(messages) == b"1"
        session = messages._session

        node.pause()
        while messages._session is session:  # noqa: ASYNC110 - it tells nobody
            await asyncio.sleep(0.02)
        node.resume()

        await publish_until_it_works(broker, queue, a_message(2))
        assert await take_and_ack(messages) == b"2"
    await broker.close()


async def test_a_consumer_that_the_broker_forgot_begins_anew(
    broker: RabbitBroker, queue: str
) -> None:
    async with broker.consume(queue, prefetch=1) as messages:
        await broker.publish(queue, a_message(1))
        assert await take_and_ack(messages) == b"1"
        await unsubscribe_behind_its_back(messages)

        await broker.publish(queue, a_message(2))

        assert await take_and_ack(messages) == b"2"


async def test_a_consumer_that_hears_nothing_beside_another_begins_anew(
    broker: RabbitBroker, queue: str
) -> None:
    async with (
        broker.consume(queue, prefetch=1) as others,
        broker.consume(queue, prefetch=1) as messages,
    ):
        await broker.publish(queue, a_message(1))
        await broker.publish(queue, a_message(2))
        await take(others)
        assert await take_and_ack(messages)
        await unsubscribe_behind_its_back(messages)

        await broker.publish(queue, a_message(3))

        assert await take_and_ack(messages) == b"3"


async def unsubscribe_behind_its_back(messages: Any) -> None:
    channel = messages._session.channel
    [tag] = channel.consumers
    await channel.basic_cancel(tag, nowait=True)


async def test_a_question_fails_when_the_broker_dies_and_the_next_is_answered(
    node: RabbitNode, broker: RabbitBroker, queue: str
) -> None:
    asking = asyncio.ensure_future(broker.request(queue, a_message(1), timeout_s=600))
    await depth_becomes(broker, queue, 1)
    node.kill()
    with pytest.raises(BrokerUnavailableError):
        await asking
    await asyncio.to_thread(node.restart)

    async with broker.consume(queue, prefetch=10) as questions:

        async def answer() -> None:
            async for question in questions:
                await broker.reply(question.message, Message(body=b"yes"))
                await question.ack()

        answering = asyncio.ensure_future(answer())
        assert (await ask_until_it_works(broker, queue)).body == b"yes"
        answering.cancel()


async def ask_until_it_works(broker: RabbitBroker, queue: str) -> Message:
    async with asyncio.timeout(PATIENCE_S):
        while True:
            try:
                return await broker.request(queue, a_message(), timeout_s=1)
            except BrokerUnavailableError:
                await asyncio.sleep(0.05)


async def test_the_largest_prefetch_is_taken(broker: RabbitBroker, queue: str) -> None:
    async with broker.consume(queue, prefetch=2000) as messages:
        await broker.publish(queue, a_message(1))
        assert await take_and_ack(messages) == b"1"


async def test_publishing_and_consuming_have_connections_of_their_own(
    node: RabbitNode, broker: RabbitBroker, queue: str
) -> None:
    await broker.publish(queue, a_message(1))
    async with broker.consume(queue, prefetch=1) as messages:
        await take(messages)
        listed = await asyncio.to_thread(node.ctl, "list_connections", "client_properties")

    assert '"kakehashi publishing"' in listed
    assert '"kakehashi consuming"' in listed


# Hostile messages


def a_table(*fields: bytes) -> bytes:
    body = b"".join(fields)
    return struct.pack(">I", len(body)) + body


HEADERS, CORRELATION_ID, TIMESTAMP = 0x2000, 0x0400, 0x0040  # Property flags.

HOSTILE = {
    "a correlation id that is no UTF-8": (CORRELATION_ID, b"\x02\xff\xfe"),
    "a date beyond all calendars": (TIMESTAMP, b"\xff" * 8),
    "a header whose name is no UTF-8": (HEADERS, a_table(b"\x01\xffS\x00\x00\x00\x01x")),
    "a header that is a date beyond all calendars": (
        HEADERS,
        a_table(b"\x01aT" + b"\x7f" + b"\xff" * 7),
    ),
    "a header of bytes": (HEADERS, a_table(b"\x01ax\x00\x00\x00\x01\xff")),
    "a header that is no UTF-8": (HEADERS, a_table(b"\x01aS\x00\x00\x00\x01\xff")),
    "a header of a table": (HEADERS, a_table(b"\x01aF" + a_table(b"\x01bI\x00\x00\x00\x01"))),
    "a header of an array": (HEADERS, a_table(b"\x01aA" + a_table(b"I\x00\x00\x00\x01"))),
    "a header of nothing": (HEADERS, a_table(b"\x01aV")),
}


class RawProperties(pamqp.header.ContentHeader):
    """A content header with properties that no library would write."""

    def __init__(self, flags: int, encoded: bytes, body_size: int) -> None:
        super().__init__(body_size=body_size)
        self.properties.message_id = "raw"
        self._raw = struct.pack(">HHQH", 60, 0, body_size, flags) + encoded

    def marshal(self) -> bytes:
        return self._raw


@pytest.mark.parametrize("case", HOSTILE)
async def test_hostile_properties_are_left_out_and_stop_nobody(
    node: RabbitNode, broker: RabbitBroker, queue: str, case: str
) -> None:
    flags, encoded = HOSTILE[case]
    async with aiormq.connect(node.url) as connection:
        channel = await connection.channel(publisher_confirms=False)
        frame = aiormq.abc.ChannelFrame.marshall(
            channel_number=channel.number,
            frames=[
                aiormq.spec.Basic.Publish(exchange="", routing_key=queue),
                RawProperties(flags, encoded, 7),
                aiormq.channel.ContentBody(b"hostile"),
            ],
        )
        await channel.write_queue.put(frame)
        await channel.queue_declare(queue, passive=True)  # A round trip: it has arrived.
    await broker.publish(queue, a_message(1))

    async with broker.consume(queue, prefetch=10) as messages:
        hostile, harmless = await take(messages, 2)
        session = messages._session

        assert hostile.message.body == b"hostile"
        assert all(isinstance(value, str) for value in hostile.message.headers.values())
        assert harmless.message == a_message(1)
        assert messages._session is session
        assert not harmless.redelivered


async def test_numbers_in_headers_become_text(
    node: RabbitNode, broker: RabbitBroker, queue: str
) -> None:
    async with aiormq.connect(node.url) as connection:
        channel = await connection.channel()
        properties = aiormq.spec.Basic.Properties(headers={"Attempt": 3, "dry": True, "no": None})
        await channel.basic_publish(b"", routing_key=queue, properties=properties)

    async with broker.consume(queue, prefetch=1) as messages:
        [received] = await take(messages)

    assert received.message.headers == {"attempt": "3", "dry": "true"}
    assert received.message.content_type == "application/octet-stream"
