"""The figures of a period are those of its entries, and of no others."""

from collections.abc import AsyncIterator, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from gateway.audit.reading import read
from gateway.bootstrap.embedded import make_missing_keys
from gateway.bootstrap.log_signing import log_signing
from gateway.bootstrap.operate import build_operate
from gateway.bootstrap.stores import open_journal
from gateway.domain.entry import Action, Actor, ActorKind, Entry, StoredEntry
from gateway.domain.identifiers import MunicipalityCode
from gateway.drivers.journal_sqlite import SQLiteJournal
from gateway.drivers.memory_keys import MemoryKeys
from gateway.drivers.system_clock import SystemClock
from gateway.ports.audit_log import EntryFilter
from gateway.ports.journal import Journal
from gateway.services.operate import report_log
from gateway.services.operate.by_name import Operation, operations
from gateway.services.operate.refusals import NotFoundError, OperationError
from gateway.services.seal_log import SealLog
from gateway.settings.load import build
from gateway.testing.builders import an_entry
from gateway.testing.world import DESTINATION, MUNICIPALITY, document

SATO = Actor(ActorKind.OPERATOR, "sato")
DAY = datetime(2020, 5, 1, 15, 30, tzinfo=UTC)
"""In Japan it is the next day already."""
OTHER = MunicipalityCode("132047")


@dataclass(frozen=True, slots=True)
class Log:
    """A journal with a sealed log, and what may be asked of it."""

    journal: Journal
    seal: SealLog
    operations: Mapping[str, Operation]

    async def append(self, entries: Iterable[Entry]) -> None:
        await self.journal.record(list(entries))
        await self.seal.finish()

    async def perform(self, name: str, **arguments: Any) -> Any:
        return await self.operations[name](SATO, arguments)

    async def report(self, **over: Any) -> Any:
        period = {"since": "2020-05-01", "until": "2020-06-01"}
        return await self.perform("audit.report", **{**period, **over})

    async def last(self) -> Any:
        [found] = await self.journal.find_entries(EntryFilter(), limit=1)
        return read(found.entry.data)


@pytest.fixture
async def log(tmp_path: Path) -> AsyncIterator[Log]:
    settings, store = build(document(tmp_path)), MemoryKeys()
    make_missing_keys(settings, store)
    journal = open_journal(settings)
    await journal.open()
    seal = SealLog(
        journal=journal,
        signing=log_signing(store),
        origin=None,
        new_origin="kakehashi/test",
        clock=SystemClock(),
    )
    yield Log(journal, seal, operations(build_operate(settings, store, journal)))
    await journal.close()


def about(action: Action, at: datetime = DAY, *, by: Actor = SATO, **over: Any) -> Entry:
    facts = over.pop("facts", {})
    municipality = over.pop("municipality", None)
    return an_entry(
        action=action, at=at, actor=by, facts=facts, municipality=municipality, application=None
    )


def clock(moved_ms: int, *, synchronised: bool = True) -> Entry:
    facts = {"moved_ms": moved_ms, "synchronised": synchronised}
    return about(Action.CLOCK_OBSERVED, facts=facts)


async def test_what_happened_is_counted_by_day_reason_and_person(log: Log) -> None:
    worker, portal = Actor(ActorKind.WORKER, "w1/0a"), Actor(ActorKind.CLIENT, "portal")
    nobody = Actor(ActorKind.NOBODY, "front-end")
    accepted = {"procedure": "childcare/x"}
    await log.append(
        [
            about(Action.APPLICATION_ACCEPTED, by=portal, facts=accepted),
            about(Action.APPLICATION_ACCEPTED, DAY - timedelta(days=2), by=portal, facts=accepted),
            about(Action.APPLICATION_ACCEPTED, DAY + timedelta(days=31), facts=accepted),
            about(Action.APPLICATION_REFUSED, by=portal, facts={"code": "body.invalid"}),
            about(Action.REQUESTS_DENIED, by=nobody, facts={"code": "client.no", "count": 7}),
            about(Action.DELIVERY_CLAIMED, by=worker, facts={"destination": DESTINATION}),
            about(Action.DELIVERY_DELIVERED, by=worker, facts={"destination": DESTINATION}),
            about(Action.DELIVERY_CONFIRMED, facts={"destination": DESTINATION}),
            about(Action.LOG_READ, facts={"purpose": "status"}),
        ],
    )

    figures = await log.report()

    assert figures["entries"] == 7
    assert figures["volumes"] == [{"day": "2020-05-02", "procedure": "childcare/x", "count": 1}]
    assert [(row["code"], row["count"]) for row in figures["denials"]] == [
        ("body.invalid", 1),
        ("client.no", 7),
    ]
    assert figures["openings"] == [{"destination": DESTINATION, "worker": "w1/0a", "count": 1}]
    assert figures["decisions"] == [{"actor": "sato", "action": "delivery.confirmed", "count": 1}]
    assert figures["reads"] == [{"actor": "sato", "purpose": "status", "count": 1}]
    assert {row["action"] for row in figures["outcomes"]} == {
        "application.refused",
        "delivery.delivered",
    }
    read: Any = await log.last()
    assert read["facts"]["purpose"] == "report"
    assert read["facts"]["since"] == "2020-04-30T15:00:00.000Z"


async def test_that_a_report_is_made_is_in_the_log_before_anything_is_read(
    log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    await log.append([about(Action.KEY_MADE, facts={"key": "x"})])

    def ended(_: object) -> AsyncIterator[StoredEntry]:
        raise KeyboardInterrupt

    monkeypatch.setattr(SQLiteJournal, "sealed_entries", ended)
    with pytest.raises(KeyboardInterrupt):
        await log.report()

    assert (await log.last())["facts"]["purpose"] == "report"


async def test_keys_changes_and_clocks_are_told_one_by_one(log: Log) -> None:
    start = Action.NODE_STARTED
    await log.append(
        [
            about(Action.KEY_CHANGED, facts={"key": "log/2", "was": None}),
            about(Action.DESTINATION_CHANGED, facts={"destination": DESTINATION}),
            about(start, facts={"configuration": "a"}),
            about(start, facts={"configuration": "a"}),
            about(start, facts={"configuration": "b"}),
            clock(-3),
            clock(3_600_000, synchronised=False),
        ],
    )

    figures = await log.report()

    assert [event["facts"] for event in figures["keys"]] == [{"key": "log/2"}]
    assert [event["action"] for event in figures["changes"]] == ["destination.changed", start]
    [node] = figures["clocks"]
    assert (node["observed"], node["most_moved_ms"], node["unsynchronised"]) == (2, 3_600_000, 1)
    assert [event["facts"]["moved_ms"] for event in figures["jumps"]] == [3_600_000]


async def test_further_events_are_only_counted(log: Log, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(report_log, "MOST_EVENTS", 2)
    monkeypatch.setattr(report_log, "_TOLD_EVERY", 2)
    await log.append([about(Action.KEY_MADE, facts={"key": "x"}) for _ in range(5)])
    told: list[tuple[int, int]] = []

    figures = await log.report(told=lambda done, of: told.append((done, of)))

    assert [done for done, _ in told[:2]] == [2, 4]
    assert (len(figures["keys"]), figures["untold"]) == (2, {"keys": 3})


async def test_a_municipality_sees_its_own_and_the_gateway_s(log: Log) -> None:
    accepted = {"procedure": "x"}
    await log.append(
        [
            about(Action.APPLICATION_ACCEPTED, municipality=MUNICIPALITY, facts=accepted),
            about(Action.APPLICATION_ACCEPTED, municipality=OTHER, facts=accepted),
            about(Action.DESTINATION_CHANGED, facts={"destination": DESTINATION}),
            about(Action.DESTINATION_CHANGED, facts={"destination": "of-others"}),
            about(Action.KEY_CHANGED, facts={"key": "log/2"}),
        ],
    )

    figures = await log.report(municipality=MUNICIPALITY)

    assert figures["entries"] == 3
    assert (await log.last())["municipality"] == MUNICIPALITY
    await log.report(municipality="田中")
    assert "田中" not in str(await log.last())


async def test_what_cannot_be_counted_is_said(log: Log) -> None:
    await log.append([about(Action.APPLICATION_ACCEPTED, facts={})])

    assert (await log.report())["unreadable"] == 1


@pytest.mark.parametrize("over", [{"until": "2020-05-01"}, {"since": "x"}, {"until": "0001-01-01"}])
async def test_what_is_no_period_is_refused(log: Log, over: dict[str, str]) -> None:
    with pytest.raises(OperationError):
        await log.report(**over)


@pytest.mark.parametrize(
    ("name", "arguments"),
    [("audit.report", {"since": "2020-01-01", "until": "2021-01-01"}), ("audit.head", {})],
)
async def test_a_log_that_was_never_sealed_has_neither_head_nor_report(
    log: Log, name: str, arguments: dict[str, str]
) -> None:
    with pytest.raises(NotFoundError):
        await log.perform(name, **arguments)


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("audit.entries", {"first": -1, "count": 1}),
        ("audit.entries", {"first": 0, "count": 0}),
        ("audit.entries", {"first": 1 << 64, "count": 1}),
        ("audit.tiles", {"level": 64, "first": 0, "count": 1}),
        ("audit.tiles", {"level": 0, "first": 0, "count": 257}),
        ("audit.tiles", {"level": 0, "first": -1, "count": 1}),
    ],
)
async def test_what_no_log_has_is_not_read(log: Log, name: str, arguments: dict[str, int]) -> None:
    with pytest.raises(OperationError):
        await log.perform(name, **arguments)


async def test_who_read_which_entries_is_in_the_log(log: Log) -> None:
    await log.append([an_entry() for _ in range(9)])

    answer: Any = await log.perform("audit.entries", first=2, count=5)

    assert len(answer["entries"]) == 5
    read: Any = await log.last()
    assert read["facts"] == {"purpose": "export", "first": 2, "entries": 5}
    missing: Any = await log.perform("audit.tiles", level=5, first=0, count=2)
    assert missing == {"tiles": [None, None]}
