"""Keys and clients in the console."""

import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp import ClientResponse, ClientSession

from gateway.console.page import Visit
from gateway.crypto.keys import new_secret
from gateway.domain.account import Person, Role
from gateway.drivers.memory_keys import MemoryKeys
from gateway.testing.console_site import console_site
from gateway.testing.world import CLIENT, World

CSRF = Visit(Person("hanako", frozenset()), "of-a-test").csrf
HOOK = {CLIENT: {"municipalities": [], "procedures": [], "webhook": {"url": "http://localhost:9/"}}}


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with World.make(tmp_path) as world:
        yield world


@pytest.fixture
async def browser() -> AsyncIterator[ClientSession]:
    async with ClientSession() as session:
        yield session


async def post(browser: ClientSession, url: str, **form: str) -> ClientResponse:
    answer = await browser.post(url, data={"csrf": CSRF, **form}, allow_redirects=False)
    await answer.read()
    return answer


@pytest.mark.parametrize("role", list(Role))
@pytest.mark.parametrize("language", ["ja", "en"])
async def test_everybody_sees_public_parts_in_both_languages(
    world: World, browser: ClientSession, role: Role, language: str
):
    async with console_site(world.gateway, roles={role}) as url:
        answer = await browser.get(f"{url}/keys", headers={"Accept-Language": language})
        text = await answer.text()

    assert answer.status == 200
    assert "gateway/signing" in text
    assert ("disabled aria-describedby" in text) is (role != Role.ADMIN)


async def test_no_half_of_a_secret_is_on_the_page(world: World, browser: ClientSession):
    async with console_site(world.gateway) as url:
        text = await (await browser.get(f"{url}/keys")).text()
    private = world.store.private("gateway/signing")
    secret = world.store.private("gateway/pseudonym")

    for found in re.findall(rb'"[dk]": ?"([^"]+)"', private + secret):
        assert found.decode() not in text


async def test_a_new_key_is_shown_once_and_stands_nowhere_else(
    world: World, browser: ClientSession
):
    async with console_site(world.gateway, roles={Role.ADMIN}) as url:
        made = await post(browser, f"{url}/keys/add", client=CLIENT)
        shown = re.search(r'class="secret">([^<]+)<', await made.text())
        again = await (await browser.get(f"{url}/keys")).text()

    assert shown is not None
    assert made.headers["Cache-Control"] == "no-store"
    assert shown[1] not in again
    assert shown[1] not in str(await world.log())
    assert "client_key.added" in await world.actions()


async def test_a_key_is_revoked(world: World, browser: ClientSession):
    async with console_site(world.gateway, roles={Role.ADMIN}) as url:
        await post(browser, f"{url}/keys/add", client=CLIENT)
        [key] = await world.gateway.journal.client_keys()
        answer = await post(browser, f"{url}/keys/revoke", key=key.id)
        text = await (await browser.get(f"{url}{answer.headers['Location']}")).text()

    assert answer.status == 303
    assert "キーを無効にしました" in text
    assert [each.revoked_at is None for each in await world.gateway.journal.client_keys()] == [
        False
    ]


async def test_whoever_may_not_gets_no_key(world: World, browser: ClientSession):
    roles = {Role.VIEWER, Role.OPERATOR, Role.AUDITOR}
    async with console_site(world.gateway, roles=roles) as url:
        assert (await post(browser, f"{url}/keys/add", client=CLIENT)).status == 403
        assert (await post(browser, f"{url}/keys/revoke", key="x")).status == 403

    assert not await world.gateway.journal.client_keys()


async def test_a_form_from_elsewhere_does_nothing(world: World, browser: ClientSession):
    async with console_site(world.gateway, roles={Role.ADMIN}) as url:
        form = {"client": CLIENT, "csrf": CSRF}
        headers = {"Sec-Fetch-Site": "cross-site"}
        assert (await browser.post(f"{url}/keys/add", data=form, headers=headers)).status == 403

    assert not await world.gateway.journal.client_keys()


@pytest.mark.parametrize("name", ["", "nobody", "<script>", "../etc", "a" * 10_000])
async def test_a_client_that_is_not_there_gets_no_key(
    world: World, browser: ClientSession, name: str
):
    async with console_site(world.gateway, roles={Role.ADMIN}) as url:
        answer = await post(browser, f"{url}/keys/add", client=name)

    assert answer.status == 404
    assert "<script>" not in (await answer.text()).partition("<h1>")[2]


async def test_an_endpoint_is_listed_and_what_is_well_has_no_button(
    tmp_path: Path, browser: ClientSession
):
    store = MemoryKeys()
    store.add("webhook/portal", new_secret(), private=True)
    async with (
        World.make(tmp_path, store=store, clients=HOOK) as world,
        console_site(world.gateway) as url,
    ):
        text = await (await browser.get(f"{url}/keys")).text()
        answer = await post(browser, f"{url}/keys/webhook", client=CLIENT)

    assert '<span class="state state-good">正常</span>' in text
    assert "webhook/portal" in text
    assert answer.headers["Location"] == "/keys?done=enabled"
