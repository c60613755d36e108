"""Nothing that a person or another system says in words or numbers can be read from the log.

A canary is planted wherever something comes in from outside: by the front door, from core
systems, from operators. What must not be found is also looked for as a plain hash. The same is
done with a log that hides nothing, and with what may stand there (``IN_THE_LOG``,
``IN_ROWS``), so that the search is proved.
"""

import asyncio
import json
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any, Final
from uuid import UUID

import aiohttp

from gateway.testing.postgres import PostgresNode
from tests.acceptance.harness.applications import (
    CARE,
    CHILDCARE,
    DISASTER,
    MUNICIPALITY,
    as_bytes,
)
from tests.acceptance.harness.canary import Canaries
from tests.acceptance.harness.embedded import Embedded
from tests.acceptance.harness.front import until
from tests.acceptance.harness.journals import PostgresFiles, SQLiteFiles
from tests.acceptance.harness.landscape import ASKED, CARELESS, FILE, NATIVE, RETRY
from tests.acceptance.harness.operations import Operator
from tests.acceptance.harness.plants import Plants, Search, wanted
from tests.acceptance.harness.production import Production
from tests.acceptance.harness.strange_core import StrangeCore, strange_core

OPEN_LOG: Final = (sys.executable, "-m", "tests.acceptance.harness.open_log")

IN_THE_LOG: Final = {
    "core code": "a code of ASCII letters, digits and ._:+- says why something waits",
    "core pointer": "so does the JSON pointer of a field with plain ASCII names",
    "result code": "likewise",
}
"""What may stand in entries, exports and logs, with the reason."""

IN_ROWS: Final = {
    **IN_THE_LOG,
    "core reference": "its own number (整理番号), which the front end is told",
    "result reference": "likewise",
    "confirmed reference": "likewise, from the operator who found it there",
    "trace": "the front end's trace id, which is handed on to the core system",
    "api key": "its SHA-256: 256 random bits cannot be guessed",
}
"""What may stand in the rows beside the log, with the reason."""

Found = Mapping[str, set[tuple[str, str]]]
"""Place to values and forms."""


@dataclass
class Footing:
    """A running gateway with its worker.

    Attributes:
        home: Where its socket is.
        front_url: Its door.
        operator: Its command line.
        folders: Whatever lies there was written by it.
        journal: What it wrote, past it.
        stop: Ends its processes in order.
    """

    home: Path
    front_url: str
    api_key: str
    operator: Operator
    folders: tuple[Path, ...]
    journal: SQLiteFiles | PostgresFiles
    stop: Callable[[], None]


class Operations:
    """An operator at the gateway's socket, who is quicker than at the command line."""

    def __init__(self, session: aiohttp.ClientSession) -> None:
        self._session = session

    async def __call__(self, operation: str, **arguments: object) -> tuple[int, Any]:
        url = f"http://gateway/ops/v1/{operation}"
        async with self._session.post(url, json=arguments) as answer:
            return answer.status, await answer.json(content_type=None)

    async def done(self, operation: str, **arguments: object) -> Any:
        """Do it; it must succeed."""
        status, answer = await self(operation, **arguments)
        assert status == 200, (operation, answer)
        return answer


def destinations(core: StrangeCore, drop: Path) -> dict[str, Any]:
    return {
        FILE: {
            "municipality": MUNICIPALITY,
            "adapter": "file",
            "idempotency": "lookup",
            "retry": RETRY,
            "config": {
                "folder": str(drop),
                "results": {
                    "format": "json",
                    "encoding": "utf-8",
                    "poll_interval_s": 0.2,
                    "settle_s": 0.1,
                    "columns": {"reason": "reason", "reference": "reference"},
                },
            },
        },
        **{name: core.destination(name) for name in (ASKED, CARELESS, NATIVE)},
    }


async def knock_wrongly(footing: Footing, plants: Plants) -> None:
    """Come with everything that is refused, a canary in each place."""
    key = {"Authorization": f"Bearer {footing.api_key}"}
    form = {**key, "Content-Type": "application/json"}
    path = f"/v1/municipalities/{MUNICIPALITY}/applications"
    body = Canaries(CARE, 90).document
    odd = {**body, plants.words("member name"): plants.words("member value")}
    nested = Canaries(CARE, 91).document
    nested["applicant"][plants.words("inner member name")] = 1
    nested["content"][plants.number("member that is a number")] = [1]
    long = {**body, "receipt_number": plants.words("long 受付番号") * 20}
    number = {**body, "receipt_number": plants.words("refused 受付番号"), "content": 1}
    unknown = {**body, "procedure": plants.token("procedure", begin="care/")}
    version = {**body, "version": plants.words("version")}
    replaced = {**body, "supersedes": plants.words("superseded")}
    twice = as_bytes(body)[:-1] + f',"{plants.words("double")}":1,'.encode()
    twice += f'"{plants.values["double"]}":2}}'.encode()
    headers = {
        "User-Agent": plants.token("user agent"),
        "X-Forwarded-For": plants.token("forwarded for"),
        "X-Request-Id": plants.token("request id"),
        "Cookie": f"session={plants.token('cookie')}",
        "Accept-Language": plants.token("language"),
        "Referer": f"https://example.jp/{plants.token('referer')}",
        "tracestate": f"a={plants.token('trace state')}",
        "traceparent": plants.token("bad trace"),
    }
    attempts: list[tuple[str, str, Mapping[str, str], bytes]] = [
        *(
            ("POST", path, {**form, "Idempotency-Key": plants.token(f"key {number}")}, content)
            for number, content in enumerate(
                (
                    *(as_bytes(each) for each in (odd, nested, long, number)),
                    *(as_bytes(each) for each in (unknown, version, replaced)),
                    twice,
                    plants.words("no JSON").encode(),
                )
            )
        ),
        ("POST", path, {**form, "Idempotency-Key": plants.words("wide key")}, as_bytes(body)),
        ("POST", path, {**form, **headers}, as_bytes(body)),
        ("POST", path, {**key, "Content-Type": plants.token("type", begin="text/")}, b"{}"),
        ("POST", path, {"Authorization": f"Bearer {plants.token('wrong key')}"}, b"{}"),
        ("POST", path, {"Authorization": f"Basic {plants.token('wrong scheme')}"}, b"{}"),
        ("POST", f"/v1/municipalities/{plants.number('town')}/applications", form, as_bytes(body)),
        (
            "POST",
            f"/v1/municipalities/{plants.words('town in words')}/applications",
            {**form, "Idempotency-Key": plants.token("key of a town")},
            as_bytes(body),
        ),
        ("GET", f"/v1/applications/{plants.words('id')}", key, b""),
        ("GET", f"/v1/applications/{plants.number('number for an id')}/proof", key, b""),
        (
            "GET",
            f"/{plants.words('path')}?{plants.token('query')}={plants.words('asked')}",
            {},
            b"",
        ),
        (plants.token("method").upper(), path, key, b""),
    ]
    async with aiohttp.ClientSession(footing.front_url) as session:
        for method, where, sent, content in attempts:
            async with session.request(method, where, headers=sent, data=content) as answer:
                assert 400 <= answer.status < 500, (method, where, answer.status)
    plants.values["METHOD"] = plants.values.pop("method").upper()


def answer_strangely(core: StrangeCore, plants: Plants) -> None:
    """Let every destination say something in its own words."""
    said = plants.words("core message")

    def refusal(code: str, pointer: str) -> tuple[int, Mapping[str, str], bytes]:
        return 422, {}, json.dumps({"code": code, "pointer": pointer, "message": said}).encode()

    names = f"/applicant/{plants.token('core pointer')}"
    core.answers = {
        ASKED: [refusal(plants.token("core code", begin="E-"), names)],
        CARELESS: [
            refusal(plants.words("code in words"), f"/{plants.words('pointer in words')}"),
            refusal(plants.number("code of digits"), f"/a/{plants.number('pointer of digits')}"),
        ],
        NATIVE: [
            (
                500,
                {"Retry-After": plants.token("wait"), "Server": plants.token("server")},
                plants.words("page of an error").encode(),
            ),
            (
                201,
                {},
                json.dumps({"reference": plants.token("core reference", begin="R8-")}).encode(),
            ),
        ],
    }


async def give_results(drop: Path, delivery: str, plants: Plants) -> None:
    """Let the core system of the drop folder say what it decided, well and badly."""
    folder = drop / "results"
    await until(lambda: asyncio.to_thread(folder.is_dir), timeout_s=20, what="no results folder")
    good = {
        "key": delivery,
        "status": "受理",
        "decided_at": "2026-11-20T10:00:00+09:00",
        "reason": plants.token("result code"),
        "reference": plants.token("result reference", begin="R8-"),
    }
    bad = [
        {**good, "reason": plants.words("result reason")},
        {**good, "reason": plants.number("result number"), "reference": None},
        {**good, "status": plants.words("result status")},
        {**good, "key": plants.words("result key")},
        {**good, plants.words("result member"): plants.words("result value")},
    ]
    await asyncio.to_thread(
        (folder / "result-1.json").write_text, json.dumps([good, *bad], ensure_ascii=False)
    )


async def operate(ask: Operations, plants: Plants, by_core: Mapping[str, Any]) -> None:
    """Do everything for which an operator has a reason, or looks for somebody."""

    async def parked(core: str) -> None:
        async def is_parked() -> bool:
            [one] = (await ask("parked.list", destination=core))[1] or [None]
            return one is not None and one["id"] == by_core[core]

        await until(is_parked, timeout_s=20, what=f"{core} not parked", every_s=0.1)

    reason = plants.words
    await parked(CARELESS)
    await ask.done("parked.replay", delivery=by_core[CARELESS], reason=reason("replay"))
    await asyncio.sleep(0.3)
    await parked(CARELESS)
    await ask.done("parked.show", delivery=by_core[CARELESS])
    await ask.done(
        "parked.confirm",
        delivery=by_core[CARELESS],
        reason=reason("confirm"),
        reference=plants.words("confirmed reference"),
    )
    await parked(ASKED)
    paused = {"destination": ASKED}
    await ask.done("destination.pause", **paused, reason=reason("pause"))
    settings = {"rate_per_s": 50.0}
    await ask.done("destination.change", **paused, settings=settings, reason=reason("change"))
    order = await ask.done("replay.order", where=paused, reason=reason("order"), canary=0)
    await ask("replay.resume", order=order["id"], reason=reason("resume an order"))
    await ask("replay.stop", order=order["id"], reason=reason("stop"))
    await ask.done("destination.resume", **paused, reason=reason("resume"))
    await asyncio.sleep(0.3)
    await parked(ASKED)
    await ask.done("parked.cancel", delivery=by_core[ASKED], reason=reason("cancel"))
    for operation, arguments in (
        ("parked.replay", {"delivery": plants.words("operator's id"), "reason": "x"}),
        ("parked.cancel", {"delivery": by_core[ASKED], "reason": reason("too late")}),
        ("parked.show", {plants.words("argument"): plants.words("value")}),
        ("client.add", {"client": plants.words("client")}),
        ("client.revoke", {"key": plants.token("key to revoke")}),
        ("destination.pause", {"destination": plants.token("core"), "reason": reason("refused")}),
        ("replay.order", {"where": {"code": plants.token("code sought")}, "reason": "x"}),
        (plants.token("operation"), {}),
    ):
        assert (await ask(operation, **arguments))[0] >= 400, operation


async def look_for_people(ask: Operations, plants: Plants, number: str) -> None:
    """Search for people who are there and for people who are not."""
    assert (await ask.done("audit.search", where={"receipt_number": number}))["entries"]
    assert await ask.done("status", subject=number)
    await ask("status", subject=plants.words("somebody"))
    for name in ("receipt_number", "actor", "application", "municipality", "actor_kind", "since"):
        await ask("audit.search", where={name: plants.words(f"sought {name}")})
        await ask("audit.search", where={name: plants.number(f"sought {name} in digits")})
    for name in ("actions", "outcomes"):
        await ask("audit.search", where={name: [plants.words(f"sought {name}")]})
    await ask("audit.search", where={plants.words("search member"): "x"})
    await ask("audit.report", since=plants.words("report from"), until="2027-01-01")
    await ask("audit.prove", application=plants.words("proof of"))
    town = plants.number("report of a town")
    await ask("audit.report", since="2026-01-01", until="2099-01-01", municipality=town)


async def carry_canaries(
    footing: Footing, core: StrangeCore, drop: Path
) -> tuple[Plants, list[Canaries], Found]:
    """Plant canaries everywhere; return where any of them is found."""
    plants = Plants(4)
    answer_strangely(core, plants)
    canaries = [Canaries(CHILDCARE, 11), Canaries(CARE, 12), Canaries(DISASTER, 13)]
    traced = f"00-{plants.trace('trace')}-00f067aa0ba902b7-01"
    ids: list[str] = []
    headers = {"Authorization": f"Bearer {footing.api_key}", "Content-Type": "application/json"}
    connector = aiohttp.UnixConnector(str(footing.home / "kakehashi.sock"))
    async with (
        aiohttp.ClientSession(footing.front_url, headers=headers) as front,
        aiohttp.ClientSession(connector=connector) as session,
    ):
        for canary in canaries:
            sent = {"Idempotency-Key": canary.key, "traceparent": traced}
            path = f"/v1/municipalities/{MUNICIPALITY}/applications"
            async with front.post(path, headers=sent, data=as_bytes(canary.document)) as answer:
                assert answer.status == 202, await answer.text()
                ids.append((await answer.json())["id"])
        await knock_wrongly(footing, plants)
        ask = Operations(session)
        listed = await ask.done("messages.list")
        by_core = {
            delivery["destination"]: delivery["id"]
            for message in listed
            for delivery in message["deliveries"]
        }
        await give_results(drop, by_core[FILE], plants)
        await operate(ask, plants, by_core)
        await look_for_people(ask, plants, canaries[0].document["receipt_number"])
        await until_told(ask, ids[0], "feedback.received", times=2)
        await until_told(ask, ids[2], "delivery.delivered", times=1)
        await shred(ask, plants, UUID(ids[1]), footing.journal)
        async with session.get("http://gateway/metrics") as answer:
            metrics = await answer.read()
    made = footing.home.parent / "made"
    await asyncio.to_thread(hand_out, footing.operator, made)
    await asyncio.to_thread(footing.stop)
    values = {**plants.values, "api key": footing.api_key}
    for number, canary in enumerate(canaries):
        values |= {f"{number} {name}": text for name, text in canary.values.items()}
    search = Search(wanted(values))
    rows = await footing.journal.tables() + await footing.journal.files()
    found = {
        "entries": search(await footing.journal.entries()),
        "rows": search(rows),
        "metrics": search(metrics),
    }
    for path in (path for folder in footing.folders for path in folder.rglob("*")):
        if path.is_file() and "journal.db" not in path.name:
            place = "export" if path.is_relative_to(made) else path.name
            found[place] = found.get(place, set()) | search(path.read_bytes())
    return plants, canaries, {place: hits for place, hits in found.items() if hits}


async def until_told(ask: Operations, application: str, action: str, *, times: int) -> None:
    async def is_told() -> bool:
        where = {"application": application, "actions": [action]}
        return len((await ask.done("audit.search", where=where))["entries"]) >= times

    await until(is_told, timeout_s=20, what=f"no {action}", every_s=0.1)


async def shred(
    ask: Operations, plants: Plants, application: UUID, journal: SQLiteFiles | PostgresFiles
) -> None:
    """Forget the words about an application; see that they are gone, and that the log is whole."""
    where = {"application": str(application)}
    before = (await ask.done("audit.search", where=where))["entries"]
    with_words = {each["position"] for each in before if each["words"]}
    keys = await journal.keys(application)
    files = await journal.files()
    assert len(with_words) == len(keys) == sum(key in files for key in keys) >= 2

    await ask.done("audit.shred", application=str(application), reason=plants.words("shred"))

    left = await journal.files()
    assert [key in left for key in keys] == [False] * len(keys)
    assert not set(keys) & set(await journal.keys(application))
    after = (await ask.done("audit.search", where=where))["entries"]
    erased = {each["position"] for each in after if each["erased"] and not each["words"]}
    assert erased == with_words
    [timeline] = await ask.done("status", subject=str(application))
    assert json.dumps(timeline).count('"erased": true') == len(with_words)
    assert (await ask.done("audit.verify"))["ok"]


def hand_out(operator: Operator, made: Path) -> None:
    """Write an export and both reports of everything."""
    operator.run("audit", "export", str(made))
    began, ended = (str(date.today() + timedelta(days=days)) for days in (-2, 2))  # noqa: DTZ011 - any
    for language in ("ja", "en"):
        report = str(made / f"report-{language}.html")
        operator.run(
            "audit", "report", "--from", began, "--to", ended, "--out", report, "--lang", language
        )


async def on_embedded(folder: Path, *command: str) -> tuple[Plants, list[Canaries], Found]:
    async with strange_core() as core:
        drop = folder / "drop"
        up = Embedded(
            folder / "up",
            destinations(core, drop),
            log_level="debug",
            **({"command": command} if command else {}),
        )
        await asyncio.to_thread(up.start)
        footing = Footing(
            home=up.home,
            front_url=up.front_url,
            api_key=await asyncio.to_thread(lambda: up.api_key),
            operator=up.operator,
            folders=(folder / "up",),
            journal=SQLiteFiles(up.home / "journal.db"),
            stop=lambda: (up.program.stop(), None)[1],
        )
        try:
            return await carry_canaries(footing, core, drop)
        finally:
            up.program.kill()


def names(found: Found, place: str) -> set[str]:
    return {name for name, _ in found.get(place, ())}


def assert_nothing_is_shown(found: Found) -> None:
    # What may stand there is found: so the search works, and the tables are as small as can be.
    assert names(found, "entries") == set(IN_THE_LOG)
    assert names(found, "rows") == set(IN_ROWS)
    assert {form for name, form in found["rows"] if name == "api key"} == {"sha256"}
    for place in found.keys() - {"rows"}:
        # What programs print leads from a line to its trace.
        printed = {"trace"} if place.endswith((".err", ".out")) else set()
        assert names(found, place) <= {*IN_THE_LOG, *printed}, place


async def test_the_log_of_one_process_shows_nothing(tmp_path: Path) -> None:
    _, _, found = await on_embedded(tmp_path)

    assert_nothing_is_shown(found)


async def test_the_search_finds_everything_when_the_log_hides_nothing(tmp_path: Path) -> None:
    plants, canaries, found = await on_embedded(tmp_path, *OPEN_LOG)

    words = set(plants.values)
    reasons = {"replay", "confirm", "cancel", "pause", "change", "order", "resume", "shred"}
    numbers = {f"{number} receipt_number" for number, _ in enumerate(canaries)}
    for place in ("entries", "export", "rows"):
        assert reasons & words <= names(found, place), place
        assert numbers <= {name for name, form in found[place] if form.startswith("sha256")}
    assert {f"{number} idempotency_key" for number, _ in enumerate(canaries)} <= {
        name for name, form in found["rows"] if form == "sha256"
    }


async def test_the_log_of_the_production_footing_shows_nothing(
    tmp_path: Path, production: Callable[..., Production], postgres_node: PostgresNode
) -> None:
    async with strange_core() as core:
        drop = tmp_path / "drop"
        made = await asyncio.to_thread(production, destinations(core, drop), log_level="debug")
        await asyncio.to_thread(made.start)
        url = json.loads(made.gateway_machine.config.read_text())["journal"]["url"]

        def stop() -> None:
            for program in (*made.gateways.values(), *made.workers.values()):
                program.stop()

        footing = Footing(
            home=made.gateway_machine.home,
            front_url=made.front_urls[0],
            api_key=await asyncio.to_thread(lambda: made.api_key),
            operator=made.operator,
            folders=(made.gateway_machine.folder, made.worker_machine.folder),
            journal=PostgresFiles(url, postgres_node),
            stop=stop,
        )
        _, _, found = await carry_canaries(footing, core, drop)

    assert_nothing_is_shown(found)
