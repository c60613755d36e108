"""What the broker lost or a worker abandoned is found and set going again."""

import asyncio
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NoReturn

import pytest

from gateway.domain.entry import Actor, ActorKind
from gateway.domain.errors import JournalUnavailableError
from gateway.domain.identifiers import CopyId, DestinationName, WorkerName
from gateway.domain.lifecycle import State
from gateway.domain.records import DeliveryRecord
from gateway.drivers.system_clock import new_id
from gateway.ports.broker import destination_queue
from gateway.ports.journal import Decision
from gateway.sdk import Application, Delivery, Receipt
from gateway.services.destinations import Destinations
from gateway.services.outcome_rules import abandoned_rule
from gateway.services.policy import DestinationPolicy
from gateway.services.reconcile import Reconcile
from gateway.testing.builders import (
    DESTINATION,
    MUNICIPALITY,
    NOW,
    a_delivery,
    a_heartbeat,
    an_application,
)
from gateway.testing.world import DESTINATION as CORE
from gateway.testing.world import World

COPY = CopyId(new_id())
ME = WorkerName("w1/aaaa")
QUEUE = destination_queue(CORE)


def claimed(**over: Any) -> DeliveryRecord:
    members = {"state": State.SENDING, "copy": COPY, "worker": ME, "claimed_at": NOW}
    return a_delivery(an_application(), **{**members, **over}).record


def judged(record: DeliveryRecord, *, after_s: float, alive: bool, **policy: Any) -> Any:
    rule = abandoned_rule(
        DestinationPolicy(name=DESTINATION, municipality=MUNICIPALITY, send_timeout_s=60, **policy),
        frozenset({ME} if alive else ()),
        NOW,
        seen=record,
        unchanged_s=after_s,
    )
    return rule(record)


@pytest.mark.parametrize(
    ("after_s", "alive", "expected"),
    [(119, False, False), (121, False, True), (121, True, False), (661, True, True)],
)
def test_a_claim_is_abandoned_after_a_send_s_time_and_a_margin(
    after_s: float,
    alive: bool,  # noqa: FBT001 - a table
    expected: bool,  # noqa: FBT001 - a table
) -> None:
    decision = judged(claimed(), after_s=after_s, alive=alive)

    assert decision.answer is expected
    assert (decision.record is not None) is expected


def test_a_claim_that_has_changed_since_it_was_seen_is_not_abandoned() -> None:
    seen = claimed()
    rule = abandoned_rule(
        DestinationPolicy(name=DESTINATION, municipality=MUNICIPALITY),
        frozenset(),
        NOW,
        seen=seen,
        unchanged_s=900_000,
    )

    assert rule(seen).answer
    assert not rule(claimed(id=seen.id, resolves=1)).answer


def test_what_was_abandoned_waits_for_a_person_where_nothing_can_be_asked() -> None:
    decision = judged(claimed(), after_s=900, alive=False)

    assert decision.record.state == State.IN_DOUBT
    assert decision.record.code == "delivery.abandoned"
    assert decision.record.due_at is None


@pytest.mark.parametrize("state", [State.SENDING, State.IN_DOUBT])
def test_what_was_abandoned_is_asked_about_at_once_where_that_is_possible(state: State) -> None:
    decision = judged(claimed(state=state), after_s=900, alive=False, idempotency="lookup")

    assert decision.record.state == State.IN_DOUBT
    assert decision.record.due_at is not None
    assert decision.record.copy is None


@pytest.mark.parametrize(
    "state", [State.PENDING, State.QUEUED, State.RETRYING, State.PARKED, State.DELIVERED]
)
def test_what_nobody_holds_cannot_be_abandoned(state: State) -> None:
    decision = judged(claimed(state=state), after_s=900_000, alive=False)

    assert decision.answer is False


@dataclass(slots=True)
class Later:
    """A clock that a test sets forward."""

    offset: timedelta = timedelta()

    def now(self) -> datetime:
        """Return the time it is by now."""
        return datetime.now(UTC) + self.offset


def away(_: DestinationName) -> None:
    raise JournalUnavailableError("away")


class Reconciled:
    """A world whose reconciliation lives in a time of its own."""

    def __init__(self, world: World) -> None:
        self.world, self.clock, self.journal = world, Later(), world.gateway.journal
        self.passed_s = 0.0
        self.destinations = Destinations(
            {DestinationName(CORE): world.gateway.destinations[DestinationName(CORE)]},
            journal=self.journal,
            clock=self.clock,
            monotonic=lambda: self.passed_s,
        )
        self.reconcile = Reconcile(
            destinations=self.destinations,
            journal=self.journal,
            broker=world.broker,
            relay=world.gateway.relay,
            clock=self.clock,
            monotonic=lambda: self.passed_s,
        )

    async def look(self, *, after_s: float = 0, **beat: Any) -> int:
        """Look again ``after_s`` later; return how many copies were found missing."""
        before = self.reconcile.republished[DestinationName(CORE)]
        self.passed_s += after_s
        self.clock.offset += timedelta(seconds=after_s)
        if beat:
            heartbeat = a_heartbeat(
                worker=ME, destination=DestinationName(CORE), at=self.clock.now(), **beat
            )
            await self.journal.put_heartbeat(heartbeat)
        await self.destinations.refresh()
        await self.reconcile.look()
        return self.reconcile.republished[DestinationName(CORE)] - before

    async def looks(self, for_s: float, **beat: Any) -> int:
        """Look every minute for so long; return how many copies were found missing."""
        found = 0
        while for_s > 0:
            found += await self.look(after_s=min(for_s, 60), **beat)
            for_s -= 60
        return found

    async def hold(self, delivery: DeliveryRecord) -> None:
        """Let a worker have claimed it."""
        held = replace(claimed(), id=delivery.id, application_id=delivery.application_id)
        held = replace(held, destination=delivery.destination, municipality=delivery.municipality)
        await self.journal.decide(delivery.id, lambda _: Decision(answer=None, record=held))

    async def queued(self, copies: int = 1) -> list[DeliveryRecord]:
        """Return deliveries whose copies wait on the broker."""
        accepted = [await self.world.accepted() for _ in range(copies)]
        return [await self.world.until(one, State.QUEUED) for one in accepted]

    async def lose(self, copies: int) -> None:
        """Let the broker lose the first copies of the queue."""
        async with self.world.broker.consume(QUEUE, prefetch=copies) as arriving:
            taken = aiter(arriving)
            for _ in range(copies):
                await (await anext(taken)).ack()


async def test_every_copy_that_the_broker_lost_is_published_again_and_sent_once(
    world: World,
) -> None:
    town = Reconciled(world)
    deliveries = await town.queued(20)
    await town.lose(20)

    found = [await town.look(after_s=30) for _ in range(4)]
    world.start_worker()
    for delivery in deliveries:
        await world.until(delivery, State.DELIVERED)

    assert found == [0, 0, 20, 0]
    assert len(world.adapter.sent) == 20
    assert (await world.actions()).count("delivery.republished") == 20


@pytest.mark.parametrize("after_s", [61, 3600])
async def test_copies_that_still_wait_in_their_queue_are_left_there(
    world: World, after_s: float
) -> None:
    town = Reconciled(world)
    await town.queued(3)

    found = [await town.looks(after_s) for _ in range(5)]

    assert found == [0] * 5
    assert await world.broker.depth(QUEUE) == 3


@pytest.mark.parametrize("jump_s", [3600, -3600])
async def test_a_lost_copy_is_found_as_soon_when_the_clock_jumps(
    world: World, jump_s: float
) -> None:
    town = Reconciled(world)
    await town.queued()
    await town.lose(1)

    found = [await town.look(after_s=30)]
    town.clock.offset += timedelta(seconds=jump_s)
    found += [await town.look(after_s=30), await town.look(after_s=30)]

    assert found == [0, 0, 1]


@pytest.mark.parametrize("jump_s", [3600, -3600])
async def test_a_claim_is_as_old_as_it_was_seen_to_be_when_the_clock_jumps(
    world: World, jump_s: float
) -> None:
    town = Reconciled(world)
    [delivery] = await town.queued()
    await town.hold(delivery)

    await town.look()
    town.clock.offset += timedelta(seconds=jump_s)
    await town.look(after_s=60)
    too_soon = await town.journal.delivery(delivery.id)
    await town.looks(300)
    found = await town.journal.delivery(delivery.id)

    assert too_soon is not None
    assert too_soon.state == State.SENDING
    assert found is not None
    assert (found.state, found.code) == (State.IN_DOUBT, "delivery.abandoned")


async def test_what_came_about_while_nobody_looked_is_heard_of_first(world: World) -> None:
    town = Reconciled(world)
    [delivery] = await town.queued()
    await town.hold(delivery)

    await town.looks(60)
    await town.look(after_s=600)
    await town.looks(60)
    too_soon = await town.journal.delivery(delivery.id)
    await town.looks(120)
    found = await town.journal.delivery(delivery.id)

    assert (too_soon and too_soon.state, found and found.state) == (State.SENDING, State.IN_DOUBT)


async def test_a_look_that_was_broken_off_begins_nothing_anew(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    town = Reconciled(world)
    [delivery] = await town.queued()
    await town.hold(delivery)

    await town.looks(60)
    for _ in range(3):
        with monkeypatch.context() as broken:
            broken.setattr(town.journal, "unclaimed", away)
            with pytest.raises(JournalUnavailableError):
                await town.look(after_s=30)
        await town.look(after_s=31)
    found = await town.journal.delivery(delivery.id)

    assert found is not None
    assert found.state == State.IN_DOUBT


async def test_copies_in_a_worker_s_hands_are_not_missing(world: World) -> None:
    town = Reconciled(world)
    await town.queued(3)
    async with world.broker.consume(QUEUE, prefetch=3) as arriving:
        await anext(aiter(arriving))
        held = [await town.look(after_s=61, unclaimed=3) for _ in range(3)]
        # They went back to the queue, from where a worker took them that says so only now.
        gone = await town.look(after_s=61, unclaimed=1)

    assert [*held, gone] == [0, 0, 0, 0]


async def test_one_look_alone_proves_nothing(world: World) -> None:
    town = Reconciled(world)
    await town.queued()
    await town.lose(1)

    assert await town.look(after_s=3600) == 0


async def test_a_copy_that_was_overtaken_is_missing_although_its_queue_is_never_empty(
    world: World,
) -> None:
    town = Reconciled(world)
    [lost] = await town.queued()
    await town.lose(1)
    await town.queued()
    overtaken_at = lost.updated_at + timedelta(minutes=10)

    town.reconcile.note_claimed(DestinationName(CORE), overtaken_at - timedelta(seconds=1))
    not_yet = [await town.looks(700, unclaimed=1) for _ in range(3)]
    town.reconcile.note_claimed(DestinationName(CORE), overtaken_at)
    too_soon = await town.look(after_s=30, unclaimed=1)
    found = await town.looks(700, unclaimed=1)

    assert (not_yet, too_soon, found) == ([0, 0, 0], 0, 1)


async def test_what_is_paused_is_left_until_it_goes_on(world: World) -> None:
    town = Reconciled(world)
    await town.queued()
    await town.lose(1)
    operator = Actor(ActorKind.OPERATOR, "suzuki")

    await world.gateway.operate.destinations.pause(CORE, actor=operator, reason="x")
    paused = [await town.look(after_s=61) for _ in range(3)]
    await world.gateway.operate.destinations.resume(CORE, actor=operator, reason="x")

    assert paused == [0, 0, 0]
    assert await town.look(after_s=30) == 1


async def test_a_worker_that_was_frozen_with_its_go_asks_again_and_sends_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from gateway.services import worker_memory  # noqa: PLC0415 - to speed up its clock only

    monkeypatch.setattr(worker_memory, "FRESH_S", -1.0)
    async with World.make(tmp_path) as world:
        world.adapter.send = refuse_to_be_called  # type: ignore[method-assign]
        monkeypatch.setattr(worker_memory, "FRESH_S", -1.0)
        world.start_worker()
        delivery = await world.until(await world.accepted(), State.SENDING)
        while not delivery.resolves:  # Its "go" has come too late, and it has asked again.
            await asyncio.sleep(0.005)
            delivery = await world.until(delivery, State.SENDING)
        monkeypatch.setattr(worker_memory, "FRESH_S", 10.0)

        record = await world.until(delivery, State.IN_DOUBT)

    assert record.code == "delivery.effect_unknown"


async def refuse_to_be_called(_: Application, __: Delivery) -> Receipt:
    return fail()


def fail() -> NoReturn:
    raise AssertionError("sent")
