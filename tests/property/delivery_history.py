"""Deliveries through random histories: what can happen, in any order, and what must hold.

A history is drawn by hypothesis step by step. When it ends everything works again and
time passes; then each delivery must have come to its end, or wait for a person.
"""

import asyncio
import os
from collections.abc import Sequence
from datetime import timedelta
from typing import ClassVar, Final, TypeVar
from unittest import TestCase

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from gateway.domain.lifecycle import FINAL, NEEDS_A_PERSON, State
from gateway.domain.outcome import OutcomeKind
from gateway.domain.records import DeliveryRecord
from gateway.ports.journal import Journal
from gateway.sdk import Idempotency
from gateway.services.operate.refusals import OperationError
from gateway.testing.contracts.journal import chain_of
from tests.property.delivery_parts import Hand, Step
from tests.property.delivery_town import Town

T = TypeVar("T")

_PICK: Final = st.integers(0, 11)
_NODE: Final = st.integers(0, 1)
_LOST: Final = st.sampled_from([False, False, False, True])
_DECLINED: Final = st.sampled_from(
    [None, None, None, "worker.stopping", "destination.paused", "destination.unavailable"]
)
_MOST_ROUNDS: Final = 60
"""So many rounds of everything bring any few deliveries to an end."""
_LESS_THAN_A_SEND: Final = timedelta(seconds=45)
_A_ROUND: Final = timedelta(seconds=400)
_A_JUMP: Final = timedelta(hours=1)
_MOST_S: Final = 600
"""A failing history is made short for up to five minutes before it is printed."""


class DeliveryHistory(RuleBasedStateMachine):
    """What can happen to a few deliveries of one destination.

    Attributes:
        idempotency: What the core system offers.
        keys: The order keys that applications may have.
        broker_lasts: Whether the broker survives the gateway.
    """

    idempotency: ClassVar = Idempotency.NONE
    keys: ClassVar[Sequence[bytes | None]] = (None, None, b"a" * 32)
    broker_lasts: ClassVar = False

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.journals = self.make_journals()
        self.town = Town(self.idempotency, self.journals, broker_lasts=self.broker_lasts)
        for journal in self.journals:
            self.runner.run(journal.open())

    def make_journals(self) -> Sequence[Journal]:
        """Return one journal, or two of one store, as yet closed."""
        raise NotImplementedError

    def teardown(self) -> None:
        try:
            self.runner.run(self.settle())
            self.runner.run(self.check_the_log())
        finally:
            for journal in self.journals:
                self.runner.run(journal.close())
            self.runner.close()

    def node(self, pick: int) -> int:
        return pick % len(self.journals)

    # What can happen

    @initialize(key=_PICK, apart_s=st.sampled_from([0, -20, 20]))
    def begin(self, key: int, apart_s: int) -> None:
        """Let gateways' clocks differ, not where keys are forgotten: that is told by them."""
        if self.idempotency != Idempotency.NATIVE:
            self.town.apart = timedelta(seconds=apart_s)
        self.accept(0, key, lost=False)

    @precondition(lambda self: len(self.town.accepted) < 3)
    @rule(node=_NODE, key=_PICK, lost=_LOST)
    def accept(self, node: int, key: int, *, lost: bool) -> None:
        self.runner.run(self.town.accept(self.node(node), one(self.keys, key), lost=lost))

    @rule(seconds=st.sampled_from([1, 5, 31, 61, 125, 700, 4000, 90_000]))
    def time_passes(self, seconds: int) -> None:
        self.town.time += timedelta(seconds=seconds)

    @rule(forward=st.booleans())
    def every_clock_is_set(self, *, forward: bool) -> None:
        """Set it by an hour, not back where keys are forgotten: nothing else tells their age."""
        if forward or self.idempotency != Idempotency.NATIVE:
            self.town.wrong_by += _A_JUMP if forward else -_A_JUMP

    @rule(paused=st.booleans())
    def operator_pauses_or_resumes(self, *, paused: bool) -> None:
        self.town.pause(paused=paused)

    @rule(node=_NODE)
    def relay_sweeps(self, node: int) -> None:
        self.runner.run(self.town.sweep(self.node(node)))

    @precondition(lambda self: self.town.publishing)
    @rule(pick=_PICK, steps=st.integers(1, 3), lost=_LOST)
    def relay_goes_on(self, pick: int, steps: int, *, lost: bool) -> None:
        task = one(self.town.publishing, pick)
        for step in range(steps):
            if task in self.town.publishing:
                last = lost and step == steps - 1
                self.runner.run(self.town.publish_on(task, lost=last))

    @precondition(lambda self: self.town.ready)
    @rule(pick=_PICK, worker=_PICK)
    def worker_takes(self, pick: int, worker: int) -> None:
        self.town.take(one(self.town.ready, pick), one(self.town.workers, worker))

    @precondition(lambda self: any(hand.step == Step.CLAIM for hand in self.town.hands))
    @rule(node=_NODE, pick=_PICK, declined=_DECLINED, lost=_LOST, slow=st.booleans())
    def worker_claims(
        self, node: int, pick: int, declined: str | None, *, lost: bool, slow: bool
    ) -> None:
        hand = one([hand for hand in self.town.hands if hand.step == Step.CLAIM], pick)
        hand.is_slow = slow
        self.runner.run(self.town.claim(self.node(node), hand, declined=declined, lost=lost))

    @precondition(lambda self: any(hand.step != Step.CLAIM for hand in self.town.hands))
    @rule(pick=_PICK, kind=st.sampled_from(OutcomeKind), reached=st.booleans(), lost=_LOST)
    def worker_goes_on(self, pick: int, kind: OutcomeKind, *, reached: bool, lost: bool) -> None:
        hand = one([hand for hand in self.town.hands if hand.step != Step.CLAIM], pick)
        self.runner.run(self.go_on(0, hand, kind, reached=reached, lost=lost))

    async def go_on(
        self,
        node: int,
        hand: Hand,
        kind: OutcomeKind = OutcomeKind.DELIVERED,
        *,
        reached: bool = True,
        lost: bool = False,
    ) -> None:
        match hand.step:
            case Step.CLAIM:
                await self.town.claim(node, hand, declined=None, lost=lost)
            case Step.SEND:
                self.town.send(hand, kind, reached=reached)
            case Step.RESOLVE:
                self.town.resolve(hand, kind, reached=reached)
            case Step.REPORT:
                self.town.report(hand, lost=lost)
            case _:
                self.town.let_go(hand)

    @rule(
        node=_NODE,
        pick=_PICK,
        kind=st.sampled_from(OutcomeKind),
        reached=st.booleans(),
        steps=st.sampled_from([4, 5, 6, 7, 8, 9, 9, 9]),
        seconds=st.sampled_from([0, 5, 5, 130, 4000]),
    )
    def one_is_carried_so_far(
        self, node: int, pick: int, kind: OutcomeKind, *, reached: bool, steps: int, seconds: int
    ) -> None:
        """Much has to go well before what goes wrong is of interest."""
        self.town.time += timedelta(seconds=seconds)
        self.runner.run(self.carry(self.node(node), pick, kind, reached=reached, steps=steps))

    async def carry(
        self,
        node: int,
        pick: int,
        kind: OutcomeKind = OutcomeKind.DELIVERED,
        *,
        reached: bool,
        steps: int,
    ) -> None:
        town, worker = self.town, one(self.town.workers, pick)
        await town.sweep(node)
        if town.publishing:
            task = one(town.publishing, pick)
            while task in town.publishing:
                await town.publish_on(task, lost=False)
        if town.ready:
            town.take(town.ready[-1], worker)
        hands = [hand for hand in town.hands if hand.worker == worker]
        for _ in range(steps - 3):
            if hands and hands[-1] in town.hands:
                await self.go_on(node, hands[-1], kind, reached=reached)
        if steps > 8 and town.outcomes:
            await town.record(node, town.outcomes[-1], lost=False)

    @precondition(lambda self: any(hand.step == Step.REPORT for hand in self.town.hands))
    @rule(node=_NODE, pick=_PICK, kind=st.sampled_from(OutcomeKind), lost=_LOST)
    def another_takes_over(self, node: int, pick: int, kind: OutcomeKind, *, lost: bool) -> None:
        """Give what a worker sent before it died to another, whose claim may be lost at first."""
        dying = one([hand for hand in self.town.hands if hand.step == Step.REPORT], pick)
        self.town.lose_connection(dying.worker, dies=True)
        if dying.copy in self.town.ready:
            self.town.take(dying.copy, self.town.workers[0])
            self.runner.run(self.take_over(self.node(node), self.town.hands[-1], kind, lost=lost))

    @rule(node=_NODE, pick=_PICK, set_to=st.sampled_from(["forward", "back", "as it was"]))
    def another_resolves_while_one_sends(self, node: int, pick: int, set_to: str) -> None:
        """Cut a worker off in the middle of a send, and set the clocks before another asks.

        What the other finds is acted on, and only then the send has its effect.
        """
        self.runner.run(self.carry(self.node(node), pick, reached=False, steps=4))
        about_to_send = [hand for hand in self.town.hands if hand.step == Step.SEND]
        if not about_to_send:
            return
        sending = one(about_to_send, pick)
        sending.is_slow = True
        self.town.lose_connection(sending.worker, dies=False)
        if set_to != "as it was":
            self.every_clock_is_set(forward=set_to == "forward")
        others = [worker for worker in self.town.workers if worker != sending.worker]
        if sending.copy in self.town.ready:
            self.town.take(sending.copy, others[0])
            taken = self.town.hands[-1]
            self.runner.run(self.take_over(self.node(node), taken, OutcomeKind.DEFERRED))
            self.town.time += _LESS_THAN_A_SEND
            meanwhile = self.town.workers.index(others[0])
            self.runner.run(self.carry(self.node(node), meanwhile, reached=True, steps=9))
            self.runner.run(self.go_on(node, sending))

    async def take_over(
        self, node: int, hand: Hand, kind: OutcomeKind, *, lost: bool = False
    ) -> None:
        for is_lost in (lost, False, False, False):
            if hand in self.town.hands:
                await self.go_on(node, hand, kind, lost=is_lost)
        if hand.outcome in self.town.outcomes:
            await self.town.record(node, hand.outcome, lost=False)

    @rule(pick=_PICK, dies=st.booleans())
    def worker_dies_or_is_cut_off(self, pick: int, *, dies: bool) -> None:
        self.town.lose_connection(one(self.town.workers, pick), dies=dies)

    @precondition(lambda self: self.town.ready)
    @rule(pick=_PICK)
    def broker_doubles(self, pick: int) -> None:
        self.town.ready.append(one(self.town.ready, pick))

    @precondition(lambda self: self.town.ready)
    @rule(pick=_PICK)
    def broker_loses(self, pick: int) -> None:
        self.town.ready.remove(one(self.town.ready, pick))

    @precondition(lambda self: self.town.outcomes)
    @rule(pick=_PICK)
    def broker_loses_an_outcome(self, pick: int) -> None:
        self.town.outcomes.remove(one(self.town.outcomes, pick))

    @precondition(lambda self: self.town.ready)
    @rule(node=_NODE, pick=_PICK)
    def broker_gives_up(self, node: int, pick: int) -> None:
        self.runner.run(self.town.bury(self.node(node), one(self.town.ready, pick)))

    @precondition(lambda self: self.town.outcomes)
    @rule(node=_NODE, pick=_PICK, lost=_LOST)
    def outcome_arrives(self, node: int, pick: int, *, lost: bool) -> None:
        outcome = one(self.town.outcomes, pick)
        self.runner.run(self.town.record(self.node(node), outcome, lost=lost))

    @rule(node=_NODE, alive=st.booleans(), guesses=st.booleans())
    def gateway_reconciles(self, node: int, *, alive: bool, guesses: bool) -> None:
        self.runner.run(self.town.reconcile(self.node(node), alive=alive, guesses=guesses))

    @rule(node=_NODE, pick=_PICK, verb=st.sampled_from(["replay", "replay", "confirm", "cancel"]))
    def person_decides(self, node: int, pick: int, verb: str) -> None:
        delivery = one(self.town.accepted, pick)
        try:
            self.runner.run(self.town.person(self.node(node), delivery, verb))
        except OperationError:
            assert verb != "cancel" or self.town.watch.known[delivery].state in FINAL

    @rule(node=_NODE)
    def gateway_is_killed(self, node: int) -> None:
        self.runner.run(self.town.restart(self.node(node)))

    # What must hold

    @invariant()
    def nothing_has_a_second_effect_unless_a_person_said_so(self) -> None:
        for delivery in self.town.accepted:
            effects = self.town.core.effects(delivery)
            assert effects <= 1 + self.town.excused.get(delivery, 0), "doubled"

    @invariant()
    def an_effect_is_never_forgotten(self) -> None:
        for record in self.town.records:
            if self.town.core.effects(record.id) and not self.town.excused.get(record.id):
                assert record.state in FINAL | {State.SENDING, State.IN_DOUBT, State.PARKED}
                assert record.state != State.PARKED or record.code == "delivery.unresolved"

    @invariant()
    def each_key_keeps_its_order(self) -> None:
        records = {record.id: record for record in self.town.records}
        for key in {record.order_key for record in records.values()} - {None}:
            effects = [
                delivery
                for delivery in self.town.core.order()
                if records[delivery].order_key == key and delivery not in self.town.out_of_turn
            ]
            assert effects == [one for one in self.town.accepted if one in effects], "out of order"

    # The end

    async def settle(self) -> None:
        """Let everything work until nothing moves; then let a person decide what waits."""
        self.town.pause(paused=False)
        while True:
            await self.settle_without_a_person()
            waiting = [record for record in self.town.records if record.state in NEEDS_A_PERSON]
            if not waiting:
                break
            for record in waiting[:1]:
                verb = "confirm" if self.town.core.effects(record.id) else "cancel"
                await self.town.person(0, record.id, verb)
        assert all(record.state in FINAL for record in self.town.records)
        self.each_key_keeps_its_order()
        self.nothing_has_a_second_effect_unless_a_person_said_so()

    async def settle_without_a_person(self) -> None:
        town = self.town
        for _ in range(_MOST_ROUNDS):
            for hand in list(town.hands):
                while hand in town.hands:
                    await self.go_on(0, hand)
            for outcome in list(town.outcomes):
                await town.record(0, outcome, lost=False)
            if all(self.is_at_rest(record) for record in town.records) and not town.ready:
                return
            town.time += _A_ROUND
            for node in range(len(self.journals)):
                await self.publish_what_is_due(node)
            for copy in list(town.ready):
                town.take(copy, town.workers[0])
        raise AssertionError([record for record in town.records if not self.is_at_rest(record)])

    async def publish_what_is_due(self, node: int) -> None:
        await self.town.sweep(node)
        await self.town.reconcile(node, alive=False, guesses=False)
        for task in list(self.town.publishing):
            while task in self.town.publishing:
                await self.town.publish_on(task, lost=False)

    def is_at_rest(self, record: DeliveryRecord) -> bool:
        """Tell whether a delivery has come to its end, or waits for a person's decision."""
        waits = record.state == State.PARKED or (
            record.state == State.IN_DOUBT and record.due_at is None and record.copy is None
        )
        return record.state in FINAL or waits or self.is_behind_one_that_waits(record)

    def is_behind_one_that_waits(self, record: DeliveryRecord) -> bool:
        earlier = self.town.accepted[: self.town.accepted.index(record.id)]
        return record.order_key is not None and any(
            self.town.watch.known[other].order_key == record.order_key
            and self.town.watch.known[other].state in NEEDS_A_PERSON
            for other in earlier
        )

    async def check_the_log(self) -> None:
        """Nothing was lost, everything was written down, and the record proves it."""
        for record in self.town.records:
            assert await self.journals[0].delivery(record.id) == record
            if record.state == State.DELIVERED and record.id not in self.town.out_of_turn:
                assert self.town.core.effects(record.id), "said to be delivered"
            entries = await self.journals[0].entries_about(record.application_id)
            assert len(entries) == 1 + self.town.watch.entries[record.id]
        await chain_of(self.journals[0])


def one(of: Sequence[T], pick: int) -> T:
    """Return the element that a drawn number stands for."""
    return of[pick % len(of)]


def as_test(history: type[DeliveryHistory], *, examples: int) -> type[TestCase]:
    """Return the test of so many histories, or ``KAKEHASHI_HISTORIES`` times as many.

    They differ in every run: a failing one is printed with what repeats it.
    """

    @pytest.mark.timeout(_MOST_S)
    class Test(history.TestCase):  # type: ignore[name-defined,misc]
        settings = settings(
            max_examples=examples * int(os.environ.get("KAKEHASHI_HISTORIES", "1")),
            stateful_step_count=60,
            deadline=None,
            derandomize=False,
            print_blob=True,
        )

    return Test
