"""An application from a front end to its core system and back is one trace."""

import asyncio
import json
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientSession, web

from gateway.bootstrap.key_names import webhook_key
from gateway.bootstrap.listening import Addresses
from gateway.bootstrap.run import run_gateway
from gateway.crypto import keys
from gateway.domain.entry import Actor, ActorKind
from gateway.domain.identifiers import ClientName
from gateway.domain.lifecycle import State
from gateway.domain.trace import parse
from gateway.drivers.memory_keys import MemoryKeys
from gateway.drivers.system_clock import SystemClock
from gateway.drivers.telemetry.driver import OTelTelemetry, over_http
from gateway.http.metrics import Metrics
from gateway.http.operations import operations_app
from gateway.http.protocol import FrontRunner
from gateway.ports.broker import destination_queue
from gateway.ports.telemetry import SpanKind
from gateway.sdk import (
    JST,
    Application,
    Delivery,
    Feedback,
    FeedbackStatus,
    Receipt,
    RejectedError,
    TransientError,
)
from gateway.services.accept import AcceptanceReceipt
from gateway.services.authenticate import new_key
from gateway.services.spans import ATTRIBUTES, Spans, asked_by
from gateway.testing.collector import Collected, Collector
from gateway.testing.world import (
    CLIENT,
    DESTINATION,
    MUNICIPALITY,
    World,
    eventually,
    shipped_procedures,
)

FRONT_END = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
QUEUE = destination_queue(DESTINATION)


def leaves(value: object) -> Iterator[str]:
    """Yield every text of a document, long enough not to stand anywhere by chance."""
    if isinstance(value, Mapping):
        for each in value.values():
            yield from leaves(each)
    elif isinstance(value, list):
        for each in value:
            yield from leaves(each)
    elif isinstance(value, str) and len(value) > 3:
        yield value


class FrontEnd:
    """Takes webhooks and keeps their trace contexts."""

    def __init__(self) -> None:
        self.traceparents: list[str | None] = []

    async def take(self, request: web.Request) -> web.Response:
        await request.read()
        self.traceparents.append(request.headers.get("traceparent"))
        return web.Response()


class Run:
    """A gateway with a worker, a front end and a collector, all real but the core system."""

    def __init__(self, world: World, front_end: FrontEnd, collector: Collector) -> None:
        self.world, self.front_end, self.collector = world, front_end, collector
        self.document: dict[str, Any] = {}

    async def send(self, addresses: Addresses) -> None:
        gateway = self.world.gateway
        text, key = new_key(ClientName(CLIENT), SystemClock())
        gateway.authenticate.admit(key)
        procedure = shipped_procedures().get("childcare/allowance-claim", 1)
        assert procedure is not None
        self.document = {**procedure.example, "receipt_number": "TRACE-000777"}
        async with ClientSession() as session:
            answer = await session.post(
                f"{addresses.front}/v1/municipalities/{MUNICIPALITY}/applications",
                data=json.dumps(self.document, ensure_ascii=False).encode(),
                headers={
                    "Authorization": f"Bearer {text}",
                    "Idempotency-Key": "canary-idempotency-key",
                    "Content-Type": "application/json",
                    "traceparent": FRONT_END,
                },
            )
            assert answer.status == 202, await answer.text()

    async def reported(self) -> Delivery:
        """Wait for the delivery, say something of it, and wait until the front end knows."""
        await eventually(lambda: bool(self.world.adapter.held))
        _, delivery = self.world.adapter.sent[-1]
        self.world.adapter.statuses.put_nowait(
            Feedback(
                id="status-1",
                idempotency_key=delivery.idempotency_key,
                status=FeedbackStatus.ACCEPTED,
                at=datetime(2026, 11, 20, 9, tzinfo=JST),
            )
        )
        await eventually(lambda: bool(self.front_end.traceparents))
        return delivery


async def traced_run(folder: Path, endpoint: str, collector: Collector, **over: Any) -> Run:
    """Carry one application there and back; returns when the gateway has stopped."""
    front_end = FrontEnd()
    app = web.Application()
    app.router.add_post("/hook", front_end.take)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    hook = f"http://127.0.0.1:{runner.addresses[0][1]}/hook"
    telemetry = OTelTelemetry(
        over_http(endpoint, {}),
        allowed=ATTRIBUTES,
        resource={"service.name": "kakehashi"},
        every_s=0.05,
        strict=True,
        **over,
    )
    store = MemoryKeys()
    store.add(webhook_key(CLIENT), keys.new_secret(), private=True)
    world = World.make(
        folder,
        store=store,
        spans=Spans(telemetry),
        clients={
            CLIENT: {
                "municipalities": [MUNICIPALITY],
                "procedures": ["childcare/*"],
                "webhook": {"url": hook},
            }
        },
    )
    world.gateway.settings.http.__dict__.update(port=0, operations_port=0)
    run, stop, here = Run(world, front_end, collector), asyncio.Event(), asyncio.Event()

    async def started(addresses: Addresses) -> None:
        await run.send(addresses)
        here.set()

    running = asyncio.create_task(
        run_gateway(world.gateway, stop=stop, workers=[world.worker], started=started)
    )
    try:
        await asyncio.wait(
            {running, asyncio.create_task(here.wait())}, return_when="FIRST_COMPLETED"
        )
        await run.reported()
    finally:
        stop.set()
        await running
        await runner.cleanup()
    return run


def path_to(spans: list[Collected], leaf: Collected) -> list[str]:
    """Return the names from ``leaf`` up to what came from outside."""
    known = {span.span_id: span for span in spans}
    names, span = [leaf.name], leaf
    while span.parent_id in known:
        span = known[span.parent_id]
        names.append(span.name)
    return names


async def test_an_application_is_one_trace_from_its_front_end_to_the_core_system_and_back(
    tmp_path: Path,
) -> None:
    async with Collector() as collector:
        run = await traced_run(tmp_path, collector.url, collector)
    spans, front_end = collector.spans, parse(FRONT_END)
    assert front_end is not None
    own = [span for span in spans if span.trace_id == front_end.trace_id]
    posted = "POST /v1/municipalities/{code}/applications"

    assert collector.named(posted).parent_id == front_end.span_id
    assert path_to(own, collector.named(f"deliver {DESTINATION}")) == [
        f"deliver {DESTINATION}",
        f"process {QUEUE}",
        f"send {QUEUE}",
        posted,
    ]
    told_core = parse(run.world.adapter.sent[-1][1].traceparent)
    assert told_core is not None
    assert told_core.span_id == collector.named(f"deliver {DESTINATION}").span_id
    told_front_end = parse(run.front_end.traceparents[0])
    assert told_front_end is not None
    assert told_front_end.span_id == collector.named("POST").span_id
    assert {span.name for span in own} >= {
        "commit acceptance",
        "claim",
        "open",
        f"ack {QUEUE}",
        "send kakehashi.outcomes",
        "process kakehashi.outcomes",
        "POST",
    }
    # Only what a core system says of itself begins a trace: it is linked to.
    others = [span for span in spans if span.trace_id != front_end.trace_id]
    assert {span.name for span in others} <= {"send kakehashi.outcomes"}


async def test_nothing_of_an_application_is_exported(tmp_path: Path) -> None:
    async with Collector() as collector:
        run = await traced_run(tmp_path, collector.url, collector)
    assert collector.spans
    public = {"childcare/allowance-claim", MUNICIPALITY}
    exported = collector.raw

    found = {
        text
        for text in [*leaves(run.document), "canary-idempotency-key"]
        if text not in public and text.encode() in exported
    }

    assert found == set()
    assert {key for span in collector.spans for key in span.attributes} <= ATTRIBUTES


async def test_a_collector_that_is_not_there_harms_nothing(tmp_path: Path) -> None:
    run = await traced_run(tmp_path, "http://127.0.0.1:1/v1/traces", Collector())

    assert len(run.world.adapter.held) == 1
    assert len(run.front_end.traceparents) == 1


async def test_a_collector_that_hangs_harms_nothing_and_loses_what_there_is_no_room_for(
    tmp_path: Path,
) -> None:
    held = asyncio.Event()

    async def hang(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await held.wait()
        writer.close()

    server = await asyncio.start_server(hang, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    try:
        url = f"http://127.0.0.1:{port}/v1/traces"
        run = await traced_run(tmp_path, url, Collector(), most_waiting=2)
    finally:
        held.set()
        server.close()

    assert len(run.world.adapter.held) == 1
    telemetry = run.world.gateway.spans.telemetry
    assert isinstance(telemetry, OTelTelemetry)
    assert telemetry.dropped > 0


async def test_a_retry_soon_after_stays_in_the_trace(tmp_path: Path) -> None:
    async with Collector() as collector:
        telemetry = OTelTelemetry(
            over_http(collector.url, {}), allowed=ATTRIBUTES, resource={}, every_s=0.05
        )

        async with World.make(tmp_path, spans=Spans(telemetry)) as world:
            world.adapter.script.append(_fails)
            await world.submit(traceparent=FRONT_END)
            world.start_worker()
            await eventually(lambda: len(world.adapter.held) == 1)
            await eventually(
                lambda: sum(span.name == f"deliver {DESTINATION}" for span in collector.spans) == 2
            )
            await telemetry.close()

    sends = [span for span in collector.spans if span.name == f"send {QUEUE}"]
    assert [span.attributes["kakehashi.attempt"] for span in sends] == ["1", "2"]
    assert {span.trace_id for span in sends} == {FRONT_END[3:35]}


async def test_what_is_sent_long_after_begins_a_trace_that_is_linked(tmp_path: Path) -> None:
    async with Collector() as collector:
        telemetry = OTelTelemetry(
            over_http(collector.url, {}), allowed=ATTRIBUTES, resource={}, every_s=0.05
        )
        later = Spans(telemetry, unix_s=lambda: 4e9)

        async with World.make(tmp_path, spans=later) as world:
            await world.submit(traceparent=FRONT_END)
            await eventually(lambda: any(span.name == f"send {QUEUE}" for span in collector.spans))
            await telemetry.close()

    sent = collector.named(f"send {QUEUE}")
    assert sent.trace_id != FRONT_END[3:35]
    assert sent.links == (FRONT_END[3:35],)


async def test_what_a_person_decides_is_part_of_the_request_and_linked_to_the_application(
    tmp_path: Path,
) -> None:
    asked = parse("00-" + "a" * 32 + "-" + "b" * 16 + "-01")
    assert asked is not None
    async with Collector() as collector:
        telemetry = OTelTelemetry(
            over_http(collector.url, {}), allowed=ATTRIBUTES, resource={}, every_s=0.05, strict=True
        )

        async with World.make(tmp_path, spans=Spans(telemetry)) as world:
            world.adapter.script.append(_refuses)
            world.start_worker()
            receipt = await world.submit(traceparent=FRONT_END)
            assert isinstance(receipt, AcceptanceReceipt)
            delivery = await world.delivery_of(receipt.id)
            await world.until(delivery, State.PARKED)
            with asked_by(asked):
                await world.gateway.operate.decide.replay(
                    str(delivery.id), actor=Actor(ActorKind.OPERATOR, "s"), reason="again"
                )
            await telemetry.close()

    decided = collector.named("decide replayed")
    assert (decided.trace_id, decided.parent_id) == (asked.trace_id, asked.span_id)
    assert decided.links == (FRONT_END[3:35],)
    assert decided.attributes["kakehashi.delivery.id"] == str(delivery.id)


async def test_operators_requests_have_spans_and_probes_have_none() -> None:
    async def nothing(*_: object) -> Any:
        return {}

    async with Collector() as collector:
        telemetry = OTelTelemetry(
            over_http(collector.url, {}), allowed=ATTRIBUTES, resource={}, every_s=0.01, strict=True
        )
        app = operations_app(
            ready=nothing,
            observe=nothing,
            metrics=Metrics(),
            operations={"status": nothing},
            spans=Spans(telemetry),
        )
        runner = FrontRunner(app)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        async with ClientSession(headers={"traceparent": FRONT_END}) as session:
            for path in ("/livez", "/readyz", "/nowhere"):
                await session.get(f"{url}{path}")
            await session.post(f"{url}/ops/v1/status", json={})
        await runner.cleanup()
        await telemetry.close()

    [span] = collector.spans
    assert span.name == "POST /ops/v1/{operation}"
    assert span.parent_id == FRONT_END[36:52]
    assert span.attributes["kakehashi.operation"] == "status"


@pytest.mark.parametrize("sampled", ["00", "01"])
async def test_a_front_end_s_word_on_sampling_is_followed(sampled: str) -> None:
    async with Collector() as collector:
        telemetry = OTelTelemetry(
            over_http(collector.url, {}), allowed=ATTRIBUTES, resource={}, every_s=0.01
        )
        span = Spans(telemetry).answer("GET", "/v1/procedures", parse(FRONT_END[:-2] + sampled))
        span.end()
        await telemetry.close()

    assert span.context.trace_id == FRONT_END[3:35]
    assert len(collector.spans) == int(sampled)


async def test_an_attribute_that_is_not_listed_leaves_no_process() -> None:
    async with Collector() as collector:
        telemetry = OTelTelemetry(
            over_http(collector.url, {}), allowed=ATTRIBUTES, resource={}, every_s=0.01
        )
        span = telemetry.begin("x", SpanKind.INTERNAL, parent=None, attributes={"name": "canary"})
        span.end()
        await telemetry.close()

    assert collector.named("x").attributes == {}
    assert b"canary" not in collector.raw


def _refuses(_application: Application, _delivery: Delivery) -> Receipt:
    raise RejectedError("core.refused")


def _fails(_application: Application, _delivery: Delivery) -> Receipt:
    raise TransientError("core.busy")
