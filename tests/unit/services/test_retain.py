"""What is kept for long enough is forgotten, and the log says so and nothing else."""

import sqlite3
from collections.abc import AsyncIterator, Mapping
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from gateway.domain.entry import Action, Actor, ActorKind, Entry
from gateway.domain.identifiers import ApplicationId, MunicipalityCode
from gateway.domain.lifecycle import State
from gateway.domain.records import DeliveryRecord
from gateway.domain.retention import Kept, Term
from gateway.drivers.journal_sqlite import SQLiteJournal
from gateway.services.operate.by_name import operations
from gateway.services.operate.refusals import NotFoundError, OperationError
from gateway.services.operate.search_log import Sought
from gateway.services.retain import EVERY, Retain
from gateway.testing.world import World
from tests.integration.lives import SetClock

ME = Actor(ActorKind.OPERATOR, "sato")
TERMS = {kept: Term(days=30) for kept in Kept}
LATER = timedelta(days=31)


def retaining(world: World, later: timedelta = LATER, **terms: Term) -> tuple[Retain, SetClock]:
    clock = SetClock(datetime.now(UTC) + later)
    named: Mapping[Kept, Term] = {Kept(name): term for name, term in terms.items()}
    retain = Retain(journal=world.gateway.journal, clock=clock, terms={**TERMS, **named}, pause_s=0)
    return retain, clock


async def arrived(world: World) -> DeliveryRecord:
    delivery = await world.accepted()
    return await world.until(delivery, State.DELIVERED)


async def failures(world: World) -> list[str]:
    report: Any = await world.gateway.operate.verify_log(actor=ME)
    return [each["problem"] for each in report["failures"]]


def behind(folder: Path, *statements: str) -> None:
    with closing(sqlite3.connect(folder / "journal.db")) as connection, connection:
        for statement in statements:
            assert connection.execute(statement).rowcount != 0


@pytest.fixture
async def old(world: World) -> World:
    """Two applications have arrived."""
    world.start_worker()
    for _ in range(2):
        await arrived(world)
    return world


async def test_an_application_that_has_expired_is_gone_and_the_log_is_whole(
    old: World,
) -> None:
    retain, _ = retaining(old)
    delivery = await arrived(old)
    await old.gateway.seal_log.begin()
    await old.gateway.seal_log.finish()

    told: list[tuple[int, int]] = []
    counts = await retain.once(told=lambda done, of: told.append((done, of)))

    assert counts is not None
    assert sum(counts[Kept.APPLICATIONS].values()) == 3
    assert told == sorted(told)
    assert told[-1] == (sum(sum(each.values()) for each in counts.values()), 0)
    assert "payloads.expired" in await old.actions()
    assert await failures(old) == []
    with pytest.raises(NotFoundError):
        await old.gateway.operate.look.status(str(delivery.application_id), actor=ME)
    about = [each for each in await old.log() if each["action"] == "application.expired"]
    assert delivery.application_id in {ApplicationId(UUID(each["application"])) for each in about}
    assert {each["actor"]["name"] for each in about} == {"retention"}


async def test_a_turn_is_summed_up_for_each_municipality_unless_nothing_went(old: World) -> None:
    await old.gateway.operate.destinations.pause("core", actor=ME, reason="Maintenance")
    retain, _ = retaining(old)

    await retain.once()
    await retain.once()

    [finished] = [each for each in await old.log() if each["action"] == "retention.finished"]
    [municipality] = old.gateway.settings.municipalities
    assert finished["municipality"] == municipality
    counts = {"payloads": 2, "applications": 2, "details": 1}
    assert finished["facts"] | counts == finished["facts"]
    assert await failures(old) == []


async def test_a_row_that_somebody_deleted_is_still_missed(old: World, tmp_path: Path) -> None:
    retain, _ = retaining(old)
    await retain.once()
    kept = await arrived(old)

    behind(
        tmp_path,
        "DELETE FROM payloads",
        "DELETE FROM deliveries",
        "DELETE FROM applications",
    )

    assert await failures(old) == [
        f"application {kept.application_id} was accepted, and the journal lacks it"
    ]


async def test_a_delivery_that_somebody_deleted_is_still_missed(old: World, tmp_path: Path) -> None:
    retain, _ = retaining(old)
    await retain.once()
    kept = await arrived(old)

    behind(tmp_path, "DELETE FROM payloads", "DELETE FROM deliveries")

    assert await failures(old) == [f"delivery {kept.id} is in the log, and the journal lacks it"]


async def test_an_application_that_is_back_after_it_expired_is_named(
    old: World, tmp_path: Path
) -> None:
    behind(tmp_path, "CREATE TABLE aside AS SELECT * FROM applications LIMIT 1")
    retain, _ = retaining(old)
    await retain.once()

    behind(tmp_path, "INSERT INTO applications SELECT * FROM aside")

    [problem] = await failures(old)
    assert problem.endswith("expired, and the journal has it")


async def test_an_expiry_of_what_had_not_ended_is_named(world: World, tmp_path: Path) -> None:
    delivery = await world.accepted()
    forged = Entry(
        action=Action.APPLICATION_EXPIRED,
        at=datetime.now(UTC),
        actor=Actor(ActorKind.GATEWAY, "retention"),
        municipality=delivery.municipality,
        application=delivery.application_id,
        facts={"deliveries": str(delivery.id), "since": "2026-01-01T00:00:00.000Z", "term_days": 1},
    )
    await world.gateway.journal.record([forged])
    behind(tmp_path, "DELETE FROM payloads", "DELETE FROM deliveries", "DELETE FROM applications")

    assert await failures(world) == ["an application expires, and a delivery has not ended"]


async def test_what_expires_while_the_log_is_verified_raises_no_alarm(
    old: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    retain, _ = retaining(old)
    real = SQLiteJournal.accepted_ids

    async def expiring(journal: SQLiteJournal) -> AsyncIterator[ApplicationId]:
        await retain.once()
        async for each in real(journal):
            yield each

    monkeypatch.setattr(SQLiteJournal, "accepted_ids", expiring)

    assert await failures(old) == []
    assert "application.expired" in await old.actions()


async def test_words_expire_without_their_application_and_nobody_is_blamed(
    old: World,
) -> None:
    await old.gateway.operate.destinations.pause("core", actor=ME, reason="Maintenance")
    retain, _ = retaining(old, applications=Term(days=99))

    counts = await retain.once()

    assert counts is not None
    assert sum(counts[Kept.WORDS].values()) == 1
    assert "words.expired" in await old.actions()
    found: Any = await old.gateway.operate.log.search(
        where=Sought(actions=("destination.changed",)), actor=ME
    )
    [entry] = found["entries"]
    assert (entry["words"], entry["erased"], entry["words_lost"]) == (None, True, False)
    assert entry["erasure"]["by"] == "gateway:retention"
    assert await failures(old) == []


async def test_words_that_are_gone_before_their_time_are_missed(old: World, tmp_path: Path) -> None:
    await old.gateway.operate.destinations.pause("core", actor=ME, reason="Maintenance")
    retain, _ = retaining(old, words=Term(days=32))
    await retain.once()

    behind(tmp_path, "UPDATE detail_keys SET key = zeroblob(32)")

    [problem] = await failures(old)
    assert "nobody erased them" in problem


async def test_it_is_done_once_an_hour_by_whoever_comes_first(old: World) -> None:
    retain, clock = retaining(old)

    assert await retain.once(not_within=EVERY) is not None
    assert await retain.once(not_within=EVERY) is None
    clock.move(EVERY)
    assert await retain.once(not_within=EVERY) is not None


async def test_a_municipality_has_terms_of_its_own(old: World) -> None:
    [municipality] = old.gateway.settings.municipalities
    longer = Term(days=30, own={MunicipalityCode(municipality): 60})
    retain, _ = retaining(old, payloads=longer, applications=longer)

    assert not any((await retain.plan()).values())


async def test_people_see_the_terms_and_have_it_done_at_once(old: World) -> None:
    by_name = operations(old.gateway.operate)

    before: Any = await by_name["retention.show"](ME, {})
    planned: Any = await by_name["retention.plan"](ME, {})
    done: Any = await by_name["retention.run"](ME, {"rewrite": True})
    after: Any = await by_name["retention.show"](ME, {})

    assert [term["class"] for term in before["terms"]] == ["payloads", "applications", "words"]
    assert (before["last_ended_at"], after["node"]) == (None, "gw-1")
    assert planned == {"expired": []}
    assert done == {"expired": [], "rewritten": True}
    assert after["last_ended_at"] is not None
    assert "journal.rewritten" in await old.actions()
    assert await failures(old) == []


async def test_two_do_not_do_it_at_once(old: World, monkeypatch: pytest.MonkeyPatch) -> None:
    async def taken(_: object, **_arguments: object) -> bool:
        return False

    monkeypatch.setattr(SQLiteJournal, "take_turn", taken)

    with pytest.raises(OperationError, match="another process"):
        await old.gateway.operate.retention.run(actor=ME)
