"""What waits for a person, on pages: looked after, sent again, decided, and by whom."""

import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientSession, CookieJar

from gateway.console.spreadsheet import guarded
from gateway.domain.account import Role
from gateway.domain.entry import Actor, ActorKind
from gateway.domain.lifecycle import State
from gateway.domain.records import DeliveryRecord
from gateway.sdk import Application, Delivery, Receipt, RejectedError
from gateway.services.operate.by_name import operations
from gateway.services.operate.four_eyes import WaitsForApprovalError
from gateway.testing.console_site import console_site
from gateway.testing.world import DESTINATION, World

ENGLISH = {"Accept-Language": "en"}
ME = Actor(ActorKind.OPERATOR, "saburo")


def refuses(_application: Application, _delivery: Delivery) -> Receipt:
    raise RejectedError("K-7")


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with World.make(tmp_path) as world:
        world.start_worker()
        yield world


@pytest.fixture
async def browser() -> AsyncIterator[ClientSession]:
    async with ClientSession(cookie_jar=CookieJar(unsafe=True), headers=ENGLISH) as session:
        yield session


async def parked(world: World, count: int = 1) -> list[DeliveryRecord]:
    world.adapter.script += [refuses] * count
    made = [await world.accepted() for _ in range(count)]
    return [await world.until(one, State.PARKED) for one in made]


async def the_group(world: World) -> Any:
    found: Any = await operations(world.gateway.operate)["attention.groups"](ME, {})
    return found["groups"][0]


class Site:
    """What a person does in a browser."""

    def __init__(self, browser: ClientSession, url: str) -> None:
        self._browser = browser
        self._url = url

    async def get(self, path: str, status: int = 200) -> str:
        async with self._browser.get(self._url + path) as answer:
            text = await answer.text()
            assert answer.status == status, text
            return text

    async def post(self, page: str, path: str, status: int = 200, **form: str) -> str:
        found = re.search(r'name="csrf" value="([0-9a-f]+)"', await self.get(page))
        assert found is not None
        said = {"csrf": found[1], **{name.replace("__", "."): v for name, v in form.items()}}
        async with self._browser.post(self._url + path, data=said) as answer:
            text = await answer.text()
            assert answer.status == status, text
            return text


async def test_what_waits_is_shown_by_its_cause_and_what_to_do(
    world: World, browser: ClientSession
) -> None:
    await parked(world, 2)
    group = await the_group(world)

    async with console_site(world.gateway) as url:
        site = Site(browser, url)
        listed = await site.get("/attention")
        shown = await site.get(f"/attention/{group['id']}")

    assert group["deliveries"] == 2
    assert sum(group["trend"]) == 2
    assert f'href="/attention/{group["id"]}"' in listed
    assert "K-7" in shown
    assert "What to do" in shown


async def test_a_group_is_noted_and_acknowledged_with_what_was_typed_kept_when_it_fails(
    world: World, browser: ClientSession
) -> None:
    await parked(world)
    group = f"/attention/{(await the_group(world))['id']}"

    async with console_site(world.gateway) as url:
        site = Site(browser, url)
        assert "asked the vendor" in await site.post(
            group, f"{group}/note", note="asked the vendor"
        )
        said = {"note": "we mend it", "until": "2001-01-01T00:00"}
        failed = await site.post(group, f"{group}/acknowledge", 422, **said)
        assert 'value="we mend it"' in failed
        assert 'value="2001-01-01T00:00"' in failed
        assert "hanako looks after it" in await site.post(
            group, f"{group}/acknowledge", note="we mend it"
        )


async def test_a_group_is_sent_again_after_a_dry_run_and_its_order_is_shown(
    world: World, browser: ClientSession
) -> None:
    await parked(world, 3)
    group = f"/attention/{(await the_group(world))['id']}"

    async with console_site(world.gateway) as url:
        site = Site(browser, url)
        assert 'name="expected" value="3"' in await site.get(f"{group}/replay")
        page = f"{group}/replay"
        failed = await site.post(page, page, 422, reason="", canary="1", rate="7", expected="3")
        assert 'value="7"' in failed
        await parked(world, 1)
        made = await site.post(page, page, reason="mended", canary="1", rate="9", expected="3")
        assert "An order to send again" in made
        assert "+1 compared with the dry run" in made
        stop = re.search(r'formaction="(/replays/[^"]+/stop)"', made)
        assert stop is not None
        order = stop[1].removesuffix("/stop")
        assert "cancelled" in await site.post(order, stop[1], reason="no fix after all")
        assert "This order has ended" in await site.get(order)


async def test_chosen_deliveries_are_decided_and_told_one_by_one(
    world: World, browser: ClientSession
) -> None:
    first, second = await parked(world, 2)
    group = f"/attention/{(await the_group(world))['id']}"
    chosen = {f"d__{first.id}": "1", f"d__{second.id}": "1"}

    async with console_site(world.gateway) as url:
        site = Site(browser, url)
        failed = await site.post(group, f"{group}/each", 422, do="cancel", reason=" ", **chosen)
        assert failed.count(" checked") == 2
        await world.gateway.operate.decide.cancel(str(first.id), actor=ME, reason="mine")
        told = await site.post(group, f"{group}/each", 200, do="cancel", reason="mend", **chosen)

    assert "1 were done" in told
    assert "1 were not done" in told
    assert (await world.gateway.journal.delivery(second.id)).state == State.CANCELLED  # type: ignore[union-attr]


async def test_what_was_found_in_the_core_system_is_pasted_from_the_file_and_confirmed(
    world: World, browser: ClientSession
) -> None:
    found, other, missing = await parked(world, 3)
    group = f"/attention/{(await the_group(world))['id']}"

    async with console_site(world.gateway) as url:
        site = Site(browser, url)
        assert (await site.get(f"{group}?all=1")).count(" checked") == 3
        header, *lines = (await site.get(f"{group}/deliveries.csv")).splitlines()
        kept = [line for line in lines if str(missing.id) not in line]
        text = "\r\n".join([header, *kept])
        failed = await site.post(group, f"{group}/each", 422, do="confirm", reason="", ids=text)
        assert str(found.id) in failed.partition("<textarea")[2].partition("</textarea>")[0]
        said = {"do": "confirm", "reason": "found in K", "ids": text}
        told = await site.post(group, f"{group}/each", **said)

    assert "2 were done" in told
    journal = world.gateway.journal
    states = [(await journal.delivery(one.id)).state for one in (found, other, missing)]  # type: ignore[union-attr]
    assert states == [State.DELIVERED, State.DELIVERED, State.PARKED]
    assert "log.read" in await world.actions()


async def test_resubmissions_are_listed_and_downloaded(
    world: World, browser: ClientSession
) -> None:
    [one] = await parked(world)
    group = f"/attention/{(await the_group(world))['id']}"

    async with console_site(world.gateway) as url:
        site = Site(browser, url)
        assert str(one.application_id) in await site.get(f"{group}/resubmissions")
        lines = (await site.get(f"{group}/resubmissions.csv")).splitlines()

    assert lines[0].lstrip("\ufeff").startswith("client,application,")
    assert lines[1].startswith(f"portal,{one.application_id},")
    taken = [
        each for each in await world.log() if each["facts"].get("purpose") == "messages.export"
    ]
    assert [(each["actor"]["name"], each["facts"]["filter"]) for each in taken] == [
        ("hanako", "destination states code")
    ]


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1"])
def test_a_cell_is_never_a_formula(text: str) -> None:
    assert guarded(text) == f"'{text}"


async def test_who_may_not_repair_sees_why(world: World, browser: ClientSession) -> None:
    await parked(world)
    group = f"/attention/{(await the_group(world))['id']}"

    async with console_site(world.gateway, roles={Role.VIEWER}) as url:
        site = Site(browser, url)
        shown = await site.get(group)
        assert "This needs one of these roles: operator" in shown
        await site.post(group, f"{group}/note", 403, note="mine")

    assert "operation.denied" in await world.actions()


async def test_who_sends_again_is_told_that_nothing_would_arrive_now(
    world: World, browser: ClientSession
) -> None:
    await parked(world, 2)
    replay = f"/attention/{(await the_group(world))['id']}/replay"
    pause = operations(world.gateway.operate)["destination.pause"]
    await pause(ME, {"destination": DESTINATION, "reason": "点検"})

    async with console_site(world.gateway) as url:
        site = Site(browser, url)
        told = f"{DESTINATION} is paused. What is sent again does not arrive until that is over."
        assert told in " ".join((await site.get(replay)).split())
        made = await site.post(replay, replay, reason="mended")
        assert told in " ".join(made.split())


async def test_a_second_person_sees_each_delivery_that_was_chosen(
    tmp_path: Path, browser: ClientSession
) -> None:
    async with World.make(tmp_path, operations={"four_eyes": ["parked.cancel"]}) as world:
        world.start_worker()
        await parked(world, 2)
        ask = operations(world.gateway.operate)
        ids = [each["id"] for each in await ask["parked.list"](ME, {})]  # type: ignore[attr-defined]
        with pytest.raises(WaitsForApprovalError):
            await ask["parked.cancel_each"](ME, {"deliveries": ids, "reason": "取下げ"})
        async with console_site(world.gateway, name="jiro") as url:
            page = await Site(browser, url).get("/attention")

    assert all(f"<code>{each}</code>" in page for each in ids)


async def test_what_one_person_asks_for_another_approves_on_the_same_page(
    tmp_path: Path, browser: ClientSession
) -> None:
    async with World.make(tmp_path, operations={"four_eyes": ["replay.order"]}) as world:
        world.start_worker()
        await parked(world, 2)
        replay = f"/attention/{(await the_group(world))['id']}/replay"
        async with console_site(world.gateway, name="hanako") as url:
            site = Site(browser, url)
            asked = await site.post(replay, replay, reason="mended")
            assert "Asked. It is done once another person has approved it." in asked
            assert "somebody else decides" in asked
            found = re.search(r"/approvals/([0-9a-f-]{36})/withdraw", asked)
            assert found is not None
            own = f"/approvals/{found[1]}/approve"
            assert "you asked for it yourself" in await site.post(
                "/attention", own, 422, reason="I am sure"
            )
        async with console_site(world.gateway, name="jiro") as url:
            site = Site(browser, url)
            overview = await site.get("/")
            assert "Requests that wait for a second person: 1. Since 20" in overview
            refused = await site.post("/attention", own, 422, reason=" ")
            assert "reason of 1 to 200" in refused
            assert "An order to send again" in await site.post("/attention", own, reason="seen")
            assert "Waits for a second person" not in await site.get("/attention")
            assert "wait for a second person" not in await site.get("/")


async def test_an_order_that_has_halted_is_resumed_with_a_reason(
    world: World, browser: ClientSession
) -> None:
    first, _ = await parked(world, 2)
    replay = f"/attention/{(await the_group(world))['id']}/replay"
    world.adapter.script.append(refuses)

    async with console_site(world.gateway) as url:
        site = Site(browser, url)
        made = await site.post(replay, replay, reason="mended", canary="1")
        assert "Only an order that has halted can be resumed." in made
        found = re.search(r"(/replays/[0-9a-f-]{36})/stop", made)
        assert found is not None
        order = found[1]
        await world.gateway.carry_out_replays.look()
        await world.until(first, State.PARKED)
        await world.gateway.carry_out_replays.look()
        halted = await site.get(order)
        assert "The canary did not arrive." in halted
        # What is streamed cannot hold the form, and leads to it.
        assert f"{order}?halted=1#change" in halted
        overview = await site.get("/")
        assert "Orders to send again that have halted: 1. Since 20" in overview
        assert 'href="/replays"' in overview
        assert "a reason of 1 to 200" in await site.post(order, f"{order}/resume", 422, reason="")
        assert "Resumed." in await site.post(order, f"{order}/resume", reason="one mistake")
        assert "Resumed." not in await site.get(order)
