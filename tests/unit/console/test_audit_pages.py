"""Audit in the console: search, proofs, verification, reports; for auditors only."""

import asyncio
import io
from collections.abc import AsyncIterator
from pathlib import Path
from zipfile import ZipFile

import pytest
from aiohttp import ClientResponse, ClientSession

from gateway.console.page import Visit
from gateway.domain.account import Person, Role
from gateway.domain.entry import Actor, ActorKind
from gateway.domain.lifecycle import State
from gateway.services.operate.by_name import operations
from gateway.testing.console_site import console_site
from gateway.testing.world import World

HANAKO = Actor(ActorKind.OPERATOR, "hanako")
TARO = Actor(ActorKind.OPERATOR, "taro")
CSRF = Visit(Person("hanako", frozenset()), "of-a-test").csrf
SECRET_NUMBER = "A-2026-SECRET"


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


async def examined(world: World, kind: str) -> dict[str, object]:
    """Wait for an examination to end."""
    ask = operations(world.gateway.operate)["audit.examination"]
    while True:
        found = await ask(HANAKO, {"kind": kind})
        assert isinstance(found, dict)
        if found["state"] != "running":
            return found
        await asyncio.sleep(0.01)


@pytest.mark.parametrize("path", ["/audit", "/audit?search=1", "/audit/log"])
@pytest.mark.parametrize("language", ["ja", "en"])
async def test_an_auditor_sees_the_page_in_both_languages(
    world: World, browser: ClientSession, path: str, language: str
):
    async with console_site(world.gateway, roles={Role.AUDITOR}) as url:
        answer = await browser.get(url + path, headers={"Accept-Language": language})

        assert answer.status == 200
        assert f'<html lang="{language}"' in await answer.text()


async def test_nobody_else_reads_the_log(world: World, browser: ClientSession):
    roles = {Role.VIEWER, Role.OPERATOR, Role.ADMIN}
    async with console_site(world.gateway, roles=roles) as url:
        assert (await browser.get(f"{url}/audit?search=1")).status == 403
        for path in ("/audit/verify", "/audit/report", "/audit/stop", "/audit/proof"):
            assert (await post(browser, url + path, index="0")).status == 403
        assert (await browser.get(f"{url}/audit/report.html")).status == 403

    # One of a person is written at once; those that follow within a second, soon after.
    await world.gateway.denials.write()
    denied = [each for each in await world.log() if each["action"] == "operation.denied"]
    assert sum(int(each["facts"].get("count") or 1) for each in denied) == 6


async def test_the_form_alone_reads_nothing(world: World, browser: ClientSession):
    async with console_site(world.gateway) as url:
        await browser.get(f"{url}/audit")

    assert "log.read" not in await world.actions()


async def test_a_search_finds_what_its_filters_say_and_is_an_entry(
    world: World, browser: ClientSession
):
    record = await world.accepted()
    query = {"search": "1", "application": str(record.application_id), "actions": "application."}
    async with console_site(world.gateway) as url:
        text = await (await browser.get(f"{url}/audit", params=query)).text()

    assert "申請の受付" in text
    assert "procedure=childcare/allowance-claim" in text
    assert "ブローカーへの引渡し<br>" not in text
    assert (await world.actions())[-1] == "log.read"


async def test_a_receipt_number_stands_in_no_address(world: World, browser: ClientSession):
    await world.submit(receipt_number=SECRET_NUMBER)
    async with console_site(world.gateway) as url:
        answer = await post(browser, f"{url}/audit", receipt_number=SECRET_NUMBER, search="1")
        text = await answer.text()
        asked = await browser.get(f"{url}/audit", params={"receipt_number": SECRET_NUMBER})

    assert "申請の受付" in text
    assert f"receipt_number={SECRET_NUMBER}" not in text
    assert asked.status == 404
    assert SECRET_NUMBER not in str(await world.log())


async def test_older_entries_are_a_page_of_their_own(world: World, browser: ClientSession):
    for _ in range(30):
        await world.accepted()
    async with console_site(world.gateway) as url:
        text = await (await browser.get(f"{url}/audit", params={"search": "1"})).text()
        assert 'rel="next"' in text
        before = text.partition("before=")[2].partition('"')[0]
        query = {"search": "1", "before": before}
        older = await (await browser.get(f"{url}/audit", params=query)).text()

    assert 'rel="next"' not in older


@pytest.mark.parametrize(
    "query",
    [
        {"municipality": "123456789018"},
        {"application": "<script>alert(1)</script>"},
        {"actions": "'; DROP TABLE entries; --"},
        {"outcomes": "no such"},
        {"actor_kind": "no such"},
        {"since": "yesterday"},
        {"since": "2026-11-21", "until": "2026-11-20"},
        {"before": "-1"},
        {"before": "x"},
        {"actor": "\x00"},
    ],
)
async def test_what_cannot_be_looked_for_is_refused_on_the_page(
    world: World, browser: ClientSession, query: dict[str, str]
):
    async with console_site(world.gateway) as url:
        answer = await browser.get(f"{url}/audit", params={"search": "1", **query})
        text = await answer.text()

    assert answer.status == 422
    assert 'role="alert"' in text
    assert "<script>alert" not in text


async def test_the_proof_of_an_entry_is_two_files(world: World, browser: ClientSession):
    await world.accepted()
    await world.gateway.seal_log.finish()
    async with console_site(world.gateway) as url:
        answer = await post(browser, f"{url}/audit/proof", index="0")
        files = ZipFile(io.BytesIO(await answer.read()))

    assert files.namelist() == ["entry-0.entry.json", "entry-0.tlog-proof"]
    assert b"application.accepted" in files.read("entry-0.entry.json")
    assert "attachment" in answer.headers["Content-Disposition"]


@pytest.mark.parametrize("index", ["999999", "-1", "x", ""])
async def test_an_entry_that_is_not_there_has_no_proof(
    world: World, browser: ClientSession, index: str
):
    async with console_site(world.gateway) as url:
        assert (await post(browser, f"{url}/audit/proof", index=index)).status == 404


async def test_a_verification_goes_on_by_itself_and_says_what_it_found(
    world: World, browser: ClientSession
):
    world.start_worker()
    await world.until(await world.accepted(), State.DELIVERED)
    await world.gateway.seal_log.finish()
    async with console_site(world.gateway) as url:
        answer = await post(browser, f"{url}/audit/verify")
        found = await examined(world, "verify")
        text = await (await browser.get(f"{url}/audit/log")).text()

    assert (answer.status, answer.headers["Location"]) == (303, "/audit/log")
    assert (found["state"], found["by"]) == ("done", "hanako")
    assert "改変・欠落は見つかりませんでした" in text


async def test_only_one_reads_the_whole_log_at_a_time(world: World):
    ask = operations(world.gateway.operate)
    await ask["audit.examine"](HANAKO, {})

    with pytest.raises(Exception, match="being read already"):
        await ask["audit.examine"](HANAKO, {})

    await examined(world, "verify")
    await ask["audit.examine"](HANAKO, {})
    await ask["audit.stop_examining"](TARO, {})
    assert (await examined(world, "verify"))["state"] == "stopped"
    stopped = [each for each in await world.log() if each["actor"]["name"] == "taro"]
    assert [each["facts"]["purpose"] for each in stopped] == ["examination.stopped"]


async def test_what_is_stopped_frees_the_turn_of_the_command_line(world: World):
    ask = operations(world.gateway.operate)
    await ask["audit.examine"](HANAKO, {})
    await ask["audit.stop_examining"](HANAKO, {})

    found = await ask["audit.verify"](HANAKO, {})

    assert isinstance(found, dict)
    assert found["ok"]
    with pytest.raises(Exception, match="nothing reads"):
        await ask["audit.stop_examining"](HANAKO, {})


async def test_a_report_is_one_page_to_be_kept(world: World, browser: ClientSession):
    await world.accepted()
    await world.gateway.seal_log.finish()
    async with console_site(world.gateway) as url:
        assert (await browser.get(f"{url}/audit/report.html")).status == 404
        await post(browser, f"{url}/audit/report", since="2020-01-01", until="2100-01-01")
        await examined(world, "report")
        answer = await browser.get(f"{url}/audit/report.html")
        text = await answer.text()

    assert "監査ログ報告書" in text
    assert "attachment" in answer.headers["Content-Disposition"]


async def test_a_report_on_no_period_fails_and_says_so(world: World, browser: ClientSession):
    await world.accepted()
    await world.gateway.seal_log.finish()
    async with console_site(world.gateway) as url:
        await post(browser, f"{url}/audit/report", since="<b>", until="2100-01-01")
        found = await examined(world, "report")
        text = await (await browser.get(f"{url}/audit/log")).text()

    assert found["state"] == "failed"
    assert "検証できませんでした" in text
    assert "operation.refused" in text


async def test_checkpoint_and_keys_are_there_to_be_copied(world: World, browser: ClientSession):
    await world.accepted()
    await world.gateway.seal_log.finish()
    async with console_site(world.gateway) as url:
        text = await (await browser.get(f"{url}/audit/log")).text()
    head = await world.gateway.journal.log_head()

    assert head is not None
    assert head.checkpoint.splitlines()[0] in text
    assert "kakehashi audit export" in text
