"""What every page of the console has: who may enter, the headers, the language, CSRF."""

import re
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientSession, CookieJar

from gateway.console.page import CONTENT_SECURITY_POLICY, Visit
from gateway.console.pages.applications_csv import rows
from gateway.console.room import FullError, Room, Rooms
from gateway.domain.account import Role
from gateway.services.operate.guard import NotPermittedError
from gateway.testing.console_site import console_site
from gateway.testing.world import World


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with World.make(tmp_path) as world:
        yield world


@pytest.fixture
async def browser() -> AsyncIterator[ClientSession]:
    async with ClientSession(cookie_jar=CookieJar(unsafe=True)) as session:
        yield session


async def test_a_page_is_html_with_a_strict_policy(world: World, browser: ClientSession):
    async with console_site(world.gateway) as url, browser.get(url) as answer:
        assert answer.status == 200
        assert answer.headers["Content-Security-Policy"] == CONTENT_SECURITY_POLICY
        assert answer.headers["Cache-Control"] == "no-store"
        assert "<h1>概況</h1>" in await answer.text()


async def test_a_page_speaks_the_browsers_language_until_one_is_chosen(
    world: World, browser: ClientSession
):
    english = {"Accept-Language": "en"}
    async with console_site(world.gateway) as url:
        async with browser.get(url, headers=english) as answer:
            assert "<h1>Overview</h1>" in await answer.text()
        chosen = {"to": "ja", "back": "/"}
        async with browser.post(f"{url}/language", data=chosen, headers=english) as answer:
            assert "<h1>概況</h1>" in await answer.text()


async def test_a_choice_never_leads_to_another_host(world: World, browser: ClientSession):
    for back in ("//evil.example/", "https://evil.example/", "/\\evil.example"):
        async with (
            console_site(world.gateway) as url,
            browser.post(
                f"{url}/theme", data={"to": "dark", "back": back}, allow_redirects=False
            ) as answer,
        ):
            assert answer.headers["Location"] == "/"


async def test_a_static_file_is_served_and_nothing_above_its_folder(
    world: World, browser: ClientSession
):
    async with console_site(world.gateway) as url:
        async with browser.get(f"{url}/static/console.css") as answer:
            assert answer.status == 200
        for name in ("%2e%2e/site.py", "/etc/passwd", "a" * 300):
            async with browser.get(f"{url}/static/{name}") as answer:
                assert answer.status == 404


async def test_a_menu_has_only_what_the_person_may_see(world: World, browser: ClientSession):
    async with (
        console_site(world.gateway, roles={Role.VIEWER}) as url,
        browser.get(url) as answer,
    ):
        text = await answer.text()
        assert 'href="/applications"' in text
        assert 'href="/audit"' not in text


async def test_nobody_holds_more_streams_open_than_others_leave_room_for(
    world: World, browser: ClientSession
):
    rooms = Rooms(streams=Room(each=1, most=5))
    async with (
        console_site(world.gateway, rooms=rooms) as url,
        browser.get(f"{url}/live/overview") as stream,
    ):
        await stream.content.readany()
        async with browser.get(f"{url}/live/workers") as refused:
            assert refused.status == 503
            assert "console.full" in await refused.text()


def test_a_place_is_free_again_when_its_block_ends_however_it_ends() -> None:
    room = Room(each=1, most=2)
    with suppress(KeyError), room.place("hanako"):
        raise KeyError
    with room.place("hanako"), room.place("taro"):
        for person in ("hanako", "jiro"):
            with pytest.raises(FullError), room.place(person):
                pass


@dataclass
class SignedOutMeanwhile:
    """What a page is once its session has ended."""

    visit: Visit | None = None

    def say(self, name: str, **_: object) -> str:
        return name

    async def still(self) -> Visit | None:
        return None


async def test_a_list_is_not_taken_further_by_whoever_was_signed_out():
    page: Any = SignedOutMeanwhile()
    parts = rows(page, {}, {}, {})

    assert "applications.id" in (await anext(parts))[0]
    with pytest.raises(NotPermittedError):
        await anext(parts)


@pytest.mark.parametrize("path", ["/nowhere", "/attention/nope", "/attention/00000000/"])
async def test_an_address_with_nothing_is_a_page_that_leads_on(
    world: World, browser: ClientSession, path: str
):
    async with console_site(world.gateway) as url, browser.get(url + path) as answer:
        text = await answer.text()

    assert (answer.status, answer.content_type) == (404, "text/html")
    assert "メニューから探してください" in text
    assert 'href="/"' in text
    assert "nope" not in text.partition("<main")[2]


async def test_a_program_that_asks_for_nothing_is_told_in_its_own_way(
    world: World, browser: ClientSession
):
    async with console_site(world.gateway) as url, browser.get(f"{url}/ops/v1/nope") as answer:
        assert answer.content_type == "application/problem+json"


@pytest.mark.parametrize(
    ("path", "place"),
    [("/adapters", "/destinations"), ("/replays", "/attention"), ("/", "/"), ("/keys", "/keys")],
)
async def test_the_menu_marks_where_one_is(
    world: World, browser: ClientSession, path: str, place: str
):
    async with console_site(world.gateway) as url, browser.get(url + path) as answer:
        text = await answer.text()

    assert re.findall(r'<a href="([^"]+)" aria-current="page"', text) == [place]
