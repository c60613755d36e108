"""The security team finds what it looks for, and that it looked is in the log."""

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from gateway.domain.entry import Action, Actor, ActorKind
from gateway.domain.entry_outcome import OUTCOMES
from gateway.services.operate.by_name import operations
from gateway.services.operate.refusals import NotFoundError, OperationError
from gateway.testing.builders import an_id
from gateway.testing.world import MUNICIPALITY, World

ME = Actor(ActorKind.OPERATOR, "sato")
CANARY = "田中一郎9012"
NUMBER = "A-000001"


async def search(world: World, *, before: int | None = None, limit: int = 50, **where: Any) -> Any:
    asked = {"where": where, "before": before, "limit": limit}
    return await operations(world.gateway.operate)["audit.search"](ME, asked)


def test_every_action_has_an_outcome() -> None:
    assert OUTCOMES.keys() == set(Action)


async def test_entries_are_found_by_every_filter_together(world: World) -> None:
    delivery = await world.accepted()
    await world.accepted()

    found = await search(
        world,
        municipality=MUNICIPALITY,
        application=str(delivery.application_id),
        actor="portal",
        actor_kind="client",
        actions=["application."],
        outcomes=["done"],
        since="2020-01-01",
        until="2199-01-01",
    )

    [entry] = found["entries"]
    assert entry["action"] == "application.accepted"
    assert entry["application"] == str(delivery.application_id)
    assert found["before"] is None


async def test_a_number_is_searched_by_its_value_and_written_nowhere(world: World) -> None:
    delivery = await world.accepted()
    await world.accepted()
    assert (await search(world, receipt_number="A-99"))["entries"] == []

    found = await search(world, receipt_number=NUMBER, municipality=MUNICIPALITY)

    assert {entry["application"] for entry in found["entries"]} == {str(delivery.application_id)}
    assert {entry["action"] for entry in found["entries"]} > {"application.accepted"}
    read: Any = (await world.log())[-1]
    assert read["facts"]["filter"] == "municipality receipt_number"
    assert read["subject"] == found["entries"][-1]["subject"]
    assert (await search(world, receipt_number=NUMBER))["entries"][0]["action"] == "log.read"
    assert not any(NUMBER in str(entry) for entry in await world.log())


async def test_whoever_searches_is_in_the_log_with_the_filter(world: World) -> None:
    await search(world, actions=["delivery.", "log.read"], outcomes=["doubt"], since="2026-11-01")

    read: Any = (await world.log())[-1]
    assert (read["action"], read["actor"]["name"]) == ("log.read", "sato")
    assert read["facts"]["actions"] == "delivery. log.read"
    assert read["facts"]["outcomes"] == "doubt"
    assert read["facts"]["since"] == "2026-11-01T00:00:00+09:00"
    assert read["facts"]["entries"] == 0


async def test_pages_follow_each_other_without_a_gap(world: World) -> None:
    for _ in range(5):
        await world.accepted()
    whole = [
        entry["position"] for entry in (await search(world, actions=["application."]))["entries"]
    ]

    paged, before = [], None
    while True:
        page = await search(world, actions=["application."], before=before, limit=2)
        paged += [entry["position"] for entry in page["entries"]]
        before = page["before"]
        if before is None:
            break

    assert paged == whole
    assert len(whole) == 5


async def test_a_reason_is_shown_until_it_is_erased(world: World) -> None:
    delivery = await world.accepted()
    perform = operations(world.gateway.operate)
    await perform["parked.cancel"](ME, {"delivery": str(delivery.id), "reason": "電話で取下げ"})
    [entry] = (await search(world, actions=["delivery.cancelled"]))["entries"]
    assert (entry["words"], entry["erased"]) == ({"reason": "電話で取下げ"}, False)

    erased = {"application": str(delivery.application_id), "reason": "請求"}
    await perform["audit.shred"](ME, erased)

    [entry] = (await search(world, actions=["delivery.cancelled"]))["entries"]
    assert (entry["words"], entry["erased"], entry["words_lost"]) == (None, True, False)
    [erasure] = (await search(world, actions=["detail.shredded"]))["entries"]
    assert entry["erasure"] == {"at": erasure["at"], "by": "operator:sato"}


async def test_words_whose_key_was_removed_are_not_taken_for_erased(world: World) -> None:
    one, other = await world.accepted(), await world.accepted()
    perform = operations(world.gateway.operate)
    for each in (one, other):
        await perform["parked.cancel"](ME, {"delivery": str(each.id), "reason": "電話"})
    await perform["audit.shred"](ME, {"application": str(other.application_id), "reason": "請求"})
    with closing(sqlite3.connect(world.gateway.settings.home / "journal.db")) as journal, journal:
        journal.execute("DELETE FROM detail_keys")

    found = (await search(world, actions=["delivery.cancelled", "detail.shredded"]))["entries"]
    told = [(each["application"], each["erased"], each["words_lost"]) for each in found]
    [timeline] = await world.gateway.operate.look.status(str(one.application_id), actor=ME)

    assert told == [
        (str(other.application_id), False, True),
        (str(other.application_id), True, False),
        (str(one.application_id), False, True),
    ]
    hop: Any = timeline["timeline"][-1]  # type: ignore[index]
    assert (hop["erased"], hop["erasure"], hop["words_lost"]) == (False, None, True)


@pytest.mark.parametrize(
    "where",
    [
        {"municipality": CANARY},
        {"municipality": "123456789012"},
        {"municipality": "1310１6"},
        {"actor": "a\x00b"},
        {"actor": ""},
        {"actor": "x" * 201},
        {"actor_kind": CANARY},
        {"actions": [CANARY]},
        {"actions": ["."]},
        {"actions": [""]},
        {"actions": ["delivery"]},
        {"outcomes": [CANARY]},
        {"receipt_number": "\ud800"},
        {"receipt_number": " "},
        {"since": "0001-01-01"},
        {"until": "9999-12-31T23:59-12:00"},
        {"since": CANARY},
        {"since": "2026-11-20", "until": "2026-11-20"},
        {"unknown": "x"},
        {"actions": ["delivery."] * 9_999, "since": "x"},
    ],
)
async def test_a_hostile_filter_is_refused_and_leaves_nothing(
    world: World, where: dict[str, Any]
) -> None:
    before = len(await world.log())

    with pytest.raises(OperationError):
        await search(world, **where)

    assert len(await world.log()) == before


@pytest.mark.parametrize("position", [-1, 1 << 63])
async def test_a_position_that_cannot_be_is_refused(world: World, position: int) -> None:
    with pytest.raises(OperationError):
        await search(world, before=position)


async def test_an_application_is_named_by_its_id(world: World) -> None:
    with pytest.raises(NotFoundError):
        await search(world, application=CANARY)


@pytest.mark.parametrize(
    "where",
    [
        {"actor": CANARY},
        {"actor": "' OR 1=1 --"},
        {"actor": "%"},
        {"receipt_number": CANARY},
        {"application": str(an_id())},
        {"municipality": "999999"},
        {"actions": ["application."], "outcomes": ["doubt"]},
    ],
)
async def test_what_finds_nothing_leaves_no_word_of_it_in_the_log(
    world: World, where: dict[str, Any]
) -> None:
    assert (await search(world, **where))["entries"] == []

    read: Any = (await world.log())[-1]
    assert read["action"] == "log.read"
    assert "application" not in read
    assert "municipality" not in read
    assert "subject" not in read
    assert not any(value in str(read) for value in where.values() if isinstance(value, str))


async def test_a_number_is_found_in_a_sealed_log_with_its_place_there(world: World) -> None:
    delivery = await world.accepted()
    await world.gateway.seal_log.begin()
    await world.gateway.seal_log.finish()

    found = await search(world, receipt_number=NUMBER, actions=["application.accepted"])

    [entry] = found["entries"]
    assert entry["application"] == str(delivery.application_id)
    assert isinstance(entry["index"], int)


async def test_an_entry_that_was_destroyed_is_shown_as_unreadable(
    world: World, tmp_path: Path
) -> None:
    await world.accepted()
    with closing(sqlite3.connect(tmp_path / "journal.db")) as connection:
        for (statement,) in connection.execute(
            "SELECT 'DROP TRIGGER ' || name FROM sqlite_master WHERE type = 'trigger'"
        ).fetchall():
            connection.execute(statement)
        connection.execute("UPDATE entries SET data = X'00'")
        connection.commit()

    found = await search(world, receipt_number=NUMBER)

    assert all(entry["unreadable"] for entry in found["entries"])
    assert found["entries"][0]["node"] == "gw-1"


async def test_a_filter_said_many_times_is_written_once(world: World) -> None:
    await search(world, actions=["delivery."] * 9_999)

    read: Any = (await world.log())[-1]
    assert read["facts"]["actions"] == "delivery."
