"""Applications in the console: found by whatever is known, listed, taken away, looked at."""

import csv
from collections.abc import AsyncIterator
from html import unescape
from io import BytesIO, StringIO
from pathlib import Path
from urllib.parse import quote
from zipfile import ZipFile

import pytest
import structlog
from aiohttp import ClientResponse, ClientSession, CookieJar

from gateway.console.spreadsheet import guarded
from gateway.domain.account import Role
from gateway.domain.entry import Actor, ActorKind
from gateway.domain.lifecycle import State
from gateway.domain.records import DeliveryRecord
from gateway.sdk import Application, Delivery, Receipt, RejectedError, TransientError
from gateway.testing.console_site import console_site
from gateway.testing.world import World

ENGLISH = {"Accept-Language": "en"}
NOBODY = "00000000-0000-7000-8000-000000000000"


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with World.make(tmp_path) as world:
        yield world


@pytest.fixture
async def url(world: World) -> AsyncIterator[str]:
    async with console_site(world.gateway) as url:
        yield url


@pytest.fixture
async def browser() -> AsyncIterator[ClientSession]:
    async with ClientSession(cookie_jar=CookieJar(unsafe=True), headers=ENGLISH) as session:
        yield session


async def text_of(browser: ClientSession, address: str, status: int = 200) -> str:
    async with browser.get(address) as answer:
        text = await answer.text()
        assert answer.status == status, text
        return text


async def form_of(browser: ClientSession, address: str) -> dict[str, str]:
    """Return what a form of the page has to carry."""
    text = await text_of(browser, address)
    return {"csrf": text.partition('name="csrf" value="')[2].partition('"')[0]}


def refuse(_application: Application, _delivery: Delivery) -> Receipt:
    raise RejectedError("core.4711", pointer="/applicant/phone")


def fail_once(_application: Application, _delivery: Delivery) -> Receipt:
    raise TransientError("core.busy")


async def parked(world: World) -> DeliveryRecord:
    world.adapter.script = [fail_once, refuse]
    world.start_worker()
    return await world.until(await world.accepted(), State.PARKED)


async def number_of(world: World) -> str:
    """Return the 受付番号 of the latest application, as its front end sent it."""
    return str(world.adapter.sent[-1][0].receipt_number)


# The list


async def test_the_list_has_what_an_operator_looks_for(
    world: World, url: str, browser: ClientSession
):
    delivery = await parked(world)

    text = await text_of(browser, f"{url}/applications")

    assert f'href="/applications/{delivery.application_id}"' in text
    for shown in ("千代田区", "131016", "core.4711", "needs attention", "parked", "1 applications"):
        assert shown in text
    assert text.count('aria-sort="descending"') == 1
    assert 'href="/applications?sort=accepted&amp;order=oldest"' in text
    assert 'href="/applications?sort=changed&amp;order=newest"' in text
    assert 'href="#f-code"' in text


@pytest.mark.parametrize(
    ("query", "is_there"),
    [
        ("municipality=131016", True),
        ("municipality=131024", False),
        ("procedure=childcare/*", True),
        ("procedure=care/*", False),
        ("status=needs_attention&state=parked&code=core.4711&destination=core", True),
        ("code=core.busy", False),
        ("feedback=returned", False),
        ("client=portal&since=2020-01-01&until=2199-01-01T00:00", True),
        ("until=2020-01-01", False),
        ("order=oldest", True),
        ("sort=changed&order=oldest&code=core.4711", True),
    ],
)
async def test_each_filter_says_which_are_listed(
    world: World, url: str, browser: ClientSession, query: str, *, is_there: bool
):
    delivery = await parked(world)

    text = await text_of(browser, f"{url}/applications?{query}")

    assert (str(delivery.application_id) in text) == is_there
    assert ("No application matches." in text) == (not is_there)


async def test_pages_lead_forth_and_back(world: World, url: str, browser: ClientSession):
    ids = [str((await world.accepted()).application_id) for _ in range(120)][::-1]

    def listed(text: str) -> list[str]:
        return [one for one in ids if f'/applications/{one}"' in text]

    def leads(text: str, rel: str) -> str:
        return url + unescape(text.partition(f'rel="{rel}" href="')[2].partition('"')[0])

    first = await text_of(browser, f"{url}/applications?client=portal")
    second = await text_of(browser, leads(first, "next"))
    third = await text_of(browser, leads(second, "next"))
    back = await text_of(browser, leads(third, "prev"))
    begin = await text_of(browser, leads(back, "prev"))

    assert [listed(page) for page in (first, second, third)] == [ids[:50], ids[50:100], ids[100:]]
    assert (listed(back), listed(begin)) == (ids[50:100], ids[:50])
    assert 'rel="prev"' not in first
    assert 'rel="next"' not in third
    assert 'rel="prev"' not in begin


@pytest.mark.parametrize(
    "query",
    [
        "municipality=1310160",
        "municipality=' OR 1=1 --",
        "procedure=\x00",
        "procedure=" + "*" * 201,
        "state=nowhere",
        "status=終了",
        "feedback=\u202eoops",
        "since=yesterday",
        "since=2026-11-20&until=2026-11-19",
        "since=0001-01-01",
        "after=not-an-id",
        f"after={NOBODY}&before={NOBODY}",
        "id=1",
        "&".join(f"id={NOBODY}" for _ in range(51)),
        "code=\ud7ff\n",
    ],
)
async def test_what_cannot_be_searched_for_is_said_on_the_page(
    url: str, browser: ClientSession, query: str
):
    text = await text_of(browser, f"{url}/applications?{quote(query, safe='=&')}", status=422)

    assert 'role="alert"' in text
    assert "<h1>Applications</h1>" in text


@pytest.mark.parametrize(
    "query",
    [
        "procedure=<script>alert(1)</script>",
        "client='; DROP TABLE applications; --",
        "code=%25",
        "destination=配信先",
        "procedure=[!",
        "unknown=1",
        f"after={NOBODY}",
    ],
)
async def test_strange_words_find_nothing_and_harm_nothing(
    url: str, browser: ClientSession, query: str
):
    text = await text_of(browser, f"{url}/applications?{quote(query, safe='=&%')}")

    assert "No application matches." in text
    assert "<script>alert" not in text


# By 受付番号


async def test_a_receipt_number_leads_straight_to_its_application_and_stands_nowhere(
    world: World, url: str, browser: ClientSession
):
    world.start_worker()
    delivery = await world.until(await world.accepted(), State.DELIVERED)
    number = await number_of(world)
    form = await form_of(browser, f"{url}/applications")

    with structlog.testing.capture_logs() as logs:
        async with browser.post(f"{url}/applications", data={**form, "q": f" {number} "}) as answer:
            text = await answer.text()

    assert str(answer.url) == f"{url}/applications/{delivery.application_id}"
    assert number not in text
    assert number not in str(logs)
    assert number not in str(await world.log())


async def test_an_id_is_found_in_the_same_box(world: World, url: str, browser: ClientSession):
    delivery = await world.accepted()
    form = await form_of(browser, f"{url}/applications")
    sought = {**form, "q": str(delivery.application_id)}

    async with browser.post(f"{url}/applications", data=sought) as answer:
        assert str(answer.url) == f"{url}/applications/{delivery.application_id}"


@pytest.mark.parametrize("sought", ["X-0", "", "x" * 5000, "\x00", "' OR ''='", NOBODY])
async def test_what_nothing_has_is_said_and_not_repeated(
    url: str, browser: ClientSession, sought: str
):
    form = await form_of(browser, f"{url}/applications")

    async with browser.post(f"{url}/applications", data={**form, "q": sought}) as answer:
        assert str(answer.url) == f"{url}/applications?missed=1"
        text = await answer.text()

    assert "No application has this" in text
    assert not sought or f'value="{sought}"' not in text


# CSV


async def test_a_list_is_taken_away_as_a_spreadsheet_opens_it_and_that_is_an_entry(
    world: World, url: str, browser: ClientSession
):
    delivery = await parked(world)

    async with browser.get(f"{url}/applications.csv?code=core.4711&since=2020-01-01") as answer:
        body = await answer.read()

    rows = list(csv.reader(StringIO(body.decode("utf-8-sig"))))
    assert body.startswith(b"\xef\xbb\xbf")
    assert answer.headers["Content-Disposition"] == 'attachment; filename="applications.csv"'
    assert rows[0][:2] == ["Accepted", "Id"]
    assert rows[1][1] == str(delivery.application_id)
    assert rows[-1] == ["End: 1 applications"]
    entry = (await world.log())[-1]
    assert entry["actor"] == {"kind": "operator", "name": "hanako"}
    assert (entry["facts"]["purpose"], entry["facts"]["entries"]) == ("messages.export", 1)
    assert entry["facts"]["filter"] == "code since"


def test_no_cell_is_taken_for_a_formula():
    for cell in ("=1+1", "+81", "-1", "@SUM(A1)", "\tx", "\rx", "\n=1", "＝1+1", "＠x"):
        assert guarded(cell) == f"'{cell}"
    assert guarded("R-1") == "R-1"


# One application


async def test_the_way_is_told_hop_by_hop_with_every_attempt(
    world: World, url: str, browser: ClientSession
):
    delivery = await parked(world)

    text = await text_of(browser, f"{url}/applications/{delivery.application_id}")

    for shown in ("Front end", "Gateway", "Broker", "Worker", "Core system"):
        assert shown in text
    for shown in ("Attempt 1", "core.busy", "Attempt 2", "core.4711", "/applicant/phone"):
        assert shown in text
    assert 'class="stopped"' in text
    assert "Waits for a person (core)." in text
    assert "A code of the core system or of its adapter." in text


async def test_an_arrival_is_told_with_what_it_took_and_is_not_streamed(
    world: World, url: str, browser: ClientSession
):
    world.start_worker()
    delivery = await world.until(await world.accepted(), State.DELIVERED)

    text = await text_of(browser, f"{url}/applications/{delivery.application_id}")

    assert "from acceptance to arrival" in text
    assert "K-1" in text
    assert "hx-sse:connect" not in text


async def test_a_trace_leads_to_where_traces_are_looked_at(tmp_path: Path, browser: ClientSession):
    trace_id = "4bf92f3577b34da6a3ce929d0e0e4736"
    console = {"trace_url": "https://traces.example.jp/t/{trace_id}?from=<gateway>"}
    async with World.make(tmp_path, console=console) as world:
        receipt = await world.submit(traceparent=f"00-{trace_id}-00f067aa0ba902b7-01")
        async with console_site(world.gateway) as url:
            text = await text_of(browser, f"{url}/applications/{receipt.id}")

    assert f'href="https://traces.example.jp/t/{trace_id}?from=&lt;gateway&gt;"' in text


async def test_what_an_operator_decides_is_done_with_the_reason(
    world: World, url: str, browser: ClientSession
):
    delivery = await parked(world)
    address = f"{url}/applications/{delivery.application_id}"
    form = await form_of(browser, address)
    said = {**form, "do": "confirm", "reason": "found in the core system", "reference": "K-77"}

    async with browser.post(f"{address}/deliveries/{delivery.id}", data=said) as answer:
        text = await answer.text()

    assert str(answer.url) == f"{address}?done=confirm"
    assert "Done." in text
    record = await world.delivery_of(delivery.application_id)
    assert (record.state, record.reference) == (State.DELIVERED, "K-77")


@pytest.mark.parametrize(
    ("do", "reason", "status"),
    [("replay", " ", 422), ("burn", "why not", 404), ("cancel", "\x00", 422)],
)
async def test_what_cannot_be_decided_is_said_and_changes_nothing(
    world: World, url: str, browser: ClientSession, do: str, reason: str, status: int
):
    delivery = await parked(world)
    address = f"{url}/applications/{delivery.application_id}"
    said = {**await form_of(browser, address), "do": do, "reason": reason}

    async with browser.post(f"{address}/deliveries/{delivery.id}", data=said) as answer:
        assert answer.status == status

    assert (await world.delivery_of(delivery.application_id)).state == State.PARKED


async def test_who_may_not_decide_is_told_why_and_is_written_down(
    world: World, browser: ClientSession
):
    delivery = await parked(world)
    async with console_site(world.gateway, roles={Role.VIEWER}) as url:
        address = f"{url}/applications/{delivery.application_id}"
        text = await text_of(browser, address)
        said = {**await form_of(browser, address), "do": "replay", "reason": "please"}
        async with browser.post(f"{address}/deliveries/{delivery.id}", data=said) as answer:
            assert answer.status == 403

    assert "This needs one of these roles: operator" in text
    assert "Audit log" not in text
    assert (await world.actions())[-1] == "operation.denied"


@pytest.mark.parametrize("path", ["1", NOBODY, "A-2026-000001", "%00", "x" * 4000, "あ"])
async def test_what_is_no_application_is_not_found_and_not_repeated(
    url: str, browser: ClientSession, path: str
):
    text = await text_of(browser, f"{url}/applications/{path}", status=404)

    assert "There is no such thing." in text
    assert "A-2026-000001" not in text.partition("<main")[2]


async def test_auditors_see_entries_and_take_a_proof_away(world: World, browser: ClientSession):
    delivery = await world.accepted()
    await world.gateway.seal_log.begin()
    await world.gateway.seal_log.finish()
    async with console_site(world.gateway, roles={Role.AUDITOR}) as url:
        address = f"{url}/applications/{delivery.application_id}"
        text = await text_of(browser, f"{address}?audit=1")
        assert "application.accepted" in text
        proof = text.partition(f'href="/applications/{delivery.application_id}/proofs/')[2]
        index = proof.partition('"')[0]
        async with browser.get(f"{address}/proofs/{index}") as answer:
            with ZipFile(BytesIO(await answer.read())) as archive:
                names = archive.namelist()

    assert names == [f"entry-{index}.entry.json", f"entry-{index}.tlog-proof"]


async def test_what_waits_for_a_second_person_is_told_and_decided_where_one_looks(
    tmp_path: Path, browser: ClientSession
):
    async with World.make(tmp_path, operations={"four_eyes": ["parked.cancel"]}) as world:
        delivery = await parked(world)
        path = f"/applications/{delivery.application_id}"
        async with console_site(world.gateway, name="hanako") as url:
            said = {**await form_of(browser, url + path), "do": "cancel", "reason": "sent twice"}
            async with browser.post(f"{url}{path}/deliveries/{delivery.id}", data=said) as answer:
                asked = await answer.text()
            assert answer.url.path == path
            assert "Asked. It is done once another person has approved it." in asked
            assert "hanako" in asked
            assert "sent twice" in asked
            assert "somebody else decides" in asked
        request = asked.partition('action="/approvals/')[2].partition("/")[0]
        async with console_site(world.gateway, name="jiro") as url:
            form = {**await form_of(browser, url + path), "reason": "seen", "then": path}
            async with browser.post(f"{url}/approvals/{request}/approve", data=form) as answer:
                text = await answer.text()
            assert answer.url.path == path

    assert "Approved and done." in text
    assert "Waits for a second person" not in text
    assert "Cancelled" in text or "cancelled" in text


async def test_forms_come_as_soon_as_there_is_something_to_decide_and_stay_while_one_types(
    world: World, url: str, browser: ClientSession
):
    delivery = await world.until(await world.accepted(), State.QUEUED)
    text = await text_of(browser, f"{url}/applications/{delivery.application_id}")
    stream = text.partition('hx-sse:connect="')[2].partition('"')[0]
    form = f'id="confirm-{delivery.id}"'
    assert form not in text

    async def next_part(answer: ClientResponse) -> str:
        lines: list[str] = []
        while not lines or lines[-1].startswith("data:"):
            line = (await answer.content.readline()).decode()
            assert line, "the stream has ended"
            if lines or line.startswith("data:"):
                lines.append(line)
        return "".join(lines)

    async with browser.get(url + stream) as answer:
        world.adapter.script = [refuse]
        world.start_worker()
        await world.until(delivery, State.PARKED)
        shown = await next_part(answer)
        while form not in shown:
            shown = await next_part(answer)
        assert "Somebody else has decided it meanwhile." not in shown
        await world.gateway.operate.decide.cancel(
            str(delivery.id), actor=Actor(ActorKind.OPERATOR, "jiro"), reason="mine"
        )
        kept = await next_part(answer)

    assert form in kept
    assert "Somebody else has decided it meanwhile." in kept


async def test_a_stream_says_what_changed_and_looking_on_is_no_entry(
    world: World, url: str, browser: ClientSession
):
    delivery = await world.until(await world.accepted(), State.QUEUED)
    text = await text_of(browser, f"{url}/applications/{delivery.application_id}")
    stream = text.partition('hx-sse:connect="')[2].partition('"')[0]
    looks = (await world.actions()).count("log.read")

    async with browser.get(url + stream) as answer:
        first = await answer.content.readline()
        world.start_worker()
        await world.until(delivery, State.DELIVERED)
        while not (line := await answer.content.readline()).startswith(b"data:"):
            assert line in (b": alive\n", b"\n")

    assert first == b": alive\n"
    assert (await world.actions()).count("log.read") == looks + 1
