"""What a lane does when broker and journal fail it, and how much it lets out."""

import asyncio
from collections import Counter
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from structlog.testing import capture_logs

from gateway.domain.entry import Action, Actor, ActorKind
from gateway.domain.identifiers import CopyId
from gateway.domain.lifecycle import State
from gateway.domain.records import DeliveryRecord
from gateway.domain.retry import RetryPolicy
from gateway.drivers.memory_keys import MemoryKeys
from gateway.drivers.system_clock import SystemClock, new_id
from gateway.ports.broker import destination_queue
from gateway.sdk import TransientError
from gateway.services import relay
from gateway.services.destinations import Destinations
from gateway.services.policy import DestinationPolicy
from gateway.services.relay import Relay
from gateway.services.relay_rules import due_rule, published_rule
from gateway.services.wire import read_copy_headers
from gateway.testing.builders import (
    DESTINATION as BUILT,
)
from gateway.testing.builders import (
    MUNICIPALITY,
    NOW,
    a_delivery,
    an_acceptance,
    an_application,
)
from gateway.testing.contracts.journal import becomes
from gateway.testing.faults import FlakyBroker, FlakyJournal
from gateway.testing.world import DESTINATION, World, eventually

QUEUE = destination_queue(DESTINATION)
COPY = CopyId(UUID(int=1))


def a_record(**over: Any) -> DeliveryRecord:
    return a_delivery(an_application(), **over).record


def a_policy(**over: Any) -> DestinationPolicy:
    return DestinationPolicy(name=BUILT, municipality=MUNICIPALITY, **over)


def a_relay(journal: FlakyJournal, broker: FlakyBroker) -> Relay:
    return Relay(
        destinations=Destinations({BUILT: a_policy()}, journal=journal, clock=SystemClock()),
        journal=journal,
        broker=broker,
        clock=SystemClock(),
        new_copy=lambda: CopyId(new_id()),
        sweep_s=0.02,
    )


def events(logs: list[Any], *names: str) -> list[str]:
    return [entry["event"] for entry in logs if entry["event"] in names]


# The rules


@pytest.mark.parametrize(
    "over",
    [
        {"state": State.PENDING},
        {"state": State.QUEUED},
        {"state": State.IN_DOUBT, "due_at": NOW},
    ],
)
def test_what_waits_to_be_published_is_published_as_it_is(over: dict[str, Any]) -> None:
    record = a_record(**over)

    decision = due_rule(a_policy(), NOW)(record)

    assert (decision.answer, decision.record, decision.entries) == (record, None, ())


def test_a_retry_that_was_put_off_before_the_clock_was_set_back_is_due() -> None:
    later = NOW + timedelta(hours=1)
    record = a_record(state=State.RETRYING, updated_at=later, due_at=later)

    decision = due_rule(a_policy(), NOW)(record)

    assert decision.record is not None
    assert (decision.record.state, decision.record.updated_at) == (State.PENDING, NOW)


@pytest.mark.parametrize("due_at", [None, NOW])
def test_a_retry_that_is_due_becomes_the_next_attempt(due_at: Any) -> None:
    record = a_record(
        state=State.RETRYING, due_at=due_at, claimed_at=NOW, resolves=2, attempt=3, counted=2
    )

    decision = due_rule(a_policy(), NOW)(record)

    assert decision.record is not None
    assert decision.answer == decision.record
    assert (decision.record.state, decision.record.attempt) == (State.PENDING, 4)
    assert (decision.record.claimed_at, decision.record.resolves) == (None, 0)
    assert [entry.action for entry in decision.entries] == [Action.DELIVERY_DUE]


def test_a_retry_whose_budget_was_lowered_below_what_it_has_spent_is_parked_when_due() -> None:
    record = a_record(state=State.RETRYING, counted=2, code="db.locked")

    decision = due_rule(a_policy(retry=RetryPolicy(max_attempts=2)), NOW)(record)

    assert decision.answer is None
    assert decision.record is not None
    assert (decision.record.state, decision.record.code) == (State.PARKED, "db.locked")
    assert [entry.action for entry in decision.entries] == [Action.DELIVERY_PARKED]


@pytest.mark.parametrize(
    "over",
    [
        {"state": State.RETRYING, "due_at": NOW + timedelta(seconds=1)},
        {"state": State.IN_DOUBT},
        {"state": State.IN_DOUBT, "due_at": NOW, "copy": COPY},
        {"state": State.SENDING},
        {"state": State.PARKED},
        {"state": State.DELIVERED},
        {"state": State.CANCELLED},
    ],
)
def test_what_changed_since_it_was_leased_is_not_published(over: dict[str, Any]) -> None:
    decision = due_rule(a_policy(), NOW)(a_record(**over))

    assert (decision.answer, decision.record) == (None, None)


def test_a_published_question_is_asked_again_should_nobody_claim_it() -> None:
    record = a_record(state=State.IN_DOUBT, due_at=NOW)

    decision = published_rule(attempt=1, copy=COPY, now=NOW)(record)

    assert decision.record is not None
    assert decision.record.state == State.IN_DOUBT
    assert decision.record.due_at == NOW + timedelta(minutes=10)


@pytest.mark.parametrize(
    "over",
    [
        {"state": State.PENDING, "attempt": 2},
        {"state": State.IN_DOUBT, "attempt": 2},
        {"state": State.IN_DOUBT, "copy": COPY},
        *({"state": state} for state in State if state not in (State.PENDING, State.IN_DOUBT)),
    ],
)
def test_a_confirm_that_comes_behind_claim_or_outcome_changes_nothing(
    over: dict[str, Any],
) -> None:
    decision = published_rule(attempt=1, copy=COPY, now=NOW)(a_record(**over))

    assert (decision.record, decision.entries) == (None, ())


# The broker fails


async def test_a_lane_that_the_broker_holds_up_says_so_once_and_recovers(
    flaky: World, broker: FlakyBroker
) -> None:
    flaky.start_worker()
    broker.is_down = True

    with capture_logs() as logs:
        deliveries = [await flaky.accepted() for _ in range(3)]
        await asyncio.sleep(0.2)
        broker.is_down = False
        for delivery in deliveries:
            await flaky.until(delivery, State.DELIVERED)
        await eventually(lambda: bool(events(logs, "lane.recovered")))

    assert events(logs, "lane.held_up", "lane.recovered") == ["lane.held_up", "lane.recovered"]
    assert len(flaky.adapter.sent) == 3


@pytest.mark.usefixtures("flaky")
async def test_every_outage_of_an_idle_lane_is_told(broker: FlakyBroker) -> None:
    with capture_logs() as logs:
        for outage in (1, 2):
            broker.is_down = True
            await eventually(lambda: len(events(logs, "lane.held_up")) == outage)  # noqa: B023
            broker.is_down = False
            await eventually(lambda: len(events(logs, "lane.recovered")) == outage)  # noqa: B023

    assert events(logs, "lane.held_up", "lane.recovered") == ["lane.held_up", "lane.recovered"] * 2


async def test_a_queue_that_is_gone_is_declared_again_and_its_loss_noted_once(
    flaky: World, broker: FlakyBroker
) -> None:
    broker.keeps_nothing = True
    broker.remove(QUEUE)
    delivery = await flaky.accepted()
    await asyncio.sleep(0.2)
    record = await flaky.gateway.journal.delivery(delivery.id)
    broker.keeps_nothing = False
    flaky.start_worker()

    await flaky.until(delivery, State.DELIVERED)

    assert record is not None
    assert record.state == State.PENDING
    assert (await flaky.actions()).count("delivery.returned") == 1


async def test_a_queue_that_cannot_be_declared_is_told_of_once(
    flaky: World, broker: FlakyBroker
) -> None:
    broker.keeps_nothing = True
    broker.remove(QUEUE)
    with capture_logs() as logs:
        delivery = await flaky.accepted()
        await asyncio.sleep(0.3)
        broker.keeps_nothing = False
        await flaky.until(delivery, State.QUEUED)

    assert events(logs, "queue.not_declared", "queue.declared") == [
        "queue.not_declared",
        "queue.declared",
    ]


async def test_a_lane_recovers_when_what_it_could_not_publish_was_cancelled(
    flaky: World, broker: FlakyBroker
) -> None:
    with capture_logs() as logs:
        # Only its publish fails: the queue is asked for its depth without trouble.
        broker.lost_confirms[QUEUE] = 1_000_000
        delivery = await flaky.accepted()
        await eventually(lambda: bool(events(logs, "lane.held_up")))
        await flaky.gateway.journal.decide(delivery.id, becomes(State.CANCELLED))
        await eventually(lambda: bool(events(logs, "lane.recovered")))

    assert events(logs, "lane.held_up", "lane.recovered") == ["lane.held_up", "lane.recovered"]


async def test_a_lane_that_is_paused_does_not_say_that_its_broker_is_back(
    flaky: World, broker: FlakyBroker
) -> None:
    operate = flaky.gateway.operate.destinations
    me = Actor(ActorKind.OPERATOR, "suzuki")
    with capture_logs() as logs:
        broker.is_down = True
        await eventually(lambda: bool(events(logs, "lane.held_up")))
        await operate.pause(DESTINATION, actor=me, reason="x")
        await asyncio.sleep(0.2)
        while_paused = events(logs, "lane.recovered")
        broker.is_down = False
        await operate.resume(DESTINATION, actor=me, reason="x")
        await eventually(lambda: bool(events(logs, "lane.recovered")))

    assert while_paused == []


async def test_a_lane_goes_on_although_its_queue_s_loss_cannot_be_noted(
    flaky: World, broker: FlakyBroker, journal: FlakyJournal
) -> None:
    broker.remove(QUEUE)
    journal.is_down = True
    with capture_logs() as logs:
        await eventually(lambda: bool(events(logs, "return.not_recorded")))
    journal.is_down = False
    flaky.start_worker()

    await flaky.until(await flaky.accepted(), State.DELIVERED)


@pytest.mark.usefixtures("hasty")
async def test_what_a_full_queue_refuses_waits_in_the_journal(tmp_path: Path) -> None:
    broker = FlakyBroker(max_queue_messages=1)
    async with World.make(tmp_path, broker=broker) as world:
        deliveries = [await world.accepted() for _ in range(4)]
        await asyncio.sleep(0.2)
        world.start_worker()

        for delivery in deliveries:
            await world.until(delivery, State.DELIVERED)

        assert len(world.adapter.sent) == 4
        assert broker.deepest[QUEUE] == 1
        assert (await world.actions()).count("delivery.returned") >= 1


@pytest.mark.parametrize("worker_is_late", [True, False])
async def test_a_copy_whose_confirm_is_lost_is_published_again_and_sent_once(
    flaky: World, broker: FlakyBroker, *, worker_is_late: bool
) -> None:
    broker.lost_confirms[QUEUE] = 1
    if not worker_is_late:
        flaky.start_worker()
    delivery = await flaky.accepted()
    if worker_is_late:
        await flaky.until(delivery, State.QUEUED)
        flaky.start_worker()

    await flaky.until(delivery, State.DELIVERED)
    await asyncio.sleep(0.1)

    assert len(flaky.adapter.sent) == 1


async def test_copies_that_double_are_sent_once(flaky: World, broker: FlakyBroker) -> None:
    broker.doubles = True
    flaky.start_worker()
    deliveries = [await flaky.accepted() for _ in range(5)]

    for delivery in deliveries:
        await flaky.until(delivery, State.DELIVERED)
    await asyncio.sleep(0.1)

    keys = Counter(sent.idempotency_key for _, sent in flaky.adapter.sent)
    assert keys == {str(delivery.id): 1 for delivery in deliveries}


# The journal fails


@pytest.mark.parametrize("committed", [True, False])
async def test_a_copy_whose_mark_is_lost_may_be_published_again_but_is_sent_once(
    flaky: World, journal: FlakyJournal, *, committed: bool
) -> None:
    journal.lose_commit("published_rule", committed=committed)
    delivery = await flaky.until(await flaky.accepted(), State.QUEUED)
    flaky.start_worker()

    await flaky.until(delivery, State.DELIVERED)
    await asyncio.sleep(0.1)

    assert len(flaky.adapter.sent) == 1


@pytest.mark.parametrize("committed", [True, False])
async def test_a_due_retry_whose_commit_is_lost_is_sent_as_one_attempt(
    flaky: World, journal: FlakyJournal, *, committed: bool
) -> None:
    def fails(*_: object) -> Any:
        raise TransientError("db.locked")

    flaky.adapter.script = [fails]
    journal.lose_commit("due_rule", committed=committed)
    flaky.start_worker()

    record = await flaky.until(await flaky.accepted(), State.DELIVERED)

    assert record.attempt == 2
    assert [sent.attempt for _, sent in flaky.adapter.sent] == [1, 2]


async def test_a_lane_outlives_a_journal_that_is_away(flaky: World, journal: FlakyJournal) -> None:
    flaky.start_worker()
    delivery = await flaky.accepted()
    journal.is_down = True
    await asyncio.sleep(0.2)
    journal.is_down = False

    await flaky.until(delivery, State.DELIVERED)
    await flaky.until(await flaky.accepted(), State.DELIVERED)

    assert len(flaky.adapter.sent) == 2


@pytest.mark.usefixtures("hasty")
async def test_what_was_out_at_a_kill_is_put_back_even_if_not_at_once(
    tmp_path: Path,
) -> None:
    store = MemoryKeys()
    async with World.make(tmp_path, store=store) as before:
        delivery = await before.until(await before.accepted(), State.QUEUED)
    async with World.make(tmp_path, store=store, broker=RefusesAtFirst()) as after:
        after.start_worker()

        await after.until(delivery, State.DELIVERED)

    assert len(after.adapter.sent) == 1


class RefusesAtFirst(FlakyBroker):
    """Refuses its first publishes, after it could be opened and declared."""

    def __init__(self) -> None:
        super().__init__()
        self.refusals = 3

    async def publish(self, queue: str, message: Any) -> None:
        self.is_down = queue == QUEUE and self.refusals > 0
        self.refusals -= self.is_down
        try:
            await super().publish(queue, message)
        finally:
            self.is_down = False


# Retries and room


@pytest.mark.usefixtures("hasty")
async def test_a_retry_that_outlived_its_budget_is_parked_when_it_fails_again(
    tmp_path: Path,
) -> None:
    def fails(*_: object) -> Any:
        raise TransientError("db.locked", 3600)

    async with World.make(tmp_path, retry={"max_age_s": 0.4, "base_s": 0.01}) as world:
        world.adapter.script = [fails] * 5
        world.start_worker()

        record = await world.until(await world.accepted(), State.RETRYING, State.PARKED)
        parked = await world.until(record, State.PARKED)

    assert (parked.code, parked.attempt) == ("db.locked", 2)
    assert len(world.adapter.sent) == 2


async def test_no_more_copies_wait_in_the_broker_than_a_lane_may_have_out(
    journal: FlakyJournal, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert relay.COPIES_OUT == 1000
    monkeypatch.setattr(relay, "COPIES_OUT", 100)
    broker, queue = FlakyBroker(), destination_queue(BUILT)
    lanes = a_relay(journal, broker)
    await journal.open()
    await broker.open()
    await broker.declare([BUILT])
    acceptances = [an_acceptance() for _ in range(300)]
    await asyncio.gather(*(journal.accept(acceptance) for acceptance in acceptances))
    lanes.offer(acceptances[0].deliveries * 2)
    running = asyncio.create_task(lanes.run())
    await eventually(lambda: broker.deepest[queue] >= 100)
    await asyncio.sleep(0.1)
    deepest = broker.deepest[queue]

    copies: set[CopyId] = set()
    bodies: set[bytes] = set()
    async with broker.consume(queue, prefetch=10) as arriving:
        async for received in arriving:
            copies.add(read_copy_headers(received.message).copy)
            bodies.add(received.message.body)
            await received.ack()
            if len(bodies) == 300:
                break
    running.cancel()
    await asyncio.wait({running})
    await journal.close()

    assert deepest == 100
    assert len(copies) == 300


async def test_a_lane_without_room_leaves_to_the_journal_what_it_is_offered(
    journal: FlakyJournal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(relay, "COPIES_OUT", 2)
    broker, queue = FlakyBroker(), destination_queue(BUILT)
    lanes = a_relay(journal, broker)
    await journal.open()
    await broker.open()
    await broker.declare([BUILT])
    acceptances = [an_acceptance() for _ in range(3)]
    for acceptance in acceptances:
        await journal.accept(acceptance)
        lanes.offer(acceptance.deliveries)
    running = asyncio.create_task(lanes.run())
    await eventually(lambda: broker.deepest[queue] == 2)
    await asyncio.sleep(0.1)

    assert await broker.depth(queue) == 2
    running.cancel()
    await asyncio.wait({running})
    await journal.close()
