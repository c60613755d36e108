"""Searching applications: what was typed, and the pages beside the one that is answered."""

import asyncio
from typing import Any, Final
from zoneinfo import ZoneInfo

import pytest

from gateway.domain.entry import Action, Actor, ActorKind
from gateway.domain.lifecycle import State
from gateway.drivers.system_clock import SystemClock
from gateway.ports.applications import ApplicationCount
from gateway.services.operate.by_name import operations
from gateway.services.operate.refusals import NotFoundError, OperationError
from gateway.services.operate.search_applications import Known, SearchApplications
from gateway.testing.world import World

ME = Actor(ActorKind.OPERATOR, "sato")
JAPAN: Final = ZoneInfo("Asia/Tokyo")


async def search(world: World, **arguments: object) -> Any:
    return await operations(world.gateway.operate)["messages.search"](ME, arguments)


async def test_a_page_says_what_is_beside_it(world: World) -> None:
    ids = [str((await world.accepted()).application_id) for _ in range(5)][::-1]

    first = await search(world, limit=2, count=True)
    second = await search(world, limit=2, after=first["next"])
    third = await search(world, limit=2, after=second["next"])
    back = await search(world, limit=2, before=third["previous"])
    begin = await search(world, limit=2, before=back["previous"])

    pages = (first, second, third, back, begin)
    listed = [[one["id"] for one in page["applications"]] for page in pages]
    assert listed == [ids[:2], ids[2:4], ids[4:], ids[2:4], ids[:2]]
    assert (first["previous"], third["next"], begin["previous"]) == (None, None, None)
    assert first["total"] == {"applications": 5, "is_all": True}
    assert second["total"] is None


async def test_oldest_come_first_if_asked_for(world: World) -> None:
    ids = [str((await world.accepted()).application_id) for _ in range(3)]

    first = await search(world, order="oldest", limit=2)
    second = await search(world, order="oldest", limit=2, after=first["next"])
    back = await search(world, order="oldest", limit=2, before=second["previous"])

    pages = (first, second, back)
    listed = [[one["id"] for one in page["applications"]] for page in pages]
    assert listed == [ids[:2], ids[2:], ids[:2]]


async def test_pages_by_last_change_have_places_of_their_own(world: World) -> None:
    accepted = [await world.accepted() for _ in range(4)]
    ids = [str(one.application_id) for one in accepted]
    world.start_worker()
    for one in accepted:
        await world.until(one, State.DELIVERED)

    first = await search(world, sort="changed", order="oldest", limit=3)
    second = await search(world, sort="changed", order="oldest", limit=3, after=first["next"])
    back = await search(world, sort="changed", order="oldest", limit=3, before=second["previous"])

    listed = [one["changed_at"] for page in (first, second) for one in page["applications"]]
    assert listed == sorted(listed)
    assert {one["id"] for one in first["applications"] + second["applications"]} == set(ids)
    assert back["applications"] == first["applications"]
    for place in (
        ids[0],
        "yesterday~1",
        f"2026-11-20~{ids[0]}",
        f"0001-01-01T00:00+09:00~{ids[0]}",
    ):
        with pytest.raises(NotFoundError):
            await search(world, sort="changed", after=place)


async def test_a_receipt_number_finds_what_has_it_in_any_municipality(world: World) -> None:
    world.start_worker()
    delivery = await world.until(await world.accepted(), State.DELIVERED)
    number = world.adapter.sent[0][0].receipt_number

    found = await search(world, where={"receipt_number": f" {number} "})
    elsewhere = await search(world, where={"receipt_number": number, "municipality": "131024"})
    unknown = await search(world, where={"receipt_number": "X-1"}, count=True)

    assert [one["id"] for one in found["applications"]] == [str(delivery.application_id)]
    assert elsewhere["applications"] == []
    assert unknown["total"] == {"applications": 0, "is_all": True}


async def test_a_day_alone_is_that_whole_day_in_japan(world: World) -> None:
    accepted = await world.until(await world.accepted(), State.QUEUED)
    listed = await search(world)
    day = accepted.updated_at.astimezone(JAPAN).date().isoformat()

    of_the_day = await search(world, where={"since": day, "until": day})
    before = await search(world, where={"until": f"{day}T00:00"})

    assert of_the_day["applications"] == listed["applications"]
    assert before["applications"] == []


@pytest.mark.parametrize(
    "where",
    [
        {"municipality": "千代田区"},
        {"states": ["lost"]},
        {"status": "lost"},
        {"feedback": "lost"},
        {"since": "A-2026-000123"},
        {"receipt_number": "x\x00"},
        {"procedure": " "},
    ],
)
async def test_what_cannot_be_searched_for_is_refused_and_not_repeated(
    world: World, where: dict[str, object]
) -> None:
    with pytest.raises(OperationError) as caught:
        await search(world, where=where)

    assert "lost" not in str(caught.value)
    assert "A-2026" not in str(caught.value)


async def test_an_export_is_written_down_without_what_was_typed(world: World) -> None:
    await world.accepted()
    typed = {"municipality": "131016", "client": "portal", "code": "A-2026-000123"}

    answer = await operations(world.gateway.operate)["messages.export"](ME, {"where": typed})

    entry: Any = (await world.log())[-1]
    assert answer == {"applications": 0, "is_all": True}
    assert entry["action"] == Action.LOG_READ
    assert entry["municipality"] == "131016"
    assert entry["facts"]["filter"] == "municipality client code"
    assert "A-2026-000123" not in str(entry)


async def test_what_can_be_chosen_has_names_for_people(world: World) -> None:
    choices: Any = await operations(world.gateway.operate)["messages.choices"](ME, {})

    assert choices["municipalities"] == {"131016": "千代田区"}
    assert choices["procedures"]["childcare/allowance-claim"].keys() == {"ja", "en"}
    assert (choices["clients"], choices["destinations"]) == (["portal"], ["core"])


class Counting:
    """A journal that only counts, and knows how many counts go on at once."""

    def __init__(self) -> None:
        self.running = self.most = 0

    async def count_applications(self, *_: object, **__: object) -> ApplicationCount:
        self.running += 1
        self.most = max(self.most, self.running)
        await asyncio.sleep(0)
        self.running -= 1
        return ApplicationCount(3, is_all=True)

    async def record(self, _: object) -> None:
        return


async def test_many_who_take_lists_away_leave_the_journal_to_others() -> None:
    journal: Any = Counting()
    known = Known(municipalities={}, procedures={}, clients=[], destinations=[])
    pseudonyms: Any = None
    applications = SearchApplications(
        journal=journal, pseudonyms=pseudonyms, known=known, clock=SystemClock()
    )

    found = await asyncio.gather(*(applications.export(actor=ME) for _ in range(5)))

    assert [one["applications"] for one in found] == [3] * 5
    assert journal.most == 1
