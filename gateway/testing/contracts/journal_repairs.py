"""What every journal must do with what waits for a person.

A driver's test mixes ``RepairsContract``, or ``SharedRepairsContract``, into the class
that keeps ``JournalContract`` and its fixtures.
"""
# ruff: noqa: D102 - a test's name is its docstring

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from gateway.domain.entry import Action, Entry
from gateway.domain.identifiers import CopyId, DeliveryId, DestinationName, MunicipalityCode
from gateway.domain.lifecycle import State
from gateway.domain.records import DeliveryRecord
from gateway.domain.repair import (
    ReplayId,
    ReplayItem,
    ReplayOrder,
    ReplayResult,
    ReplayState,
    ReplayTally,
    WaitingFilter,
    WaitingGroup,
)
from gateway.ports.journal import Decision, Journal
from gateway.testing.builders import (
    DESTINATION,
    NOW,
    a_replay_order,
    an_entry,
    an_id,
)
from gateway.testing.contracts.journal import (
    LATER,
    LEASE_OVER,
    NodeMaker,
    accepted,
    becomes,
    chain_of,
    delivery_of,
)

EVERYTHING = WaitingFilter(states=frozenset({State.PARKED, State.IN_DOUBT}))


async def waiting(
    journal: Journal,
    *,
    state: State = State.PARKED,
    since: datetime = NOW,
    destination: str = DESTINATION,
    municipality: str = "131016",
    **over: Any,
) -> DeliveryId:
    """Accept an application whose delivery then waits in ``state``; ``over`` changes its record."""
    acceptance = await accepted(
        journal, destinations=(destination,), municipality=MunicipalityCode(municipality)
    )
    changes = {"code": "core.refused", "adapter": "file 1.0.0", "updated_at": since, **over}

    def rule(record: DeliveryRecord) -> Decision[None]:
        changed = replace(record, state=state, **changes)
        return Decision(answer=None, record=changed, entries=(an_entry(),))

    await journal.decide(delivery_of(acceptance), rule)
    return delivery_of(acceptance)


def of_total(total: int) -> Entry:
    """Return an order's audit entry, which tells the total."""
    return an_entry(action=Action.REPLAY_ORDERED, facts={"deliveries": total})


async def ordered(journal: Journal, where: WaitingFilter = EVERYTHING, **over: Any) -> ReplayOrder:
    """Order a replay of what ``where`` selects."""
    return await journal.order_replay(a_replay_order(**over), where, of_total)


async def selected(journal: Journal, where: WaitingFilter) -> list[DeliveryId]:
    """Return what an order of ``where`` selects, in its order."""
    order = await ordered(journal, where)
    return [item.delivery for item in await journal.replay_items(order.id, limit=999)]


def done(item: ReplayItem, result: ReplayResult) -> Callable[[DeliveryRecord], Decision[None]]:
    """Return a rule that notes what was done with an item, and begins an attempt if it was."""

    def rule(record: DeliveryRecord) -> Decision[None]:
        noted = replace(item, result=result)
        if result == ReplayResult.LEFT_ALONE:
            return Decision(answer=None, item=noted)
        changed = replace(record, state=State.PENDING, attempt=record.attempt + 1)
        return Decision(answer=None, record=changed, entries=(an_entry(),), item=noted)

    return rule


async def entries_of(journal: Journal) -> int:
    """Return how long the node's chain is, having verified it."""
    return (await chain_of(journal)).get("gw-1", 0)


class WaitingContract:
    """Promises about what waits: groups and selections."""

    async def test_nothing_waits_at_first(self, journal: Journal) -> None:
        await accepted(journal)

        assert list(await journal.waiting_groups(EVERYTHING)) == []

    async def test_what_waits_is_grouped_by_its_cause_largest_first(self, journal: Journal) -> None:
        minutes = [NOW + timedelta(minutes=number) for number in range(9)]
        for number in (3, 1, 2):
            await waiting(journal, since=minutes[number])
        for number in (5, 4):
            await waiting(journal, since=minutes[number], adapter="file 2.0.0")
        await waiting(journal, since=minutes[6], state=State.IN_DOUBT)
        for _ in range(4):
            await waiting(journal, since=minutes[7], code=None, adapter=None)
        for _ in range(5):
            await waiting(journal, since=minutes[8], destination="archive", code="core.full")

        groups = await journal.waiting_groups(EVERYTHING)

        archive = DestinationName("archive")
        expected = [
            (State.PARKED, archive, "core.full", "file 1.0.0", 5, 8, 8),
            (State.PARKED, DESTINATION, None, None, 4, 7, 7),
            (State.PARKED, DESTINATION, "core.refused", "file 1.0.0", 3, 1, 3),
            (State.PARKED, DESTINATION, "core.refused", "file 2.0.0", 2, 4, 5),
            (State.IN_DOUBT, DESTINATION, "core.refused", "file 1.0.0", 1, 6, 6),
        ]
        assert list(groups) == [
            WaitingGroup(
                state=state,
                destination=destination,
                code=code,
                adapter=adapter,
                deliveries=deliveries,
                first_at=minutes[first],
                last_at=minutes[last],
            )
            for state, destination, code, adapter, deliveries, first, last in expected
        ]

    @pytest.mark.parametrize(
        ("state", "over", "waits"),
        [
            (State.PARKED, {}, True),
            (State.PARKED, {"copy": CopyId(an_id())}, True),
            (State.IN_DOUBT, {}, True),
            (State.IN_DOUBT, {"due_at": NOW}, False),
            (State.IN_DOUBT, {"copy": CopyId(an_id())}, False),
            (State.PENDING, {}, False),
            (State.QUEUED, {}, False),
            (State.SENDING, {}, False),
            (State.RETRYING, {}, False),
            (State.DELIVERED, {}, False),
            (State.CANCELLED, {}, False),
        ],
    )
    async def test_only_what_waits_for_a_person_waits(
        self, journal: Journal, state: State, over: dict[str, Any], *, waits: bool
    ) -> None:
        delivery = await waiting(journal, state=state, **over)

        groups = await journal.waiting_groups(EVERYTHING)

        assert [(group.state, group.deliveries) for group in groups] == [(state, 1)] * waits
        assert await selected(journal, EVERYTHING) == [delivery] * waits

    async def test_what_waits_no_longer_is_in_no_group(self, journal: Journal) -> None:
        delivery = await waiting(journal)

        await journal.decide(delivery, becomes(State.PENDING))

        assert list(await journal.waiting_groups(EVERYTHING)) == []

    async def test_what_waits_is_filtered_by_any_combination(self, journal: Journal) -> None:
        both = frozenset({State.PARKED, State.IN_DOUBT})
        archive, there = DestinationName("archive"), MunicipalityCode("131024")
        named = {
            "plain": await waiting(journal),
            "doubt": await waiting(journal, state=State.IN_DOUBT),
            "archive": await waiting(journal, destination="archive", since=LATER),
            "there": await waiting(journal, municipality="131024", code="core.full"),
            "newer": await waiting(journal, adapter="file 2.0.0", since=LEASE_OVER),
            "bare": await waiting(journal, code=None, adapter=None, since=LATER),
        }
        names = {delivery: name for name, delivery in named.items()}

        async def found(**where: Any) -> list[str]:
            selection = WaitingFilter(**where)
            chosen = [names[delivery] for delivery in await selected(journal, selection)]
            groups = await journal.waiting_groups(selection)
            assert sum(group.deliveries for group in groups) == len(chosen)
            return chosen

        assert await found() == ["plain", "archive", "there", "newer", "bare"]
        assert await found(states=both) == [*named]
        assert await found(states=frozenset({State.IN_DOUBT})) == ["doubt"]
        assert await found(destination=archive) == ["archive"]
        assert await found(municipality=there) == ["there"]
        assert await found(code="core.full") == ["there"]
        assert await found(code="core") == []
        assert await found(code="") == ["bare"]
        assert await found(adapter="") == ["bare"]
        assert await found(adapter="file 2.0.0") == ["newer"]
        assert await found(since=LATER) == ["archive", "newer", "bare"]
        assert await found(until=LATER) == ["plain", "there"]
        assert await found(since=LATER, until=LEASE_OVER) == ["archive", "bare"]
        assert await found(ids=(named["bare"], named["doubt"], named["plain"])) == ["plain", "bare"]
        assert await found(ids=(DeliveryId(an_id()),)) == []
        assert await found(destination=DESTINATION, code="core.refused", until=LATER) == ["plain"]
        assert await found(states=both, ids=(named["doubt"],), municipality=there) == []


class OrderedReplayContract:
    """Promises about orders to send a selection again."""

    async def test_a_selection_is_kept_oldest_delivery_first(self, journal: Journal) -> None:
        deliveries = [
            await waiting(journal, attempt=number, since=NOW - timedelta(minutes=number))
            for number in (1, 2, 3)
        ]
        given = a_replay_order(
            canary=2, rate_per_s=0.5, reason="直った", selection="jido-teate", total=77
        )
        before = await entries_of(journal)

        order = await journal.order_replay(given, EVERYTHING, of_total)

        assert order == replace(given, total=3)
        assert await journal.replay_order(order.id) == order
        assert list(await journal.replay_items(order.id, limit=9)) == [
            ReplayItem(order=order.id, position=number, delivery=delivery, attempt=number)
            for number, delivery in enumerate(deliveries, 1)
        ]
        assert await entries_of(journal) == before + 1
        last = [stored async for stored in journal.entries()][-1]
        assert b'"deliveries":3' in last.data

    async def test_nothing_is_stored_of_an_order_for_nothing(self, journal: Journal) -> None:
        await waiting(journal)
        before = await entries_of(journal)
        asked: list[int] = []

        def note(total: int) -> Entry:
            asked.append(total)
            return of_total(total)

        nothing = WaitingFilter(destination=DestinationName("archive"))
        given = a_replay_order(total=5)
        order = await journal.order_replay(given, nothing, note)

        assert order == replace(given, total=0)
        assert asked == []
        assert await journal.replay_order(order.id) is None
        assert list(await journal.replay_orders()) == []
        assert await entries_of(journal) == before

    async def test_a_selection_is_frozen(self, journal: Journal) -> None:
        left, stays = [await waiting(journal, attempt=number) for number in (4, 5)]
        order = await ordered(journal)

        await waiting(journal)
        await journal.decide(left, becomes(State.DELIVERED, attempt=9))

        items = await journal.replay_items(order.id, limit=9)
        assert [(item.delivery, item.attempt) for item in items] == [(left, 4), (stays, 5)]
        found = await journal.replay_order(order.id)
        assert found is not None
        assert found.total == 2

    async def test_an_order_is_not_stored_twice(self, journal: Journal) -> None:
        await waiting(journal)
        order = await ordered(journal)
        before = await entries_of(journal)

        with pytest.raises(ValueError):  # noqa: PT011 - its text is the driver's
            await ordered(journal, id=order.id, reason="another")

        assert list(await journal.replay_orders()) == [order]
        assert await entries_of(journal) == before

    async def test_an_order_whose_entry_cannot_be_written_is_not_stored(
        self, journal: Journal
    ) -> None:
        await waiting(journal)
        order = a_replay_order()

        with pytest.raises(ValueError):  # noqa: PT011 - its text is the driver's
            await journal.order_replay(
                order, EVERYTHING, lambda total: an_entry(facts={"Bad Name": total})
            )

        assert await journal.replay_order(order.id) is None
        assert list(await journal.replay_items(order.id, limit=9)) == []

    async def test_one_delivery_may_be_in_several_orders(self, journal: Journal) -> None:
        delivery = await waiting(journal)
        orders = [await ordered(journal) for _ in range(2)]

        for order in orders:
            [item] = await journal.replay_items(order.id, limit=9)
            assert item.delivery == delivery

    async def test_orders_are_listed_newest_first(self, journal: Journal) -> None:
        await waiting(journal)
        orders = [
            await ordered(journal, ordered_at=NOW + timedelta(minutes=number))
            for number in range(3)
        ]

        assert list(await journal.replay_orders()) == orders[::-1]
        assert list(await journal.replay_orders(limit=2)) == orders[:0:-1]

    async def test_an_unknown_order_is_none(self, journal: Journal) -> None:
        unknown = ReplayId(an_id())

        assert await journal.replay_order(unknown) is None
        assert list(await journal.replay_items(unknown, limit=9)) == []
        assert list(await journal.replay_tally(unknown)) == []

    async def test_running_orders_are_taken_oldest_first(self, journal: Journal) -> None:
        await waiting(journal)
        orders = [
            await ordered(journal, state=state, ordered_at=NOW + timedelta(minutes=number))
            for number, state in enumerate([*ReplayState, ReplayState.RUNNING])
        ]

        taken = await journal.lease_replays(now=NOW, until=LATER)
        again = await journal.lease_replays(now=NOW, until=LATER)

        running = [order for order in orders if order.state == ReplayState.RUNNING]
        assert list(taken) == running
        assert list(again) == running

    async def test_items_with_a_result_are_not_next(self, journal: Journal) -> None:
        for _ in range(5):
            await waiting(journal)
        order = await ordered(journal)
        first, second, third, *rest = await journal.replay_items(order.id, limit=99)

        await journal.decide(second.delivery, done(second, ReplayResult.REPLAYED))
        await journal.decide(first.delivery, done(first, ReplayResult.LEFT_ALONE))

        assert list(await journal.replay_items(order.id, limit=2)) == [third, rest[0]]
        assert list(await journal.replay_items(order.id, limit=99)) == [third, *rest]

    async def test_a_result_is_of_one_order_alone(self, journal: Journal) -> None:
        delivery = await waiting(journal)
        one, other = [await ordered(journal) for _ in range(2)]
        [item] = await journal.replay_items(one.id, limit=9)

        await journal.decide(delivery, done(item, ReplayResult.REPLAYED))

        assert list(await journal.replay_items(one.id, limit=9)) == []
        assert list(await journal.replay_items(other.id, limit=9)) == [
            replace(item, order=other.id)
        ]

    async def test_a_result_is_stored_with_the_decision_or_not_at_all(
        self, journal: Journal
    ) -> None:
        delivery = await waiting(journal)
        order = await ordered(journal)
        [item] = await journal.replay_items(order.id, limit=9)
        before = await journal.delivery(delivery)

        def impossible(record: DeliveryRecord) -> Decision[None]:
            decision = done(item, ReplayResult.REPLAYED)(record)
            return replace(decision, entries=(an_entry(facts={"Bad Name": 1}),))

        with pytest.raises(ValueError):  # noqa: PT011 - its text is the driver's
            await journal.decide(delivery, impossible)

        assert await journal.delivery(delivery) == before
        assert list(await journal.replay_items(order.id, limit=9)) == [item]

    async def test_an_item_keeps_its_first_result(self, journal: Journal) -> None:
        delivery = await waiting(journal)
        order = await ordered(journal)
        [item] = await journal.replay_items(order.id, limit=9)

        await journal.decide(delivery, done(item, ReplayResult.REPLAYED))
        await journal.decide(delivery, done(item, ReplayResult.LEFT_ALONE))

        assert await tally_of(journal, order) == {(ReplayResult.REPLAYED, State.PENDING, False): 1}

    async def test_results_at_once_are_all_stored(self, journal: Journal) -> None:
        for _ in range(20):
            await waiting(journal)
        order = await ordered(journal)
        items = await journal.replay_items(order.id, limit=99)
        before = await entries_of(journal)

        await asyncio.gather(
            *(journal.decide(item.delivery, done(item, ReplayResult.REPLAYED)) for item in items)
        )

        assert list(await journal.replay_items(order.id, limit=99)) == []
        assert await tally_of(journal, order) == {(ReplayResult.REPLAYED, State.PENDING, False): 20}
        assert await entries_of(journal) == before + 20

    async def test_the_tally_tells_where_the_deliveries_stand_now(self, journal: Journal) -> None:
        deliveries = [await waiting(journal) for _ in range(6)]
        await waiting(journal, destination="archive")
        order = await ordered(journal, WaitingFilter(destination=DESTINATION), canary=2)
        items = await journal.replay_items(order.id, limit=9)
        assert await tally_of(journal, order) == {
            (None, State.PARKED, True): 2,
            (None, State.PARKED, False): 4,
        }

        await journal.decide(deliveries[0], done(items[0], ReplayResult.REPLAYED))
        await journal.decide(deliveries[0], becomes(State.DELIVERED))
        await journal.decide(deliveries[1], done(items[1], ReplayResult.REPLAYED))
        await journal.decide(deliveries[2], becomes(State.CANCELLED))
        await journal.decide(deliveries[2], done(items[2], ReplayResult.LEFT_ALONE))
        await journal.decide(deliveries[3], becomes(State.DELIVERED))

        assert await tally_of(journal, order) == {
            (ReplayResult.REPLAYED, State.DELIVERED, True): 1,
            (ReplayResult.REPLAYED, State.PENDING, True): 1,
            (ReplayResult.LEFT_ALONE, State.CANCELLED, False): 1,
            (None, State.DELIVERED, False): 1,
            (None, State.PARKED, False): 2,
        }

    async def test_the_tally_tells_what_waits_for_a_person(self, journal: Journal) -> None:
        deliveries = [await waiting(journal) for _ in range(5)]
        order = await ordered(journal)
        doubts: list[dict[str, Any]] = [{}, {"due_at": LATER}, {"copy": CopyId(an_id())}]

        for delivery, over in zip(deliveries, doubts, strict=False):
            await journal.decide(delivery, becomes(State.IN_DOUBT, **over))
        await journal.decide(deliveries[3], becomes(State.PENDING))

        tallies = await journal.replay_tally(order.id)
        assert {(one.state, one.waits): one.deliveries for one in tallies} == {
            (State.IN_DOUBT, True): 1,
            (State.IN_DOUBT, False): 2,
            (State.PENDING, False): 1,
            (State.PARKED, True): 1,
        }


async def tally_of(
    journal: Journal, order: ReplayOrder
) -> Mapping[tuple[ReplayResult | None, State, bool], int]:
    """Return an order's tally; each combination must be told once."""
    tallies = await journal.replay_tally(order.id)
    told = {(one.result, one.state, one.is_canary): one.deliveries for one in tallies}
    assert len(told) == len(tallies)
    assert all(isinstance(one, ReplayTally) for one in tallies)
    return told


async def halt(journal: Journal, order: ReplayId, **over: Any) -> bool:
    """Halt a running order."""
    change: dict[str, Any] = {
        "was": {ReplayState.RUNNING},
        "becomes": ReplayState.HALTED,
        "at": LATER,
        "entry": an_entry(action=Action.REPLAY_HALTED),
    }
    return await journal.change_replay(order, **(change | over))


class ChangedReplayContract:
    """Promises about changes of an order's state."""

    async def test_an_order_is_changed_with_its_entry(self, journal: Journal) -> None:
        await waiting(journal)
        order, other = [await ordered(journal, canary=3) for _ in range(2)]
        before = await entries_of(journal)

        changed = await halt(journal, order.id)

        assert changed
        halted = replace(order, state=ReplayState.HALTED, updated_at=LATER)
        assert await journal.replay_order(order.id) == halted
        assert list(await journal.lease_replays(now=NOW, until=LATER)) == [other]
        assert await entries_of(journal) == before + 1

    async def test_the_canary_is_changed_if_it_is_given(self, journal: Journal) -> None:
        for _ in range(2):
            await waiting(journal)
        order = await ordered(journal, canary=1)
        await halt(journal, order.id)

        resumed = await halt(
            journal,
            order.id,
            was={ReplayState.HALTED},
            becomes=ReplayState.RUNNING,
            at=LEASE_OVER,
            canary=0,
        )

        assert resumed
        expected = replace(order, canary=0, updated_at=LEASE_OVER)
        assert await journal.replay_order(order.id) == expected
        assert await tally_of(journal, order) == {(None, State.PARKED, False): 2}

    @pytest.mark.parametrize("state", sorted(ReplayState))
    async def test_an_order_is_changed_only_from_a_state_that_was_named(
        self, journal: Journal, state: ReplayState
    ) -> None:
        await waiting(journal)
        order = await ordered(journal, state=state)
        before = await entries_of(journal)
        named = {ReplayState.RUNNING, ReplayState.HALTED}

        changed = await halt(journal, order.id, was=named, becomes=ReplayState.CANCELLED, canary=9)

        found = await journal.replay_order(order.id)
        assert changed == (state in named)
        assert await entries_of(journal) == before + changed
        if not changed:
            assert found == order

    async def test_an_unknown_order_is_not_changed(self, journal: Journal) -> None:
        await waiting(journal)
        order = await ordered(journal)
        before = await entries_of(journal)

        assert not await halt(journal, ReplayId(an_id()))
        assert await journal.replay_order(order.id) == order
        assert await entries_of(journal) == before

    async def test_one_of_several_changes_of_an_order_at_once_wins(self, journal: Journal) -> None:
        await waiting(journal)
        order = await ordered(journal)
        before = await entries_of(journal)

        answers = await asyncio.gather(*(halt(journal, order.id) for _ in range(5)))

        assert answers.count(True) == 1
        assert await entries_of(journal) == before + 1

    async def test_a_change_whose_entry_cannot_be_written_is_undone(self, journal: Journal) -> None:
        await waiting(journal)
        order = await ordered(journal)

        with pytest.raises(ValueError):  # noqa: PT011 - its text is the driver's
            await halt(journal, order.id, entry=an_entry(facts={"Bad Name": 1}))

        assert await journal.replay_order(order.id) == order

    async def test_orders_outlive_the_process(self, a_node: NodeMaker) -> None:
        journal = a_node("gw-1")
        await journal.open()
        delivery = await waiting(journal)
        await waiting(journal)
        order = await ordered(journal)
        [item, following] = await journal.replay_items(order.id, limit=9)
        await journal.decide(delivery, done(item, ReplayResult.REPLAYED))
        await journal.close()
        await journal.open()

        assert list(await journal.lease_replays(now=NOW, until=LATER)) == [order]
        assert list(await journal.replay_items(order.id, limit=9)) == [following]
        await journal.close()


class RepairsContract(WaitingContract, OrderedReplayContract, ChangedReplayContract):
    """Promises of ``ports.repairs``, one test each."""


class SharedRepairsContract(RepairsContract):
    """Further promises of a journal that several processes share."""

    async def test_an_order_another_node_has_taken_is_skipped_until_then(
        self, a_node: NodeMaker
    ) -> None:
        first, second = a_node("gw-1"), a_node("gw-2")
        await first.open()
        await second.open()
        await waiting(first)
        order = await ordered(first)

        taken = await first.lease_replays(now=NOW, until=LATER)
        at_once = await second.lease_replays(now=NOW, until=LATER)
        again = await first.lease_replays(now=NOW, until=LATER)
        afterwards = await second.lease_replays(now=LATER, until=LEASE_OVER)
        back = await first.lease_replays(now=LATER, until=LEASE_OVER)

        assert [list(one) for one in (taken, at_once, again, afterwards, back)] == [
            [order],
            [],
            [order],
            [order],
            [],
        ]
        await first.close()
        await second.close()

    async def test_reopening_frees_the_orders_a_node_had_taken(self, a_node: NodeMaker) -> None:
        first, second = a_node("gw-1"), a_node("gw-2")
        await first.open()
        await second.open()
        await waiting(first)
        order = await ordered(first)
        await first.lease_replays(now=NOW, until=LATER)

        await first.close()
        await first.open()

        assert list(await second.lease_replays(now=NOW, until=LATER)) == [order]
        await first.close()
        await second.close()

    async def test_two_nodes_at_once_never_take_one_order_both(self, a_node: NodeMaker) -> None:
        first, second = a_node("gw-1"), a_node("gw-2")
        await first.open()
        await second.open()
        await waiting(first)
        orders = [await ordered(first) for _ in range(5)]

        for turn in range(10):
            now = NOW + timedelta(hours=turn)
            until = now + timedelta(minutes=1)
            ours, theirs = await asyncio.gather(
                first.lease_replays(now=now, until=until),
                second.lease_replays(now=now, until=until),
            )
            taken = [*ours, *theirs]
            assert sorted(order.id for order in taken) == [order.id for order in orders]

        await first.close()
        await second.close()

    async def test_two_nodes_cannot_both_change_an_order(self, a_node: NodeMaker) -> None:
        first, second = a_node("gw-1"), a_node("gw-2")
        await first.open()
        await second.open()
        await waiting(first)
        orders = [await ordered(first) for _ in range(5)]

        for order in orders:
            answers = await asyncio.gather(halt(first, order.id), halt(second, order.id))
            assert answers.count(True) == 1

        await chain_of(first)
        await first.close()
        await second.close()
