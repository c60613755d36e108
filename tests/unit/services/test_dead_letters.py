"""Copies that the broker gave up: the delivery stops for a person, forgeries stop nothing."""

import asyncio
from dataclasses import replace
from typing import Any

import pytest
from structlog.testing import capture_logs

from gateway.domain.lifecycle import State
from gateway.domain.records import DeliveryRecord
from gateway.ports.broker import Message, dead_letter_queue, destination_queue
from gateway.sdk import Application, Delivery, Receipt
from gateway.testing.faults import FlakyBroker, FlakyJournal
from gateway.testing.world import DESTINATION, World, eventually

QUEUE = destination_queue(DESTINATION)
DEAD = dead_letter_queue(DESTINATION)


async def a_copy(world: World) -> tuple[DeliveryRecord, Message]:
    """Accept an application and take its copy off the queue."""
    delivery = await world.until(await world.accepted(), State.QUEUED)
    async with world.broker.consume(QUEUE, prefetch=1) as copies:
        received = await anext(copies)
        await received.ack()
    return delivery, received.message


def seen(logs: list[Any], name: str) -> bool:
    return any(entry["event"] == name for entry in logs)


async def test_a_copy_that_killed_its_workers_before_they_claimed_it_is_parked(
    flaky: World,
) -> None:
    delivery, copy = await a_copy(flaky)

    await flaky.broker.publish(DEAD, copy)
    record = await flaky.until(delivery, State.PARKED)

    assert record.code == "delivery.crash_loop"
    assert (await flaky.actions())[-1] == "delivery.parked"


async def test_a_copy_that_killed_its_workers_after_they_claimed_it_is_in_doubt(
    flaky: World,
) -> None:
    async def never(_: Application, __: Delivery) -> Receipt:
        await asyncio.sleep(3600)
        raise AssertionError

    delivery, copy = await a_copy(flaky)
    flaky.adapter.send = never  # type: ignore[method-assign]
    await flaky.broker.publish(QUEUE, copy)
    flaky.start_worker()
    await flaky.until(delivery, State.SENDING)

    await flaky.broker.publish(DEAD, copy)
    record = await flaky.until(delivery, State.IN_DOUBT)

    assert (record.code, record.due_at) == ("delivery.crash_loop", None)


async def test_a_dead_letter_of_an_earlier_attempt_changes_nothing(flaky: World) -> None:
    delivery, copy = await a_copy(flaky)
    earlier = replace(copy, headers={**copy.headers, "ce-attempt": "7"})

    with capture_logs() as logs:
        await flaky.broker.publish(DEAD, earlier)
        await eventually(lambda: seen(logs, "delivery.crash_looped"))

    record = await flaky.gateway.journal.delivery(delivery.id)
    assert record is not None
    assert record.state == State.QUEUED


@pytest.mark.parametrize(
    "forge",
    [
        lambda _: Message(body=b"junk"),
        lambda copy: replace(copy, body=copy.body[:-4] + b"AAAA"),
        lambda copy: replace(copy, headers={**copy.headers, "kakehashi-signature": "e30..AA"}),
        lambda copy: replace(copy, headers={**copy.headers, "ce-attempt": "-1"}),
        lambda copy: replace(copy, headers={**copy.headers, "ce-attempt": "9" * 30}),
    ],
    ids=["junk", "altered", "not signed by us", "no attempt", "an endless attempt"],
)
async def test_a_forged_dead_letter_is_noted_and_stops_nothing(flaky: World, forge: Any) -> None:
    delivery, copy = await a_copy(flaky)

    with capture_logs() as logs:
        await flaky.broker.publish(DEAD, forge(copy))
        await eventually(lambda: seen(logs, "dead_letter.refused"))
    await flaky.broker.publish(QUEUE, copy)
    flaky.start_worker()
    await flaky.until(delivery, State.DELIVERED)

    assert (await flaky.actions()).count("message.refused") == 1


async def test_a_forged_dead_letter_is_survived_while_the_journal_is_down(
    flaky: World, broker: FlakyBroker, journal: FlakyJournal
) -> None:
    delivery, copy = await a_copy(flaky)
    journal.is_down = True
    with capture_logs() as logs:
        await broker.publish(DEAD, Message(body=b"junk"))
        await broker.publish(DEAD, copy)
        await eventually(lambda: seen(logs, "dead_letter.not_committed"))
    journal.is_down = False

    await flaky.until(delivery, State.PARKED)

    actions = await flaky.actions()
    assert (actions.count("message.refused"), actions.count("delivery.parked")) == (1, 1)


@pytest.mark.parametrize("committed", [True, False])
async def test_a_burial_whose_commit_is_unknown_is_recorded_once(
    flaky: World, journal: FlakyJournal, *, committed: bool
) -> None:
    delivery, copy = await a_copy(flaky)
    journal.lose_commit("crash_loop_rule", committed=committed)

    await flaky.broker.publish(DEAD, copy)
    await flaky.until(delivery, State.PARKED)
    await asyncio.sleep(0.1)

    assert (await flaky.actions()).count("delivery.parked") == 1


async def test_a_dead_letter_of_a_delivery_nobody_knows_is_put_aside(
    flaky: World, broker: FlakyBroker, tmp_path_factory: pytest.TempPathFactory
) -> None:
    async with World.make(tmp_path_factory.mktemp("other"), store=flaky.store) as other:
        _, copy = await a_copy(other)

    with capture_logs() as logs:
        await broker.publish(DEAD, copy)
        await eventually(lambda: seen(logs, "dead_letter.delivery_unknown"))

    assert await broker.depth(DEAD) == 0
