"""What every broker must do.

A driver's test subclasses ``BrokerContract`` and gives the fixtures that are
declared here. Every test has a destination of its own, so that one broker can
serve them all.
"""
# ruff: noqa: D102 - a test's name is its docstring

import asyncio
from collections.abc import AsyncIterator
from uuid import uuid4

import pytest

from gateway.domain.errors import BrokerUnavailableError, QueueFullError, UnroutableError
from gateway.ports.broker import (
    CLAIMS,
    HEARTBEATS,
    MAX_BODY_BYTES,
    OUTCOMES,
    Broker,
    Message,
    Received,
    dead_letter_queue,
    destination_queue,
)

PATIENCE_S = 30.0
"""How long a test waits for what must happen; it never decides what passes by itself."""


def a_message(number: int = 0) -> Message:
    """Return a message that can be told from others by its body."""
    return Message(body=str(number).encode(), headers={"number": str(number)})


async def take(received: AsyncIterator[Received], count: int = 1) -> list[Received]:
    """Return the next ``count`` messages, unacknowledged."""
    async with asyncio.timeout(PATIENCE_S):
        return [await anext(received) for _ in range(count)]


async def drain(broker: Broker, queue: str, count: int) -> list[bytes]:
    """Receive and acknowledge ``count`` messages; return their bodies."""
    async with broker.consume(queue, prefetch=50) as messages:
        bodies = []
        for _ in range(count):
            [received] = await take(messages)
            bodies.append(received.message.body)
            await received.ack()
        return bodies


async def depth_becomes(broker: Broker, queue: str, count: int) -> None:
    """Wait until ``queue`` has ``count`` ready messages."""
    async with asyncio.timeout(PATIENCE_S):
        while await broker.depth(queue) != count:  # noqa: ASYNC110 - a queue tells nobody
            await asyncio.sleep(0.02)


async def publish_until_full(broker: Broker, queue: str) -> int:
    """Publish at most 100 messages; return how many ``queue`` took before it refused one."""
    for number in range(100):
        try:
            await broker.publish(queue, a_message(number))
        except QueueFullError:
            return number
    return 100


async def nothing_comes(messages: AsyncIterator[Received]) -> bool:
    """Tell whether nothing arrives in a while in which it would be expected to."""
    try:
        async with asyncio.timeout(0.2):
            await anext(messages)
    except TimeoutError:
        return True
    return False


class BrokerContract:
    """The port's docstring, sentence by sentence.

    Subclasses give the fixtures ``broker`` (open, nothing of the test's destination
    declared), ``other`` (open; another connection where there are any) and ``cramped``
    (open; its destination queues take 5 messages).
    """

    @pytest.fixture
    def name(self) -> str:
        """A destination that no other test uses."""
        return f"t-{uuid4().hex[:12]}"

    @pytest.fixture
    async def queue(self, broker: Broker, name: str) -> str:
        """The declared queue of the test's destination."""
        await broker.declare([name])
        return destination_queue(name)

    # Publishing and receiving

    async def test_a_message_arrives_as_it_was_sent(self, broker: Broker, queue: str) -> None:
        sent = Message(
            body=bytes(range(256)) * 8,
            headers={"ce-type": "delivery", "subject": "架け橋 𠮷", "empty": ""},
            content_type="application/jose+json",
            correlation_id="one",
        )

        await broker.publish(queue, sent)

        async with broker.consume(queue, prefetch=1) as messages:
            [received] = await take(messages)
            assert received.message == sent
            assert not received.redelivered

    async def test_an_empty_body_arrives(self, broker: Broker, queue: str) -> None:
        await broker.publish(queue, Message(body=b""))

        assert await drain(broker, queue, 1) == [b""]

    async def test_messages_arrive_in_the_order_of_their_confirms(
        self, broker: Broker, queue: str
    ) -> None:
        for number in range(20):
            await broker.publish(queue, a_message(number))

        assert await drain(broker, queue, 20) == [str(number).encode() for number in range(20)]

    async def test_many_publish_at_once_and_everything_arrives(
        self, broker: Broker, queue: str
    ) -> None:
        async with asyncio.TaskGroup() as tasks:
            for number in range(300):
                tasks.create_task(broker.publish(queue, a_message(number)))

        bodies = await drain(broker, queue, 300)
        assert sorted(bodies) == sorted(str(number).encode() for number in range(300))

    async def test_the_longest_body_arrives(self, broker: Broker, queue: str) -> None:
        body = b"\x00\xce" * (MAX_BODY_BYTES // 2)

        await broker.publish(queue, Message(body=body))

        [received] = await drain(broker, queue, 1)
        assert received == body

    async def test_a_longer_body_is_refused_and_hurts_nobody(
        self, broker: Broker, queue: str
    ) -> None:
        with pytest.raises(ValueError, match="body"):
            await broker.publish(queue, Message(body=bytes(MAX_BODY_BYTES + 1)))

        await broker.publish(queue, a_message(1))
        assert await drain(broker, queue, 1) == [b"1"]

    async def test_a_queue_that_does_not_exist_takes_nothing(
        self, broker: Broker, name: str
    ) -> None:
        with pytest.raises(UnroutableError):
            await broker.publish(destination_queue(name), a_message())

    async def test_of_many_unroutable_messages_published_at_once_none_is_confirmed(
        self, broker: Broker, name: str
    ) -> None:
        message = a_message()

        results = await asyncio.gather(
            *(broker.publish(destination_queue(name), message) for _ in range(20)),
            return_exceptions=True,
        )

        assert [type(result) for result in results] == [UnroutableError] * 20

    async def test_an_unroutable_message_hurts_none_that_is_published_beside_it(
        self, broker: Broker, queue: str, name: str
    ) -> None:
        missing = destination_queue(name + "-missing")

        results = await asyncio.gather(
            *(
                broker.publish(missing if number % 2 else queue, a_message(number))
                for number in range(20)
            ),
            return_exceptions=True,
        )

        assert [type(result) for result in results] == [type(None), UnroutableError] * 10
        assert await drain(broker, queue, 10) == [str(n).encode() for n in range(0, 20, 2)]

    async def test_a_full_queue_refuses_and_takes_again_when_there_is_room(
        self, cramped: Broker, name: str
    ) -> None:
        await cramped.declare([name])
        queue = destination_queue(name)

        # A replicated queue notices its limit late: it may take some more.
        accepted = await publish_until_full(cramped, queue)

        assert 5 <= accepted < 100
        await drain(cramped, queue, accepted)
        await depth_becomes(cramped, queue, 0)
        assert await publish_until_full(cramped, queue) >= 5

    async def test_a_cancelled_publish_leaves_the_broker_usable(
        self, broker: Broker, queue: str
    ) -> None:
        tasks = [
            asyncio.ensure_future(broker.publish(queue, a_message(number))) for number in range(20)
        ]
        await asyncio.sleep(0)
        for task in tasks[::2]:
            task.cancel()
        results = await asyncio.gather(*tasks, return_exceptions=True)

        assert results[1::2] == [None] * 10
        await broker.publish(queue, a_message(99))

    # Acknowledging and giving back

    async def test_no_more_than_prefetch_are_handed_out_until_one_is_acknowledged(
        self, broker: Broker, queue: str
    ) -> None:
        for number in range(4):
            await broker.publish(queue, a_message(number))

        async with broker.consume(queue, prefetch=2) as messages:
            first, second = await take(messages, 2)
            assert await nothing_comes(messages)
            await first.ack()
            [third] = await take(messages)
            assert await nothing_comes(messages)

            assert [r.message.body for r in (first, second, third)] == [b"0", b"1", b"2"]

    async def test_what_was_acknowledged_never_comes_again(
        self, broker: Broker, queue: str
    ) -> None:
        await broker.publish(queue, a_message(1))
        await drain(broker, queue, 1)

        await broker.publish(queue, a_message(2))

        assert await drain(broker, queue, 1) == [b"2"]
        await depth_becomes(broker, queue, 0)

    async def test_what_was_not_acknowledged_is_given_back_in_order(
        self, broker: Broker, queue: str
    ) -> None:
        for number in range(4):
            await broker.publish(queue, a_message(number))
        async with broker.consume(queue, prefetch=3) as messages:
            _, second, _ = await take(messages, 3)
            await second.ack()
        await depth_becomes(broker, queue, 3)

        async with broker.consume(queue, prefetch=3) as messages:
            again = await take(messages, 3)

        assert [received.message.body for received in again] == [b"0", b"2", b"3"]
        assert again[0].redelivered
        assert again[1].redelivered

    async def test_a_consumer_that_fails_gives_back_what_it_held(
        self, broker: Broker, queue: str
    ) -> None:
        async def fail() -> None:
            async with broker.consume(queue, prefetch=1) as messages:
                await take(messages)
                raise ZeroDivisionError

        await broker.publish(queue, a_message(1))
        with pytest.raises(ZeroDivisionError):
            await fail()

        assert await drain(broker, queue, 1) == [b"1"]

    async def test_a_cancelled_consumer_gives_back_what_it_held(
        self, broker: Broker, queue: str
    ) -> None:
        holding = asyncio.Event()

        async def hold() -> None:
            async with broker.consume(queue, prefetch=1) as messages:
                await take(messages)
                holding.set()
                await asyncio.Event().wait()

        await broker.publish(queue, a_message(1))
        task = asyncio.ensure_future(hold())
        await holding.wait()
        task.cancel()
        await asyncio.wait([task])

        assert task.cancelled()
        assert await drain(broker, queue, 1) == [b"1"]

    async def test_acknowledging_what_was_given_back_is_no_error_and_takes_nothing(
        self, broker: Broker, queue: str
    ) -> None:
        await broker.publish(queue, a_message(1))
        async with broker.consume(queue, prefetch=1) as messages:
            [late] = await take(messages)

        await late.ack()

        assert await drain(broker, queue, 1) == [b"1"]

    async def test_acknowledging_twice_is_no_error_and_takes_one(
        self, broker: Broker, queue: str
    ) -> None:
        await broker.publish(queue, a_message(1))
        await broker.publish(queue, a_message(2))
        async with broker.consume(queue, prefetch=1) as messages:
            [first] = await take(messages)
            await first.ack()
            await first.ack()
            [second] = await take(messages)
            assert second.message.body == b"2"

        assert await drain(broker, queue, 1) == [b"2"]

    async def test_giving_up_waiting_loses_no_message(self, broker: Broker, queue: str) -> None:
        async with broker.consume(queue, prefetch=1) as messages:
            assert await nothing_comes(messages)
            await broker.publish(queue, a_message(1))
            [received] = await take(messages)

        assert received.message.body == b"1"

    async def test_two_consumers_share_a_queue(
        self, broker: Broker, other: Broker, queue: str
    ) -> None:
        async with (
            broker.consume(queue, prefetch=1) as mine,
            other.consume(queue, prefetch=1) as theirs,
        ):
            await broker.publish(queue, a_message(1))
            await broker.publish(queue, a_message(2))
            [one], [two] = await asyncio.gather(take(mine), take(theirs))

            assert {one.message.body, two.message.body} == {b"1", b"2"}

    async def test_a_consumer_waits_for_a_queue_that_does_not_exist_yet(
        self, broker: Broker, other: Broker, name: str
    ) -> None:
        queue = destination_queue(name)
        async with broker.consume(queue, prefetch=1) as messages:
            assert await nothing_comes(messages)

            await other.declare([name])
            await other.publish(queue, a_message(1))

            [received] = await take(messages)
            assert received.message.body == b"1"

    # Questions and answers

    async def test_a_question_gets_its_answer(
        self, broker: Broker, other: Broker, queue: str
    ) -> None:
        async with other.consume(queue, prefetch=1) as questions:
            asking = asyncio.ensure_future(
                broker.request(queue, Message(body=b"may I?"), timeout_s=PATIENCE_S)
            )
            [question] = await take(questions)
            await other.reply(
                question.message,
                Message(body=b"go", headers={"kid": "gw"}, content_type="application/json"),
            )
            await question.ack()

            answer = await asking
            assert question.message.body == b"may I?"
            assert question.message.reply_to
            assert (answer.body, answer.headers) == (b"go", {"kid": "gw"})
            assert answer.content_type == "application/json"
            assert answer.correlation_id == question.message.correlation_id

    async def test_answers_find_their_questions_in_any_order(
        self, broker: Broker, other: Broker, queue: str
    ) -> None:
        async with other.consume(queue, prefetch=20) as questions:
            asking = asyncio.gather(
                *(broker.request(queue, a_message(n), timeout_s=PATIENCE_S) for n in range(20))
            )
            received = await take(questions, 20)
            for question in reversed(received):
                await other.reply(question.message, Message(body=question.message.body * 2))

            answers = await asking
            assert [answer.body for answer in answers] == [str(n).encode() * 2 for n in range(20)]

    async def test_no_answer_in_time_is_an_error_and_a_late_one_is_dropped(
        self, broker: Broker, other: Broker, queue: str
    ) -> None:
        async with other.consume(queue, prefetch=2) as questions:
            asking = asyncio.ensure_future(broker.request(queue, a_message(1), timeout_s=0.3))
            [late] = await take(questions)
            with pytest.raises(BrokerUnavailableError):
                await asking
            await other.reply(late.message, Message(body=b"late"))

            asking = asyncio.ensure_future(
                broker.request(queue, a_message(2), timeout_s=PATIENCE_S)
            )
            [question] = await take(questions)
            await other.reply(question.message, Message(body=b"in time"))
            assert (await asking).body == b"in time"

    async def test_a_question_that_nobody_took_in_time_is_withdrawn(
        self, broker: Broker, queue: str
    ) -> None:
        with pytest.raises(BrokerUnavailableError):
            await broker.request(queue, a_message(1), timeout_s=0.1)

        await depth_becomes(broker, queue, 0)

    async def test_a_question_to_a_missing_queue_is_refused(
        self, broker: Broker, name: str
    ) -> None:
        with pytest.raises(UnroutableError):
            await broker.request(destination_queue(name), a_message(), timeout_s=PATIENCE_S)

    async def test_a_question_that_cannot_be_answered_is_no_error(self, broker: Broker) -> None:
        await broker.reply(Message(body=b"?"), Message(body=b"nobody asked"))
        await broker.reply(
            Message(body=b"?", reply_to="nobody", correlation_id="x"), Message(body=b"!")
        )

    async def test_an_answer_cannot_be_directed_into_a_queue(
        self, broker: Broker, queue: str
    ) -> None:
        forged = Message(body=b"?", reply_to=queue, correlation_id="x")

        await broker.reply(forged, Message(body=b"planted"))

        await broker.publish(queue, a_message(1))
        assert await drain(broker, queue, 1) == [b"1"]
        assert await broker.depth(queue) == 0

    # Queues

    async def test_the_gateways_queues_and_the_destinations_exist_once_declared(
        self, broker: Broker, name: str
    ) -> None:
        await broker.declare([name])

        for queue in (OUTCOMES, CLAIMS, HEARTBEATS, destination_queue(name)):
            assert await broker.depth(queue) >= 0
        assert await broker.depth(dead_letter_queue(name)) == 0

    async def test_declaring_again_keeps_the_messages(self, broker: Broker, name: str) -> None:
        await broker.declare([name])
        await broker.publish(destination_queue(name), a_message(1))

        await broker.declare([name])

        assert await drain(broker, destination_queue(name), 1) == [b"1"]

    async def test_depth_counts_what_nobody_holds(self, broker: Broker, queue: str) -> None:
        for number in range(3):
            await broker.publish(queue, a_message(number))

        await depth_becomes(broker, queue, 3)
        async with broker.consume(queue, prefetch=2) as messages:
            await take(messages, 2)
            await depth_becomes(broker, queue, 1)
        await depth_becomes(broker, queue, 3)

    async def test_a_missing_queue_has_no_depth(self, broker: Broker, name: str) -> None:
        with pytest.raises(UnroutableError):
            await broker.depth(destination_queue(name))

    # Opening and closing

    async def test_opening_twice_is_no_error(self, broker: Broker, queue: str) -> None:
        await broker.open()

        await broker.publish(queue, a_message(1))

    async def test_nothing_is_carried_after_closing_until_it_is_opened_again(
        self, broker: Broker, queue: str
    ) -> None:
        await broker.publish(queue, a_message(1))
        await broker.close()
        await broker.close()

        with pytest.raises(BrokerUnavailableError):
            await broker.publish(queue, a_message(2))
        with pytest.raises(BrokerUnavailableError):
            await broker.request(queue, a_message(2), timeout_s=PATIENCE_S)
        with pytest.raises(BrokerUnavailableError):
            await broker.depth(queue)
        with pytest.raises(BrokerUnavailableError):
            await broker.declare([])

        await broker.open()
        assert await drain(broker, queue, 1) == [b"1"]

    async def test_closing_gives_back_what_consumers_hold(self, broker: Broker, queue: str) -> None:
        await broker.publish(queue, a_message(1))
        async with broker.consume(queue, prefetch=1) as messages:
            [held] = await take(messages)
            await broker.close()
            await held.ack()
            await broker.open()

            [again] = await take(messages)
            assert again.message.body == b"1"
            assert again.redelivered

    async def test_closing_ends_a_question_that_waits(self, broker: Broker, queue: str) -> None:
        asking = asyncio.ensure_future(broker.request(queue, a_message(1), timeout_s=PATIENCE_S))
        await depth_becomes(broker, queue, 1)

        await broker.close()

        with pytest.raises(BrokerUnavailableError):
            await asking
