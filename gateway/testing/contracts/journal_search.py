"""What every journal must do as a place to search.

A driver's test mixes ``SearchContract`` into the class that keeps ``JournalContract`` and its
fixtures.
"""
# ruff: noqa: D102 - a test's name is its docstring

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

import pytest

from gateway.domain.identifiers import (
    ApplicationId,
    ClientName,
    DestinationName,
    MunicipalityCode,
    uuid7,
)
from gateway.domain.lifecycle import ApplicationState, State
from gateway.domain.outcome import FeedbackStatus
from gateway.domain.records import DeliveryRecord, FeedbackRecord
from gateway.domain.search import ApplicationFilter
from gateway.ports.applications import LastChange
from gateway.ports.journal import Acceptance, Decision, Journal
from gateway.testing.builders import DESTINATION, NOW, an_acceptance, an_entry
from gateway.testing.contracts.journal import becomes, delivery_of

HERE, THERE = MunicipalityCode("131016"), MunicipalityCode("131024")
ARCHIVE: Final = DestinationName("archive")
_ALL: Final = ApplicationFilter()


@dataclass(frozen=True, slots=True)
class Kept:
    """Applications that were accepted a minute apart, oldest first."""

    journal: Journal
    acceptances: Sequence[Acceptance]

    async def listed(self, *, descending: bool = True, **where: Any) -> list[int]:
        """Return the numbers of those that are found, in order."""
        page = await self.journal.find_applications(
            ApplicationFilter(**where), descending=descending
        )
        assert page.reached is None
        counted = await self.journal.count_applications(ApplicationFilter(**where), at_most=99)
        assert (counted.applications, counted.is_all) == (len(page.dossiers), True)
        numbers = {each.application.id: n for n, each in enumerate(self.acceptances)}
        return [numbers[dossier.application.id] for dossier in page.dossiers]

    async def changed(self, *, descending: bool = True, **where: Any) -> list[int]:
        """Return the numbers of those that are found, by their last change."""
        page = await self.journal.find_changed_applications(
            ApplicationFilter(**where), descending=descending
        )
        assert page.reached is None
        numbers = {each.application.id: n for n, each in enumerate(self.acceptances)}
        return [numbers[dossier.application.id] for dossier in page.dossiers]


async def kept(journal: Journal, *each: dict[str, Any]) -> Kept:
    """Accept applications, each with what is said of it."""
    acceptances = []
    for minute, over in enumerate(each):
        at = NOW + timedelta(minutes=minute)
        random = minute.to_bytes(10, "big")
        named = ApplicationId(uuid7(int(at.timestamp() * 1000), random))
        acceptance = an_acceptance(id=named, accepted_at=at, **over)
        await journal.accept(acceptance)
        acceptances.append(acceptance)
    return Kept(journal, acceptances)


class SearchContract:
    """Promises of ``find_applications`` and ``count_applications``."""

    async def test_what_an_application_is_finds_it(self, journal: Journal) -> None:
        mac = bytes(31) + b"r"
        found = await kept(
            journal,
            {"procedure": "childcare/allowance-claim"},
            {"procedure": "care/certification-claim", "client": ClientName("mynaportal")},
            {"procedure": "childcare/allowance-change", "municipality": THERE},
            {"procedure": "childcare/allowance-claim", "receipt_mac": mac},
        )
        third = found.acceptances[2].application.id

        assert await found.listed() == [3, 2, 1, 0]
        assert await found.listed(descending=False) == [0, 1, 2, 3]
        assert await found.listed(municipality=HERE) == [3, 1, 0]
        assert await found.listed(municipality=HERE, descending=False) == [0, 1, 3]
        assert await found.listed(procedure="childcare/allowance-claim") == [3, 0]
        assert await found.listed(procedure="childcare/*") == [3, 2, 0]
        assert await found.listed(procedure="childcare/*", municipality=THERE) == [2]
        assert await found.listed(procedure="*-claim", client=ClientName("mynaportal")) == [1]
        assert await found.listed(client=ClientName("mynaportal")) == [1]
        assert await found.listed(client=ClientName("nobody")) == []
        assert await found.listed(procedure="%") == []
        assert await found.listed(applications=(third,)) == [2]
        assert await found.listed(applications=(third, found.acceptances[0].application.id)) == [
            2,
            0,
        ]
        assert await found.listed(applications=(third,), municipality=HERE) == []
        assert await found.listed(receipt_macs=(bytes(32), mac)) == [3]
        assert await found.listed(receipt_macs=(mac,), applications=(third,)) == []
        assert await found.listed(receipt_macs=(mac,), procedure="care/*") == []

    async def test_when_it_was_accepted_finds_it(self, journal: Journal) -> None:
        found = await kept(journal, {}, {"municipality": THERE}, {}, {"municipality": THERE})
        second, fourth = NOW + timedelta(minutes=1), NOW + timedelta(minutes=3)

        assert await found.listed(since=second) == [3, 2, 1]
        assert await found.listed(until=fourth) == [2, 1, 0]
        assert await found.listed(since=second, until=fourth, descending=False) == [1, 2]
        assert await found.listed(since=second, until=fourth, municipality=THERE) == [1]
        assert await found.listed(since=fourth, until=second) == []
        assert await found.listed(until=NOW.replace(year=1)) == []
        assert await found.listed(since=NOW.replace(year=9999)) == []

    async def test_where_its_deliveries_are_finds_it(self, journal: Journal) -> None:
        both = ("jido-teate", "archive")
        found = await kept(journal, {}, {"destinations": ("archive",)}, {"destinations": both}, {})
        parked, doubtful, split, arrived = found.acceptances
        await journal.decide(delivery_of(parked), becomes(State.PARKED, code="http.422"))
        await journal.decide(delivery_of(doubtful), becomes(State.IN_DOUBT, code="http.late"))
        await journal.decide(delivery_of(split), becomes(State.DELIVERED))
        await journal.decide(delivery_of(arrived), becomes(State.DELIVERED))
        waiting = frozenset({State.PARKED, State.IN_DOUBT})
        pending, delivered = frozenset({State.PENDING}), frozenset({State.DELIVERED})

        assert await found.listed(destination=DESTINATION) == [3, 2, 0]
        assert await found.listed(states=waiting) == [1, 0]
        assert await found.listed(states=waiting, descending=False) == [0, 1]
        assert await found.listed(states=waiting, destination=ARCHIVE) == [1]
        assert await found.listed(states=delivered, destination=ARCHIVE) == []
        assert await found.listed(states=pending, destination=ARCHIVE) == [2]
        assert await found.listed(states=delivered, procedure="*/*", municipality=HERE) == [3, 2]
        assert await found.listed(states=delivered, municipality=THERE) == []
        assert await found.listed(code="http.422") == [0]
        assert await found.listed(code="http.422", destination=ARCHIVE) == []
        assert await found.listed(code="http.late", states=waiting, destination=ARCHIVE) == [1]
        assert await found.listed(code="http.late", procedure="nothing/*") == []
        assert await found.listed(code="http") == []

    async def test_how_it_stands_as_a_whole_finds_it(self, journal: Journal) -> None:
        both = ("jido-teate", "archive")
        found = await kept(journal, *({"destinations": both} for _ in range(6)))
        steps = (
            (State.DELIVERED, State.DELIVERED),
            (State.DELIVERED, State.PARKED),
            (State.DELIVERED, State.SENDING),
            (State.DELIVERED, State.CANCELLED),
            (State.CANCELLED, State.CANCELLED),
        )
        for acceptance, states in zip(found.acceptances, steps, strict=False):
            for delivery, state in zip(acceptance.deliveries, states, strict=True):
                await journal.decide(delivery.record.id, becomes(state))
        of = ApplicationState

        assert await found.listed(status=of.DELIVERED) == [3, 0]
        assert await found.listed(status=of.NEEDS_ATTENTION) == [1]
        assert await found.listed(status=of.ACCEPTED) == [5, 2]
        assert await found.listed(status=of.CANCELLED) == [4]
        assert await found.listed(status=of.NEEDS_ATTENTION, destination=DESTINATION) == [1]
        assert await found.listed(status=of.DELIVERED, states=frozenset({State.CANCELLED})) == [3]
        assert await found.listed(status=of.ACCEPTED, municipality=THERE) == []

    async def test_what_came_back_finds_it(self, journal: Journal) -> None:
        found = await kept(journal, {}, {"municipality": THERE}, {})
        for number, status in ((0, "accepted"), (0, "returned"), (1, "returned")):
            await _report(journal, found.acceptances[number], FeedbackStatus(status))

        assert await found.listed(feedback=FeedbackStatus.RETURNED) == [1, 0]
        assert await found.listed(feedback=FeedbackStatus.RETURNED, descending=False) == [0, 1]
        assert await found.listed(feedback=FeedbackStatus.ACCEPTED) == [0]
        assert await found.listed(feedback=FeedbackStatus.RETURNED, municipality=THERE) == [1]
        assert await found.listed(feedback=FeedbackStatus.REJECTED) == []
        assert await found.listed(
            feedback=FeedbackStatus.RETURNED, states=frozenset({State.PENDING})
        ) == [1, 0]

    @pytest.mark.parametrize("descending", [True, False])
    @pytest.mark.parametrize(
        "where",
        [
            _ALL,
            ApplicationFilter(procedure="*"),
            ApplicationFilter(states=frozenset(State)),
            ApplicationFilter(code="http.503"),
            ApplicationFilter(client=ClientName("portal"), code="http.503"),
        ],
        ids=["all", "groups", "places", "codes", "checked"],
    )
    async def test_pages_follow_one_another_without_gap_or_repetition(
        self, journal: Journal, where: ApplicationFilter, *, descending: bool
    ) -> None:
        found = await kept(
            journal,
            *(
                {"destinations": ("archive", "jido-teate"), "municipality": (HERE, THERE)[n % 2]}
                for n in range(7)
            ),
        )
        for acceptance in found.acceptances:
            for delivery in acceptance.deliveries:
                await journal.decide(delivery.record.id, becomes(State.RETRYING, code="http.503"))
        pages: list[ApplicationId] = []
        beyond: ApplicationId | None = None
        while not pages or beyond is not None:
            # Without patience: one step at a time.
            page = await journal.find_applications(
                where, beyond=beyond, descending=descending, limit=2, patience_s=0
            )
            pages += [dossier.application.id for dossier in page.dossiers]
            beyond = page.reached

        ids = [each.application.id for each in found.acceptances]
        assert pages == sorted(ids, reverse=descending)

    async def test_what_moved_last_comes_first_or_last(self, journal: Journal) -> None:
        both = ("jido-teate", "archive")
        found = await kept(journal, {}, {"destinations": both}, {}, {"municipality": THERE}, {})
        # At the latest of its deliveries' changes stands one that has two.
        for number, delivery, minute in ((1, 0, 70), (0, 0, 60), (1, 1, 20), (3, 0, 50)):
            state = State.PARKED if number == 3 else State.QUEUED
            record = found.acceptances[number].deliveries[delivery].record
            at = NOW + timedelta(minutes=minute)
            await journal.decide(record.id, becomes(state, updated_at=at, code="http.422"))

        assert await found.changed() == [1, 0, 3, 4, 2]
        assert await found.changed(descending=False) == [2, 4, 3, 0, 1]
        assert await found.changed(destination=ARCHIVE) == [1]
        assert await found.changed(code="http.422") == [1, 0, 3]
        assert await found.changed(status=ApplicationState.NEEDS_ATTENTION) == [3]
        assert await found.changed(municipality=HERE, descending=False) == [2, 4, 0, 1]
        assert await found.changed(since=NOW + timedelta(minutes=2)) == [3, 4, 2]
        assert await found.changed(until=NOW + timedelta(minutes=2), descending=False) == [0, 1]
        assert await found.changed(since=NOW.replace(year=1)) == [1, 0, 3, 4, 2]
        assert await found.changed(client=ClientName("nobody")) == []
        assert await found.changed(applications=(found.acceptances[2].application.id,)) == [2]

    @pytest.mark.parametrize("descending", [True, False])
    @pytest.mark.parametrize("few", [0, 5_000], ids=["walked", "sorted"])
    async def test_pages_by_last_changes_follow_one_another(
        self, journal: Journal, few: int, *, descending: bool
    ) -> None:
        both = ("jido-teate", "archive")
        found = await kept(journal, *({"destinations": both} for _ in range(9)))
        for number, acceptance in enumerate(found.acceptances):
            # Threes at the same instant, in another order than they were accepted.
            at = NOW + timedelta(hours=1, minutes=(number * 7) % 3)
            for delivery in acceptance.deliveries:
                step = becomes(State.RETRYING, updated_at=at, code="http.503")
                await journal.decide(delivery.record.id, step)
        where = ApplicationFilter(code="http.503", client=ClientName("portal"))
        pages: list[LastChange] = []
        beyond: LastChange | None = None
        while not pages or beyond is not None:
            page = await journal.find_changed_applications(
                where, beyond=beyond, descending=descending, limit=2, patience_s=0, few=few
            )
            pages += [
                LastChange(dossier.deliveries[0].updated_at, dossier.application.id)
                for dossier in page.dossiers
            ]
            beyond = page.reached

        def place(change: LastChange) -> tuple[datetime, ApplicationId]:
            return change.at, change.application

        assert len(pages) == len(found.acceptances)
        assert pages == sorted(pages, key=place, reverse=descending)

    async def test_looking_through_much_is_broken_off_and_can_be_gone_on_with(
        self, journal: Journal
    ) -> None:
        found = await kept(journal, *({} for _ in range(9)))
        await journal.decide(delivery_of(found.acceptances[0]), becomes(State.DELIVERED))
        for acceptance in found.acceptances[1:]:
            await journal.decide(delivery_of(acceptance), becomes(State.PARKED, code="http.422"))
        where = ApplicationFilter(code="http.422", states=frozenset({State.DELIVERED}))

        first = await journal.find_applications(where, limit=2, patience_s=0)
        rest = await journal.find_applications(where, limit=2, beyond=first.reached)

        assert (first.dossiers, first.reached) == ((), found.acceptances[6].application.id)
        assert (rest.dossiers, rest.reached) == ((), None)

    async def test_a_count_ends_where_it_was_told(self, journal: Journal) -> None:
        await kept(journal, *({} for _ in range(4)))

        three = await journal.count_applications(_ALL, at_most=3)
        four = await journal.count_applications(_ALL, at_most=4)

        assert (three.applications, three.is_all) == (3, False)
        assert (four.applications, four.is_all) == (4, True)


async def _report(journal: Journal, acceptance: Acceptance, status: FeedbackStatus) -> None:
    feedback = FeedbackRecord(
        id=f"{status}-1",
        delivery_id=delivery_of(acceptance),
        status=status,
        at=NOW,
        received_at=NOW,
    )

    def rule(_: DeliveryRecord) -> Decision[None]:
        return Decision(answer=None, feedback=feedback, entries=(an_entry(),))

    await journal.decide(delivery_of(acceptance), rule)
