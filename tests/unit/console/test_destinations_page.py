"""The pages of destinations and adapters: what they show, and what may be done there."""

import re
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from aiohttp import ClientSession, CookieJar

from gateway.domain.account import Role
from gateway.domain.claim import BreakerState
from gateway.domain.entry import Actor, ActorKind
from gateway.domain.identifiers import DestinationName, WorkerName
from gateway.testing.builders import a_heartbeat
from gateway.testing.console_site import console_site
from gateway.testing.world import DESTINATION, World

OPERATOR = Actor(ActorKind.OPERATOR, "suzuki")
NAME = DestinationName(DESTINATION)


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with World.make(tmp_path, max_in_flight=5, rate_per_s=9.0) as world:
        yield world


@dataclass(frozen=True)
class Browser:
    session: ClientSession
    url: str

    async def get(self, path: str, status: int = 200) -> str:
        async with self.session.get(self.url + path, headers={"Accept-Language": "en"}) as answer:
            assert answer.status == status, await answer.text()
            return await answer.text()

    async def post(
        self, action: str, fields: Mapping[str, str], status: int = 200
    ) -> tuple[str, str]:
        """Send a form of the destination's page as it is now, with its own hidden fields."""
        form = {"csrf": hidden(await self.get(f"/destinations/{DESTINATION}"), "csrf"), **fields}
        path = f"{self.url}/destinations/{DESTINATION}/{action}"
        async with self.session.post(path, data=form, headers={"Accept-Language": "en"}) as answer:
            assert answer.status == status, await answer.text()
            return await answer.text(), str(answer.url.path_qs)


def hidden(page: str, name: str) -> str:
    found = re.search(rf'name="{name}" value="([^"]*)"', page)
    assert found is not None
    return found[1]


@pytest.fixture
async def browser(world: World) -> AsyncIterator[Browser]:
    async with (
        ClientSession(cookie_jar=CookieJar(unsafe=True)) as session,
        console_site(world.gateway) as url,
    ):
        yield Browser(session, url)


@pytest.fixture
async def viewer(world: World) -> AsyncIterator[Browser]:
    async with (
        ClientSession(cookie_jar=CookieJar(unsafe=True)) as session,
        console_site(world.gateway, roles={Role.VIEWER}) as url,
    ):
        yield Browser(session, url)


async def beat(world: World) -> None:
    beat = a_heartbeat(worker=WorkerName("w1/a"), destination=NAME, at=datetime.now(UTC))
    await world.gateway.journal.put_heartbeat(beat)


async def test_the_list_says_how_each_stands(browser: Browser, world: World) -> None:
    await world.gateway.operate.destinations.pause(DESTINATION, actor=OPERATOR, reason="<b>月次")

    page = await browser.get("/destinations")

    assert f'href="/destinations/{DESTINATION}"' in page
    assert "no living worker" in page
    assert "paused by suzuki: &lt;b&gt;月次" in page
    assert "千代田区 <span" in page


async def test_a_core_system_that_answers_checks_but_takes_nothing_is_not_called_well(
    browser: Browser, world: World
) -> None:
    at = datetime.now(UTC)
    beat = a_heartbeat(worker=WorkerName("w1/a"), destination=NAME, at=at)
    await world.gateway.journal.put_heartbeat(
        replace(beat, healthy=True, breaker=BreakerState.OPEN)
    )

    page = await browser.get("/destinations")

    assert "answers checks but sending fails" in page
    assert "open (sends nothing)" in page
    assert "open now" in page  # its window


async def test_a_pause_and_its_end_need_a_reason_and_lead_back(
    browser: Browser, world: World
) -> None:
    refused, _ = await browser.post("pause", {"reason": " "}, status=422)
    paused, path = await browser.post("pause", {"reason": "月次処理"})
    resumed, _ = await browser.post("resume", {"reason": "済"})

    assert "a reason of 1 to 200 characters" in refused
    assert path == f"/destinations/{DESTINATION}?done=paused"
    assert "Paused. Applications are still accepted" in paused
    assert "月次処理" in paused
    assert "Resumed." in resumed
    assert not world.gateway.destinations[NAME].paused


async def test_only_fields_that_say_something_else_are_changed(
    browser: Browser, world: World
) -> None:
    fields = {
        "version": "0",
        "reason": "業者の依頼",
        "set.max_in_flight": "5",
        "set.rate_per_s": "",
        "set.window": "mon-fri 08:30-17:15\r\nsat 09:00-12:00",
        "set.window.closed_on": "2026-12-29、2026-12-28",
    }

    page, _ = await browser.post("change", fields)

    control = world.gateway.destinations.control(NAME)
    assert control is not None
    assert dict(control.settings) == {
        "rate_per_s": None,
        "window": ("mon-fri 08:30-17:15", "sat 09:00-12:00"),
        "window.closed_on": ("2026-12-28", "2026-12-29"),
    }
    assert "Settings changed" in page
    assert "業者の依頼" in page


async def test_days_that_a_change_drops_are_told(browser: Browser) -> None:
    day = {"version": "0", "reason": "保守", "set.window.closed_on": "2026-12-28"}
    await browser.post("change", day)

    page, _ = await browser.post(
        "change", {**day, "version": "1", "set.window.closed_on": "2026-12-29"}
    )

    assert "Days that are no longer listed: 2026-12-28" in page


async def test_what_somebody_changed_meanwhile_is_not_overwritten(
    browser: Browser, world: World
) -> None:
    await world.gateway.operate.destinations.change(
        DESTINATION, actor=OPERATOR, reason="先に", settings={"max_in_flight": 2}
    )

    page, _ = await browser.post(
        "change", {"version": "0", "reason": "後から", "set.max_in_flight": "7"}, status=409
    )

    assert "Somebody else changed this destination" in page
    assert hidden(page, "set.max_in_flight") == "2"
    assert hidden(page, "version") == "1"
    assert world.gateway.destinations[NAME].max_in_flight == 2


async def test_a_wrong_value_is_told_and_what_was_entered_is_kept(browser: Browser) -> None:
    page, _ = await browser.post(
        "change", {"version": "0", "reason": "試行", "set.max_in_flight": "9999"}, status=422
    )

    assert "max_in_flight: Input should be less than or equal to 2000" in page
    assert hidden(page, "set.max_in_flight") == "9999"
    assert 'value="試行"' in page


async def test_a_setting_is_reset_by_its_own_button(browser: Browser, world: World) -> None:
    await browser.post("change", {"version": "0", "reason": "試行", "set.max_in_flight": "2"})

    page, _ = await browser.post(
        "change", {"version": "1", "reason": "戻す", "reset": "max_in_flight"}
    )

    assert "Reset to the configured value." in page
    assert world.gateway.destinations[NAME].max_in_flight == 5


async def test_a_check_is_asked_for_and_shown_as_waiting(browser: Browser, world: World) -> None:
    refused, _ = await browser.post("check", {}, status=422)
    await beat(world)

    page, _ = await browser.post("check", {})

    assert "no worker lives that could check it" in refused
    assert "waiting for an answer" in page
    assert (await world.actions()).count("destination.checked") == 1


async def test_who_may_not_change_it_is_told_so_and_held_off(viewer: Browser, world: World) -> None:
    page = await viewer.get(f"/destinations/{DESTINATION}")

    assert re.search(r"<button[^>]* disabled[^>]*>Pause", page)
    assert "This needs one of these roles: operator" in page
    for action in ("pause", "resume", "check", "change"):
        fields = {"reason": "試行", "version": "0", "set.max_in_flight": "2"}
        await viewer.post(action, fields, status=403)
    # One of a person is written at once; those that follow within a second, soon after.
    await world.gateway.denials.write()
    assert (await world.actions()).count("operation.denied") == 4
    assert world.gateway.destinations.control(NAME) is None


async def test_an_unknown_destination_is_not_found(browser: Browser) -> None:
    await browser.get("/destinations/elsewhere", status=404)
    await browser.get("/adapters/elsewhere", status=404)


async def test_the_charts_are_told_as_json_and_as_tables(browser: Browser, world: World) -> None:
    await world.accepted()

    async with browser.session.get(
        f"{browser.url}/destinations/{DESTINATION}/flow.json?minutes=1440"
    ) as answer:
        flow = await answer.json()
    page = await browser.get(f"/destinations/{DESTINATION}?minutes=360")

    assert (len(flow["at"]), sum(flow["accepted"])) == (1440, 1)
    assert flow["send"].keys() >= {"p50_s", "p95_s"}
    for chart in ("throughput", "send", "waiting", "critical"):
        assert f'data-chart="{chart}"' in page
    assert page.count("<details>") == 4
    assert " style=" not in page


async def test_an_adapter_is_shown_with_its_readme(browser: Browser) -> None:
    adapters = await browser.get("/adapters")
    page = await browser.get("/adapters/file")

    assert 'href="/adapters/http"' in adapters
    assert f'href="/destinations/{DESTINATION}"' in page
    assert 'href="#readme-1"' in page
    assert '<div class="readme">' in page
    assert "<h4 id=" in page
