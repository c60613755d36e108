"""What every journal must do to forget.

A driver's test mixes ``RetentionContract``, or ``SharedRetentionContract``, into the class that
keeps ``JournalContract`` and its fixtures.
"""
# ruff: noqa: D102 - a test's name is its docstring

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from gateway.crypto.detail import conceal
from gateway.domain.entry import Action, Entry
from gateway.domain.identifiers import MunicipalityCode
from gateway.domain.lifecycle import State
from gateway.domain.outcome import FeedbackStatus
from gateway.domain.records import FeedbackRecord
from gateway.domain.repair import ReplayState, WaitingFilter
from gateway.domain.retention import Cutoffs, Expired, Kept, Past
from gateway.ports.audit_log import EntryFilter
from gateway.ports.journal import Acceptance, Accepted, Decision, Journal
from gateway.testing.builders import (
    DESTINATION,
    MUNICIPALITY,
    NOW,
    a_replay_order,
    an_acceptance,
    an_entry,
)
from gateway.testing.contracts.journal import (
    LATER,
    NodeMaker,
    accepted,
    becomes,
    chain_of,
    delivery_of,
)
from gateway.testing.contracts.journal_webhooks import tell

OTHER: Final = MunicipalityCode("271004")
DAY: Final = timedelta(days=1)
"""Records are from ``NOW``, and their ids hardly later."""


def entries(expired: Sequence[Expired]) -> Sequence[Entry]:
    """Return an entry for each."""
    return [
        an_entry(
            action=Action.APPLICATION_EXPIRED,
            municipality=each.municipality,
            application=each.application,
        )
        for each in expired
    ]


def cutoffs(default: datetime = NOW + DAY, **own: datetime) -> Cutoffs:
    """Return what goes: what was final before ``NOW`` and a day, unless said otherwise."""
    return Cutoffs(
        default=default, own={MunicipalityCode(code[1:]): at for code, at in own.items()}
    )


async def expire(journal: Journal, kept: Kept, until: Cutoffs, limit: int = 2) -> list[Expired]:
    """Expire everything, page by page, and find beforehand what goes."""
    found: list[Expired] = []
    gone: list[Expired] = []
    after = None
    while True:
        page = await journal.expirable(kept, until, after=after, limit=limit)
        found += page.expired
        if (after := page.after) is None:
            break
    while True:
        page = await journal.expire(kept, until, after=after, limit=limit, entries=entries)
        gone += page.expired
        if (after := page.after) is None:
            break
    assert gone == found
    return gone


async def arrived(journal: Journal, **over: Any) -> Acceptance:
    """Accept an application that arrives at once."""
    acceptance = await accepted(journal, **over)
    for each in acceptance.deliveries:
        await journal.decide(each.record.id, becomes(State.DELIVERED))
    return acceptance


async def superseded(journal: Journal, acceptance: Acceptance) -> Acceptance:
    """Accept one in the place of another."""
    first = acceptance.application
    second = an_acceptance(receipt_mac=first.receipt_mac, supersedes=first.id)
    assert isinstance(await journal.accept(second), Accepted)
    return second


def applications(gone: Sequence[Expired]) -> list[object]:
    """Return whose they are."""
    return [each.application for each in gone]


class RetentionContract:
    """Promises of ``ports.retention``, one test each."""

    async def test_payloads_of_final_deliveries_go_and_all_others_are_sent_still(
        self, journal: Journal
    ) -> None:
        gone = [await arrived(journal) for _ in range(3)]
        waiting = await accepted(journal)
        parked = await accepted(journal)
        await journal.decide(delivery_of(parked), becomes(State.PARKED))

        expired = await expire(journal, Kept.PAYLOADS, cutoffs())

        assert [each.deliveries[0] for each in expired] == [delivery_of(each) for each in gone]
        assert not await expire(journal, Kept.PAYLOADS, cutoffs())
        assert await journal.dossier(gone[0].application.id) is not None
        await journal.decide(delivery_of(parked), becomes(State.PENDING))
        leased = await journal.lease(DESTINATION, limit=9, now=LATER, until=LATER + DAY)
        assert [each.sealed for each in leased] == [
            each.deliveries[0].sealed for each in (waiting, parked)
        ]

    async def test_each_municipality_has_its_own_term(self, journal: Journal) -> None:
        first = await arrived(journal)
        second = await arrived(journal, municipality=OTHER)
        late = cutoffs(**{f"m{OTHER}": NOW})

        for kept in (Kept.PAYLOADS, Kept.APPLICATIONS):
            expired = await expire(journal, kept, late)
            assert [each.municipality for each in expired] == [MUNICIPALITY]

        assert await journal.dossier(first.application.id) is None
        assert await journal.dossier(second.application.id) is not None
        assert applications(await expire(journal, Kept.APPLICATIONS, cutoffs())) == [
            second.application.id
        ]

    async def test_an_application_goes_with_all_that_refers_to_it_and_may_come_anew(
        self, journal: Journal
    ) -> None:
        acceptance = await arrived(journal, destinations=(DESTINATION, "archive"))
        await tell(journal, delivery_of(acceptance))
        kept = await accepted(journal)
        before = (await chain_of(journal))["gw-1"]

        [expired] = await expire(journal, Kept.APPLICATIONS, cutoffs())

        assert set(expired.deliveries) == {each.record.id for each in acceptance.deliveries}
        assert (await chain_of(journal))["gw-1"] == before + 1
        assert await journal.delivery(delivery_of(acceptance)) is None
        assert await journal.counts() == {DESTINATION: {State.PENDING: 1}}
        assert [each async for each in journal.accepted_ids()] == [kept.application.id]
        again = an_acceptance(
            idempotency_mac=acceptance.application.idempotency_mac,
            receipt_mac=acceptance.application.receipt_mac,
        )
        assert isinstance(await journal.accept(again), Accepted)

    async def test_an_application_is_kept_from_its_last_feedback_on(self, journal: Journal) -> None:
        acceptance = await arrived(journal)
        heard = FeedbackRecord(
            id="r-1",
            delivery_id=delivery_of(acceptance),
            status=FeedbackStatus.COMPLETED,
            at=NOW,
            received_at=NOW + 10 * DAY,
        )
        decision: Decision[None] = Decision(answer=None, feedback=heard, entries=(an_entry(),))
        await journal.decide(delivery_of(acceptance), lambda _: decision)

        assert not await expire(journal, Kept.APPLICATIONS, cutoffs(NOW + 10 * DAY))
        [expired] = await expire(journal, Kept.APPLICATIONS, cutoffs(NOW + 11 * DAY))
        assert expired.since == heard.received_at

    async def test_what_is_not_final_is_never_found(self, journal: Journal) -> None:
        for state in State:
            acceptance = await accepted(journal, destinations=(DESTINATION, "archive"))
            await journal.decide(acceptance.deliveries[1].record.id, becomes(State.DELIVERED))
            await journal.decide(delivery_of(acceptance), becomes(state))

        expired = await expire(journal, Kept.APPLICATIONS, cutoffs(NOW + 9999 * DAY))

        assert len(expired) == 2
        assert sum((await journal.counts())[DESTINATION].values()) == len(State) - 2

    async def test_those_that_supersede_one_another_go_together(self, journal: Journal) -> None:
        first = await arrived(journal)
        second = await superseded(journal, first)
        assert not await expire(journal, Kept.APPLICATIONS, cutoffs())

        await journal.decide(delivery_of(second), becomes(State.CANCELLED))

        expired = await expire(journal, Kept.APPLICATIONS, cutoffs(), limit=1)
        assert applications(expired) == [first.application.id, second.application.id]

    async def test_an_open_replay_keeps_what_it_is_about(self, journal: Journal) -> None:
        acceptance = await accepted(journal)
        await journal.decide(delivery_of(acceptance), becomes(State.PARKED))
        order = a_replay_order()
        where = WaitingFilter(states=frozenset({State.PARKED}), destination=DESTINATION)
        await journal.order_replay(order, where, lambda _: an_entry())
        await journal.decide(delivery_of(acceptance), becomes(State.DELIVERED))
        assert not await expire(journal, Kept.APPLICATIONS, cutoffs())

        await journal.change_replay(
            order.id,
            was={ReplayState.RUNNING},
            becomes=ReplayState.CANCELLED,
            at=NOW,
            entry=an_entry(),
        )

        assert len(await expire(journal, Kept.APPLICATIONS, cutoffs())) == 1
        said: list[Past] = []

        def note(past: Past) -> Sequence[Entry]:
            said.append(past)
            return [an_entry(action=Action.RECORDS_EXPIRED)]

        assert await journal.forget_past(NOW, note) == 0
        assert await journal.forget_past(NOW + DAY, note) == 1
        assert said == [Past(replays=1, approvals=0, notes=0)]
        told = EntryFilter(actions=frozenset({Action.RECORDS_EXPIRED}))
        assert len(await journal.find_entries(told, limit=9)) == 1
        assert await journal.replay_orders() == []

    async def test_words_go_by_the_age_of_their_entry(self, journal: Journal) -> None:
        said = [
            an_entry(at=at, municipality=whose, detail=conceal({"reason": "x"}))
            for at, whose in ((NOW, MUNICIPALITY), (NOW, None), (NOW + DAY, None))
        ]
        await journal.record(said)

        expired = await expire(journal, Kept.WORDS, cutoffs(), limit=1)

        assert sorted(str(each.municipality) for each in expired) == ["131016", "None"]
        found = await journal.find_entries(
            EntryFilter(actions=frozenset({Action.NODE_STARTED})), limit=9
        )
        assert [each.detail_key is not None for each in found] == [True, False, False]
        assert not await expire(journal, Kept.WORDS, cutoffs())

    async def test_words_about_an_application_go_with_it(self, journal: Journal) -> None:
        acceptance = await arrived(journal)
        about = acceptance.application.id
        await journal.record(
            [an_entry(application=about, at=NOW + 99 * DAY, detail=conceal({"reason": "x"}))]
        )

        await expire(journal, Kept.APPLICATIONS, cutoffs())

        [found] = await journal.find_entries(
            EntryFilter(application=about, actions=frozenset({Action.NODE_STARTED})), limit=9
        )
        assert found.detail_key is None

    async def test_a_turn_is_kept_until_it_ends_and_not_taken_again_too_soon(
        self, journal: Journal
    ) -> None:
        async def take(now: datetime, ended_before: datetime) -> bool:
            return await journal.take_turn(now=now, until=now + DAY, ended_before=ended_before)

        assert await journal.last_turn() is None
        assert await take(NOW, NOW)
        assert await take(NOW, NOW)
        await journal.end_turn(LATER)

        assert not await take(LATER, NOW)
        assert await take(LATER + DAY, LATER)
        turn = await journal.last_turn()
        assert turn is not None
        assert (turn.node, turn.ended_at) == ("gw-1", LATER)

    async def test_what_is_left_is_whole_after_letting_go_and_writing_anew(
        self, journal: Journal
    ) -> None:
        await arrived(journal)
        kept = await accepted(journal)
        await journal.record([an_entry(detail=conceal({"reason": "x"}))])
        await expire(journal, Kept.APPLICATIONS, cutoffs())

        await journal.let_go()
        await journal.rewrite()

        [leased] = await journal.lease(DESTINATION, limit=9, now=NOW, until=LATER)
        assert leased.sealed == kept.deliveries[0].sealed
        await arrived(journal)
        assert await journal.counts() == {DESTINATION: {State.PENDING: 1, State.DELIVERED: 1}}


class SharedRetentionContract(RetentionContract):
    """Promises of a journal that several processes share."""

    async def test_only_one_process_has_the_turn(self, journal: Journal, a_node: NodeMaker) -> None:
        other = a_node("gw-2")
        await other.open()
        assert await journal.take_turn(now=NOW, until=LATER, ended_before=NOW)

        assert not await other.take_turn(now=NOW, until=LATER, ended_before=NOW)
        assert await other.take_turn(now=LATER, until=LATER + DAY, ended_before=NOW)
        assert not await journal.take_turn(now=LATER, until=LATER + DAY, ended_before=NOW)
        await other.close()
