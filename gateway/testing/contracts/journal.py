"""What every journal must do.

A driver's test subclasses ``JournalContract``, or ``SharedJournalContract`` when several
processes may share one store, and gives the fixtures that are
declared here. Every test has an empty store.
"""
# ruff: noqa: D102 - a test's name is its docstring

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from gateway.audit.chain import leaf
from gateway.audit.verify import verify
from gateway.domain.claim import BreakerState
from gateway.domain.entry import Action
from gateway.domain.errors import (
    DeliveryNotFoundError,
    JournalUnavailableError,
    JournalUnusableError,
    NodeNameTakenError,
)
from gateway.domain.identifiers import (
    ApplicationId,
    ClientName,
    CopyId,
    DeliveryId,
    DestinationName,
    MunicipalityCode,
    WorkerName,
)
from gateway.domain.lifecycle import ApplicationState, State
from gateway.domain.outcome import FeedbackStatus
from gateway.domain.records import DeliveryRecord, FeedbackRecord
from gateway.ports.clock import APART
from gateway.ports.journal import (
    Acceptance,
    Accepted,
    Decision,
    DossierFilter,
    Journal,
    KeyKnown,
    NothingToSupersede,
    ReceiptNumberKnown,
)
from gateway.testing.builders import (
    DESTINATION,
    NOW,
    a_client_key,
    a_delivery,
    a_heartbeat,
    an_acceptance,
    an_entry,
    an_id,
)

LATER = NOW + timedelta(minutes=1)
LEASE_OVER = NOW + timedelta(minutes=5)
SET_BACK = NOW + timedelta(hours=1)
"""A time that was told before the clock was set back to ``NOW``."""

NodeMaker = Callable[[str], Journal]
"""Makes a journal object, not yet open, on the test's store under the given node name."""
RawSQL = Callable[[str], Awaitable[None]]
"""Runs a statement on the test's store behind the journal's back; the journal is closed."""


def becomes(state: State, **over: Any) -> Callable[[DeliveryRecord], Decision[State]]:
    """Return a rule that puts a delivery into ``state``, with an entry, and answers the old one."""

    def rule(record: DeliveryRecord) -> Decision[State]:
        entry = an_entry(
            action=Action.DELIVERY_DUE, application=record.application_id, delivery=record.id
        )
        changed = replace(record, **{"state": state, "updated_at": LATER, **over})
        return Decision(answer=record.state, record=changed, entries=(entry,))

    return rule


def delivery_of(acceptance: Acceptance) -> DeliveryId:
    """Return the id of an acceptance's first delivery."""
    return acceptance.deliveries[0].record.id


async def accepted(journal: Journal, **over: Any) -> Acceptance:
    """Accept one application and return it."""
    acceptance = an_acceptance(**over)
    assert isinstance(await journal.accept(acceptance), Accepted)
    return acceptance


async def chain_of(journal: Journal) -> dict[str, int]:
    """Return each node's number of entries, having verified its chain."""
    stored = [entry async for entry in journal.entries()]
    report = verify(stored)
    assert report.failures == ()
    return {node: head.nseq for node, head in report.heads.items()}


class JournalContract:
    """Promises of the port, one test each."""

    @pytest.fixture
    def a_node(self) -> NodeMaker:
        """Make journal objects on one store, empty at first."""
        raise NotImplementedError

    @pytest.fixture
    def behind(self) -> RawSQL:
        """Run SQL on that store."""
        raise NotImplementedError

    @pytest.fixture
    async def journal(self, a_node: NodeMaker) -> AsyncIterator[Journal]:
        """An open journal of the node ``gw-1``."""
        journal = a_node("gw-1")
        await journal.open()
        yield journal
        await journal.close()

    # Accepting

    async def test_what_was_accepted_is_found_as_it_was_given(self, journal: Journal) -> None:
        acceptance = an_acceptance(
            destinations=("jido-teate", "archive"),
            order_key=bytes(range(32)),
            traceparent="00-" + "1" * 32 + "-x",
            version=3,
        )

        answer = await journal.accept(acceptance)

        assert isinstance(answer, Accepted)
        assert answer.application == acceptance.application
        dossier = await journal.dossier(acceptance.application.id)
        assert dossier is not None
        assert dossier.application == acceptance.application
        assert dossier.deliveries == tuple(sealed.record for sealed in acceptance.deliveries)
        assert dossier.feedback == ()
        assert dossier.state == ApplicationState.ACCEPTED
        assert journal.node == "gw-1"

    async def test_the_answer_has_the_leaf_of_the_stored_entry(self, journal: Journal) -> None:
        acceptance = an_acceptance()

        answer = await journal.accept(acceptance)

        [stored] = await journal.entries_about(acceptance.application.id)
        assert isinstance(answer, Accepted)
        assert answer.leaf == leaf(stored.data)
        assert (stored.node, stored.nseq) == ("gw-1", 1)

    async def test_a_known_key_gets_what_was_accepted_then(self, journal: Journal) -> None:
        first = an_acceptance()
        answer = await journal.accept(first)

        again = await journal.accept(
            an_acceptance(idempotency_mac=first.application.idempotency_mac)
        )

        assert isinstance(answer, Accepted)
        assert again == KeyKnown(first.application, answer.leaf)
        assert len(await journal.dossiers(DossierFilter())) == 1
        assert await chain_of(journal) == {"gw-1": 1}

    async def test_a_known_key_wins_over_a_known_receipt_number(self, journal: Journal) -> None:
        first = await accepted(journal)

        again = await journal.accept(
            an_acceptance(
                idempotency_mac=first.application.idempotency_mac,
                receipt_mac=first.application.receipt_mac,
            )
        )

        assert isinstance(again, KeyKnown)
        assert again.application.id == first.application.id

    async def test_whoever_asks_again_is_told_what_was_accepted(self, journal: Journal) -> None:
        acceptance = an_acceptance()

        answers = await asyncio.gather(*(journal.accept(acceptance) for _ in range(5)))
        later = await journal.accept(acceptance)

        assert sum(isinstance(answer, Accepted) for answer in answers) == 1
        assert isinstance(later, KeyKnown)
        assert answers.count(later) == 4

    async def test_what_was_accepted_under_a_key_is_found_by_it(self, journal: Journal) -> None:
        first = await accepted(journal)
        client, mac = first.application.client, first.application.idempotency_mac

        known = await journal.accepted_under(client, mac)

        leaf_then = leaf((await journal.entries_about(first.application.id))[0].data)
        assert known == KeyKnown(first.application, leaf_then)
        assert await journal.accepted_under(ClientName("another"), mac) is None
        assert await journal.accepted_under(client, bytes(32)) is None

    async def test_one_key_of_two_clients_is_two_keys(self, journal: Journal) -> None:
        first = await accepted(journal)

        other = an_acceptance(
            idempotency_mac=first.application.idempotency_mac,
            receipt_mac=first.application.receipt_mac,
            client=ClientName("other"),
        )

        assert isinstance(await journal.accept(other), Accepted)

    async def test_a_receipt_number_is_taken_once_a_municipality(self, journal: Journal) -> None:
        first = await accepted(journal)
        mac = first.application.receipt_mac

        again = await journal.accept(an_acceptance(receipt_mac=mac))
        elsewhere = await journal.accept(
            an_acceptance(receipt_mac=mac, municipality=MunicipalityCode("131024"))
        )

        assert again == ReceiptNumberKnown(first.application.id)
        assert isinstance(elsewhere, Accepted)

    async def test_one_key_at_the_same_instant_is_accepted_once(self, journal: Journal) -> None:
        mac = bytes(32)
        acceptances = [an_acceptance(idempotency_mac=mac) for _ in range(20)]

        answers = await asyncio.gather(*map(journal.accept, acceptances))

        [winner] = [answer for answer in answers if isinstance(answer, Accepted)]
        others = [answer for answer in answers if isinstance(answer, KeyKnown)]
        assert len(others) == len(acceptances) - 1
        assert {other.application.id for other in others} == {winner.application.id}
        assert {other.leaf for other in others} == {winner.leaf}
        assert await chain_of(journal) == {"gw-1": 1}

    async def test_one_receipt_number_at_the_same_instant_is_accepted_once(
        self, journal: Journal
    ) -> None:
        acceptances = [an_acceptance(receipt_mac=bytes(32)) for _ in range(20)]

        answers = await asyncio.gather(*map(journal.accept, acceptances))

        [winner] = [answer for answer in answers if isinstance(answer, Accepted)]
        assert answers.count(ReceiptNumberKnown(winner.application.id)) == len(acceptances) - 1

    async def test_unfinished_are_all_but_the_final(self, journal: Journal) -> None:
        first = await accepted(journal)
        await accepted(journal)
        await accepted(journal)

        await journal.decide(delivery_of(first), becomes(State.CANCELLED))

        assert await journal.unfinished() == 2

    async def test_a_duplicate_leaves_its_neighbours_alone(self, journal: Journal) -> None:
        first = await accepted(journal)
        duplicate = an_acceptance(idempotency_mac=first.application.idempotency_mac)
        fresh = [an_acceptance() for _ in range(200)]

        answers = await asyncio.gather(
            *(journal.accept(one) for one in [*fresh[:100], duplicate, *fresh[100:]])
        )

        assert [isinstance(answer, Accepted) for answer in answers].count(False) == 1
        assert isinstance(answers[100], KeyKnown)
        assert await chain_of(journal) == {"gw-1": 201}
        assert (await journal.counts())[DESTINATION] == {State.PENDING: 201}

    async def test_an_acceptance_that_cannot_be_stored_leaves_its_neighbours_alone(
        self, journal: Journal
    ) -> None:
        known = await accepted(journal)
        good = [an_acceptance() for _ in range(10)]
        impossible = an_acceptance()
        impossible = replace(
            impossible, entry=replace(impossible.entry, facts={"long": "x" * 70_000})
        )
        contradiction = an_acceptance()
        contradiction = replace(
            contradiction,
            deliveries=(a_delivery(contradiction.application, id=delivery_of(known)),),
        )

        answers = await asyncio.gather(
            *(journal.accept(one) for one in [*good[:5], impossible, contradiction, *good[5:]]),
            return_exceptions=True,
        )

        assert [type(answer) for answer in answers] == [
            *[Accepted] * 5,
            ValueError,
            ValueError,
            *[Accepted] * 5,
        ]
        assert await journal.dossier(impossible.application.id) is None
        assert await journal.dossier(contradiction.application.id) is None
        assert await chain_of(journal) == {"gw-1": 11}

    # Superseding

    async def test_a_receipt_number_is_taken_over_by_superseding(self, journal: Journal) -> None:
        first = await accepted(journal)
        mac, superseded = first.application.receipt_mac, first.application.id

        second = await accepted(journal, receipt_mac=mac, supersedes=superseded)

        dossier = await journal.dossier(superseded)
        assert dossier is not None
        assert dossier.application.superseded_by == second.application.id
        again = await journal.accept(an_acceptance(receipt_mac=mac))
        assert again == ReceiptNumberKnown(second.application.id)
        both = await journal.dossiers(DossierFilter(receipt_macs=(mac,)))
        assert [one.application.id for one in both] == [second.application.id, superseded]

    async def test_superseding_again_with_the_same_key_is_a_replay(self, journal: Journal) -> None:
        first = await accepted(journal)
        second = await accepted(journal, supersedes=first.application.id)

        again = await journal.accept(
            an_acceptance(
                idempotency_mac=second.application.idempotency_mac, supersedes=first.application.id
            )
        )

        assert isinstance(again, KeyKnown)
        assert again.application.id == second.application.id

    @pytest.mark.parametrize("why", ["unknown", "client", "municipality", "superseded"])
    async def test_nothing_else_can_be_superseded(self, journal: Journal, why: str) -> None:
        first = await accepted(journal)
        over: dict[str, Any] = {"supersedes": first.application.id}
        if why == "unknown":
            over["supersedes"] = ApplicationId(an_id())
        elif why == "client":
            over["client"] = ClientName("other")
        elif why == "municipality":
            over["municipality"] = MunicipalityCode("131024")
        else:
            await accepted(journal, supersedes=first.application.id)
        before = len(await journal.dossiers(DossierFilter()))

        answer = await journal.accept(an_acceptance(**over))

        assert answer == NothingToSupersede()
        assert len(await journal.dossiers(DossierFilter())) == before

    async def test_a_refused_acceptance_supersedes_nothing(self, journal: Journal) -> None:
        first, holder = await accepted(journal), await accepted(journal)

        answer = await journal.accept(
            an_acceptance(
                supersedes=first.application.id, receipt_mac=holder.application.receipt_mac
            )
        )

        assert answer == ReceiptNumberKnown(holder.application.id)
        dossier = await journal.dossier(first.application.id)
        assert dossier is not None
        assert dossier.application.superseded_by is None

    async def test_two_at_once_cannot_supersede_the_same(self, journal: Journal) -> None:
        first = await accepted(journal)
        rivals = [an_acceptance(supersedes=first.application.id) for _ in range(5)]

        answers = await asyncio.gather(*map(journal.accept, rivals))

        assert sum(isinstance(answer, Accepted) for answer in answers) == 1
        assert answers.count(NothingToSupersede()) == len(rivals) - 1

    # Deciding

    async def test_a_decision_is_committed_with_its_entry_and_feedback(
        self, journal: Journal
    ) -> None:
        acceptance = await accepted(journal)
        delivery_id = delivery_of(acceptance)
        feedback = FeedbackRecord(
            id="result-1",
            delivery_id=delivery_id,
            status=FeedbackStatus.ACCEPTED,
            at=NOW,
            received_at=LATER,
            code="00",
            reference="R-1",
        )
        changed = replace(
            acceptance.deliveries[0].record,
            state=State.DELIVERED,
            updated_at=LATER,
            budget_since=LATER,
            attempt=2,
            counted=1,
            resolves=1,
            copy=CopyId(an_id()),
            worker=WorkerName("worker-1"),
            claimed_at=LATER,
            due_at=LATER + timedelta(microseconds=1),
            code="code",
            pointer="#/content",
            reference="整理番号 1",
            flagged=True,
            adapter="file 1.0.0",
        )
        entry = an_entry(application=acceptance.application.id, delivery=delivery_id)

        answer = await journal.decide(
            delivery_id,
            lambda _: Decision(answer="done", record=changed, entries=(entry,), feedback=feedback),
        )

        assert answer == "done"
        assert await journal.delivery(delivery_id) == changed
        dossier = await journal.dossier(acceptance.application.id)
        assert dossier is not None
        assert dossier.deliveries == (changed,)
        assert dossier.feedback == (feedback,)
        assert len(await journal.entries_about(acceptance.application.id)) == 2
        assert await chain_of(journal) == {"gw-1": 2}

    async def test_known_feedback_changes_nothing(self, journal: Journal) -> None:
        acceptance = await accepted(journal)
        delivery_id = delivery_of(acceptance)
        feedback = FeedbackRecord(
            id="same",
            delivery_id=delivery_id,
            status=FeedbackStatus.COMPLETED,
            at=NOW,
            received_at=NOW,
        )
        again = replace(feedback, status=FeedbackStatus.REJECTED)

        await journal.decide(delivery_id, lambda _: Decision(answer=None, feedback=feedback))
        await journal.decide(delivery_id, lambda _: Decision(answer=None, feedback=again))

        dossier = await journal.dossier(acceptance.application.id)
        assert dossier is not None
        assert dossier.feedback == (feedback,)

    async def test_a_decision_that_changes_nothing_changes_nothing(self, journal: Journal) -> None:
        acceptance = await accepted(journal)

        answer = await journal.decide(
            delivery_of(acceptance), lambda record: Decision(answer=record)
        )

        assert answer == acceptance.deliveries[0].record
        assert await chain_of(journal) == {"gw-1": 1}

    async def test_rules_at_once_see_one_another_in_order(self, journal: Journal) -> None:
        delivery_id = delivery_of(await accepted(journal))

        def count(record: DeliveryRecord) -> Decision[int]:
            changed = replace(record, counted=record.counted + 1)
            return Decision(answer=record.counted, record=changed, entries=(an_entry(),))

        answers = await asyncio.gather(*(journal.decide(delivery_id, count) for _ in range(50)))

        assert answers == [*range(50)]
        delivery = await journal.delivery(delivery_id)
        assert delivery is not None
        assert delivery.counted == 50

    async def test_a_rule_that_raises_fails_only_its_caller(self, journal: Journal) -> None:
        deliveries = [delivery_of(await accepted(journal)) for _ in range(5)]

        def refuse(_: DeliveryRecord) -> Decision[State]:
            raise LookupError

        answers = await asyncio.gather(
            *(
                journal.decide(delivery, refuse if number == 2 else becomes(State.QUEUED))
                for number, delivery in enumerate(deliveries)
            ),
            return_exceptions=True,
        )

        assert isinstance(answers[2], LookupError)
        assert answers.count(State.PENDING) == 4
        assert (await journal.counts())[DESTINATION] == {State.PENDING: 1, State.QUEUED: 4}
        assert await chain_of(journal) == {"gw-1": 9}

    async def test_an_entry_that_cannot_be_written_undoes_its_step(self, journal: Journal) -> None:
        first, second = [delivery_of(await accepted(journal)) for _ in range(2)]

        def impossible(record: DeliveryRecord) -> Decision[None]:
            entries = (an_entry(), an_entry(facts={"Bad Name": 1}))
            changed = replace(record, state=State.QUEUED)
            return Decision(answer=None, record=changed, entries=entries)

        answers = await asyncio.gather(
            journal.decide(first, impossible),
            journal.decide(second, becomes(State.QUEUED)),
            return_exceptions=True,
        )

        assert [type(answer) for answer in answers] == [ValueError, State]
        assert (await journal.counts())[DESTINATION] == {State.PENDING: 1, State.QUEUED: 1}
        assert await chain_of(journal) == {"gw-1": 3}

    async def test_an_unknown_delivery_is_not_found(self, journal: Journal) -> None:
        with pytest.raises(DeliveryNotFoundError):
            await journal.decide(DeliveryId(an_id()), becomes(State.QUEUED))

        assert await journal.delivery(DeliveryId(an_id())) is None
        assert await journal.dossier(ApplicationId(an_id())) is None

    async def test_a_cancelled_call_harms_nobody(self, journal: Journal) -> None:
        calls = [asyncio.create_task(journal.accept(an_acceptance())) for _ in range(20)]
        await asyncio.sleep(0)
        for call in calls[::2]:
            call.cancel()

        answers = await asyncio.gather(*calls, return_exceptions=True)

        assert [type(answer) for answer in answers[1::2]] == [Accepted] * 10
        await accepted(journal)
        found = len(await journal.dossiers(DossierFilter()))
        assert await chain_of(journal) == {"gw-1": found}

    # The audit log

    async def test_entries_are_recorded_in_order(self, journal: Journal) -> None:
        application = ApplicationId(an_id())
        numbered = [an_entry(application=application, facts={"n": n}) for n in range(5)]

        await journal.record(numbered[:3])
        await journal.record(())
        await journal.record(numbered[3:])

        about = await journal.entries_about(application)
        assert [entry.nseq for entry in about] == [1, 2, 3, 4, 5]
        assert all(b'"n":%d' % number in entry.data for number, entry in enumerate(about))
        assert await chain_of(journal) == {"gw-1": 5}

    async def test_every_step_at_once_leaves_one_chain(self, journal: Journal) -> None:
        deliveries = [delivery_of(await accepted(journal)) for _ in range(20)]

        await asyncio.gather(
            *(journal.accept(an_acceptance()) for _ in range(50)),
            *(journal.decide(delivery, becomes(State.QUEUED)) for delivery in deliveries),
            *(journal.record([an_entry(), an_entry()]) for _ in range(20)),
            *(journal.add_client_key(a_client_key(), an_entry()) for _ in range(5)),
        )

        assert await chain_of(journal) == {"gw-1": 20 + 50 + 20 + 40 + 5}

    async def test_the_whole_log_is_read_in_pages(self, journal: Journal) -> None:
        await journal.record([an_entry(facts={"n": n}) for n in range(1_203)])

        assert await chain_of(journal) == {"gw-1": 1_203}

    async def test_the_chain_goes_on_after_reopening(self, a_node: NodeMaker) -> None:
        for _ in range(3):
            journal = a_node("gw-1")
            await journal.open()
            await journal.record([an_entry(), an_entry()])
            await journal.close()
        journal = a_node("gw-2")
        await journal.open()
        await journal.record([an_entry()])

        assert await chain_of(journal) == {"gw-1": 6, "gw-2": 1}
        await journal.close()

    # The relay

    async def test_what_is_due_is_leased_oldest_first(self, journal: Journal) -> None:
        acceptances = [await accepted(journal) for _ in range(5)]

        leased = await journal.lease(DESTINATION, limit=3, now=LEASE_OVER, until=LEASE_OVER)

        assert list(leased) == [acceptance.deliveries[0] for acceptance in acceptances[:3]]

    async def test_leased_once_means_leased_again_to_the_same_node(self, journal: Journal) -> None:
        await accepted(journal)

        first = await journal.lease(DESTINATION, limit=9, now=NOW, until=LEASE_OVER)
        again = await journal.lease(DESTINATION, limit=9, now=LATER, until=LEASE_OVER)

        assert len(first) == 1
        assert again == first

    @pytest.mark.parametrize(
        ("state", "over", "due"),
        [
            (State.PENDING, {"due_at": None}, True),
            (State.PENDING, {"due_at": LATER}, True),
            (State.PENDING, {"due_at": LATER + timedelta(microseconds=1)}, False),
            (State.RETRYING, {"due_at": None}, True),
            (State.RETRYING, {"due_at": LATER, "copy": CopyId(an_id())}, True),
            (State.RETRYING, {"due_at": LEASE_OVER}, False),
            (State.RETRYING, {"due_at": SET_BACK, "updated_at": SET_BACK}, True),
            (State.RETRYING, {"due_at": SET_BACK, "updated_at": LATER + APART}, False),
            (State.IN_DOUBT, {"due_at": LATER}, True),
            (State.IN_DOUBT, {"due_at": None}, False),
            (State.IN_DOUBT, {"due_at": LEASE_OVER}, False),
            (State.IN_DOUBT, {"due_at": SET_BACK, "updated_at": SET_BACK}, True),
            (State.IN_DOUBT, {"due_at": None, "updated_at": SET_BACK}, False),
            (State.IN_DOUBT, {"due_at": LATER, "copy": CopyId(an_id())}, False),
            (State.QUEUED, {"due_at": None}, False),
            (State.SENDING, {"due_at": LATER}, False),
            (State.PARKED, {"due_at": None}, False),
            (State.DELIVERED, {"due_at": None}, False),
            (State.CANCELLED, {"due_at": None}, False),
        ],
    )
    async def test_only_what_is_due_is_leased(
        self, journal: Journal, state: State, over: dict[str, Any], *, due: bool
    ) -> None:
        acceptance = await accepted(journal)
        await journal.decide(delivery_of(acceptance), becomes(state, **over))

        leased = await journal.lease(DESTINATION, limit=9, now=LATER, until=LEASE_OVER)

        assert [sealed.record.id for sealed in leased] == [delivery_of(acceptance)] * due

    async def test_a_lane_is_leased_alone(self, journal: Journal) -> None:
        await accepted(journal, destinations=("jido-teate", "archive"))

        leased = await journal.lease(DestinationName("archive"), limit=9, now=NOW, until=LEASE_OVER)

        assert [sealed.record.destination for sealed in leased] == ["archive"]

    async def test_reopening_frees_what_the_node_had_leased(self, a_node: NodeMaker) -> None:
        journal = a_node("gw-1")
        await journal.open()
        await accepted(journal)
        await journal.close()
        await journal.open()
        await journal.close()
        other = a_node("gw-2")
        await other.open()

        leased = await other.lease(DESTINATION, limit=9, now=NOW, until=LEASE_OVER)

        assert len(leased) == 1
        await other.close()

    async def test_what_a_forgetful_broker_lost_is_yielded_oldest_first(
        self, journal: Journal
    ) -> None:
        lost = []
        for state in State:
            acceptance = await accepted(journal)
            await journal.decide(delivery_of(acceptance), becomes(state))
            if state in {State.QUEUED, State.SENDING}:
                lost.append(delivery_of(acceptance))
        claimed = await accepted(journal)
        copy = CopyId(an_id())
        await journal.decide(delivery_of(claimed), becomes(State.IN_DOUBT, copy=copy))
        lost.append(delivery_of(claimed))

        found = [sealed async for sealed in journal.unclaimed(DESTINATION)]

        assert [sealed.record.id for sealed in found] == lost
        assert found[-1].sealed == claimed.deliveries[0].sealed
        assert [sealed async for sealed in journal.unclaimed(DestinationName("archive"))] == []

    async def test_any_backlog_is_yielded_in_pages(self, journal: Journal) -> None:
        acceptances = [an_acceptance() for _ in range(120)]
        await asyncio.gather(*map(journal.accept, acceptances))
        await asyncio.gather(
            *(journal.decide(delivery_of(one), becomes(State.QUEUED)) for one in acceptances)
        )

        found = [sealed.record.id async for sealed in journal.unclaimed(DESTINATION)]

        assert found == [delivery_of(one) for one in acceptances]

    async def test_deliveries_are_counted_by_destination_and_state(self, journal: Journal) -> None:
        assert await journal.counts() == {}
        first = await accepted(journal, destinations=("jido-teate", "archive"))
        await accepted(journal)

        await journal.decide(delivery_of(first), becomes(State.DELIVERED))

        assert await journal.counts() == {
            "jido-teate": {State.PENDING: 1, State.DELIVERED: 1},
            "archive": {State.PENDING: 1},
        }

    # Reading

    async def test_dossiers_are_listed_newest_first_in_pages(self, journal: Journal) -> None:
        ids = [(await accepted(journal)).application.id for _ in range(5)]

        first = await journal.dossiers(DossierFilter(), limit=2)
        second = await journal.dossiers(DossierFilter(), before=ids[3], limit=2)
        last = await journal.dossiers(DossierFilter(), before=ids[1], limit=2)

        listed = [[dossier.application.id for dossier in page] for page in (first, second, last)]
        assert listed == [[ids[4], ids[3]], [ids[2], ids[1]], [ids[0]]]

    async def test_a_page_is_full_although_applications_have_several_deliveries(
        self, journal: Journal
    ) -> None:
        ids = [
            (await accepted(journal, destinations=("jido-teate", "archive"))).application.id
            for _ in range(3)
        ]

        page = await journal.dossiers(DossierFilter(states=frozenset({State.PENDING})), limit=2)

        assert [dossier.application.id for dossier in page] == [ids[2], ids[1]]

    async def test_dossiers_are_filtered_by_any_combination(self, journal: Journal) -> None:
        shared = bytes(32)
        here, there = MunicipalityCode("131016"), MunicipalityCode("131024")
        plain = await accepted(journal, receipt_mac=shared)
        parked = await accepted(journal, destinations=("archive",))
        await journal.decide(delivery_of(parked), becomes(State.PARKED))
        other = await accepted(journal, municipality=there, receipt_mac=shared)
        both = await accepted(journal, destinations=("jido-teate", "archive"), municipality=there)
        await journal.decide(delivery_of(both), becomes(State.DELIVERED))
        archive, pending = DestinationName("archive"), frozenset({State.PENDING})
        parked_or_delivered = frozenset({State.PARKED, State.DELIVERED})

        async def listed(**where: Any) -> list[Acceptance]:
            page = await journal.dossiers(DossierFilter(**where))
            by_id = {one.application.id: one for one in (plain, parked, other, both)}
            return [by_id[dossier.application.id] for dossier in page]

        assert await listed(municipality=here) == [parked, plain]
        assert await listed(destination=archive) == [both, parked]
        assert await listed(states=parked_or_delivered) == [both, parked]
        assert await listed(states=pending, destination=archive) == [both]
        assert await listed(states=parked_or_delivered, municipality=here) == [parked]
        assert await listed(destination=archive, municipality=there) == [both]
        assert await listed(destination=archive, states=parked_or_delivered) == [parked]
        assert await listed(receipt_macs=(shared,)) == [other, plain]
        assert await listed(receipt_macs=(shared,), municipality=there) == [other]
        assert await listed(receipt_macs=(shared,), destination=archive) == []
        assert await listed(receipt_macs=(shared,), states=pending, destination=DESTINATION) == [
            other,
            plain,
        ]
        unused = bytes(31) + b"y"
        assert await listed(receipt_macs=(unused, shared)) == [other, plain]
        assert await listed(receipt_macs=(bytes(31) + b"x",)) == []

    # Client keys and workers

    async def test_client_keys_are_listed_oldest_first(self, journal: Journal) -> None:
        newer, older = a_client_key(created_at=LATER), a_client_key()

        await journal.add_client_key(newer, an_entry(action=Action.CLIENT_KEY_ADDED))
        await journal.add_client_key(older, an_entry(action=Action.CLIENT_KEY_ADDED))

        assert list(await journal.client_keys()) == [older, newer]
        assert await chain_of(journal) == {"gw-1": 2}

    async def test_a_client_key_is_not_stored_twice(self, journal: Journal) -> None:
        key = a_client_key()
        await journal.add_client_key(key, an_entry())

        with pytest.raises(ValueError):  # noqa: PT011 - its text is the driver's
            await journal.add_client_key(replace(key, digest=bytes(32)), an_entry())

        assert list(await journal.client_keys()) == [key]
        assert await chain_of(journal) == {"gw-1": 1}

    async def test_a_key_is_revoked_once(self, journal: Journal) -> None:
        key = a_client_key()
        await journal.add_client_key(key, an_entry())
        entry = an_entry(action=Action.CLIENT_KEY_REVOKED)

        revoked = await journal.revoke_client_key(key.id, LATER, entry)
        again = await journal.revoke_client_key(key.id, LEASE_OVER, entry)
        unknown = await journal.revoke_client_key("nobody", LATER, entry)

        assert (revoked, again, unknown) == (True, False, False)
        assert list(await journal.client_keys()) == [replace(key, revoked_at=LATER)]
        assert await chain_of(journal) == {"gw-1": 2}

    async def test_the_latest_heartbeat_is_kept(self, journal: Journal) -> None:
        latest = a_heartbeat(
            at=LATER, in_flight=3, healthy=False, breaker=BreakerState.HALF_OPEN, unclaimed=2
        )
        other = a_heartbeat(worker=WorkerName("worker-2"))

        for heartbeat in (a_heartbeat(), latest, a_heartbeat(), other):
            await journal.put_heartbeat(heartbeat)

        assert list(await journal.heartbeats()) == [latest, other]

    async def test_a_destination_s_heartbeats_of_more_than_a_day_ago_are_forgotten(
        self, journal: Journal
    ) -> None:
        gone = a_heartbeat(worker=WorkerName("worker-1/gone"))
        just_kept = a_heartbeat(worker=WorkerName("worker-1/kept"), at=NOW + timedelta(seconds=1))
        elsewhere = a_heartbeat(destination=DestinationName("archive"))
        latest = a_heartbeat(at=NOW + timedelta(days=1, seconds=1))

        for heartbeat in (gone, just_kept, elsewhere, latest):
            await journal.put_heartbeat(heartbeat)

        assert list(await journal.heartbeats()) == [elsewhere, latest, just_kept]

    # Opening and closing

    async def test_a_ping_answers_while_the_journal_is_open(self, journal: Journal) -> None:
        await journal.ping()
        await journal.close()

        with pytest.raises(JournalUnavailableError):
            await journal.ping()
        with pytest.raises(JournalUnavailableError):
            await journal.counts()

    async def test_opening_and_closing_twice_is_no_error(self, a_node: NodeMaker) -> None:
        journal = a_node("gw-1")
        await journal.close()
        await journal.open()
        await journal.open()
        await accepted(journal)
        await journal.close()
        await journal.close()
        await journal.open()

        assert len(await journal.dossiers(DossierFilter())) == 1
        await journal.close()

    async def test_closing_finishes_what_is_being_written(self, a_node: NodeMaker) -> None:
        journal = a_node("gw-1")
        await journal.open()
        calls = [asyncio.create_task(journal.accept(an_acceptance())) for _ in range(50)]
        await asyncio.sleep(0)

        await journal.close()

        assert all(isinstance(answer, Accepted) for answer in await asyncio.gather(*calls))
        await journal.open()
        assert await chain_of(journal) == {"gw-1": 50}
        await journal.close()

    async def test_a_name_is_held_by_one_journal_at_a_time(
        self, journal: Journal, a_node: NodeMaker
    ) -> None:
        rival = a_node("gw-1")

        with pytest.raises(NodeNameTakenError):
            await rival.open()

        await rival.close()
        await journal.close()
        await rival.open()
        await accepted(rival)
        await rival.close()

    @pytest.mark.parametrize(
        "change",
        [
            "UPDATE schema_migrations SET sha256 = '0' WHERE version = 1",
            "INSERT INTO schema_migrations (version, name, sha256) VALUES (9999, 'later', '0')",
        ],
    )
    async def test_another_schema_is_refused(
        self, a_node: NodeMaker, behind: RawSQL, change: str
    ) -> None:
        journal = a_node("gw-1")
        await journal.open()
        await journal.close()
        await behind(change)

        with pytest.raises(JournalUnusableError):
            await journal.open()

        await journal.close()


class SharedJournalContract(JournalContract):
    """Further promises of a journal that several processes share."""

    async def test_what_another_node_leased_is_skipped_until_then(self, a_node: NodeMaker) -> None:
        first, second = a_node("gw-1"), a_node("gw-2")
        await first.open()
        acceptance = await accepted(first)
        await second.open()

        at_once = await second.lease(DESTINATION, limit=9, now=NOW, until=LATER)
        afterwards = await second.lease(DESTINATION, limit=9, now=LATER, until=LEASE_OVER)
        back = await first.lease(DESTINATION, limit=9, now=LATER, until=LEASE_OVER)

        assert list(at_once) == []
        assert [sealed.record.id for sealed in afterwards] == [delivery_of(acceptance)]
        assert list(back) == []
        await first.close()
        await second.close()

    async def test_a_lease_does_not_outlast_a_clock_that_is_set_back(
        self, a_node: NodeMaker
    ) -> None:
        first, second = a_node("gw-1"), a_node("gw-2")
        await first.open()
        acceptance = await accepted(first)
        await first.lease(DESTINATION, limit=9, now=SET_BACK, until=SET_BACK)
        await second.open()

        leased = await second.lease(DESTINATION, limit=9, now=NOW, until=LATER)

        assert [sealed.record.id for sealed in leased] == [delivery_of(acceptance)]
        await first.close()
        await second.close()

    async def test_a_lease_ends_when_the_delivery_goes_on(self, a_node: NodeMaker) -> None:
        first, second = a_node("gw-1"), a_node("gw-2")
        await first.open()
        delivery = delivery_of(await accepted(first))
        await second.open()

        await first.decide(delivery, becomes(State.RETRYING, due_at=NOW))

        assert len(await second.lease(DESTINATION, limit=9, now=NOW, until=LATER)) == 1
        await second.decide(delivery, becomes(State.PENDING))
        assert len(await first.lease(DESTINATION, limit=9, now=NOW, until=LATER)) == 0
        await first.close()
        await second.close()

    async def test_one_key_at_two_nodes_is_accepted_once(self, a_node: NodeMaker) -> None:
        first, second = a_node("gw-1"), a_node("gw-2")
        await first.open()
        await second.open()
        pairs = [(an_acceptance(), an_acceptance()) for _ in range(100)]
        pairs = [
            (one, replace(two, application=replace(two.application, **_keys(one, number))))
            for number, (one, two) in enumerate(pairs)
        ]

        async with asyncio.timeout(60):
            answers = await asyncio.gather(
                *(first.accept(one) for one, _ in pairs),
                *(second.accept(two) for _, two in reversed(pairs)),
            )

        firsts, seconds = answers[:100], answers[:99:-1]
        for number, both in enumerate(zip(firsts, seconds, strict=True)):
            [winner] = [answer for answer in both if isinstance(answer, Accepted)]
            [loser] = [answer for answer in both if not isinstance(answer, Accepted)]
            if number % 2:
                assert loser == KeyKnown(winner.application, winner.leaf)
            else:
                assert loser == ReceiptNumberKnown(winner.application.id)
        lengths = await chain_of(first)
        assert sum(lengths.values()) == 100
        await first.close()
        await second.close()

    async def test_rules_at_two_nodes_wait_for_one_another(self, a_node: NodeMaker) -> None:
        first, second = a_node("gw-1"), a_node("gw-2")
        await first.open()
        await second.open()
        deliveries = [delivery_of(await accepted(first)) for _ in range(5)]

        def count(record: DeliveryRecord) -> Decision[None]:
            changed = replace(record, counted=record.counted + 1)
            return Decision(answer=None, record=changed, entries=(an_entry(),))

        async def count_at(node: Journal) -> None:
            for _ in range(10):
                await asyncio.gather(*(node.decide(delivery, count) for delivery in deliveries))

        await asyncio.gather(*(count_at(node) for node in (first, second) for _ in range(2)))

        found = [await first.delivery(delivery) for delivery in deliveries]
        assert [record.counted for record in found if record is not None] == [40] * 5
        assert await chain_of(second) == {"gw-1": 105, "gw-2": 100}
        await first.close()
        await second.close()


def _keys(acceptance: Acceptance, number: int) -> dict[str, Any]:
    """Return what makes another acceptance a duplicate: its key, or else its 受付番号."""
    if number % 2:
        return {"idempotency_mac": acceptance.application.idempotency_mac}
    return {"receipt_mac": acceptance.application.receipt_mac}
