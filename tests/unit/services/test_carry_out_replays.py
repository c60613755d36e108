"""Orders are carried out: canary first, at their rate, nothing twice, whatever happens."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from gateway.audit.verify import read
from gateway.bootstrap.key_names import PSEUDONYM_KEY
from gateway.crypto import keys
from gateway.crypto.at_rest import WordsAtRest
from gateway.domain.entry import Actor, ActorKind
from gateway.domain.identifiers import CopyId, DeliveryId, NodeName
from gateway.domain.lifecycle import State
from gateway.domain.repair import ReplayResult, ReplayTally
from gateway.drivers.journal_sqlite import SQLiteJournal
from gateway.drivers.system_clock import SystemClock, new_id
from gateway.sdk import Application, Delivery, Receipt, RejectedError
from gateway.services import carry_out_replays
from gateway.services.carry_out_replays import Canary, CarryOutReplays, judged
from gateway.services.operate.repair import Repair
from gateway.services.operate.selection import Wanted
from gateway.testing.builders import NOW
from gateway.testing.contracts.journal import becomes
from gateway.testing.contracts.journal_repairs import waiting
from gateway.testing.faults import FlakyJournal
from gateway.testing.world import World

ME = Actor(ActorKind.OPERATOR, "sato")
TO = "jido-teate"


class Yard:
    """A journal with something parked, and a gateway that carries out orders when told to."""

    def __init__(self, journal: SQLiteJournal) -> None:
        self.journal = journal
        self.at_rest = WordsAtRest(keys.new_secret())
        self.repair = Repair(
            journal=journal, clock=SystemClock(), new_id=new_id, at_rest=self.at_rest
        )
        self.seconds = 0.0
        self.deliveries: list[DeliveryId] = []
        self.carrier = self.another()

    def another(self) -> CarryOutReplays:
        return CarryOutReplays(
            journal=self.journal,
            clock=SystemClock(),
            at_rest=self.at_rest,
            monotonic=lambda: self.seconds,
        )

    async def park(self, count: int) -> None:
        self.deliveries += [await waiting(self.journal) for _ in range(count)]

    async def order(self, **over: Any) -> str:
        said: dict[str, Any] = {"actor": ME, "reason": "直した", "rate_per_s": 1000.0, **over}
        order = await self.repair.order(Wanted(destination=TO), **said)
        return str(order["id"])

    async def look(self, times: int = 1) -> None:
        for _ in range(times):
            await self.carrier.look()
            self.seconds += 1.0

    async def states(self) -> list[str]:
        records = [await self.journal.delivery(delivery) for delivery in self.deliveries]
        return [record.state.value for record in records if record]

    async def attempts(self) -> set[int]:
        records = [await self.journal.delivery(delivery) for delivery in self.deliveries]
        return {record.attempt for record in records if record}

    async def become(self, state: State, *numbers: int) -> None:
        for number in numbers:
            await self.journal.decide(self.deliveries[number], becomes(state))

    async def view(self, order: str) -> Any:
        return await self.repair.show(order)

    async def log(self) -> list[Any]:
        return [read(stored.data) async for stored in self.journal.entries()]

    async def replays(self) -> Counter[str]:
        """Return how often each delivery was sent again, by the log."""
        return Counter(
            entry["delivery"]
            for entry in await self.log()
            if entry["action"] == "delivery.replayed"
        )


@pytest.fixture
async def yard(tmp_path: Path) -> AsyncIterator[Yard]:
    journal = SQLiteJournal(tmp_path / "journal.db", node=NodeName("gw-1"))
    await journal.open()
    yield Yard(journal)
    await journal.close()


async def test_what_was_selected_is_sent_again_and_what_came_later_is_not(yard: Yard) -> None:
    await yard.park(3)
    order = await yard.order()
    await yard.park(1)

    await yard.look(3)

    assert await yard.states() == ["pending"] * 3 + ["parked"]
    view = await yard.view(order)
    assert view["state"] == "finished"
    assert view["progress"]["replayed"] == view["progress"]["on_the_way"] == 3


async def test_every_replay_is_written_down_with_its_order_and_who_gave_it(yard: Yard) -> None:
    await yard.park(2)
    order = await yard.order()

    await yard.look(3)

    *_, first, second, last = await yard.log()
    for entry, delivery in zip((first, second), yard.deliveries, strict=True):
        assert entry["action"] == "delivery.replayed"
        assert entry["actor"] == {"kind": "operator", "name": "sato"}
        assert entry["delivery"] == str(delivery)
        assert entry["facts"] == {
            "destination": TO,
            "was": "parked",
            "state": "pending",
            "attempt": 2,
            "order": order,
        }
    assert last["action"] == "replay.finished"
    assert last["actor"] == {"kind": "gateway", "name": "replay"}
    assert last["facts"] == {"order": order, "replayed": 2, "left_alone": 0}


@pytest.mark.parametrize(
    "meanwhile",
    [
        becomes(State.DELIVERED),
        becomes(State.CANCELLED),
        becomes(State.PARKED, attempt=2),
        becomes(State.PENDING, attempt=2),
    ],
)
async def test_what_somebody_else_has_dealt_with_is_left_alone(yard: Yard, meanwhile: Any) -> None:
    await yard.park(2)
    order = await yard.order()
    await yard.journal.decide(yard.deliveries[0], meanwhile)
    before = await yard.journal.delivery(yard.deliveries[0])

    await yard.look(3)

    assert await yard.journal.delivery(yard.deliveries[0]) == before
    progress = (await yard.view(order))["progress"]
    assert (progress["left_alone"], progress["replayed"]) == (1, 1)
    assert (await yard.log())[-1]["facts"]["left_alone"] == 1


async def test_what_is_looked_up_by_itself_again_is_left_alone(yard: Yard) -> None:
    await yard.park(1)
    await yard.become(State.IN_DOUBT, 0)
    await yard.repair.order(Wanted(destination=TO, in_doubt=True), actor=ME, reason="x")
    await yard.journal.decide(
        yard.deliveries[0], becomes(State.IN_DOUBT, due_at=SystemClock().now())
    )

    await yard.look(3)

    assert await yard.states() == ["in_doubt"]


async def test_no_more_begin_in_a_second_than_the_rate_allows(yard: Yard) -> None:
    await yard.park(10)
    await yard.order(rate_per_s=3.0)

    begun = []
    for _ in range(5):
        await yard.look()
        begun.append((await yard.states()).count("pending"))

    assert begun == [1, 4, 7, 10, 10]


async def test_a_slow_order_begins_one_every_few_looks_and_does_not_hurry_after_a_pause(
    yard: Yard,
) -> None:
    await yard.park(5)
    await yard.order(rate_per_s=0.5)

    begun = []
    for _ in range(5):
        await yard.look()
        begun.append((await yard.states()).count("pending"))
    yard.seconds += 1000
    await yard.look()

    assert begun == [1, 1, 2, 2, 3]
    assert (await yard.states()).count("pending") == 4


async def test_the_rest_waits_until_the_whole_canary_has_arrived(yard: Yard) -> None:
    await yard.park(6)
    order = await yard.order(canary=2)

    await yard.look(4)
    assert await yard.states() == ["pending"] * 2 + ["parked"] * 4
    await yard.become(State.DELIVERED, 0)
    await yard.become(State.RETRYING, 1)
    await yard.look(2)
    assert (await yard.states()).count("parked") == 4
    await yard.become(State.DELIVERED, 1)
    assert (await yard.view(order))["progress"]["canary_delivered"] == 2
    await yard.look(3)

    assert await yard.states() == ["delivered"] * 2 + ["pending"] * 4
    assert (await yard.view(order))["state"] == "finished"


@pytest.mark.parametrize("state", [State.PARKED, State.IN_DOUBT])
async def test_an_order_halts_when_one_of_its_canary_needs_a_person_again(
    yard: Yard, state: State
) -> None:
    await yard.park(6)
    order = await yard.order(canary=2)
    await yard.look(2)

    await yard.become(State.DELIVERED, 0)
    await yard.become(state, 1)
    await yard.look(3)

    assert (await yard.states())[2:] == ["parked"] * 4
    assert (await yard.view(order))["state"] == "halted"
    halted = [entry for entry in await yard.log() if entry["action"] == "replay.halted"]
    assert [entry["facts"] for entry in halted] == [
        {"order": order, "delivered": 1, "parked": 0, "in_doubt": 0, "cancelled": 0}
        | {state.value: 1}
    ]


@pytest.mark.parametrize("found", [State.DELIVERED, State.PARKED])
@pytest.mark.parametrize(
    "looked_up", [{"due_at": NOW}, {"copy": CopyId(UUID(int=1)), "claimed_at": NOW}]
)
async def test_a_canary_that_is_still_looked_up_is_undecided_until_it_is_decided(
    yard: Yard, looked_up: dict[str, Any], found: State
) -> None:
    await yard.park(6)
    order = await yard.order(canary=2)
    await yard.look(2)
    await yard.become(State.DELIVERED, 0)

    await yard.journal.decide(yard.deliveries[1], becomes(State.IN_DOUBT, **looked_up))
    await yard.look(5)
    undecided = (await yard.view(order))["state"], (await yard.states()).count("parked")
    await yard.become(found, 1)
    await yard.look(3)

    assert undecided == ("running", 4)
    decided = (await yard.view(order))["state"]
    assert decided == ("finished" if found == State.DELIVERED else "halted")


async def test_a_canary_that_fails_at_once_keeps_the_rest_of_it_back(yard: Yard) -> None:
    await yard.park(6)
    order = await yard.order(canary=3, rate_per_s=1.0)
    await yard.look()

    await yard.become(State.PARKED, 0)
    await yard.look(3)

    assert (await yard.view(order))["progress"]["replayed"] == 1


async def test_a_halted_order_goes_on_when_a_person_resumes_it(yard: Yard) -> None:
    await yard.park(4)
    order = await yard.order(canary=1)
    await yard.look(2)
    await yard.become(State.PARKED, 0)
    await yard.look(2)

    await yard.repair.resume(order, actor=ME, reason="一件だけの不備")
    await yard.look(3)

    assert await yard.states() == ["parked"] + ["pending"] * 3
    assert (await yard.view(order))["state"] == "finished"
    assert await yard.replays() == {str(delivery): 1 for delivery in yard.deliveries}


async def test_an_order_that_is_stopped_in_the_middle_leaves_the_rest_as_it_is(yard: Yard) -> None:
    await yard.park(6)
    order = await yard.order(rate_per_s=2.0)
    await yard.look(2)

    await yard.repair.stop(order, actor=ME, reason="別の原因")
    await yard.look(5)

    assert await yard.states() == ["pending"] * 3 + ["parked"] * 3
    assert (await yard.view(order))["state"] == "cancelled"


async def test_an_order_that_is_stopped_while_it_hurries_begins_no_more_than_it_holds(
    yard: Yard, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(carry_out_replays, "_AT_ONCE", 2)
    await yard.park(9)
    order = await yard.order()
    await yard.look()
    decide, begun = yard.journal.decide, 0

    async def stop_then_decide(*arguments: Any) -> Any:
        nonlocal begun
        begun += 1
        if begun == 2:
            await yard.repair.stop(order, actor=ME, reason="x")
        return await decide(*arguments)

    monkeypatch.setattr(yard.journal, "decide", stop_then_decide)
    await yard.look()

    assert (await yard.states()).count("pending") == 1 + 2


async def test_one_order_does_not_wait_for_another(yard: Yard) -> None:
    await yard.park(2)
    first = await yard.order(canary=1)
    second = await yard.order()

    await yard.look(3)

    assert (await yard.view(first))["state"] == "running"
    assert (await yard.view(second))["state"] == "finished"
    assert await yard.replays() == {str(delivery): 1 for delivery in yard.deliveries}


async def test_two_that_carry_out_one_order_send_nothing_twice(yard: Yard) -> None:
    await yard.park(40)
    order = await yard.order(canary=0)
    other = yard.another()
    await asyncio.gather(yard.carrier.look(), other.look())
    yard.seconds += 1

    await asyncio.gather(yard.carrier.look(), other.look())
    await yard.look(2)

    view = await yard.view(order)
    assert view["state"] == "finished"
    assert (view["progress"]["replayed"], view["progress"]["left_alone"]) == (40, 0)
    assert await yard.replays() == {str(delivery): 1 for delivery in yard.deliveries}
    assert await yard.attempts() == {2}


@pytest.mark.parametrize("committed", [True, False])
async def test_a_commit_that_is_unknown_is_looked_at_again(tmp_path: Path, committed: bool) -> None:  # noqa: FBT001 - a parameter
    journal = FlakyJournal(tmp_path / "journal.db", node=NodeName("gw-1"))
    await journal.open()
    yard = Yard(journal)
    await yard.park(3)
    await yard.order()
    await yard.look()
    journal.lose_commit("CarryOutReplays", committed=committed)

    with pytest.raises(ExceptionGroup):
        await yard.look()
    await yard.look(3)

    assert await yard.replays() == {str(delivery): 1 for delivery in yard.deliveries}
    assert await yard.attempts() == {2}
    await journal.close()


async def test_a_journal_that_is_away_holds_an_order_up_and_no_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(carry_out_replays, "TICK_S", 0.01)
    journal = FlakyJournal(tmp_path / "journal.db", node=NodeName("gw-1"))
    await journal.open()
    yard = Yard(journal)
    await yard.park(3)
    order = await yard.order()
    journal.is_down = True
    running = asyncio.create_task(yard.carrier.run())
    await asyncio.sleep(0.05)
    assert not running.done()

    journal.is_down = False
    async with asyncio.timeout(10):
        while (await yard.view(order))["state"] != "finished":
            yard.seconds += 1
            await asyncio.sleep(0.01)

    running.cancel()
    await asyncio.wait({running})
    assert await yard.attempts() == {2}
    await journal.close()


@pytest.mark.parametrize(
    ("tally", "expected"),
    [
        ([], Canary.FAILED),
        ([(None, State.PARKED)], Canary.ON_ITS_WAY),
        ([(None, State.DELIVERED)], Canary.ON_ITS_WAY),
        ([(ReplayResult.REPLAYED, State.DELIVERED), (None, State.PARKED)], Canary.ON_ITS_WAY),
        ([(ReplayResult.REPLAYED, State.PARKED), (None, State.PARKED)], Canary.FAILED),
        ([(ReplayResult.REPLAYED, State.SENDING)], Canary.ON_ITS_WAY),
        # What was left alone was never tried: it tells nothing of the rest.
        ([(ReplayResult.LEFT_ALONE, State.QUEUED)], Canary.FAILED),
        ([(ReplayResult.LEFT_ALONE, State.DELIVERED)], Canary.FAILED),
        ([(ReplayResult.LEFT_ALONE, State.PARKED)], Canary.FAILED),
        ([(ReplayResult.LEFT_ALONE, State.CANCELLED)], Canary.FAILED),
        (
            [(ReplayResult.REPLAYED, State.DELIVERED), (ReplayResult.REPLAYED, State.CANCELLED)],
            Canary.ARRIVED,
        ),
    ],
)
def test_a_canary_is_judged_by_where_its_deliveries_stand(
    tally: list[tuple[ReplayResult | None, State]], expected: Canary
) -> None:
    rest = ReplayTally(result=None, state=State.PARKED, is_canary=False, waits=True, deliveries=9)
    canary = [
        ReplayTally(
            result=result, state=state, is_canary=True, waits=state == State.PARKED, deliveries=1
        )
        for result, state in tally
    ]

    assert judged([*canary, rest]) == expected


async def test_an_order_goes_on_after_a_crash_between_two_items(tmp_path: Path) -> None:
    async with World.make(tmp_path, paused=True) as world:
        deliveries = [await world.accepted() for _ in range(6)]
        for delivery in deliveries:
            await world.gateway.journal.decide(delivery.id, becomes(State.PARKED))
        order: Any = await world.gateway.operate.repair.order(
            Wanted(destination="core"), actor=ME, reason="x", rate_per_s=1.0
        )
        await world.gateway.carry_out_replays.look()
        progress: Any = await world.gateway.operate.repair.show(order["id"])
        assert (progress["progress"]["replayed"], progress["progress"]["waiting"]) == (1, 5)

    async with World.make(tmp_path, paused=True, store=world.store) as world:
        seconds = [0.0]
        carrier = CarryOutReplays(
            journal=world.gateway.journal,
            clock=SystemClock(),
            at_rest=WordsAtRest(world.store.private(PSEUDONYM_KEY)),
            monotonic=lambda: seconds[0],
        )
        while (await world.gateway.operate.repair.show(order["id"]))["state"] == "running":
            await carrier.look()
            seconds[0] += 1

        for delivery in deliveries:
            record = await world.gateway.journal.delivery(delivery.id)
            assert record is not None
            assert record.attempt == 2
        assert (await world.actions()).count("delivery.replayed") == 6


def refuse(_: Application, __: Delivery) -> Receipt:
    raise RejectedError("core.refused")


async def test_what_a_core_system_refused_arrives_after_its_repair(tmp_path: Path) -> None:
    async with World.make(tmp_path) as world:
        world.adapter.script = [refuse] * 3
        world.start_worker()
        deliveries = [await world.accepted() for _ in range(3)]
        for delivery in deliveries:
            await world.until(delivery, State.PARKED)
        [group] = await world.gateway.operate.repair.groups()
        assert group["adapter"] == "scripted 1.0.0"

        order: Any = await world.gateway.operate.repair.order(
            Wanted(group=str(group["id"])), actor=ME, reason="x", canary=1, rate_per_s=1000.0
        )
        carrying = asyncio.create_task(world.gateway.carry_out_replays.run())
        for delivery in deliveries:
            await world.until(delivery, State.DELIVERED)

        carrying.cancel()
        await asyncio.wait({carrying})
        view: Any = await world.gateway.operate.repair.show(order["id"])
        assert view["progress"]["delivered"] == 3
        assert len(world.adapter.held) == 3
