"""What every journal must do for destinations whose deliveries have an order.

A driver's test mixes ``OrderContract``, or ``SharedOrderContract``, into the class that
keeps ``JournalContract`` and its fixtures.
"""
# ruff: noqa: D102 - a test's name is its docstring

import asyncio
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import pytest

from gateway.domain.identifiers import CopyId, DeliveryId
from gateway.domain.lifecycle import FINAL, UNFINISHED, State
from gateway.domain.records import DeliveryRecord
from gateway.ports.journal import Acceptance, Accepted, Decision, Journal
from gateway.testing.builders import DESTINATION, an_acceptance, an_entry, an_id
from gateway.testing.contracts.journal import (
    LATER,
    LEASE_OVER,
    NodeMaker,
    accepted,
    becomes,
    chain_of,
    delivery_of,
)

KEY = b"k" * 32
OTHER_KEY = b"o" * 32


async def leased(journal: Journal, *, now: datetime = LEASE_OVER, limit: int = 99) -> list[object]:
    """Return the ids of what is due, whichever node had leased it before ``now``."""
    until = now + timedelta(minutes=5)
    found = await journal.lease(DESTINATION, limit=limit, now=now, until=until)
    return [sealed.record.id for sealed in found]


def by_id(*acceptances: Acceptance) -> list[DeliveryId]:
    """Return the ids of their deliveries, as a lease lists them."""
    return sorted(delivery_of(acceptance) for acceptance in acceptances)


class OrderContract:
    """Promises of ``lease`` about deliveries with an order key."""

    async def test_an_order_key_is_never_changed(self, journal: Journal) -> None:
        acceptance = await accepted(journal, order_key=KEY)
        delivery_id = delivery_of(acceptance)

        def rename(record: DeliveryRecord) -> Decision[None]:
            changed = replace(record, order_key=OTHER_KEY, adapter="file 1.0.0")
            return Decision(answer=None, record=changed, entries=(an_entry(),))

        await journal.decide(delivery_id, rename)

        [sealed] = await journal.lease(DESTINATION, limit=9, now=LATER, until=LEASE_OVER)
        expected = replace(acceptance.deliveries[0].record, adapter="file 1.0.0")
        assert sealed.record == expected
        assert await journal.delivery(delivery_id) == expected

    async def test_of_one_key_only_the_one_accepted_first_is_leased(self, journal: Journal) -> None:
        first, *_ = [await accepted(journal, order_key=KEY) for _ in range(3)]

        assert await leased(journal) == by_id(first)
        assert await leased(journal) == by_id(first)

    async def test_deliveries_without_a_key_wait_for_nobody(self, journal: Journal) -> None:
        keyed = await accepted(journal, order_key=KEY)
        unkeyed = [await accepted(journal) for _ in range(2)]
        await accepted(journal, order_key=KEY)
        await journal.decide(delivery_of(unkeyed[0]), becomes(State.PARKED))
        unkeyed.append(await accepted(journal))

        assert await leased(journal) == by_id(keyed, *unkeyed[1:])

    async def test_one_key_at_two_destinations_is_two_keys(self, journal: Journal) -> None:
        await accepted(journal, order_key=KEY, destinations=("archive",))
        both = await accepted(journal, order_key=KEY, destinations=("jido-teate", "archive"))

        assert await leased(journal) == by_id(both)

    @pytest.mark.parametrize("state", sorted(UNFINISHED))
    async def test_an_unfinished_delivery_holds_up_its_key_and_no_other(
        self, journal: Journal, state: State
    ) -> None:
        head = await accepted(journal, order_key=KEY)
        await accepted(journal, order_key=KEY)
        free = [await accepted(journal, order_key=key) for key in (OTHER_KEY, None)]
        await journal.decide(delivery_of(head), becomes(state, due_at=LEASE_OVER))
        await accepted(journal, order_key=KEY)

        assert await leased(journal, now=LATER) == by_id(*free)

    @pytest.mark.parametrize("state", sorted(FINAL))
    async def test_a_finished_delivery_frees_the_next_of_its_key(
        self, journal: Journal, state: State
    ) -> None:
        first, second, third = [await accepted(journal, order_key=KEY) for _ in range(3)]

        await journal.decide(delivery_of(first), becomes(state))
        assert await leased(journal) == by_id(second)
        await journal.decide(delivery_of(second), becomes(state))
        assert await leased(journal) == by_id(third)
        await journal.decide(delivery_of(third), becomes(state))
        assert await leased(journal) == []
        fourth = await accepted(journal, order_key=KEY)
        assert await leased(journal) == by_id(fourth)

    async def test_one_taken_back_from_the_middle_frees_nobody(self, journal: Journal) -> None:
        first, second, third = [await accepted(journal, order_key=KEY) for _ in range(3)]

        await journal.decide(delivery_of(second), becomes(State.CANCELLED))
        assert await leased(journal) == by_id(first)
        await journal.decide(delivery_of(first), becomes(State.DELIVERED))
        assert await leased(journal) == by_id(third)

    async def test_a_delivered_one_that_was_cancelled_frees_nobody_else(
        self, journal: Journal
    ) -> None:
        first, second, _ = [await accepted(journal, order_key=KEY) for _ in range(3)]
        await journal.decide(delivery_of(first), becomes(State.CANCELLED))

        await journal.decide(delivery_of(first), becomes(State.DELIVERED, flagged=True))

        assert await leased(journal) == by_id(second)

    async def test_what_is_sent_again_goes_before_what_came_after_it(
        self, journal: Journal
    ) -> None:
        first, second = [await accepted(journal, order_key=KEY) for _ in range(2)]
        await journal.decide(delivery_of(first), becomes(State.PARKED))
        assert await leased(journal) == []

        await journal.decide(delivery_of(first), becomes(State.PENDING, attempt=2))
        assert await leased(journal) == by_id(first)
        await journal.decide(delivery_of(first), becomes(State.RETRYING, due_at=LATER, attempt=2))
        assert await leased(journal) == by_id(first)
        await journal.decide(delivery_of(first), becomes(State.DELIVERED))
        assert await leased(journal) == by_id(second)

    async def test_a_doubt_is_looked_up_while_it_holds_up_its_key(self, journal: Journal) -> None:
        first, _ = [await accepted(journal, order_key=KEY) for _ in range(2)]

        await journal.decide(delivery_of(first), becomes(State.IN_DOUBT, due_at=LATER))

        assert await leased(journal) == by_id(first)

    async def test_a_claimed_doubt_is_not_leased_and_holds_up_its_key(
        self, journal: Journal
    ) -> None:
        first, _ = [await accepted(journal, order_key=KEY) for _ in range(2)]

        doubt = becomes(State.IN_DOUBT, due_at=LATER, copy=CopyId(an_id()))
        await journal.decide(delivery_of(first), doubt)

        assert await leased(journal) == []

    async def test_earlier_is_what_was_committed_earlier(self, journal: Journal) -> None:
        oldest_by_its_id, older, youngest = [an_acceptance(order_key=KEY) for _ in range(3)]
        for acceptance in (youngest, older, oldest_by_its_id):
            await journal.accept(acceptance)

        for acceptance in (youngest, older, oldest_by_its_id):
            assert await leased(journal) == by_id(acceptance)
            await journal.decide(delivery_of(acceptance), becomes(State.DELIVERED))

    async def test_what_waits_takes_nobody_s_place_in_a_lease(self, journal: Journal) -> None:
        head = await accepted(journal, order_key=KEY)
        for _ in range(5):
            await accepted(journal, order_key=KEY)
        free = [await accepted(journal) for _ in range(2)]

        assert await leased(journal, limit=2) == by_id(head, free[0])
        await journal.decide(delivery_of(head), becomes(State.PARKED))
        assert await leased(journal, limit=2) == by_id(*free)

    async def test_a_duplicate_takes_no_place_in_the_order(self, journal: Journal) -> None:
        first = await accepted(journal, order_key=KEY)
        again = an_acceptance(order_key=KEY, receipt_mac=first.application.receipt_mac)
        assert not isinstance(await journal.accept(again), Accepted)
        await journal.decide(delivery_of(first), becomes(State.DELIVERED))

        second = await accepted(journal, order_key=KEY)

        assert await leased(journal) == by_id(second)

    async def test_a_step_that_was_undone_frees_nobody(self, journal: Journal) -> None:
        first, _ = [await accepted(journal, order_key=KEY) for _ in range(2)]

        def impossible(record: DeliveryRecord) -> Decision[None]:
            entries = (an_entry(facts={"Bad Name": 1}),)
            changed = replace(record, state=State.DELIVERED)
            return Decision(answer=None, record=changed, entries=entries)

        with pytest.raises(ValueError):  # noqa: PT011 - its text is the driver's
            await journal.decide(delivery_of(first), impossible)

        assert await leased(journal) == by_id(first)

    async def test_the_order_outlives_the_process(self, a_node: NodeMaker) -> None:
        journal = a_node("gw-1")
        await journal.open()
        first, second = [await accepted(journal, order_key=KEY) for _ in range(2)]
        await journal.close()
        await journal.open()

        assert await leased(journal) == by_id(first)
        await journal.decide(delivery_of(first), becomes(State.DELIVERED))
        await journal.close()
        await journal.open()

        assert await leased(journal) == by_id(second)
        await journal.close()

    async def test_steps_at_once_leave_one_free_of_each_key(self, journal: Journal) -> None:
        keys = [bytes([number]) * 32 for number in range(5)]
        heads = [await accepted(journal, order_key=key) for key in keys]
        owners = {delivery_of(head): key for head, key in zip(heads, keys, strict=True)}
        for _ in range(10):
            due = await journal.lease(DESTINATION, limit=99, now=LEASE_OVER, until=LEASE_OVER)
            assert sorted(owners[sealed.record.id] for sealed in due) == keys
            more = [an_acceptance(order_key=key) for key in keys]
            owners |= {delivery_of(one): key for one, key in zip(more, keys, strict=True)}

            await asyncio.gather(
                *(journal.decide(sealed.record.id, becomes(State.DELIVERED)) for sealed in due),
                *(journal.accept(one) for one in more),
            )

        assert await chain_of(journal) == {"gw-1": 105}

    async def test_a_batch_of_one_key_goes_one_by_one(self, journal: Journal) -> None:
        acceptances = [an_acceptance(order_key=KEY) for _ in range(40)]
        await asyncio.gather(*map(journal.accept, acceptances))

        went = [await _deliver_the_one_due(journal) for _ in acceptances]

        assert sorted(went) == by_id(*acceptances)
        assert await leased(journal) == []


async def _deliver_the_one_due(journal: Journal) -> DeliveryId:
    [sealed] = await journal.lease(DESTINATION, limit=9, now=LEASE_OVER, until=LEASE_OVER)
    await journal.decide(sealed.record.id, becomes(State.DELIVERED))
    return sealed.record.id


@dataclass(slots=True)
class _Accepting:
    """When an acceptance was begun and when its 202 could have left, on one counter."""

    began: int
    ended: int | None = None
    delivered: bool = False


class SharedOrderContract(OrderContract):
    """Further promises of a journal that several processes share."""

    async def test_the_order_is_one_for_all_nodes(self, a_node: NodeMaker) -> None:
        first, second = a_node("gw-1"), a_node("gw-2")
        await first.open()
        await second.open()
        of_a_slow_clock, head = [an_acceptance(order_key=KEY) for _ in range(2)]
        await first.accept(head)
        await second.accept(of_a_slow_clock)

        assert await leased(second, now=LEASE_OVER) == by_id(head)
        assert await leased(first, now=LEASE_OVER) == []
        await first.decide(delivery_of(head), becomes(State.DELIVERED))
        assert await leased(first, now=LEASE_OVER) == by_id(of_a_slow_clock)

        await first.close()
        await second.close()

    async def test_nodes_at_once_keep_the_order_of_their_commits(self, a_node: NodeMaker) -> None:
        nodes = [a_node("gw-1"), a_node("gw-2")]
        for node in nodes:
            await node.open()
        calls: dict[DeliveryId, _Accepting] = {}
        ticks = iter(range(1_000_000))

        async def accept_some(node: Journal) -> None:
            for _ in range(25):
                acceptance = an_acceptance(order_key=KEY)
                call = calls[delivery_of(acceptance)] = _Accepting(began=next(ticks))
                assert isinstance(await node.accept(acceptance), Accepted)
                call.ended = next(ticks)

        async def deliver_all() -> None:
            turn = 0
            while sum(call.delivered for call in calls.values()) < 100:
                turn += 1
                now = LEASE_OVER + timedelta(hours=turn)
                node = nodes[turn % 2]
                due = await node.lease(DESTINATION, limit=9, now=now, until=now)
                assert len(due) <= 1
                for sealed in due:
                    _check_nothing_was_passed_over(calls, sealed.record.id)
                    calls[sealed.record.id].delivered = True
                    await nodes[turn // 2 % 2].decide(sealed.record.id, becomes(State.DELIVERED))

        async with asyncio.timeout(60):
            await asyncio.gather(
                *(accept_some(node) for node in nodes for _ in range(2)), deliver_all()
            )

        assert sum((await chain_of(nodes[0])).values()) == 200
        for node in nodes:
            await node.close()

    async def test_nodes_at_once_leave_one_free(self, a_node: NodeMaker) -> None:
        first, second = a_node("gw-1"), a_node("gw-2")
        await first.open()
        await second.open()
        await accepted(first, order_key=KEY)
        for turn in range(30):
            now = LEASE_OVER + timedelta(hours=turn)
            due = await first.lease(DESTINATION, limit=9, now=now, until=now)
            assert len(due) == 1

            await asyncio.gather(
                first.decide(due[0].record.id, becomes(State.DELIVERED)),
                second.accept(an_acceptance(order_key=KEY)),
            )

        await first.close()
        await second.close()


def _check_nothing_was_passed_over(calls: dict[DeliveryId, _Accepting], due: DeliveryId) -> None:
    passed_over = [
        call
        for call in calls.values()
        if call.ended is not None and call.ended < calls[due].began and not call.delivered
    ]
    assert passed_over == []
