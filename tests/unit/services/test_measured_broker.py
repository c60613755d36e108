"""What goes over a measured broker is tallied, whether it arrives or not."""

import asyncio

import pytest

from gateway.domain.errors import BrokerUnavailableError, UnroutableError
from gateway.drivers.memory_broker import MemoryBroker
from gateway.ports.broker import CLAIMS, OUTCOMES, Message
from gateway.services.measured_broker import MeasuredBroker
from gateway.services.tally import Commits
from gateway.services.watch_loop import WatchLoop
from gateway.testing.world import eventually

TRACE = "0af7651916cd43dd8448eb211c80319c"


async def test_what_is_published_is_timed_with_its_trace_and_what_is_not_has_its_code() -> None:
    broker = MeasuredBroker(MemoryBroker())
    connected = [broker.is_connected]
    await broker.open()
    await broker.declare(["core"])
    message = Message(body=b"x", headers={"traceparent": f"00-{TRACE}-b7ad6b7169203331-01"})

    await broker.publish("dest.core", message)
    with pytest.raises(UnroutableError):
        await broker.publish("dest.other", message)

    connected.append(broker.is_connected)
    assert connected == [False, True]
    assert await broker.depth("dest.core") == 1
    assert sum(broker.published_s["dest.core"].counts) == 1
    assert [each.trace_id for each in broker.published_s["dest.core"].exemplars.values()] == [TRACE]
    assert broker.unpublished == {("dest.other", UnroutableError.code): 1}


async def test_questions_are_timed_and_those_without_an_answer_counted() -> None:
    broker = MeasuredBroker(MemoryBroker())
    await broker.open()
    await broker.declare([])

    async def answer() -> None:
        async with broker.consume(CLAIMS, prefetch=1) as questions:
            question = await anext(questions)
            await broker.reply(question.message, Message(body=b"yes"))
            await question.ack()

    answering = asyncio.create_task(answer())
    reply = await broker.request(CLAIMS, Message(body=b"?"), timeout_s=5.0)
    await answering
    with pytest.raises(BrokerUnavailableError):
        await broker.request(OUTCOMES, Message(body=b"?"), timeout_s=0.01)
    await broker.close()

    assert reply.body == b"yes"
    assert sum(broker.answered_s[CLAIMS].counts) == 1
    assert broker.unanswered == {(OUTCOMES, BrokerUnavailableError.code): 1}
    assert not broker.is_connected


async def test_a_loop_that_is_watched_is_timed() -> None:
    watch = WatchLoop()
    watching = asyncio.create_task(watch.run())
    await eventually(lambda: sum(watch.late_s.counts) > 0)
    watching.cancel()

    assert watch.late_s.sum >= 0.0


def test_a_commit_that_came_to_nothing_is_counted_apart() -> None:
    commits = Commits()
    commits.note(3, 0.002)
    commits.note(5, None)

    assert (sum(commits.steps.counts), commits.steps.sum, commits.failed) == (1, 3.0, 1)
    assert commits.seconds.sum == pytest.approx(0.002)
