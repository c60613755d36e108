"""What every journal must do as an audit log: sealing, searching, forgetting.

A driver's test subclasses ``AuditLogContract``, or ``SharedAuditLogContract``, gives the fixtures
that are declared here, and says in ``unguarded`` what takes the guard off the entries.
"""
# ruff: noqa: D102 - a test's name is its docstring

import asyncio
import os
import sqlite3
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import ClassVar

import asyncpg
import pytest

from gateway.audit import tiles
from gateway.audit.chain import leaf
from gateway.audit.runs import runs_of
from gateway.crypto.detail import conceal
from gateway.domain.entry import Action, Actor, ActorKind, Entry, StoredEntry
from gateway.domain.identifiers import ApplicationId, MunicipalityCode, NodeName
from gateway.ports.audit_log import (
    EntryFilter,
    FoundEntry,
    LogHead,
    Run,
    Seal,
    TileId,
    Unsealed,
)
from gateway.ports.journal import Journal
from gateway.services.operate.compare_filing import compare_filing
from gateway.testing.builders import NOW, an_acceptance, an_entry, an_id
from gateway.testing.contracts.journal import NodeMaker, RawSQL

MANY = 10_000
NOWHERE = """
INSERT INTO entries (node, nseq, at, action, data, series)
SELECT '{}', {}, at, action, data, series FROM entries WHERE nseq = 1
"""
"""Puts in an entry with a place that no gateway gives."""
TAKEN_OVER = """
UPDATE entries SET application_id = (
    SELECT application_id FROM entries WHERE nseq = 2
) WHERE nseq = 1
"""
"""Lets the first entry's row go for one about the second one's application."""
FILED = "it is not found by what it says: "
MISFILED = {
    "action": ("UPDATE entries SET action = 'x.y' WHERE nseq = 2", "action"),
    "series": (
        "UPDATE entries SET series = (SELECT series FROM entries WHERE nseq = 1) WHERE nseq = 2",
        "series, municipality, actor_kind, actor",
    ),
    "no series": ("UPDATE entries SET series = -1 WHERE nseq = 2", "series, municipality, actor"),
    "actor": ("UPDATE entry_series SET actor = 'sat' WHERE action LIKE 'delivery.%'", "actor"),
    "municipality": (
        "UPDATE entry_series SET municipality = '' WHERE action LIKE 'delivery.%'",
        "municipality",
    ),
    "time": (
        "UPDATE entries SET at = (SELECT at FROM entries WHERE nseq = 1) WHERE nseq = 2",
        "at",
    ),
    "application": ("UPDATE entries SET application_id = NULL WHERE nseq = 2", "application"),
    "another application": (
        "UPDATE entries SET application_id = delivery_id WHERE nseq = 2",
        "application",
    ),
    "delivery": ("UPDATE entries SET delivery_id = NULL WHERE nseq = 2", "delivery"),
    "subject": ("UPDATE entries SET subject = NULL WHERE nseq = 2", "subject"),
    "key": ("DELETE FROM detail_keys WHERE nseq = 2", None),
}
"""Statements that hide the second entry from a search, and what is named; or take its words."""
GW_1, GW_2 = NodeName("gw-1"), NodeName("gw-2")


def sealing(at: datetime = NOW) -> Callable[[Unsealed], Seal]:
    """Return a rule with the real tree and a checkpoint that nobody signed."""

    def rule(found: Unsealed) -> Seal:
        size = 0 if found.head is None else found.head.size
        grown = tiles.grow(size, found.edge, [leaf(entry.data) for entry in found.entries])
        head = LogHead(
            size=grown.size,
            root=grown.root,
            checkpoint=f"{grown.size} {grown.root.hex()}\n",
            sealed_at=at,
        )
        return Seal(head=head, runs=runs_of(found.entries, size), tiles=grown.tiles)

    return rule


async def recorded(journal: Journal, count: int) -> None:
    """Append so many entries at once."""
    await journal.record([an_entry(facts={"number": number}) for number in range(count)])


async def sealed(journal: Journal, first: int = 0) -> list[StoredEntry]:
    """Return the sealed entries from ``first``."""
    return [entry async for entry in journal.sealed_entries(first=first)]


async def places(journal: Journal) -> list[tuple[str, int]]:
    """Return the log's order, having checked that the head is that of its entries."""
    entries = await sealed(journal)
    head = await journal.log_head()
    assert head is not None
    grown = tiles.grow(0, {}, [leaf(entry.data) for entry in entries])
    assert (head.size, head.root) == (grown.size, grown.root)
    assert await journal.tiles(list(grown.tiles)) == grown.tiles
    return [(entry.node, entry.nseq) for entry in entries]


async def found(journal: Journal, where: EntryFilter, page: int = 50) -> list[FoundEntry]:
    """Return all that is found, read in pages."""
    entries: list[FoundEntry] = []
    before = None
    while more := await journal.find_entries(where, before=before, limit=page):
        entries.extend(more)
        before = more[-1].position
    return entries


MITAKA, CHIYODA = MunicipalityCode("132047"), MunicipalityCode("131016")
PORTAL = Actor(ActorKind.CLIENT, "portal")
SATO = Actor(ActorKind.OPERATOR, "sato")
WORKER = Actor(ActorKind.WORKER, "worker-1/0a")
APPLICATION, OTHER = ApplicationId(an_id()), ApplicationId(an_id())
SUBJECT, NEXT_YEARS = b"s" * 32, b"t" * 32


def past() -> list[Entry]:
    """Return entries that differ in everything that one can search for, at times back and forth."""
    kinds = [
        (Action.APPLICATION_ACCEPTED, PORTAL, CHIYODA, APPLICATION, SUBJECT),
        (Action.DELIVERY_CLAIMED, WORKER, CHIYODA, APPLICATION, SUBJECT),
        (Action.APPLICATION_ACCEPTED, PORTAL, MITAKA, OTHER, b"u" * 32),
        (Action.DELIVERY_PARKED, WORKER, MITAKA, OTHER, b"u" * 32),
        (Action.DELIVERY_CONFIRMED, SATO, CHIYODA, APPLICATION, NEXT_YEARS),
        (Action.LOG_READ, SATO, None, None, None),
        (Action.NODE_STARTED, Actor(ActorKind.GATEWAY, "sato"), None, None, None),
    ]
    return [
        an_entry(
            action=action,
            actor=actor,
            municipality=municipality,
            application=application,
            subject=subject,
            at=NOW + timedelta(minutes=number * 7 % 40),
        )
        for number in range(40)
        for action, actor, municipality, application, subject in [kinds[number * 3 % len(kinds)]]
    ]


@dataclass(frozen=True, slots=True)
class Search:
    """A filter, and the same as a sentence of Python."""

    where: EntryFilter
    matches: Callable[[Entry], bool]


LATER, LATE = NOW + timedelta(minutes=12), NOW + timedelta(minutes=30)
SEARCHES = {
    "all": Search(EntryFilter(), lambda _: True),
    "one action": Search(
        EntryFilter(actions=frozenset({Action.DELIVERY_PARKED})),
        lambda entry: entry.action == Action.DELIVERY_PARKED,
    ),
    "actions": Search(
        EntryFilter(actions=frozenset({Action.DELIVERY_PARKED, Action.LOG_READ})),
        lambda entry: entry.action in {Action.DELIVERY_PARKED, Action.LOG_READ},
    ),
    "municipality": Search(
        EntryFilter(municipality=MITAKA), lambda entry: entry.municipality == MITAKA
    ),
    "application": Search(
        EntryFilter(application=APPLICATION), lambda entry: entry.application == APPLICATION
    ),
    "subject": Search(EntryFilter(subjects=(SUBJECT,)), lambda entry: entry.subject == SUBJECT),
    "subjects": Search(
        EntryFilter(subjects=(NEXT_YEARS, SUBJECT, b"x" * 32)),
        lambda entry: entry.subject in {SUBJECT, NEXT_YEARS},
    ),
    "actor": Search(EntryFilter(actor="sato"), lambda entry: entry.actor.name == "sato"),
    "actor of a kind": Search(
        EntryFilter(actor="sato", actor_kind=ActorKind.OPERATOR),
        lambda entry: entry.actor == SATO,
    ),
    "kind": Search(
        EntryFilter(actor_kind=ActorKind.WORKER),
        lambda entry: entry.actor.kind == ActorKind.WORKER,
    ),
    "since": Search(EntryFilter(since=LATER), lambda entry: entry.at >= LATER),
    "until": Search(EntryFilter(until=LATER), lambda entry: entry.at < LATER),
    "within": Search(EntryFilter(since=LATER, until=LATE), lambda entry: LATER <= entry.at < LATE),
    "municipality, action and time": Search(
        EntryFilter(
            municipality=CHIYODA, actions=frozenset({Action.DELIVERY_CLAIMED}), since=LATER
        ),
        lambda entry: (
            entry.municipality == CHIYODA
            and entry.action == Action.DELIVERY_CLAIMED
            and entry.at >= LATER
        ),
    ),
    "application, subject, actor and time": Search(
        EntryFilter(application=APPLICATION, subjects=(SUBJECT,), actor="portal", until=LATE),
        lambda entry: entry.subject == SUBJECT and entry.actor == PORTAL and entry.at < LATE,
    ),
    "subject and kind": Search(
        EntryFilter(subjects=(SUBJECT,), actor_kind=ActorKind.WORKER, since=LATER),
        lambda entry: entry.subject == SUBJECT and entry.actor == WORKER and entry.at >= LATER,
    ),
    "nothing": Search(EntryFilter(municipality=MITAKA, actor="sato"), lambda _: False),
    "no such time": Search(EntryFilter(since=NOW + timedelta(days=1)), lambda _: False),
}


class AuditLogContract:
    """Promises of ``AuditLog``, one test each."""

    unguarded: ClassVar[Sequence[str]] = ()
    """SQL that takes the guard off the entries."""

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

    # Sealing

    async def test_an_empty_log_has_nothing(self, journal: Journal) -> None:
        assert await journal.seal(sealing(), limit=MANY) is None
        assert await journal.log_head() is None
        assert await journal.checkpoints() == []
        assert await journal.unsealed() == 0
        assert await sealed(journal) == []
        assert await journal.runs() == []
        assert await journal.tiles([TileId(0, 0)]) == {}

    async def test_every_entry_is_sealed_once_in_the_order_of_commits(
        self, journal: Journal
    ) -> None:
        await recorded(journal, 5)
        assert await journal.unsealed() == 5

        first = await journal.seal(sealing(), limit=MANY)
        again = await journal.seal(sealing(), limit=MANY)
        await recorded(journal, 2)
        second = await journal.seal(sealing(), limit=MANY)

        assert (first, second) != (None, None)
        assert again is None
        assert await journal.log_head() == second
        assert await journal.unsealed() == 0
        assert await places(journal) == [("gw-1", nseq) for nseq in range(1, 8)]

    async def test_a_batch_has_a_limit_and_one_node_has_one_run(self, journal: Journal) -> None:
        await recorded(journal, 8)

        sizes = []
        while (head := await journal.seal(sealing(), limit=3)) is not None:
            sizes.append(head.size)

        assert sizes == [3, 6, 8]
        assert await journal.runs() == [Run(first_index=0, node=GW_1, first_nseq=1, length=8)]
        assert len(await places(journal)) == 8

    async def test_sealing_goes_on_after_a_restart_and_knows_what_was_before(
        self, a_node: NodeMaker
    ) -> None:
        for name in ("gw-1", "gw-2", "gw-1"):
            journal = a_node(name)
            await journal.open()
            await recorded(journal, 2)
            if name == "gw-1":
                await journal.seal(sealing(), limit=MANY)
            await journal.close()
        seen: list[Unsealed] = []

        def rule(unsealed: Unsealed) -> Seal:
            seen.append(unsealed)
            return sealing()(unsealed)

        journal = a_node("gw-1")
        await journal.open()
        last = (await sealed(journal))[-1]
        await recorded(journal, 1)
        await journal.seal(rule, limit=MANY)

        assert seen[0].before == {"gw-1": last}
        assert [run.length for run in await journal.runs()] == [2, 2, 3]
        assert await journal.runs(after=0, limit=1) == [
            Run(first_index=2, node=GW_2, first_nseq=1, length=2)
        ]
        assert await places(journal) == [
            *(("gw-1", nseq) for nseq in (1, 2)),
            *(("gw-2", nseq) for nseq in (1, 2)),
            *(("gw-1", nseq) for nseq in (3, 4, 5)),
        ]
        await journal.close()

    async def test_what_the_rule_raises_is_raised_and_nothing_is_sealed(
        self, journal: Journal
    ) -> None:
        await recorded(journal, 2)

        def refuse(_: Unsealed) -> Seal:
            raise OSError("no key")

        with pytest.raises(OSError, match="no key"):
            await journal.seal(refuse, limit=MANY)

        assert await journal.log_head() is None
        await journal.seal(sealing(), limit=MANY)
        assert len(await places(journal)) == 2

    async def test_a_seal_of_something_else_is_refused(self, journal: Journal) -> None:
        await recorded(journal, 3)

        def short(unsealed: Unsealed) -> Seal:
            whole = sealing()(unsealed)
            return Seal(head=whole.head, runs=whole.runs[:-1], tiles=whole.tiles)

        with pytest.raises(ValueError, match="not what was to be sealed"):
            await journal.seal(short, limit=MANY)

        assert await journal.log_head() is None
        assert await journal.unsealed() == 3

    @pytest.mark.parametrize(
        "change",
        [
            "UPDATE log_runs SET length = length - 3 WHERE first_index = 16",
            "UPDATE log_runs SET length = length - 3 WHERE first_index = 8",
            "UPDATE log_runs SET length = length + 3 WHERE first_index = 8",
            "DELETE FROM log_runs WHERE first_index = 8",
            "DELETE FROM log_runs WHERE first_index = 16",
            "DELETE FROM log_runs",
            "DELETE FROM log_head",
        ],
    )
    async def test_nothing_is_sealed_behind_runs_that_somebody_changed(
        self, a_node: NodeMaker, behind: RawSQL, change: str
    ) -> None:
        for name in ("gw-1", "gw-2", "gw-1"):
            journal = a_node(name)
            await journal.open()
            await recorded(journal, 8)
            await journal.seal(sealing(), limit=MANY)
            await journal.close()
        journal = a_node("gw-1")
        await journal.open()
        before = await journal.log_head()

        await behind(change)
        for _ in range(2):
            with pytest.raises(ValueError, match="run"):
                await journal.seal(sealing(), limit=MANY)
            await recorded(journal, 1)

        assert await journal.log_head() == (None if "log_head" in change else before)
        await journal.close()

    async def test_entries_are_stored_and_sealed_at_the_same_time(self, journal: Journal) -> None:
        async def keep_sealing() -> None:
            while len(await sealed(journal)) < 200:
                await journal.seal(sealing(), limit=7)

        await asyncio.gather(
            *(recorded(journal, 10) for _ in range(20)), keep_sealing(), keep_sealing()
        )

        assert await places(journal) == [("gw-1", nseq) for nseq in range(1, 201)]

    async def test_the_last_checkpoint_of_every_hour_is_kept(self, journal: Journal) -> None:
        hours = (0, 0.4, 1, 1.1, 1.2, 4, 1.3, 1.35)  # Then the clock was set back.
        heads = []
        for hour in hours:
            await recorded(journal, 1)
            at = NOW.replace(minute=0) + timedelta(hours=hour)
            heads.append(await journal.seal(sealing(at), limit=MANY))

        kept = await journal.checkpoints()

        assert kept == [heads[at].checkpoint for at in (1, 4, 5, 7)]  # type: ignore[union-attr]

    async def test_this_process_knows_what_it_stored_last(self, a_node: NodeMaker) -> None:
        journal = a_node("gw-1")
        await journal.open()
        heads = []
        for count in (0, 3, 0):
            await recorded(journal, count)
            await journal.ping()
            heads.append(journal.chain_head)
        [*_, last] = [entry async for entry in journal.entries()]
        await journal.close()
        await journal.open()
        await journal.ping()
        heads.append(journal.chain_head)

        assert heads == [None, (3, leaf(last.data)), (3, leaf(last.data)), None]
        await journal.close()

    # Reading

    async def test_the_log_is_read_from_anywhere(self, journal: Journal) -> None:
        await recorded(journal, 1_203)
        await journal.seal(sealing(), limit=1_200)
        stored = [entry async for entry in journal.entries()]

        for first in (0, 1, 499, 500, 501, 1_199):
            assert await sealed(journal, first) == stored[first:1_200], first
        assert await sealed(journal, 1_200) == []
        assert len(await places(journal)) == 1_200
        indices = [await journal.index_of(stored[at]) for at in (0, 700, 1_199, 1_200)]
        assert indices == [0, 700, 1_199, None]

    async def test_what_is_behind_known_places_is_read_alone(self, journal: Journal) -> None:
        await recorded(journal, 4)
        everything = [entry async for entry in journal.entries()]
        ends = {journal.node: everything[-3].nseq, NodeName("another"): 5}

        behind = [entry async for entry in journal.entries_behind(ends)]

        assert behind == everything[-2:]
        assert [entry async for entry in journal.entries_behind({})] == everything

    async def test_what_stands_before_every_place_is_read_behind_them_too(
        self, journal: Journal, behind: RawSQL
    ) -> None:
        await recorded(journal, 2)
        for statement in (*self.unguarded, *(NOWHERE.format(node, 0) for node in ("", "gw-1"))):
            await behind(statement)

        everything = [entry async for entry in journal.entries_behind({journal.node: 2})]

        assert [(entry.node, entry.nseq) for entry in everything] == [("", 0), ("gw-1", 0)]

    async def test_a_missing_entry_ends_the_log(self, a_node: NodeMaker, behind: RawSQL) -> None:
        journal = a_node("gw-1")
        await journal.open()
        await recorded(journal, 9)
        await journal.seal(sealing(), limit=MANY)
        await journal.close()

        for statement in (*self.unguarded, "DELETE FROM entries WHERE nseq = 4"):
            await behind(statement)

        await journal.open()
        assert [entry.nseq for entry in await sealed(journal)] == [1, 2, 3]
        assert await sealed(journal, 3) == []
        assert [entry.nseq for entry in await sealed(journal, 5)] == [6, 7, 8, 9]
        await journal.close()

    @pytest.mark.parametrize(
        "change",
        [
            "UPDATE entries SET action = ''",
            "DELETE FROM entries",
            NOWHERE.format("gw-1", 0),
            NOWHERE.format("", 1),
        ],
    )
    async def test_entries_are_guarded(
        self, a_node: NodeMaker, behind: RawSQL, change: str
    ) -> None:
        journal = a_node("gw-1")
        await journal.open()
        await recorded(journal, 1)
        await journal.close()

        with pytest.raises((sqlite3.DatabaseError, asyncpg.PostgresError)):
            await behind(change)

    async def test_acceptances_are_found_by_their_applications(self, journal: Journal) -> None:
        acceptances = [an_acceptance() for _ in range(3)]
        await asyncio.gather(*map(journal.accept, acceptances))
        ids = [acceptance.application.id for acceptance in acceptances]
        await recorded(journal, 1)

        stored = [await journal.acceptance_of(application_id) for application_id in ids]

        assert [[entry] for entry in stored] == [
            await journal.entries_about(application_id) for application_id in ids
        ]
        assert await journal.acceptance_of(ApplicationId(an_id())) is None
        assert [found async for found in journal.accepted_ids()] == sorted(ids)

    async def test_the_state_of_every_delivery_is_found(self, journal: Journal) -> None:
        acceptances = [an_acceptance() for _ in range(3)]
        await asyncio.gather(*map(journal.accept, acceptances))
        records = [each.record for one in acceptances for each in one.deliveries]

        found = [each async for each in journal.delivery_states()]

        records.sort(key=lambda record: record.id)
        assert found == [(record.application_id, record.id, "pending") for record in records]

    async def test_only_bytes_that_say_so_are_an_acceptance(
        self, journal: Journal, behind: RawSQL
    ) -> None:
        first, second = an_acceptance(), an_acceptance()
        await journal.accept(first)
        await journal.accept(second)
        own = await journal.acceptance_of(second.application.id)

        for statement in (*self.unguarded, TAKEN_OVER):
            await behind(statement)

        assert own is not None
        assert await journal.acceptance_of(second.application.id) == own
        assert await journal.acceptance_of(first.application.id) is None

    async def test_of_two_acceptances_the_one_that_was_sealed_counts(
        self, journal: Journal, behind: RawSQL
    ) -> None:
        acceptance = an_acceptance()
        await journal.accept(acceptance)
        await journal.record([acceptance.entry])
        both = await journal.entries_about(acceptance.application.id)

        unsealed = await journal.acceptance_of(acceptance.application.id)
        await journal.seal(sealing(), limit=MANY)
        await behind("UPDATE log_runs SET first_nseq = 2, length = 1, first_index = 1")

        assert unsealed == both[0]
        assert await journal.acceptance_of(acceptance.application.id) == both[1]

    # Searching

    @pytest.fixture
    async def searched(self, journal: Journal) -> list[Entry]:
        """What was stored, in order."""
        entries = past()
        for entry in entries[:10]:
            await journal.record([entry])
        await journal.record(entries[10:])
        await journal.seal(sealing(), limit=30)
        return entries

    @pytest.mark.parametrize("name", SEARCHES)
    async def test_entries_are_found(
        self, journal: Journal, searched: list[Entry], name: str
    ) -> None:
        search = SEARCHES[name]
        expected = [nseq for nseq, entry in enumerate(searched, 1) if search.matches(entry)]
        assert (expected == []) == name.startswith("no")

        whole = await found(journal, search.where)
        paged = await found(journal, search.where, page=3)

        assert [one.entry.nseq for one in whole] == expected[::-1]
        assert paged == whole

    @pytest.mark.usefixtures("searched")
    async def test_what_is_found_has_its_index_once_it_is_sealed(self, journal: Journal) -> None:
        every = await found(journal, EntryFilter())

        assert [one.index for one in every[::-1]] == [*range(30), *[None] * 10]
        assert all(one.detail_key is None for one in every)

    async def test_actors_and_actions_are_found_after_a_restart(self, a_node: NodeMaker) -> None:
        journal = a_node("gw-1")
        for _ in range(2):
            await journal.open()
            await journal.record(past())
            await journal.close()
        await journal.open()

        by_sato = await found(journal, EntryFilter(actor="sato"), page=4)

        assert len(by_sato) == 2 * sum(entry.actor.name == "sato" for entry in past())
        await journal.close()

    # Forgetting

    async def test_a_detail_is_found_with_its_key_until_it_is_shredded(
        self, journal: Journal
    ) -> None:
        details = [conceal({"reason": word}) for word in ("one", "two", "another's", "nobody's")]
        concerned = (APPLICATION, APPLICATION, OTHER, None)
        await journal.record(
            [
                an_entry(application=application, detail=detail)
                for application, detail in zip(concerned, details, strict=True)
            ]
        )
        keys = [one.detail_key for one in await found(journal, EntryFilter())]

        def shredded(count: int) -> Entry:
            return an_entry(
                action=Action.DETAIL_SHREDDED, application=APPLICATION, facts={"keys": count}
            )

        destroyed = await journal.shred(APPLICATION, shredded)
        again = await journal.shred(APPLICATION, shredded)

        assert keys == [detail.key for detail in details[::-1]]
        assert (destroyed, again) == (2, 0)
        entry, *others = await found(journal, EntryFilter())
        assert b'"keys":2' in entry.entry.data
        assert [one.detail_key for one in others] == [details[3].key, details[2].key, None, None]

    async def test_whatever_is_written_is_filed_as_it_says(
        self, journal: Journal, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        odd = 'q"\\/\x01\x1f\x7f\b\f\n\r\t é 田中 😀 \u2028 "node":"x"'
        await journal.record(
            [
                *past(),
                *(an_entry(actor=Actor(kind, odd), facts={"said": odd}) for kind in ActorKind),
                an_entry(at=NOW + timedelta(microseconds=1_999), facts={"delivery": None}),
                an_entry(at=NOW.replace(year=1969, microsecond=999_999)),
            ]
        )
        for module in ("sqlite", "postgres"):
            monkeypatch.setattr(f"gateway.drivers.journal_{module}.filing.PAGE_ENTRIES", 7)

        assert [each.entry async for each in journal.misfiled()] == []

    @pytest.mark.parametrize("name", MISFILED)
    async def test_what_is_filed_as_it_does_not_say_is_named(
        self, journal: Journal, behind: RawSQL, name: str
    ) -> None:
        concerned = an_entry(
            action=Action.DELIVERY_CONFIRMED,
            actor=SATO,
            at=NOW + timedelta(hours=1),
            municipality=MITAKA,
            application=APPLICATION,
            delivery=an_id(),
            subject=SUBJECT,
            detail=conceal({"reason": "here"}),
        )
        await journal.record([an_entry(), concerned, an_entry()])
        await journal.seal(sealing(), limit=MANY)
        statement, named = MISFILED[name]
        for each in (*self.unguarded, statement):
            await behind(each)

        [gap] = [each async for each in compare_filing(journal)]

        assert gap.place is not None
        assert (gap.place.index, gap.place.nseq) == (1, 2)
        if named is None:
            assert (
                gap.problem == "its words cannot be read, and nobody erased them: their key is gone"
            )
        else:
            assert gap.problem.startswith(FILED + named)

    async def test_words_that_somebody_erased_are_not_missed(self, journal: Journal) -> None:
        detail = conceal({"reason": "here"})
        await journal.record([an_entry(application=APPLICATION, detail=detail)])

        await journal.shred(
            APPLICATION, lambda _: an_entry(action=Action.DETAIL_SHREDDED, application=APPLICATION)
        )

        assert len([each async for each in journal.misfiled()]) == 1
        assert [each async for each in compare_filing(journal)] == []

    async def test_a_shredding_that_cannot_be_recorded_does_not_happen(
        self, journal: Journal
    ) -> None:
        detail = conceal({"reason": "here"})
        await journal.record([an_entry(application=APPLICATION, detail=detail)])

        with pytest.raises(ValueError, match="Not a name"):
            await journal.shred(APPLICATION, lambda _: an_entry(facts={"Not a name": 1}))

        [one] = await found(journal, EntryFilter())
        assert one.detail_key == detail.key

    async def test_keys_come_with_every_kind_of_step(self, journal: Journal) -> None:
        detail, acceptance = conceal({"words": "here"}), an_acceptance()
        entry = acceptance.entry
        changed = an_entry(
            action=entry.action,
            actor=entry.actor,
            municipality=entry.municipality,
            application=entry.application,
            subject=os.urandom(32),
            detail=detail,
        )
        await journal.accept(
            type(acceptance)(
                application=acceptance.application, deliveries=acceptance.deliveries, entry=changed
            )
        )

        [one] = await found(journal, EntryFilter(subjects=(changed.subject or b"",)))

        assert one.detail_key == detail.key


class SharedAuditLogContract(AuditLogContract):
    """The same for a store that several processes share."""

    @pytest.fixture
    async def both(self, a_node: NodeMaker) -> AsyncIterator[tuple[Journal, Journal]]:
        """Two processes' journals on one store."""
        one, other = a_node("gw-1"), a_node("gw-2")
        await one.open()
        await other.open()
        yield one, other
        await one.close()
        await other.close()

    async def test_two_sequencers_never_seal_the_same(self, both: tuple[Journal, Journal]) -> None:
        async def keep_sealing(journal: Journal) -> None:
            while (head := await journal.log_head()) is None or head.size < 120:
                await journal.seal(sealing(), limit=11)

        async def keep_recording(journal: Journal) -> None:
            for _ in range(20):
                await recorded(journal, 3)

        await asyncio.gather(*map(keep_sealing, both), *map(keep_recording, both))

        order = await places(both[0])
        assert sorted(order) == [(node, n) for node in ("gw-1", "gw-2") for n in range(1, 61)]
        for node in ("gw-1", "gw-2"):
            assert [nseq for name, nseq in order if name == node] == list(range(1, 61))
        assert await both[0].unsealed() == 0

    async def test_what_was_committed_first_is_sealed_first(
        self, both: tuple[Journal, Journal]
    ) -> None:
        expected = []
        for turn in range(1, 11):
            for journal in both:
                await recorded(journal, 1)
                expected.append((str(journal.node), turn))

        while await both[0].seal(sealing(), limit=3) is not None:
            pass

        assert await places(both[1]) == expected

    async def test_no_node_waits_for_ever_behind_another(
        self, both: tuple[Journal, Journal]
    ) -> None:
        busy, quiet = both
        await recorded(busy, 20)
        await recorded(quiet, 1)
        batches = 0

        while ("gw-2", 1) not in [(entry.node, entry.nseq) for entry in await sealed(quiet)]:
            await recorded(busy, 10)
            await quiet.seal(sealing(), limit=10)
            batches += 1

        assert batches == 3
