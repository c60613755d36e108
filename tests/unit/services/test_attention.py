"""Groups of what waits: acknowledged by somebody, resolved and open again by themselves."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from gateway.crypto import keys
from gateway.crypto.at_rest import WordsAtRest
from gateway.domain.entry import Action, Actor, ActorKind
from gateway.domain.identifiers import DeliveryId, NodeName
from gateway.domain.lifecycle import State
from gateway.domain.records import DeliveryRecord
from gateway.drivers.journal_sqlite import SQLiteJournal
from gateway.drivers.system_clock import new_id
from gateway.ports.journal import Decision
from gateway.services.operate.attention import Attend
from gateway.services.operate.causes import cause_of
from gateway.services.operate.refusals import NotFoundError, OperationError
from gateway.testing.builders import NOW, an_entry
from gateway.testing.contracts.journal_repairs import waiting
from gateway.testing.world import words_of_last

ME = Actor(ActorKind.OPERATOR, "sato")
TO = "jido-teate"
MINUTE = timedelta(minutes=1)
DAY = timedelta(days=1)


class Clock:
    """A time of day that a test sets."""

    def __init__(self) -> None:
        self.at = NOW

    def now(self) -> datetime:
        return self.at


@pytest.fixture
async def journal(tmp_path: Path) -> AsyncIterator[SQLiteJournal]:
    journal = SQLiteJournal(tmp_path / "journal.db", node=NodeName("gw-1"))
    await journal.open()
    yield journal
    await journal.close()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def attend(journal: SQLiteJournal, clock: Clock) -> Attend:
    at_rest = WordsAtRest(keys.new_secret())
    return Attend(journal=journal, clock=clock, new_id=new_id, at_rest=at_rest)


async def goes(journal: SQLiteJournal, delivery: DeliveryId) -> None:
    """Let a delivery arrive."""

    def rule(record: DeliveryRecord) -> Decision[None]:
        changed = replace(record, state=State.DELIVERED)
        return Decision(answer=None, record=changed, entries=(an_entry(),))

    await journal.decide(delivery, rule)


async def only(attend: Attend) -> Any:
    found: Any = await attend.groups()
    groups: list[Any] = [*found["groups"], *found["resolved"]]
    [group] = groups
    return group


async def test_a_group_is_open_until_nothing_waits_in_it_and_again_when_something_does(
    journal: SQLiteJournal, clock: Clock, attend: Attend
) -> None:
    delivery = await waiting(journal, destination=TO)
    assert (await only(attend))["attention"] == "open"

    await goes(journal, delivery)
    clock.at += MINUTE
    assert (await only(attend))["attention"] == "resolved"

    clock.at += MINUTE
    await waiting(journal, destination=TO, since=clock.at)
    group = await only(attend)
    assert group["attention"] == "open"
    assert group["reopened_at"] == clock.at.isoformat(timespec="milliseconds")


async def test_what_is_acknowledged_is_open_again_as_soon_as_something_new_waits(
    journal: SQLiteJournal, clock: Clock, attend: Attend
) -> None:
    await waiting(journal, destination=TO)
    id_ = (await only(attend))["id"]
    clock.at += MINUTE
    await attend.acknowledge(id_, actor=ME, note="ベンダーに連絡した")
    group = await only(attend)
    assert (group["attention"], group["acknowledged_by"]) == ("acknowledged", "sato")

    clock.at += MINUTE
    await waiting(journal, destination=TO, since=clock.at)

    assert (await only(attend))["attention"] == "open"


async def test_what_is_acknowledged_until_a_time_is_open_again_then_and_not_before(
    journal: SQLiteJournal, clock: Clock, attend: Attend
) -> None:
    await waiting(journal, destination=TO)
    id_ = (await only(attend))["id"]
    await attend.acknowledge(id_, actor=ME, note="明日直る", until=(NOW + DAY).isoformat())

    clock.at += MINUTE
    await waiting(journal, destination=TO, since=clock.at)
    assert (await only(attend))["attention"] == "acknowledged"

    clock.at = NOW + DAY
    assert (await only(attend))["attention"] == "open"


async def test_an_acknowledgement_ends_with_what_it_was_about_though_nobody_looked(
    journal: SQLiteJournal, clock: Clock, attend: Attend
) -> None:
    delivery = await waiting(journal, destination=TO)
    id_ = (await only(attend))["id"]
    await attend.acknowledge(id_, actor=ME, note="明日直る", until=(NOW + DAY).isoformat())

    await goes(journal, delivery)
    clock.at += MINUTE
    await waiting(journal, destination=TO, since=clock.at)

    assert (await only(attend))["attention"] == "open"


async def test_a_note_is_sealed_on_disk_and_stands_in_the_log_as_erasable_words(
    journal: SQLiteJournal, attend: Attend, tmp_path: Path
) -> None:
    await waiting(journal, destination=TO)
    id_ = (await only(attend))["id"]
    await attend.note(id_, actor=ME, note=" 山田さんに電話 ")

    shown: Any = await attend.show(id_)
    assert [(note["by"], note["text"]) for note in shown["notes"]] == [("sato", "山田さんに電話")]
    assert shown["group"]["notes"] == 1
    assert await words_of_last(journal, Action.ATTENTION_NOTED) == {"note": "山田さんに電話"}
    assert not any("山田".encode() in file.read_bytes() for file in tmp_path.iterdir())


@pytest.mark.parametrize(
    ("note", "until"),
    [("", None), ("x" * 201, None), ("x", NOW), ("x", NOW + 32 * DAY)],
)
async def test_what_cannot_be_acknowledged_so_is_refused(
    journal: SQLiteJournal, attend: Attend, note: str, until: datetime | None
) -> None:
    await waiting(journal, destination=TO)
    id_ = (await only(attend))["id"]

    with pytest.raises(OperationError):
        await attend.acknowledge(
            id_, actor=ME, note=note, until=None if until is None else until.isoformat()
        )

    assert (await only(attend))["attention"] == "open"


async def test_what_is_resolved_can_be_noted_but_not_acknowledged(
    journal: SQLiteJournal, attend: Attend
) -> None:
    delivery = await waiting(journal, destination=TO)
    id_ = (await only(attend))["id"]
    await goes(journal, delivery)

    with pytest.raises(OperationError, match="nothing waits"):
        await attend.acknowledge(id_, actor=ME, note="x")
    await attend.note(id_, actor=ME, note="it was the certificate")
    with pytest.raises(NotFoundError):
        await attend.note("00000000", actor=ME, note="x")


async def test_the_trend_counts_by_the_hour_what_waits(
    journal: SQLiteJournal, clock: Clock, attend: Attend
) -> None:
    clock.at = NOW.replace(minute=30)
    for hours in (0, 0, 5, 23, 24):
        await waiting(journal, destination=TO, since=clock.at - timedelta(hours=hours))

    trend = (await only(attend))["trend"]

    assert len(trend) == 24
    assert (trend[-1], trend[-6], trend[0], sum(trend)) == (2, 1, 1, 4)


async def test_a_group_is_paged_and_narrowed(journal: SQLiteJournal, attend: Attend) -> None:
    for minutes in range(5):
        await waiting(journal, destination=TO, since=NOW + minutes * MINUTE)
    await waiting(journal, destination=TO, municipality="131024")
    id_ = (await only(attend))["id"]

    pages, after = [], None
    while True:
        shown: Any = await attend.show(id_, municipality="131016", after=after, limit=2)
        pages.append([one["updated_at"] for one in shown["deliveries"]])
        after = shown["next"]
        if after is None:
            break

    assert shown["selected"] == 5
    assert [len(page) for page in pages] == [2, 2, 1]
    flat = [at for page in pages for at in page]
    assert flat == sorted(flat, reverse=True)
    for wrong in ("x", "2026-01-01~x", "2026-01-01T00:00~" + str(new_id())):
        with pytest.raises(NotFoundError):
            await attend.show(id_, after=wrong)


def test_every_code_is_told_in_both_languages_known_or_not() -> None:
    for code in ("adapter.defect", "K-7", None):
        for state in (State.PARKED, State.IN_DOUBT):
            cause = cause_of(code, state)
            assert all((*cause.meaning, *cause.action))
    assert cause_of("K-7", State.PARKED) != cause_of("K-7", State.IN_DOUBT)
