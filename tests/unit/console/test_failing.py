"""What people are told when a page cannot be shown: in their language, and with a way on."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

import pytest
from aiohttp import ClientSession, CookieJar, web
from aiohttp.test_utils import TestServer
from structlog.testing import capture_logs

from gateway.console.form import MAX_BYTES
from gateway.console.page import Visit
from gateway.console.site import Console, add_console
from gateway.domain.account import Person, Role
from gateway.domain.entry import Actor
from gateway.domain.errors import CommitUnknownError, JournalUnavailableError
from gateway.drivers.system_clock import SystemClock
from gateway.services.operate.by_name import operations
from gateway.services.operate.guard import Guard
from gateway.services.operate.refusals import NotFoundError
from gateway.testing.operators_site import operators_site
from gateway.testing.world import World

VISIT: Final = Visit(Person("hanako", frozenset(Role)), "of-a-test")
PEOPLE: Final = {"Accept": "text/html", "Accept-Language": "en"}
FORM: Final = {"Content-Type": "application/x-www-form-urlencoded"}


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with World.make(tmp_path) as world:
        yield world


@pytest.fixture
async def browser() -> AsyncIterator[ClientSession]:
    async with ClientSession(cookie_jar=CookieJar(unsafe=True), headers=PEOPLE) as session:
        yield session


@asynccontextmanager
async def site_with(world: World, error: Exception) -> AsyncIterator[str]:
    """Serve a console whose overview raises ``error``."""

    async def fail(_actor: Actor, _arguments: object) -> Any:
        raise error

    able = {**operations(world.gateway.operate), "overview": fail}
    guard = Guard(able, journal=world.gateway.journal, clock=SystemClock())

    async def visitor(_request: web.Request) -> Visit | None:
        return VISIT

    app = web.Application()
    add_console(app, Console(guard=guard, visitor=visitor))
    async with TestServer(app) as server:
        yield str(server.make_url("")).rstrip("/")


async def test_a_fault_is_told_with_a_reference_that_leads_to_its_line_of_the_log(
    world: World, browser: ClientSession
):
    async with site_with(world, KeyError("a secret")) as url:
        with capture_logs() as logs:
            async with browser.get(f"{url}/") as answer:
                text = await answer.text()

    (line,) = [each for each in logs if each["event"] == "console.failed"]
    assert answer.status == 500
    assert "A fault of this console" in text
    assert line["failure_id"] in text
    assert (line["error"], line["route"]) == ("KeyError", "/")
    assert line["place"].startswith("test_failing.py:")
    assert "secret" not in text + str(line)
    assert 'href="/applications"' in text


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (JournalUnavailableError(), "the journal cannot be reached"),
        (CommitUnknownError(), "Whether it was done is not known"),
    ],
)
async def test_a_lost_journal_is_told(
    world: World, browser: ClientSession, error: Exception, said: str
):
    async with site_with(world, error) as url, browser.get(f"{url}/") as answer:
        assert answer.status == 503
        assert said in await answer.text()


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("DELETE", "/keys"),
        ("POST", "/nowhere"),
    ],
)
async def test_what_no_page_is_for_is_told_on_a_page(
    world: World, browser: ClientSession, method: str, path: str
):
    async with (
        operators_site(world.gateway) as url,
        browser.request(method, url + path) as answer,
    ):
        text = await answer.text()
    assert (answer.status, answer.content_type) == (405, "text/html")
    assert "cannot be done at this address" in text
    assert "GET" in answer.headers["Allow"]


@pytest.mark.parametrize(
    ("language", "said"),
    [("ja", "この ID の申請はありません。"), ("en", "no application has this id")],
)
async def test_why_an_operation_was_refused_is_told_in_the_readers_language(
    world: World, browser: ClientSession, language: str, said: str
):
    refused = NotFoundError("no application has this id")
    async with (
        site_with(world, refused) as url,
        browser.get(f"{url}/", headers={"Accept-Language": language}) as answer,
    ):
        assert said in await answer.text()


async def test_a_form_that_is_too_large_is_told_and_leads_back(
    world: World, browser: ClientSession
):
    async with site_with(world, KeyError()) as url:
        there = {**FORM, "Referer": f"{url}/me?done=token"}
        async with browser.post(
            f"{url}/me/tokens", data=b"label=" + b"x" * MAX_BYTES, headers=there
        ) as answer:
            text = await answer.text()

    assert answer.status == 413
    assert "The form is too large" in text
    assert 'href="/me?done=token"' in text


@pytest.mark.parametrize(("origin", "times"), [("same-origin", 1), ("cross-site", 0)])
async def test_words_are_shown_again_only_to_whoever_typed_them(
    world: World, browser: ClientSession, origin: str, times: int
):
    form = {"reason": "typed <here>", "password": "never", "csrf": "of-another-session"}
    headers = {"Sec-Fetch-Site": origin}
    for make in (site_with(world, KeyError()), operators_site(world.gateway)):
        async with (
            make as url,
            browser.post(f"{url}/me/password", data=form, headers=headers) as answer,
        ):
            text = await answer.text()
        assert text.count("typed &lt;here&gt;") == times
        assert "never" not in text


async def test_who_was_signed_out_meanwhile_comes_back_to_the_page(
    world: World, browser: ClientSession
):
    async with operators_site(world.gateway) as url:
        for came_from, then in (
            (f"{url}/keys?x=1", "/keys?x=1"),
            ("https://evil.example/keys", "/"),
            ("http://[bad", "/"),
        ):
            async with browser.post(
                f"{url}/keys/add", data={"client": "c"}, headers={"Referer": came_from}
            ) as answer:
                text = await answer.text()
            assert answer.status == 403
            assert f'name="then" value="{then}"' in text
            assert "so nothing was done" in text


@pytest.mark.parametrize(
    ("path", "page"),
    [
        ("/keys/add", "/keys"),
        ("/attention/0123abcd/each", "/attention/0123abcd"),
        ("/approvals/7/approve", "/attention"),
        ("/accounts/jiro/tokens/revoke", "/accounts/jiro"),
    ],
)
async def test_an_address_that_only_takes_forms_leads_to_their_page(
    world: World, browser: ClientSession, path: str, page: str
):
    async with (
        site_with(world, KeyError()) as url,
        browser.get(url + path, allow_redirects=False) as answer,
    ):
        assert (answer.status, answer.headers["Location"]) == (303, page)


async def test_a_file_is_kept_for_good_under_the_address_that_pages_name(
    world: World, browser: ClientSession
):
    async with operators_site(world.gateway) as url:
        async with browser.get(f"{url}/sign-in") as answer:
            named = (await answer.text()).partition("/static/console.css")[2].partition('"')[0]
        for query, kept in ((named, "immutable"), ("?v=of-old", "no-cache"), ("", "no-cache")):
            async with browser.get(f"{url}/static/console.css{query}") as answer:
                assert answer.status == 200
                assert kept in answer.headers["Cache-Control"]
