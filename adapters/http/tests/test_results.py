import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import structlog
from aiohttp import web
from pydantic import ValidationError

from adapters.http import HTTPConfig, HTTPDestination
from adapters.http.answer import Answer
from adapters.http.cursor import NAME, Cursor, Position
from adapters.http.feedback import asked_wait_s
from adapters.http.link import next_link
from adapters.http.results import PageError, digest_of, read_page
from adapters.http.results_config import ResultsConfig
from gateway.sdk import JST, DestinationUnavailableError, Feedback, FeedbackStatus, TransientError
from gateway.testing.cores.results_core import ResultsCore

KEYS = [f"0193453a-0000-7000-8000-{number:012}" for number in range(9)]
WAYS: dict[str, dict[str, Any]] = {
    "link": {"pagination": "link", "items_pointer": "/items"},
    "next": {"pagination": "next_url", "items_pointer": "/items", "next_pointer": "/page/next"},
    "cursor": {
        "pagination": "cursor",
        "items_pointer": "/items",
        "next_pointer": "/page/cursor",
        "cursor_parameter": "after",
    },
    "all": {},
}
RESUMES = ["first_page", "last_page"]
PATIENCE_S = 10

Open = Callable[..., Awaitable[HTTPDestination]]


def a_decision(place: int, status: str = "受理", **over: object) -> dict[str, object]:
    decided = f"2026-11-2{place}T09:30:00"
    return {"key": KEYS[place], "status": status, "at": decided, "reason": None, **over}


def results(base: str, way: str = "all", **over: Any) -> dict[str, Any]:
    return {
        "url": f"{base}/{way}",
        "key_pointer": "/key",
        "status_pointer": "/status",
        "decided_at_pointer": "/at",
        "reason_pointer": "/reason",
        "reference_pointer": "/number",
        "poll_interval_s": 0.05,
        **WAYS[way],
        **over,
    }


@pytest.fixture
async def lister() -> AsyncIterator[tuple[ResultsCore, str]]:
    core = ResultsCore([a_decision(number) for number in range(5)])
    yield core, f"http://127.0.0.1:{await core.start()}"
    await core.close()


async def read(destination: HTTPDestination, count: int) -> list[Feedback]:
    """Take ``count``, and ask for the one behind them: that tells that all are durable."""
    taken: list[Feedback] = []
    async with asyncio.timeout(PATIENCE_S), contextlib.aclosing(destination.feedback()) as given:  # type: ignore[type-var]
        while len(taken) < count:
            taken.append(await anext(given))
    return taken


async def settled(
    core: ResultsCore, destination: HTTPDestination, polls: int = 3
) -> list[Feedback]:
    """Read until several polls have brought nothing more."""
    taken: list[Feedback] = []

    async def take() -> None:
        async for item in destination.feedback():
            taken.append(item)  # noqa: PERF401 - one by one: others read it meanwhile

    reading = asyncio.create_task(take())
    try:
        async with asyncio.timeout(PATIENCE_S):
            quiet = 0
            while quiet < polls and not reading.done():
                before, asked = len(taken), len(core.asked)
                while len(core.asked) == asked and not reading.done():  # noqa: ASYNC110 - it tells nobody
                    await asyncio.sleep(0.01)
                quiet = quiet + 1 if len(taken) == before else 0
    finally:
        reading.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await reading
    return taken


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("resume", RESUMES)
async def test_every_page_is_followed_and_each_result_comes_once(
    way: str, resume: str, lister: tuple[ResultsCore, str], opened: Open
) -> None:
    core, url = lister
    destination = await opened(url=url, results=results(url, way, resume=resume))

    taken = await settled(core, destination, polls=6)

    assert [item.idempotency_key for item in taken] == KEYS[:5]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("resume", RESUMES)
async def test_after_a_restart_only_what_is_new_comes(
    way: str, resume: str, lister: tuple[ResultsCore, str], opened: Open
) -> None:
    core, url = lister
    first = await opened(url=url, results=results(url, way, resume=resume))
    await settled(core, first, polls=6)
    core.items += [a_decision(number, "完了") for number in (2, 7)]
    asked = len(core.asked)
    again = await opened(url=url, results=results(url, way, resume=resume))

    taken = await settled(core, again, polls=6)

    assert [(item.idempotency_key, item.status) for item in taken] == [
        (KEYS[2], FeedbackStatus.COMPLETED),
        (KEYS[7], FeedbackStatus.COMPLETED),
    ]
    is_resumed = resume == "last_page" and way != "all"
    assert (f"/{way}" in core.asked[asked:]) != is_resumed


async def test_what_was_not_durable_comes_again_with_the_same_id(
    lister: tuple[ResultsCore, str], opened: Open
) -> None:
    core, url = lister
    killed = await opened(url=url, results=results(url, "link"))
    before = await read(killed, 3)  # the third is the first of the second page
    again = await opened(url=url, results=results(url, "link"))

    taken = await settled(core, again, polls=6)

    assert taken[0] == before[2]
    assert [item.idempotency_key for item in taken] == KEYS[2:5]


async def test_a_result_says_status_time_reason_and_number(
    lister: tuple[ResultsCore, str], opened: Open
) -> None:
    core, url = lister
    core.items = [a_decision(1, "9", reason="K012", number=4711, at="2026/11/21 09:30")]
    form = results(url, statuses={"9": "returned"}, decided_at_format="%Y/%m/%d %H:%M")
    destination = await opened(url=url, results=form)

    [item] = await read(destination, 1)

    assert item.status is FeedbackStatus.RETURNED
    assert item.at == datetime(2026, 11, 21, 9, 30, tzinfo=JST)
    assert (item.code, item.reference) == ("K012", "4711")


@pytest.mark.parametrize(
    ("wrong", "fault"),
    [
        ("text", "result.not_an_object"),
        (a_decision(1, "不明"), "result.status_unknown"),
        (a_decision(1, key="1"), "result.key_malformed"),
        (a_decision(1, at="yesterday"), "result.time_malformed"),
        (a_decision(1, at="9999-12-31"), "result.time_out_of_range"),
        (a_decision(1, at=None), "result.column_missing"),
        (a_decision(1, reason="氏名が違う"), "result.reason_malformed"),
        (a_decision(1, number={"氏名": "髙﨑"}), "result.member_malformed"),
        (a_decision(1, number="髙﨑 123456789018"), "result.reference_malformed"),
        (a_decision(1, key=True), "result.member_malformed"),
    ],
)
async def test_a_result_that_cannot_be_used_is_told_once_and_spoils_no_other(
    wrong: object, fault: str, lister: tuple[ResultsCore, str], opened: Open
) -> None:
    core, url = lister
    core.items = [a_decision(0), wrong, a_decision(2)]
    destination = await opened(url=url, results=results(url))

    with structlog.testing.capture_logs() as logs:
        taken = await settled(core, destination)

    assert [item.idempotency_key for item in taken] == [KEYS[0], KEYS[2]]
    told = [log for log in logs if log["event"] == "http.results_unusable"]
    assert [(log["count"], log["places"], log["faults"]) for log in told] == [(1, [2], [fault])]
    assert "髙﨑" not in str(logs)


async def test_a_page_of_unusable_results_is_told_in_one_line(
    lister: tuple[ResultsCore, str], opened: Open
) -> None:
    core, url = lister
    core.items = [*range(500), *({"key": number} for number in range(500)), a_decision(0)]
    destination = await opened(url=url, results=results(url))

    with structlog.testing.capture_logs() as logs:
        taken = await settled(core, destination)

    assert [item.idempotency_key for item in taken] == KEYS[:1]
    [told] = [log for log in logs if log["event"] == "http.results_unusable"]
    assert (told["count"], told["places"]) == (1000, [1, 2, 3, 4, 5, 6, 7, 8, 9, 10])
    assert told["faults"] == ["result.key_malformed", "result.not_an_object"]


async def test_behind_a_thousand_unusable_results_the_good_ones_are_read(
    lister: tuple[ResultsCore, str], opened: Open
) -> None:
    core, url = lister
    core.items = [{"key": number} for number in range(1100)]
    core.items.append(a_decision(0))
    destination = await opened(url=url, results=results(url))

    [item] = await read(destination, 1)

    assert item.idempotency_key == KEYS[0]


async def test_a_page_with_more_results_than_it_may_have_is_not_read(
    lister: tuple[ResultsCore, str], opened: Open
) -> None:
    _, url = lister
    destination = await opened(url=url, results=results(url, max_page_items=4))

    with pytest.raises(TransientError, match=r"result\.too_many"):
        await read(destination, 1)


async def test_a_status_that_the_code_map_has_from_now_on_is_reported_after_all(
    lister: tuple[ResultsCore, str], opened: Open
) -> None:
    core, url = lister
    core.items = [a_decision(0), a_decision(1, "8")]
    await settled(core, await opened(url=url, results=results(url)))
    statuses = {"受理": "accepted", "8": "withdrawn"}
    again = await opened(url=url, results=results(url, statuses=statuses))

    taken = await settled(core, again)

    assert (KEYS[1], FeedbackStatus.WITHDRAWN) in {
        (item.idempotency_key, item.status) for item in taken
    }


def html(status: int = 200) -> web.Response:
    return web.Response(status=status, text="<html>", content_type="text/html")


def cut(request: web.Request) -> web.Response:
    assert request.transport is not None
    request.transport.abort()
    return web.Response()


ELSEWHERE = "http://127.0.0.1:1/next"
FAILURES: dict[str, tuple[Callable[[web.Request], web.Response], str]] = {
    "500": (lambda _: html(500), "http.results_500"),
    "404": (lambda _: html(404), "http.results_404"),
    "401": (lambda _: html(401), "http.results_401"),
    "a redirect": (lambda _: web.Response(status=302), "http.results_302"),
    "503 without a time": (lambda _: html(503), "http.results_503"),
    "HTML": (lambda _: html(), "result.not_json"),
    "no list": (lambda _: web.json_response({"items": {}}), "result.not_a_list"),
    "too long": (lambda _: web.Response(body=b" " * 4000), "result.answer_too_large"),
    "cut off": (cut, "http.answer_lost"),
    "another host": (
        lambda _: web.json_response({"items": [], "page": {"next": ELSEWHERE}}),
        "result.next_elsewhere",
    ),
    "another user": (
        lambda request: web.json_response(
            {"items": [], "page": {"next": f"http://a@{request.host}/next?after=2"}}
        ),
        "result.next_elsewhere",
    ),
    "no address": (
        lambda _: web.json_response({"items": [], "page": {"next": [1]}}),
        "result.next_malformed",
    ),
    "a broken address": (
        lambda _: web.json_response({"items": [], "page": {"next": "http://[::1"}}),
        "result.next_malformed",
    ),
}


@pytest.mark.parametrize("name", FAILURES)
async def test_a_page_that_cannot_be_read_is_asked_for_again_later(
    name: str, lister: tuple[ResultsCore, str], opened: Open
) -> None:
    core, url = lister
    answering, reason = FAILURES[name]
    core.answer_with(answering)
    given = results(url, "next", max_page_bytes=2000)
    destination = await opened(url=url, results=given, bearer_token="t0ken-of-ours")

    with pytest.raises(TransientError) as caught:
        await read(destination, 1)

    assert caught.value.reason == reason
    core.answer_with(None)
    assert len(await read(destination, 5)) == 5


async def test_nobody_listening_is_said_and_nothing_is_lost(
    lister: tuple[ResultsCore, str], opened: Open
) -> None:
    core, url = lister
    destination = await opened(url=url, results=results(url))
    await core.close()

    with pytest.raises(DestinationUnavailableError):
        await read(destination, 1)


async def test_a_failure_in_the_middle_repeats_no_page_that_was_noted(
    lister: tuple[ResultsCore, str], opened: Open
) -> None:
    core, url = lister
    core.answer_with(lambda request: html(500) if "after=2" in request.path_qs else None)
    destination = await opened(url=url, results=results(url, "cursor"))
    with pytest.raises(TransientError):
        await read(destination, 3)
    core.answer_with(None)

    assert [item.idempotency_key for item in await read(destination, 3)] == KEYS[2:5]


@pytest.mark.parametrize("status", [429, 503])
async def test_a_list_that_says_when_to_come_back_is_asked_then(
    status: int, lister: tuple[ResultsCore, str], opened: Open
) -> None:
    core, url = lister
    busy = iter([web.Response(status=status, headers={"Retry-After": "1"})])
    core.answer_with(lambda _: next(busy, None))
    destination = await opened(url=url, results=results(url))

    assert len(await read(destination, 5)) == 5
    assert len(core.asked) == 2


@pytest.mark.parametrize(
    ("asked", "times", "waited"),
    [("0", 1, 1), ("0", 3, 4), ("0", 99, 3600), ("60", 1, 60), ("2", 3, 4), ("99999", 1, 3600)],
)
def test_whoever_says_come_back_at_once_is_asked_less_and_less_often(
    asked: str, times: int, waited: float
) -> None:
    answer = Answer(status=429, body=b"", retry_after=asked)

    assert asked_wait_s(answer, datetime.now(UTC), times=times) == waited


def test_a_list_that_does_not_say_when_to_come_back_is_no_wait() -> None:
    assert asked_wait_s(Answer(status=503, body=b""), datetime.now(UTC), times=1) is None
    assert asked_wait_s(Answer(status=200, body=b"[]"), datetime.now(UTC), times=1) is None


async def test_a_cursor_that_the_core_system_forgot_begins_the_list_again(
    lister: tuple[ResultsCore, str], opened: Open
) -> None:
    core, url = lister
    given = results(url, "cursor", resume="last_page")
    before = await settled(core, await opened(url=url, results=given), polls=6)
    core.answer_with(lambda request: html(410) if "after=4" in request.path_qs else None)
    core.items[4:] = []
    again = await opened(url=url, results=given)

    taken = await settled(core, again, polls=6)

    assert taken == before[:4]  # with the ids they had: the gateway keeps them once


async def test_pages_in_a_circle_are_left(lister: tuple[ResultsCore, str], opened: Open) -> None:
    core, url = lister
    page = {"items": [a_decision(0)], "page": {"next": "/next"}}
    core.answer_with(lambda _: web.json_response(page))
    destination = await opened(url=url, results=results(url, "next"))

    with structlog.testing.capture_logs() as logs:
        taken = await settled(core, destination)

    assert len(taken) == 1
    assert "http.results_in_a_circle" in {log["event"] for log in logs}


async def test_with_few_pages_a_poll_the_later_ones_come_with_the_next_poll(
    lister: tuple[ResultsCore, str], opened: Open
) -> None:
    core, url = lister
    given = results(url, "cursor", resume="last_page", max_pages=1)
    destination = await opened(url=url, results=given)

    taken = await settled(core, destination, polls=6)

    assert [item.idempotency_key for item in taken] == KEYS[:5]


async def test_without_results_feedback_waits(opened: Open) -> None:
    destination = await opened(url="http://127.0.0.1:1/")

    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.05):
            await anext(aiter(destination.feedback()))


async def test_a_cursor_that_cannot_be_written_is_said_and_all_comes_again(
    lister: tuple[ResultsCore, str], opened: Open, tmp_path: Path
) -> None:
    _, url = lister
    destination = await opened(url=url, results=results(url))
    (tmp_path / NAME).with_suffix(".tmp").mkdir()

    with pytest.raises(TransientError, match="cursor_not_written"):
        await read(destination, 6)

    (tmp_path / NAME).with_suffix(".tmp").rmdir()
    assert len(await read(destination, 5)) == 5


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[]", b'{"digest": "d"}', b'{"digest": "other", "page": "x"}', b"\xff"]
)
def test_a_cursor_file_that_is_none_begins_anew(content: bytes, tmp_path: Path) -> None:
    (tmp_path / NAME).write_bytes(content)

    assert Cursor(tmp_path, "d").load() == Position()


def test_a_cursor_is_read_as_it_was_written(tmp_path: Path) -> None:
    position = Position("https://example.jp/?after=2", frozenset({"a", "b"}))

    Cursor(tmp_path, "d").save(position)

    assert Cursor(tmp_path, "d").load() == position
    assert Cursor(tmp_path, "other").load() == Position()


def test_ids_are_appended_to_a_cursor_and_a_torn_line_is_left_out(tmp_path: Path) -> None:
    cursor = Cursor(tmp_path, "d")
    cursor.add(frozenset("a"), set())
    written = (tmp_path / NAME).read_bytes()
    cursor.add(frozenset("b"), {"a"})
    path = tmp_path / NAME
    assert path.read_bytes().startswith(written)
    path.write_bytes(path.read_bytes() + b'["c", "d')
    again = Cursor(tmp_path, "d")

    assert again.load() == Position(None, frozenset({"a", "b"}))
    again.add(frozenset("c"), {"a", "b"})

    assert Cursor(tmp_path, "d").load() == Position(None, frozenset({"a", "b", "c"}))


def test_a_cursor_of_the_last_release_is_read_and_added_to(tmp_path: Path) -> None:
    (tmp_path / NAME).write_text('{"digest": "d", "page": null, "reported": ["a"]}')
    cursor = Cursor(tmp_path, "d")

    assert cursor.load() == Position(None, frozenset("a"))
    cursor.add(frozenset("b"), {"a"})

    assert Cursor(tmp_path, "d").load() == Position(None, frozenset({"a", "b"}))


async def test_a_page_costs_what_stands_on_it_and_what_is_gone_is_forgotten(
    lister: tuple[ResultsCore, str], opened: Open, tmp_path: Path
) -> None:
    core, url = lister
    destination = await opened(url=url, results=results(url, "link"))
    before = await read(destination, 5)  # the fifth stands alone on the third page
    lines = (tmp_path / NAME).read_bytes().splitlines()
    assert [len(json.loads(line)) for line in lines[1:]] == [2]
    del core.items[:2]

    await settled(core, await opened(url=url, results=results(url, "link")), polls=6)

    config = ResultsConfig.model_validate(results(url, "link"))
    kept = Cursor(tmp_path, digest_of(config)).load()
    assert kept == Position(None, frozenset(item.id for item in before[2:]))


async def test_a_list_longer_than_can_be_remembered_is_cut_short(
    lister: tuple[ResultsCore, str], opened: Open
) -> None:
    core, url = lister
    destination = await opened(url=url, results=results(url, "link", max_results=3))

    with structlog.testing.capture_logs() as logs:
        taken = await settled(core, destination)

    assert [item.idempotency_key for item in taken] == KEYS[:4]  # its page is read to the end
    assert "http.results_cut_short" in {log["event"] for log in logs}


@pytest.mark.parametrize(
    ("header", "target"),
    [
        (None, None),
        ("", None),
        ("<https://example.jp/?p=2>; rel=next", "https://example.jp/?p=2"),
        ('</a>; rel="prev", </b>; rel="next"', "/b"),
        ('</a,b;c>; rel="next"', "/a,b;c"),
        ('</a>; title="rel=next, <x>; rel=next"; rel=prev', None),
        ('</a>; REL="last NEXT"', "/a"),
        ("</a>; rel=prev; rel=next", None),
        ('</a>; title="\\""; rel=next', "/a"),
        ("</a> ; rel = next", "/a"),
        ("</a>;rel=next,</b>;rel=next", "/a"),
        ("</a>; rel*=UTF-8''next", None),
        ("nonsense, </a>; rel=next", None),
        ("</a; rel=next", None),
    ],
)
def test_the_next_page_is_the_link_whose_relation_says_so(
    header: str | None, target: str | None
) -> None:
    assert next_link(header) == target


def test_an_evil_link_header_takes_no_time() -> None:
    # Within the test's own timeout, that is: an exponential reader would not end in years.
    parameters = "<a>" + "; x" * 5000
    hostile = (f'{parameters}"', f"{parameters}!", '<a>; t="' + "\\" * 15_000, "<" * 15_000)
    for header in (*hostile, "<a>" + ";x=" * 5000 + '"', f"<a>;{' ' * 15_000}"):
        assert next_link(header) is None


def test_a_link_header_longer_than_any_list_needs_is_not_read() -> None:
    assert next_link("</a>; rel=next" + " " * 16_384) is None


def page_at(target: object, url: str, **over: Any) -> str | None:
    config = ResultsConfig.model_validate(results("https://core.example.jp", "next", **over))
    body = json.dumps({"items": [], "page": {"next": target}}).encode()
    return read_page(Answer(status=200, body=body), url, config).next_url


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        ("?p=2", "https://core.example.jp/a/next?p=2"),
        ("/b", "https://core.example.jp/b"),
        ("https://core.example.jp:443/b#part", "https://core.example.jp:443/b"),
        ("", None),
        (None, None),
    ],
)
def test_the_next_address_may_be_relative(target: object, expected: str | None) -> None:
    assert page_at(target, "https://core.example.jp/a/next?p=1") == expected


@pytest.mark.parametrize(
    "target",
    ["http://core.example.jp/b", "https://core.example.jp.evil.example/", "//evil.example/", 7],
)
def test_the_token_goes_to_no_other_origin(target: object) -> None:
    with pytest.raises(PageError):
        page_at(target, "https://core.example.jp/next")


@pytest.mark.parametrize(
    "over",
    [
        {"pagination": "cursor"},
        {"pagination": "next_url"},
        {"next_pointer": "/next"},
        {"cursor_parameter": "after"},
        {"statuses": {}},
        {"statuses": {"1": "whatever"}},
        {"decided_at_format": "day"},
        {"decided_at_format": "%Y%m%d%H%d"},
        {"url": "http://core.example.jp/results"},
    ],
)
def test_a_wrong_configuration_of_results_is_refused(over: dict[str, Any]) -> None:
    given = {"url": "http://127.0.0.1:1/", "results": results("http://127.0.0.1:1", **over)}

    with pytest.raises(ValidationError):
        HTTPConfig.model_validate(given)
