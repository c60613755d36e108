"""How somebody comes into the console, and what keeps everybody else out."""

import asyncio
import re
import sqlite3
from collections.abc import AsyncIterator, Callable
from contextlib import closing
from datetime import datetime, timedelta
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientSession, CookieJar
from structlog.testing import capture_logs

from gateway.console.entry import address_of
from gateway.domain.account import Role
from gateway.domain.entry import Actor, ActorKind
from gateway.services.throttle import Patience
from gateway.testing.operators_site import operators_site
from gateway.testing.world import World

ADMIN = Actor(ActorKind.OPERATOR, "kanri")
PASSWORD = "wakaba no kaze ga fuku"
COOKIE = "kakehashi_session"
NOT_FOLLOWED: Any = {"allow_redirects": False}

Browser = Callable[[], ClientSession]


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with World.make(tmp_path) as world:
        accounts = world.gateway.operate.people.accounts
        await accounts.add("hanako", (Role.VIEWER,), PASSWORD, actor=ADMIN)
        await accounts.add("kanri", (Role.ADMIN,), PASSWORD, actor=ADMIN)
        yield world


@pytest.fixture
async def site(world: World) -> AsyncIterator[str]:
    async with operators_site(world.gateway) as url:
        yield url


@pytest.fixture
async def browser() -> AsyncIterator[ClientSession]:
    async with ClientSession(cookie_jar=CookieJar(unsafe=True)) as session:
        yield session


@pytest.fixture
async def another() -> AsyncIterator[ClientSession]:
    async with ClientSession(cookie_jar=CookieJar(unsafe=True)) as session:
        yield session


async def sign_in(
    browser: ClientSession, site: str, name: str = "hanako", **form: str
) -> tuple[int, str]:
    """Post the form; return the status and where it leads, or the page."""
    data = {"name": name, "password": PASSWORD, "then": "/", **form}
    async with browser.post(f"{site}/sign-in", data=data, **NOT_FOLLOWED) as answer:
        return answer.status, answer.headers.get("Location") or await answer.text()


def held(browser: ClientSession) -> str:
    """Return the secret that a browser holds; nothing for none."""
    cookies = {cookie.key: cookie.value for cookie in browser.cookie_jar}
    return cookies.get(COOKIE, "")


async def csrf(browser: ClientSession, page: str) -> str:
    """Return the token in a page's forms."""
    async with browser.get(page) as answer:
        found = re.search(r'name="csrf" value="([0-9a-f]{64})"', await answer.text())
    assert found is not None
    return found[1]


async def test_whoever_has_not_signed_in_is_led_to_the_form_and_back(
    site: str, browser: ClientSession
):
    async with browser.get(f"{site}/me?done=x&y=1", **NOT_FOLLOWED) as answer:
        assert answer.status == 303
        there = answer.headers["Location"]
    async with browser.get(site + there) as answer:
        page = await answer.text()
        assert answer.status == 200
    assert 'name="then" value="/me?done=x&amp;y=1"' in page
    assert "<h1>サインイン</h1>" in page

    assert await sign_in(browser, site, then="/me?done=x&y=1") == (303, "/me?done=x&y=1")

    async with browser.get(f"{site}/me") as answer:
        assert "hanako" in await answer.text()


async def test_a_form_that_was_posted_without_a_session_is_answered_by_signing_in_first(
    site: str, browser: ClientSession
):
    async with browser.post(f"{site}/me/password", data={}, **NOT_FOLLOWED) as answer:
        assert answer.status == 403
        assert 'name="then" value="/"' in await answer.text()


@pytest.mark.parametrize(
    "then",
    [
        "//evil.example/",
        "https://evil.example/",
        "/\\evil.example",
        "javascript:alert(1)",
        "/x\r\nSet-Cookie: a=b",
        "/sign-in",
        "/live/overview",
        "",
    ],
)
async def test_signing_in_leads_to_no_other_host(site: str, browser: ClientSession, then: str):
    assert await sign_in(browser, site, then=then) == (303, "/")


async def test_wrong_and_unknown_are_answered_with_the_same_page(site: str, browser: ClientSession):
    wrong = await sign_in(browser, site, password="something else")
    unknown = await sign_in(browser, site, name="nobody")

    assert wrong[0] == unknown[0] == 422
    assert "アカウント名またはパスワードが違います。" in wrong[1]
    assert wrong[1].replace("hanako", "nobody") == unknown[1]
    assert PASSWORD not in unknown[1]
    assert not held(browser)


async def test_a_cookie_is_out_of_scripts_reach_and_not_sent_from_elsewhere(
    site: str, browser: ClientSession
):
    form = {"name": "hanako", "password": PASSWORD, "then": "/"}
    async with browser.post(f"{site}/sign-in", data=form, **NOT_FOLLOWED) as answer:
        cookie = answer.headers["Set-Cookie"]

    name, _, rest = cookie.partition("=")
    assert name == COOKIE
    assert {part.strip() for part in rest.split(";")[1:]} == {"HttpOnly", "Path=/", "SameSite=Lax"}


async def test_by_https_the_cookie_belongs_to_this_host_alone(tmp_path: Path):
    async with World.make(tmp_path, console={"url": "https://gateway.example.lg.jp"}) as world:
        await world.gateway.operate.people.accounts.add(
            "hanako", (Role.VIEWER,), PASSWORD, actor=ADMIN
        )
        form = {"name": "hanako", "password": PASSWORD}
        async with (
            operators_site(world.gateway) as url,
            ClientSession() as browser,
            browser.post(f"{url}/sign-in", data=form, **NOT_FOLLOWED) as answer,
        ):
            cookie = answer.headers["Set-Cookie"]

    assert cookie.startswith(f"__Host-{COOKIE}=")
    assert "Secure" in cookie
    assert "Path=/" in cookie
    assert "Domain" not in cookie


async def test_a_secret_that_somebody_else_chose_is_never_taken_over(
    site: str, browser: ClientSession, another: ClientSession
):
    chosen = "A" * 43
    for one in (browser, another):
        one.cookie_jar.update_cookies({COOKIE: chosen})

    await sign_in(browser, site)

    assert held(browser) not in ("", chosen)
    async with another.get(f"{site}/me", **NOT_FOLLOWED) as answer:
        assert answer.status == 303


async def test_each_sign_in_has_a_secret_of_its_own_and_ends_the_one_before(
    site: str, browser: ClientSession, another: ClientSession
):
    await sign_in(browser, site)
    first = held(browser)
    await sign_in(browser, site)
    another.cookie_jar.update_cookies({COOKIE: first})

    assert held(browser) != first
    async with another.get(f"{site}/me", **NOT_FOLLOWED) as answer:
        assert answer.status == 303


async def test_after_signing_out_the_same_cookie_is_nobodys(
    site: str, browser: ClientSession, another: ClientSession
):
    await sign_in(browser, site)
    another.cookie_jar.update_cookies({COOKIE: held(browser)})
    form = {"csrf": await csrf(browser, f"{site}/me")}

    async with browser.post(f"{site}/sign-out", data=form, **NOT_FOLLOWED) as answer:
        assert answer.headers["Location"] == "/sign-in?done=signed_out"

    assert not held(browser)
    async with another.get(f"{site}/me", **NOT_FOLLOWED) as answer:
        assert answer.status == 303


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
    ],
)
async def test_another_site_can_neither_sign_anybody_in_nor_out(
    site: str, browser: ClientSession, headers: dict[str, str]
):
    await sign_in(browser, site)
    before = held(browser)
    form = {"csrf": await csrf(browser, f"{site}/me")}
    async with browser.post(f"{site}/sign-out", data=form, headers=headers) as answer:
        assert answer.status == 403
    data = {"name": "hanako", "password": PASSWORD}
    async with browser.post(f"{site}/sign-in", data=data, headers=headers) as answer:
        assert answer.status == 403

    assert held(browser) == before


async def test_a_form_without_this_sessions_token_changes_nothing(
    site: str, world: World, browser: ClientSession, another: ClientSession
):
    await sign_in(browser, site, name="kanri")
    await sign_in(another, site, name="kanri")
    for token in ("", "0" * 64, await csrf(another, f"{site}/me")):
        form = {"csrf": token}
        async with browser.post(f"{site}/accounts/hanako/disable", data=form) as answer:
            assert answer.status == 403

    account = await world.gateway.journal.account("hanako")
    assert account is not None
    assert account.disabled_at is None


async def test_who_guesses_is_told_how_long_to_wait(world: World, browser: ClientSession):
    # So long that it is not over before the test is.
    slow = Patience(free=0, first_s=5400.0, longest_s=5400.0)
    async with operators_site(world.gateway, patience=slow) as slow_site:
        await sign_in(browser, slow_site, name="nobody")
        form = {"name": "nobody", "password": PASSWORD}
        async with browser.post(f"{slow_site}/sign-in", data=form) as answer:
            wait_s = int(answer.headers["Retry-After"])
            assert answer.status == 429
            assert 0 < wait_s <= 5400
            assert f"{wait_s}秒後に" in await answer.text()


async def test_an_administrator_makes_an_account_and_takes_it_back(
    site: str, browser: ClientSession, another: ClientSession
):
    await sign_in(browser, site, name="kanri")
    form = {
        "csrf": await csrf(browser, f"{site}/accounts"),
        "account": "taro",
        "role-viewer": "on",
        "role-operator": "on",
    }
    async with browser.post(f"{site}/accounts", data=form) as answer:
        found = re.search(r'class="secret">([a-z0-9-]+)<', await answer.text())
    assert found is not None
    assert (await sign_in(another, site, name="taro", password=found[1]))[0] == 303
    async with another.get(f"{site}/accounts") as answer:
        assert answer.status == 403

    async with browser.post(f"{site}/accounts/taro/disable", data=form) as answer:
        assert "利用を停止しました。" in await answer.text()

    async with another.get(f"{site}/me", **NOT_FOLLOWED) as answer:
        assert answer.status == 303
    async with browser.get(f"{site}/accounts/nobody") as answer:
        assert answer.status == 404


async def test_everybody_changes_their_own_password_and_is_told_what_is_wrong_with_it(
    site: str, browser: ClientSession
):
    await sign_in(browser, site)
    token = await csrf(browser, f"{site}/me")
    new = "aki no yonaga ni mushi no koe"

    async def change(current: str, wanted: str, again: str) -> str:
        form = {"csrf": token, "current": current, "new": wanted, "again": again}
        async with browser.post(f"{site}/me/password", data=form) as answer:
            return await answer.text()

    assert "2回とも同じではありません" in await change(PASSWORD, new, "another one")
    assert "現在のパスワードが違います" in await change(new, new, new)
    assert "12字以上にしてください" in await change(PASSWORD, "short", "short")
    assert "パスワードを変更しました" in await change(PASSWORD, new, new)
    assert (await sign_in(browser, site, password=new))[0] == 303


async def test_a_token_made_on_the_page_opens_the_operations_api(
    site: str, browser: ClientSession, another: ClientSession
):
    await sign_in(browser, site)
    form = {"csrf": await csrf(browser, f"{site}/me"), "label": "監視", "days": "30"}
    async with browser.post(f"{site}/me/tokens", data=form) as answer:
        found = re.search(r'class="secret">(kko_[\w-]+)<', await answer.text())
    assert found is not None

    async with another.get(f"{site}/ops/v1/me") as answer:
        assert answer.status == 401
    headers = {"Authorization": f"Bearer {found[1]}"}
    async with another.get(f"{site}/ops/v1/me", headers=headers) as answer:
        assert answer.status == 200
        assert (await answer.json())["name"] == "hanako"


async def test_a_page_that_renews_itself_is_no_use_of_its_session(
    site: str, world: World, browser: ClientSession
):
    await sign_in(browser, site)
    sessions = world.gateway.sessions
    clock = sessions._clock

    class Later:
        def now(self) -> datetime:
            return clock.now() + timedelta(minutes=5)

    sessions._clock = Later()
    async with browser.get(f"{site}/live/overview") as stream:
        await stream.content.readany()
    [unused] = await world.gateway.journal.sessions()
    async with browser.get(f"{site}/me"):
        pass
    [used] = await world.gateway.journal.sessions()

    assert unused.seen_at == unused.opened_at
    assert used.seen_at >= used.opened_at + timedelta(minutes=5)


async def test_a_stream_ends_when_its_session_does(site: str, world: World, browser: ClientSession):
    await sign_in(browser, site)
    async with browser.get(f"{site}/live/overview") as stream:
        assert stream.headers["Content-Type"].startswith("text/event-stream")
        await stream.content.readany()

        await world.gateway.sessions.sign_out(held(browser))

        async with asyncio.timeout(30):
            while await stream.content.readany():
                pass


async def test_streams_end_when_the_process_does(world: World, browser: ClientSession):
    stopping = asyncio.Event()
    async with operators_site(world.gateway, stopping=stopping) as site:
        await sign_in(browser, site)
        async with browser.get(f"{site}/live/overview") as stream:
            await stream.content.readany()

            stopping.set()

            async with asyncio.timeout(30):
                while await stream.content.readany():
                    pass


async def test_while_the_journal_is_away_everybody_gets_a_page_that_says_so(
    site: str, world: World, browser: ClientSession
):
    await sign_in(browser, site)
    await world.gateway.journal.close()

    async with browser.get(f"{site}/me") as answer:
        assert answer.status == 503
        assert "ジャーナルに接続できない" in await answer.text()
    assert (await sign_in(browser, site))[0] == 503


async def test_no_password_and_no_secret_is_written_anywhere(
    site: str, world: World, browser: ClientSession, tmp_path: Path
):
    with capture_logs() as logs:
        await sign_in(browser, site, password="canary of a wrong one")
        await sign_in(browser, site)
        form = {"csrf": await csrf(browser, f"{site}/me"), "label": "監視", "days": "30"}
        async with browser.post(f"{site}/me/tokens", data=form) as answer:
            found = re.search(r'class="secret">(kko_[\w-]+)<', await answer.text())
        await world.gateway.denials.write()
    assert found is not None
    with closing(sqlite3.connect(tmp_path / "journal.db")) as connection:
        connection.execute("PRAGMA wal_checkpoint(PASSIVE)")
    stored = b"".join(file.read_bytes() for file in tmp_path.glob("journal.db*"))
    canaries = (PASSWORD, "canary of a wrong one", held(browser), found[1].split("_", 2)[2])

    assert b"hanako" in stored
    assert "sign-in" in repr(logs)
    for canary in canaries:
        assert canary
        assert canary.encode() not in stored
        assert canary.encode("utf-16-le") not in stored
        assert canary not in repr(logs)


PROXIES = [ip_network("10.1.2.0/24"), ip_network("2001:db8::/64")]


@pytest.mark.parametrize(
    ("remote", "forwarded", "address"),
    [
        ("10.1.2.3", ["192.0.2.7"], "192.0.2.7"),
        ("10.1.2.3", ["203.0.113.9, 192.0.2.7"], "192.0.2.7"),
        ("10.1.2.3", ["203.0.113.9", "192.0.2.7, 10.1.2.4"], "192.0.2.7"),
        ("::ffff:10.1.2.3", ["192.0.2.7"], "192.0.2.7"),
        ("2001:db8::1", ["192.0.2.7"], "192.0.2.7"),
        ("192.0.2.7", ["203.0.113.9"], "192.0.2.7"),
        ("10.1.2.3", [], "10.1.2.3"),
        ("10.1.2.3", ["unknown"], "10.1.2.3"),
        ("10.1.2.3", ["192.0.2.7, <script>"], "10.1.2.3"),
        (None, ["192.0.2.7"], ""),
    ],
)
def test_only_our_own_proxies_say_where_somebody_comes_from(
    remote: str | None, forwarded: list[str], address: str
):
    assert address_of(remote, forwarded, PROXIES) == address


async def test_behind_a_proxy_people_are_told_apart_by_where_they_come_from(
    tmp_path: Path, browser: ClientSession
):
    async with World.make(tmp_path, console={"proxies": ["127.0.0.1"]}) as world:
        await world.gateway.operate.people.accounts.add(
            "hanako", (Role.VIEWER,), PASSWORD, actor=ADMIN
        )
        async with operators_site(world.gateway) as site:
            form = {"name": "hanako", "password": PASSWORD}
            there = {"X-Forwarded-For": "192.0.2.7"}
            async with browser.post(f"{site}/sign-in", data=form, headers=there) as answer:
                assert answer.status == 200

        (session,) = await world.gateway.journal.sessions("hanako")
        assert session.address == "192.0.2.7"
