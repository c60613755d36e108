"""The operations door: health and metrics for all who reach it, commands over the Unix socket."""

import asyncio
import getpass
import json
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientSession, UnixConnector, web

from gateway.domain.claim import BreakerState
from gateway.domain.entry import Actor, ActorKind
from gateway.domain.errors import ConfigError, JournalUnavailableError
from gateway.domain.identifiers import DestinationName
from gateway.domain.lifecycle import State
from gateway.http.how_far import LINES, LOOK_S, TELLING
from gateway.http.metrics import Metrics
from gateway.http.operations import operations_app
from gateway.http.protocol import FrontRunner
from gateway.services.observe import Observed


class Journal:
    """What the operations door asks of a journal."""

    def __init__(self) -> None:
        self.up = True

    async def ready(self) -> Mapping[str, bool]:
        return {"journal": self.up, "running": True}

    async def observe(self) -> Observed:
        name = DestinationName("jido-teate")
        workers = {name: {BreakerState.OPEN: 1}}
        holds = {name: "destination.unavailable"}
        if not self.up:
            return Observed(workers=workers, holds=holds)
        return Observed(
            deliveries={name: {State.PARKED: 2}},
            oldest_s={name: {State.PARKED: 90.5}},
            halted_keys={name: 1},
            workers=workers,
            holds=holds,
        )


async def echo(actor: Actor, arguments: Mapping[str, object]) -> object:
    return {"actor": actor, "arguments": arguments}


async def fail(_actor: Actor, arguments: Mapping[str, object]) -> object:
    raise (JournalUnavailableError if arguments else ConfigError)("journal.url")


async def tell(_: Actor, arguments: Mapping[str, Any]) -> object:
    """Be half done for as long as it takes to say so, and then done, or not."""
    arguments["told"](1, 2)
    await asyncio.sleep(2.5 * LOOK_S)
    if "fails" in arguments:
        raise ConfigError("half")
    return {"done": True}


@pytest.fixture
def journal() -> Journal:
    return Journal()


@pytest.fixture
def metrics() -> Metrics:
    return Metrics()


@pytest.fixture
async def health(journal: Journal, metrics: Metrics) -> AsyncIterator[ClientSession]:
    """A session with the TCP port."""
    app = operations_app(
        ready=journal.ready, observe=journal.observe, metrics=metrics, operations={}
    )
    runner = FrontRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    async with ClientSession(f"http://127.0.0.1:{runner.addresses[0][1]}") as session:
        yield session
    await runner.cleanup()


@pytest.fixture
async def commands(
    journal: Journal, metrics: Metrics, tmp_path: Path
) -> AsyncIterator[ClientSession]:
    """A session with the Unix socket."""
    app = operations_app(
        ready=journal.ready,
        observe=journal.observe,
        metrics=metrics,
        operations={"echo": echo, "fail": fail, "audit.verify": tell, "retention.run": tell},
    )
    runner = FrontRunner(app)
    await runner.setup()
    path = str(tmp_path / "s")
    await web.UnixSite(runner, path).start()
    async with ClientSession("http://gateway", connector=UnixConnector(path)) as session:
        yield session
    await runner.cleanup()


async def test_a_living_process_says_so(health: ClientSession) -> None:
    async with health.get("/livez") as answer:
        assert (answer.status, await answer.json()) == (200, {"live": True})


async def test_ready_is_what_the_checks_say(health: ClientSession, journal: Journal) -> None:
    async with health.get("/readyz") as answer:
        assert answer.status == 200
        assert (await answer.json())["ready"] is True

    journal.up = False

    async with health.get("/readyz") as answer:
        assert answer.status == 503
        assert (await answer.json())["checks"] == {"journal": False, "running": True}


async def test_metrics_count_what_the_front_door_answered(
    serve: Any, health: ClientSession, metrics: Metrics
) -> None:
    front = await serve()
    await front.submit()
    await front.submit()
    await front.submit(b"[]")
    for answered in front.answered:
        metrics.observe(answered)

    async with health.get("/metrics") as answer:
        text = await answer.text()

    assert "kakehashi_applications_accepted_total 1.0" in text
    assert "kakehashi_applications_replayed_total 1.0" in text
    assert 'kakehashi_requests_refused_total{code="json.not_an_object"} 1.0' in text
    assert "kakehashi_accept_seconds_count 2.0" in text
    assert 'kakehashi_deliveries{destination="jido-teate",state="parked"} 2.0' in text
    assert 'kakehashi_deliveries{destination="jido-teate",state="delivered"} 0.0' in text


async def test_a_scraper_that_takes_openmetrics_gets_it(health: ClientSession) -> None:
    accept = "application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5"
    async with health.get("/metrics", headers={"Accept": accept}) as answer:
        text = await answer.text()

    assert answer.headers["Content-Type"].startswith("application/openmetrics-text; version=1.0.0")
    assert text.endswith("# EOF\n")


async def test_metrics_show_every_destination_as_it_stands(health: ClientSession) -> None:
    async with health.get("/metrics") as answer:
        text = await answer.text()

    for line in (
        'kakehashi_oldest_delivery_seconds{destination="jido-teate",state="parked"} 90.5',
        'kakehashi_halted_order_keys{destination="jido-teate"} 1.0',
        'kakehashi_workers{breaker="open",destination="jido-teate"} 1.0',
        'kakehashi_workers{breaker="closed",destination="jido-teate"} 0.0',
        'kakehashi_destination_held{code="destination.unavailable",destination="jido-teate"} 1.0',
        'kakehashi_destination_held{code="destination.paused",destination="jido-teate"} 0.0',
    ):
        assert line in text.splitlines(), line
    assert 'state="delivered"} 90' not in text


async def test_metrics_are_given_when_the_journal_is_down_and_nothing_old_of_it(
    health: ClientSession, journal: Journal
) -> None:
    async with health.get("/metrics") as answer:
        assert "kakehashi_deliveries{" in await answer.text()
    journal.up = False

    async with health.get("/metrics") as answer:
        text = await answer.text()

    assert answer.status == 200
    assert "kakehashi_applications_accepted_total 0.0" in text
    assert 'kakehashi_workers{breaker="open",destination="jido-teate"} 1.0' in text
    assert "kakehashi_deliveries{" not in text


@pytest.mark.parametrize("operation", ["echo", "unknown"])
async def test_the_tcp_port_takes_no_command(health: ClientSession, operation: str) -> None:
    async with health.post(f"/ops/v1/{operation}", data=b"{}") as answer:
        assert answer.status == 404
        assert (await answer.json(content_type=None))["code"] == "resource.unknown"


async def test_a_command_that_does_not_come_over_a_unix_socket_is_nobodys(
    journal: Journal, metrics: Metrics
) -> None:
    app = operations_app(
        ready=journal.ready, observe=journal.observe, metrics=metrics, operations={"echo": echo}
    )
    runner = FrontRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()

    url = f"http://127.0.0.1:{runner.addresses[0][1]}/ops/v1/echo"
    async with ClientSession() as session, session.post(url, data=b"{}") as answer:
        refused = answer.status, (await answer.json(content_type=None))["code"]
    await runner.cleanup()

    assert refused == (403, "operator.unknown")


async def test_a_command_knows_who_gives_it(commands: ClientSession) -> None:
    async with commands.post("/ops/v1/echo", data=b'{"delivery": "x"}') as answer:
        said = await answer.json()

    assert said == {
        "actor": {"kind": ActorKind.OPERATOR, "name": getpass.getuser()},
        "arguments": {"delivery": "x"},
    }


@pytest.mark.parametrize(
    ("path", "body", "status", "code"),
    [
        ("unknown", {}, 404, "operation.unknown"),
        ("fail", {}, 422, "config.invalid"),
        ("fail", {"x": 1}, 503, "journal.unavailable"),
    ],
)
async def test_a_command_that_fails_says_why(
    commands: ClientSession, path: str, body: dict[str, object], status: int, code: str
) -> None:
    async with commands.post(f"/ops/v1/{path}", data=json.dumps(body)) as answer:
        problem = await answer.json(content_type="application/problem+json")

    assert (answer.status, problem["code"]) == (status, code)


async def test_a_command_whose_arguments_are_not_json_is_refused(commands: ClientSession) -> None:
    async with commands.post("/ops/v1/echo", data=b"{") as answer:
        assert answer.status == 400
        assert (await answer.json(content_type=None))["code"] == "json.malformed"


@pytest.mark.parametrize("operation", sorted(TELLING - {"audit.report"}))
async def test_who_takes_lines_is_told_how_far_it_is_and_what_came_of_it(
    commands: ClientSession, operation: str
) -> None:
    said = []
    for arguments in (b"{}", b'{"fails": true}'):
        url, headers = f"/ops/v1/{operation}", {"Accept": LINES}
        async with commands.post(url, data=arguments, headers=headers) as answer:
            assert (answer.status, answer.content_type) == (200, LINES)
            said.append([json.loads(line) async for line in answer.content])

    assert {"done": 1, "of": 2} in said[0]
    assert said[0][-1] == {"answer": {"done": True}}
    problem = {"status": 422, "code": "config.invalid", "detail": "config.invalid: half"}
    assert said[1][-1] == {"problem": problem}


async def test_the_whole_log_is_read_once_at_a_time_and_only_for_who_waits(
    journal: Journal, metrics: Metrics, tmp_path: Path
) -> None:
    reading, ended = asyncio.Event(), asyncio.Event()

    async def verify(_: Actor, __: Mapping[str, object]) -> object:
        if ended.is_set():
            return {"ok": True}
        reading.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()
        return None

    app = operations_app(
        ready=journal.ready,
        observe=journal.observe,
        metrics=metrics,
        operations={"audit.verify": verify, "echo": echo},
    )
    runner = FrontRunner(app)
    await runner.setup()
    await web.UnixSite(runner, path := str(tmp_path / "s")).start()
    async with ClientSession("http://gateway", connector=UnixConnector(path)) as session:
        first = asyncio.create_task(session.post("/ops/v1/audit.verify", data=b"{}"))
        await asyncio.wait_for(reading.wait(), 10)
        async with session.post("/ops/v1/audit.verify", data=b"{}") as answer:
            refused = answer.status, (await answer.json(content_type=None))["code"]
        async with session.post("/ops/v1/echo", data=b"{}") as answer:
            assert answer.status == 200
        first.cancel()
        await asyncio.wait_for(ended.wait(), 10)
        async with asyncio.timeout(10):
            while True:
                async with session.post("/ops/v1/audit.verify", data=b"{}") as answer:
                    if answer.status == 200:
                        break
    await runner.cleanup()

    assert refused == (422, "operation.refused")
