"""Who calls, through the door of the running process: a token, or the console's session."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from aiohttp import ClientSession, CookieJar

from gateway.domain.account import Role
from gateway.domain.entry import Actor, ActorKind
from gateway.testing.operators_site import operators_site
from gateway.testing.world import World

PASSWORD = "wakaba no kaze ga fuku"
REASON = {"reason": "after a call"}


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with World.make(tmp_path) as world:
        admin = Actor(ActorKind.OPERATOR, "kanri")
        accounts = world.gateway.operate.people.accounts
        await accounts.add("hanako", (Role.OPERATOR,), PASSWORD, actor=admin)
        yield world


@pytest.fixture
async def site(world: World) -> AsyncIterator[str]:
    async with operators_site(world.gateway) as url:
        yield url


async def test_the_consoles_session_changes_something_only_with_its_token(
    world: World, site: str
) -> None:
    async with ClientSession(cookie_jar=CookieJar(unsafe=True)) as browser:
        form = {"name": "hanako", "password": PASSWORD, "then": "/"}
        async with browser.post(f"{site}/sign-in", data=form, allow_redirects=False):
            pass
        async with browser.get(f"{site}/ops/v1/me") as answer:
            csrf = (await answer.json())["csrf"]
        statuses = {}
        for sent in ("", csrf):
            headers = {"X-CSRF-Token": sent}
            path = f"{site}/ops/v1/destinations/core/pause"
            async with browser.post(path, json=REASON, headers=headers) as answer:
                statuses[sent] = answer.status

    assert statuses == {"": 403, csrf: 200}
    [changed] = [each for each in await world.log() if each["action"] == "destination.changed"]
    assert changed["actor"]["name"] == "hanako"


@pytest.mark.parametrize(
    "value",
    [
        b"Bearer kko_\xff\xff_x",
        b"Bearer kko_0123456789ab_\xff",
        b"Bearer kko_'or 1=1_x",
        b"Bearer ",
        b"Basic aGFuYWtvOng=",
        b"Bearer kko_" + b"a" * 7000 + b"_x",
    ],
)
async def test_whatever_stands_for_a_token_is_nobodys(site: str, value: bytes) -> None:
    where = urlsplit(site)
    reader, writer = await asyncio.open_connection(where.hostname, where.port)
    writer.write(
        b"GET /ops/v1/overview HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\nAuthorization: "
        + value
        + b"\r\n\r\n"
    )
    answer = await reader.read()
    writer.close()

    assert answer.startswith(b"HTTP/1.1 401 "), answer[:200]
    assert b"\r\nWWW-Authenticate: Bearer" in answer
