"""What every journal must do with its totals, and with lists by where deliveries are.

A driver's test mixes ``TotalsContract``, or ``SharedTotalsContract``, into the class that
keeps ``JournalContract`` and its fixtures.
"""
# ruff: noqa: D102 - a test's name is its docstring

import asyncio
from collections import Counter
from datetime import timedelta

import pytest

from gateway.domain.identifiers import DestinationName
from gateway.domain.lifecycle import UNFINISHED, State
from gateway.ports.journal import DossierFilter, Journal
from gateway.testing.builders import DESTINATION, NOW, an_acceptance
from gateway.testing.contracts.journal import NodeMaker, accepted, becomes, delivery_of

ARCHIVE = DestinationName("archive")


class TotalsContract:
    """Promises of ``counts``, ``unfinished``, ``oldest`` and ``halted_keys``."""

    async def test_totals_follow_every_step_and_nothing_else(self, journal: Journal) -> None:
        first, second = [await accepted(journal) for _ in range(2)]
        await accepted(journal, destinations=("archive",))

        for state in State:
            await journal.decide(delivery_of(first), becomes(state))
        # The same state again: no change of it.
        await journal.decide(delivery_of(second), becomes(State.PENDING, attempt=2))
        await journal.lease(DESTINATION, limit=9, now=NOW, until=NOW + timedelta(minutes=1))

        assert await journal.counts() == {
            DESTINATION: {State.PENDING: 1, State.CANCELLED: 1},
            ARCHIVE: {State.PENDING: 1},
        }
        assert await journal.unfinished() == 2

    async def test_it_takes_room_and_says_how_much(self, journal: Journal) -> None:
        assert 10_000 < await journal.size_bytes() < 1_000_000_000

    async def test_many_steps_in_one_commit_are_all_counted(self, journal: Journal) -> None:
        acceptances = [an_acceptance() for _ in range(60)]
        await asyncio.gather(*map(journal.accept, acceptances))
        # Those accepted again, under their known key, are not counted again.
        await asyncio.gather(*map(journal.accept, acceptances[:20]))
        states = [list(State)[number % len(State)] for number in range(60)]

        await asyncio.gather(
            *(
                journal.decide(delivery_of(one), becomes(state))
                for one, state in zip(acceptances, states, strict=True)
            )
        )

        assert (await journal.counts())[DESTINATION] == Counter(states)

    async def test_totals_outlive_the_process(self, a_node: NodeMaker) -> None:
        journal = a_node("gw-1")
        await journal.open()
        await journal.decide(delivery_of(await accepted(journal)), becomes(State.PARKED))
        await journal.close()

        await journal.open()
        await accepted(journal)

        assert await journal.counts() == {DESTINATION: {State.PARKED: 1, State.PENDING: 1}}
        await journal.close()

    async def test_the_oldest_is_told_by_destination_and_state(self, journal: Journal) -> None:
        assert await journal.oldest() == {}
        times = [NOW + timedelta(minutes=minute) for minute in range(5)]
        old, parked, late = [await accepted(journal, accepted_at=at) for at in times[:3]]
        await accepted(journal, destinations=("archive",), accepted_at=times[3])
        ended = await accepted(journal, destinations=("archive",), accepted_at=times[4])
        await journal.decide(delivery_of(parked), becomes(State.PARKED))
        await journal.decide(delivery_of(ended), becomes(State.DELIVERED))

        before = await journal.oldest()
        await journal.decide(delivery_of(old), becomes(State.DELIVERED))
        after = await journal.oldest()

        assert before == {
            DESTINATION: {State.PENDING: times[0], State.PARKED: times[1]},
            ARCHIVE: {State.PENDING: times[3]},
        }
        assert after[DESTINATION][State.PENDING] == late.application.accepted_at

    async def test_a_key_stands_still_until_somebody_decided(self, journal: Journal) -> None:
        assert await journal.halted_keys() == {}
        keyed = [await accepted(journal, order_key=key * 32) for key in (b"a", b"b", b"c", b"a")]
        unkeyed = await accepted(journal)
        for acceptance in (keyed[0], keyed[1], unkeyed):
            await journal.decide(delivery_of(acceptance), becomes(State.PARKED))
        await journal.decide(delivery_of(keyed[2]), becomes(State.IN_DOUBT))

        halted = await journal.halted_keys()
        await journal.decide(delivery_of(keyed[0]), becomes(State.PENDING))
        await journal.decide(delivery_of(keyed[1]), becomes(State.CANCELLED))

        assert halted == {DESTINATION: 3}
        assert await journal.halted_keys() == {DESTINATION: 1}

    @pytest.mark.parametrize("limit", [1, 3, 50])
    async def test_a_list_of_all_destinations_is_merged_newest_first(
        self, journal: Journal, limit: int
    ) -> None:
        ids = []
        for number in range(12):
            name = ("jido-teate", "archive", "koseki")[number * 7 % 3]
            one = await accepted(journal, destinations=(name,))
            await journal.decide(delivery_of(one), becomes(list(State)[number % len(State)]))
            ids.append(one.application.id)
        where = DossierFilter(states=frozenset(State))

        first = await journal.dossiers(where, limit=limit)
        second = await journal.dossiers(where, limit=limit, before=ids[9])

        assert [one.application.id for one in first] == ids[::-1][:limit]
        assert [one.application.id for one in second] == ids[8::-1][:limit]

    async def test_where_nothing_is_nothing_is_listed(self, journal: Journal) -> None:
        await accepted(journal)
        everywhere = DossierFilter(destination=ARCHIVE)
        ended = DossierFilter(states=frozenset(State) - UNFINISHED)

        assert (await journal.dossiers(everywhere), await journal.dossiers(ended)) == ([], [])


class SharedTotalsContract(TotalsContract):
    """The same for a store that several processes share."""

    async def test_what_several_nodes_do_is_counted_together(self, a_node: NodeMaker) -> None:
        one, other = a_node("gw-1"), a_node("gw-2")
        await one.open()
        await other.open()
        acceptances = [an_acceptance() for _ in range(20)]

        await asyncio.gather(*map(one.accept, acceptances))
        await asyncio.gather(
            *(other.decide(delivery_of(each), becomes(State.DELIVERED)) for each in acceptances[:9])
        )

        assert await one.counts() == {DESTINATION: {State.PENDING: 11, State.DELIVERED: 9}}
        assert await other.counts() == await one.counts()
        assert await one.unfinished() == 11
        await one.close()
        await other.close()
