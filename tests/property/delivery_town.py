"""Gateways, workers, a broker and a core system that take one step at a time.

Every service is what it is between two awaits: a sequence of calls of the journal and the
broker. The calls that decide go through the real rules into a real journal; the broker
loses, doubles and gives up what it is told to.
"""

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from types import SimpleNamespace
from typing import Any, Final, NamedTuple
from uuid import UUID

from gateway.domain.claim import Claim, Verdict
from gateway.domain.entry import Actor, ActorKind
from gateway.domain.identifiers import CopyId, DeliveryId, WorkerName
from gateway.domain.lifecycle import FINAL, State
from gateway.domain.outcome import Outcome, OutcomeKind
from gateway.domain.records import DeliveryRecord, SealedDelivery
from gateway.domain.retry import RetryPolicy
from gateway.ports.journal import Accepted, Journal, KeyKnown
from gateway.sdk import Idempotency
from gateway.services.answer_claims import claim_rule
from gateway.services.forward_clock import ForwardClock
from gateway.services.operate.decide import Decide
from gateway.services.outcome_rules import abandoned_rule, crash_loop_rule, outcome_rule
from gateway.services.policy import DestinationPolicy
from gateway.services.reconcile import republished_rule
from gateway.services.relay_rules import asked_again_rule, due_rule, is_asked, published_rule
from gateway.services.unchanged import Unchanged
from gateway.services.worker_memory import WorkerMemory
from gateway.testing.builders import DESTINATION, MUNICIPALITY, NOW, an_acceptance
from tests.property.delivery_parts import (
    KEY_MEMORY,
    SETTLE,
    Copy,
    CoreSystem,
    Hand,
    Publishing,
    Step,
    WatchedJournal,
)

OPERATOR: Final = Actor(ActorKind.OPERATOR, "operator-1")
_SEND_TIMEOUT: Final = timedelta(seconds=60)
_LEASE: Final = timedelta(seconds=30)
_AT_ONCE: Final = 3


@dataclass(frozen=True)
class StoppedClock:
    """Tells one time."""

    at: datetime

    def now(self) -> datetime:
        """Return it."""
        return self.at


class Memory(NamedTuple):
    """What a gateway knows of the past only as long as it runs."""

    unchanged: Unchanged
    latest: ForwardClock


class Town:
    """Everything that moves a delivery.

    Attributes:
        time: How late it is, by what nobody sets: every monotonic clock, and the core system's.
        wrong_by: What must be added to it for what every clock says that tells the time of day.
        apart: What must be added to that for what the last gateway's clock says.
        policy: The destination's, in force.
        ready: Copies in the destination's queue.
        publishing: What relays are about.
        hands: What workers are about.
        outcomes: What workers reported and no gateway has acknowledged.
        core: The core system.
        accepted: Every delivery, in the order of acceptance.
        excused: How many more effects a delivery may have than one: a person said so.
        out_of_turn: What a person ended before it had an effect: it may still have one.
    """

    def __init__(
        self, idempotency: Idempotency, journals: Sequence[Journal], *, broker_lasts: bool
    ) -> None:
        """Begin with nothing accepted and two workers."""
        self.journals = journals
        self.watch = WatchedJournal()
        self.time, self.wrong_by, self.apart = NOW, timedelta(), timedelta()
        self.policy = DestinationPolicy(
            name=DESTINATION,
            municipality=MUNICIPALITY,
            idempotency=idempotency,
            retry=RetryPolicy(max_attempts=3),
        )
        self.core = CoreSystem(idempotency)
        self.ready: list[Copy] = []
        self.publishing: list[Publishing] = []
        self.hands: list[Hand] = []
        self.outcomes: list[Outcome] = []
        self.accepted: list[DeliveryId] = []
        self.excused: dict[DeliveryId, int] = {}
        self.out_of_turn: set[DeliveryId] = set()
        self._broker_lasts = broker_lasts
        self._workers_memories: dict[WorkerName, WorkerMemory] = {}
        self._memories = [self._a_memory(node) for node in range(len(journals))]
        self._ids = itertools.count(1)
        self.workers = [self._a_worker(), self._a_worker()]

    @property
    def now(self) -> datetime:
        """The time of day, as the clocks of workers say."""
        return self.time + self.wrong_by

    def now_at(self, node: int) -> datetime:
        """Return the time of day, as one gateway's clock says: the last one's may be apart."""
        is_apart = node > 0 and node == len(self.journals) - 1
        return self.now + self.apart if is_apart else self.now

    def _seconds(self, time: datetime | None = None) -> float:
        """Return ``time``, or else the time that it is, as every monotonic clock tells it."""
        return ((time or self.time) - NOW).total_seconds()

    def _a_memory(self, node: int) -> Memory:
        clock = SimpleNamespace(now=lambda: self.now_at(node))
        return Memory(Unchanged(), ForwardClock(clock, monotonic=self._seconds))

    @property
    def records(self) -> list[DeliveryRecord]:
        """Every delivery as it is, in the order of acceptance."""
        return [self.watch.known[delivery] for delivery in self.accepted]

    def _a_worker(self) -> WorkerName:
        worker = WorkerName(f"w/{next(self._ids)}")
        self._workers_memories[worker] = WorkerMemory(
            settle_s=SETTLE.total_seconds(), key_memory_s=KEY_MEMORY.total_seconds()
        )
        return worker

    async def decide(self, node: int, delivery: DeliveryId, rule: Callable[..., Any]) -> Any:
        """Let one gateway decide."""
        return await self.watch.decide(self.journals[node], delivery, rule)

    # The gateway accepts and publishes

    async def accept(self, node: int, key: bytes | None, *, lost: bool) -> None:
        """Accept an application; when the answer is lost its front end asks again."""
        acceptance = an_acceptance(order_key=key, accepted_at=self.now_at(node))
        assert isinstance(await self.journals[node].accept(acceptance), Accepted)
        [delivery] = acceptance.deliveries
        self.accepted.append(delivery.record.id)
        self.watch.known[delivery.record.id] = delivery.record
        if lost:
            assert isinstance(await self.journals[node].accept(acceptance), KeyKnown)
        elif key is None and not self.policy.paused:
            self.publishing.append(Publishing(node, delivery, Step.READY))

    async def sweep(self, node: int) -> None:
        """Take what is due."""
        if self.policy.paused:
            return
        now = self.now_at(node)
        due = await self.journals[node].lease(
            DESTINATION, limit=_AT_ONCE, now=now, until=now + _LEASE
        )
        for delivery in due:
            record = delivery.record
            assert record == self.watch.known[record.id]
            if record.state != State.IN_DOUBT:
                assert not self._is_behind(record), "leased out of turn"
            if not any(
                other.node == node and other.delivery.record.id == record.id
                for other in self.publishing
            ):
                self.publishing.append(Publishing(node, delivery, Step.READY))

    def _is_behind(self, record: DeliveryRecord) -> bool:
        earlier = self.accepted[: self.accepted.index(record.id)]
        return record.order_key is not None and any(
            self.watch.known[other].order_key == record.order_key
            and self.watch.known[other].state not in FINAL
            for other in earlier
        )

    async def publish_on(self, task: Publishing, *, lost: bool) -> None:
        """Take a relay's next step; one whose answer is lost leaves it to a sweep."""
        record, now = task.delivery.record, self.now_at(task.node)
        was_out = record.state in (State.QUEUED, State.SENDING) or record.copy is not None
        goes_on = not lost
        match task.step:
            case Step.READY if not was_out and self.policy.paused:
                goes_on = False
            case Step.READY:
                if task.copy is None and record.state != State.PENDING:
                    rule = due_rule(self.policy, now)
                    ready = await self.decide(task.node, record.id, rule)
                    goes_on = goes_on and ready is not None
                    if goes_on:
                        task.delivery = replace(task.delivery, record=ready)
                task.step = Step.PUBLISH if goes_on else task.step
            case Step.PUBLISH:
                task.copy = task.copy or CopyId(UUID(int=next(self._ids)))
                self.ready.append(Copy(task.copy, record.id, record.attempt))
                task.step = Step.MARK
            case _:
                assert task.copy is not None
                published = published_rule(attempt=record.attempt, copy=task.copy, now=now)
                await self.decide(task.node, record.id, published)
                goes_on = False
        if not goes_on:
            self.publishing.remove(task)

    # A worker carries

    def take(self, copy: Copy, worker: WorkerName) -> None:
        """Give a worker a copy, unless it has it in hand: then it waits for itself."""
        if not any(hand.worker == worker and hand.copy == copy for hand in self.hands):
            self.ready.remove(copy)
            self.hands.append(Hand(copy, worker))

    async def claim(self, node: int, hand: Hand, *, declined: str | None, lost: bool) -> None:
        """Ask for the right to open; an answer that is lost or late is asked for again."""
        claim = Claim(
            delivery_id=hand.copy.delivery,
            destination=DESTINATION,
            attempt=hand.copy.attempt,
            copy=hand.copy.id,
            worker=hand.worker,
            opened=hand.is_late or self._workers_memories[hand.worker].has_opened(hand.copy.id),
            declined=declined,
        )
        latest = self._memories[node].latest.now()
        rule = claim_rule(claim, self.policy, self.now_at(node), latest=latest)
        answer = await self.decide(node, hand.copy.delivery, rule)
        if lost:
            return
        hand.asked_at, hand.age_s = self.time, answer.age_s
        match answer.verdict:
            case Verdict.GO:
                hand.step = Step.SEND
            case Verdict.RESOLVE:
                hand.step = Step.RESOLVE
            case _:
                hand.step = Step.ACK

    def send(self, hand: Hand, kind: OutcomeKind, *, reached: bool, first: bool = True) -> None:
        """Hand it over, in time; whether it ``reached`` the core system nobody may know."""
        assert hand.asked_at is not None
        if first and self._is_stale(hand):
            return
        if self.time - hand.asked_at > _SEND_TIMEOUT:
            self._report(hand, OutcomeKind.IN_DOUBT)
            return
        self._workers_memories[hand.worker].note_opened(hand.copy.id)
        if kind == OutcomeKind.DELIVERED or (kind == OutcomeKind.IN_DOUBT and reached):
            self.core.take(hand.copy.delivery, self.time)
        self._report(hand, kind)

    def _is_stale(self, hand: Hand) -> bool:
        """Ask again with an answer that is as old as a worker's long sleep."""
        assert hand.asked_at is not None
        memory, asked_at = self._workers_memories[hand.worker], self._seconds(hand.asked_at)
        if hand.is_slow or memory.is_fresh(asked_at, self._seconds()):
            return False
        hand.is_late, hand.step = True, Step.CLAIM
        return True

    def resolve(self, hand: Hand, kind: OutcomeKind, *, reached: bool) -> None:
        """Find out what became of it; ``kind`` in doubt stands for a core system that is down."""
        assert hand.asked_at is not None
        memory, now = self._workers_memories[hand.worker], self._seconds()
        attempt = (hand.copy.delivery, hand.copy.attempt)
        is_remembered = memory.key_is_remembered(
            attempt, asked_at=self._seconds(hand.asked_at), age_s=hand.age_s, now=now
        )
        is_down = kind == OutcomeKind.IN_DOUBT
        match self.policy.idempotency:
            case Idempotency.NATIVE if is_remembered:
                if kind == OutcomeKind.REJECTED and self.core.effects(hand.copy.delivery):
                    kind = OutcomeKind.DELIVERED
                if kind == OutcomeKind.DEFERRED:
                    kind, reached = OutcomeKind.IN_DOUBT, False
                self.send(hand, kind, reached=reached, first=False)
            case Idempotency.LOOKUP if not is_down:
                if self.core.effects(hand.copy.delivery):
                    self._report(hand, OutcomeKind.DELIVERED)
                elif (settles_in_s := memory.settles_at(attempt, now) - now) > 0:
                    settled_at = self.now + timedelta(seconds=settles_in_s)
                    self._report(hand, OutcomeKind.IN_DOUBT, retry_at=settled_at)
                else:
                    self._report(hand, OutcomeKind.DEFERRED)
            case _:
                self._report(hand, OutcomeKind.IN_DOUBT)

    def _report(self, hand: Hand, kind: OutcomeKind, retry_at: datetime | None = None) -> None:
        hand.step = Step.REPORT
        if kind != OutcomeKind.IN_DOUBT:
            memory = self._workers_memories[hand.worker]
            memory.settle((hand.copy.delivery, hand.copy.attempt))
        hand.outcome = Outcome(
            delivery_id=hand.copy.delivery,
            attempt=hand.copy.attempt,
            copy=hand.copy.id,
            worker=hand.worker,
            kind=kind,
            retry_at=retry_at,
            received_at=self.now,
            answered_at=self.now,
        )

    def report(self, hand: Hand, *, lost: bool) -> None:
        """Publish the outcome, again when its confirm is lost."""
        assert hand.outcome is not None
        self.outcomes.append(hand.outcome)
        hand.step = hand.step if lost else Step.ACK

    def let_go(self, hand: Hand) -> None:
        """Acknowledge: heard only where the copy came by."""
        self.hands.remove(hand)

    def lose_connection(self, worker: WorkerName, *, dies: bool) -> None:
        """Give the broker back what a worker held; a living one goes on, all the same."""
        for hand in [hand for hand in self.hands if hand.worker == worker]:
            if hand.is_connected:
                self.ready.append(hand.copy)
                hand.is_connected = False
            if dies:
                self.hands.remove(hand)
        if dies:
            self.workers[self.workers.index(worker)] = self._a_worker()

    # The gateway hears, looks and obeys

    async def record(self, node: int, outcome: Outcome, *, lost: bool) -> None:
        """Write an outcome down and acknowledge it; one that is not comes again."""
        rule = outcome_rule(outcome, self.policy, self.now_at(node), 0.5)
        await self.decide(node, outcome.delivery_id, rule)
        if not lost:
            self.outcomes.remove(outcome)

    async def bury(self, node: int, copy: Copy) -> None:
        """Take a copy that the broker has given up."""
        self.ready.remove(copy)
        rule = crash_loop_rule(attempt=copy.attempt, copy=copy.id, now=self.now_at(node))
        await self.decide(node, copy.delivery, rule)

    async def reconcile(self, node: int, *, alive: bool, guesses: bool) -> None:
        """Look for what is missing; ``guesses`` takes what only waits for missing too."""
        names = frozenset(self.workers) if alive else frozenset()
        unclaimed = [found async for found in self.journals[node].unclaimed(DESTINATION)]
        unchanged, at = self._memories[node].unchanged, self._seconds()
        for delivery in unclaimed:
            record = delivery.record
            unchanged_s = at - unchanged.since(record, at)
            if record.state != State.QUEUED:
                rule = abandoned_rule(
                    self.policy, names, self.now_at(node), seen=record, unchanged_s=unchanged_s
                )
                await self.decide(node, record.id, rule)
            elif not self.policy.paused and (guesses or not self._is_about(record)):
                rule = republished_rule(record.updated_at, self.now_at(node))
                again = await self.decide(node, record.id, rule)
                if again is not None:
                    missing = replace(delivery, record=again)
                    self.publishing.append(Publishing(node, missing, Step.READY))
        unchanged.end_look(at)

    def _is_about(self, record: DeliveryRecord) -> bool:
        copies = [*self.ready, *(hand.copy for hand in self.hands)]
        tasks = [task.delivery.record.id for task in self.publishing]
        return record.id in tasks or record.id in [copy.delivery for copy in copies]

    async def person(self, node: int, delivery: DeliveryId, verb: str) -> None:
        """Replay, confirm or cancel; what it may do to the core system is excused."""
        before = self.watch.known[delivery]
        clock = StoppedClock(self.now_at(node))
        decide = Decide(journal=self.watch.on(self.journals[node]), clock=clock)
        await getattr(decide, verb)(str(delivery), actor=OPERATOR, reason="整合確認")
        if verb == "replay":
            is_unsure = before.state == State.IN_DOUBT or before.code == "delivery.unresolved"
            self.excused[delivery] = self.excused.get(delivery, 0) + is_unsure
        elif not self.core.effects(delivery):
            self.out_of_turn.add(delivery)

    def pause(self, *, paused: bool) -> None:
        """Pause or resume the destination."""
        self.policy = replace(self.policy, paused=paused)

    async def restart(self, node: int) -> None:
        """Kill a gateway; a broker without memory, and its workers, go down with it."""
        self.publishing = [task for task in self.publishing if task.node != node]
        self._memories[node] = self._a_memory(node)
        await self.journals[node].close()
        if not self._broker_lasts:
            self.ready, self.hands, self.outcomes = [], [], []
            self.workers = [self._a_worker(), self._a_worker()]
        await self.journals[node].open()
        if not self._broker_lasts:
            await self._recover(node)

    async def _recover(self, node: int) -> None:
        lost: list[SealedDelivery] = [
            found async for found in self.journals[node].unclaimed(DESTINATION)
        ]
        for found in lost:
            self.publishing.append(Publishing(node, found, Step.READY, found.record.copy))
        for record in self.records:
            if is_asked(record):
                await self.decide(node, record.id, asked_again_rule(self.now_at(node)))
