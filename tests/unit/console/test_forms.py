"""What is taken for a form: nobody who posts fills the memory or the disk, or goes unnoticed."""

import asyncio
import gzip
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientSession, CookieJar, web
from aiohttp.test_utils import TestServer

from gateway.console.form import MAX_BYTES, posted
from gateway.domain.account import Role
from gateway.domain.entry import Actor, ActorKind
from gateway.services.operate.search_log import Sought
from gateway.testing.operators_site import operators_site
from gateway.testing.world import World

PASSWORD = "wakaba no kaze ga fuku"
FORM = "application/x-www-form-urlencoded"


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with World.make(tmp_path) as world:
        admin = Actor(ActorKind.OPERATOR, "kanri")
        accounts = world.gateway.operate.people.accounts
        await accounts.add("hanako", (Role.VIEWER,), PASSWORD, actor=admin)
        yield world


@pytest.fixture
async def site(world: World) -> AsyncIterator[str]:
    async with operators_site(world.gateway) as url:
        yield url


@pytest.fixture
async def browser() -> AsyncIterator[ClientSession]:
    async with ClientSession(cookie_jar=CookieJar(unsafe=True)) as session:
        yield session


@pytest.mark.parametrize("path", ["/sign-in", "/language", "/theme"])
async def test_a_file_is_never_unpacked_for_whoever_sends_it(
    site: str, browser: ClientSession, path: str
):
    file = gzip.compress(bytes(1_000_000))
    head = 'Content-Disposition: form-data; name="name"; filename="f"\r\nContent-Encoding: gzip'
    body = b"--x\r\n" + head.encode() + b"\r\n\r\n" + file + b"\r\n--x--\r\n"
    kind = {"Content-Type": "multipart/form-data; boundary=x"}

    async with browser.post(site + path, data=body, headers=kind) as answer:
        assert answer.status == 415


@pytest.mark.parametrize(
    ("kind", "body", "status"),
    [
        (FORM, b"name=" + b"x" * MAX_BYTES, 413),
        (FORM, b"&".join(b"a%d=1" % number for number in range(2001)), 400),
        (FORM, b"name=\xff", 400),
        (f"{FORM}; charset=bogus", b"name=a", 422),
        ("text/plain", b"name=a", 415),
    ],
)
async def test_what_is_no_form_of_ours_is_refused_without_an_error_of_ours(
    site: str, browser: ClientSession, kind: str, body: bytes, status: int
):
    headers = {"Content-Type": kind}
    async with browser.post(f"{site}/sign-in", data=body, headers=headers) as answer:
        assert answer.status == status


async def test_a_form_of_unknown_length_is_cut_off_where_it_is_too_large(
    site: str, browser: ClientSession
):
    async def endless() -> AsyncIterator[bytes]:
        for _ in range(MAX_BYTES // 1000 + 2):
            yield b"x" * 1000

    headers = {"Content-Type": FORM}
    async with browser.post(f"{site}/sign-in", data=endless(), headers=headers) as answer:
        assert answer.status == 413


async def test_a_form_that_trickles_in_is_not_waited_for():
    async def take(request: web.Request) -> web.Response:
        return web.json_response(dict(await posted(request, within_s=0.05)))

    app = web.Application()
    app.router.add_post("/", take)
    async with TestServer(app) as server:
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        head = f"POST / HTTP/1.1\r\nHost: x\r\nContent-Type: {FORM}\r\nContent-Length: 9\r\n\r\na"
        writer.write(head.encode())
        async with asyncio.timeout(10):
            assert (await reader.readline()).split()[1] == b"408"
        writer.close()


async def test_a_form_that_is_not_one_of_our_own_pages_is_written_down(
    world: World, site: str, browser: ClientSession
):
    form: Any = {"name": "hanako", "password": PASSWORD}
    elsewhere = {"Origin": "https://evil.example"}
    async with browser.post(f"{site}/sign-in", data=form, headers=elsewhere) as answer:
        assert answer.status == 403
    async with browser.post(f"{site}/sign-in", data=form) as answer:
        assert answer.status == 200
    async with browser.post(f"{site}/me/tokens", data={"label": "x"}) as answer:
        assert answer.status == 403

    await world.gateway.denials.write()
    found: Any = await world.gateway.operate.log.search(
        actor=Actor(ActorKind.OPERATOR, "kansa"), where=Sought(actions=("requests.denied",))
    )
    denied = {(one["facts"]["code"], one["facts"]["count"]) for one in found["entries"]}
    assert denied == {("operator.csrf", 2)}
