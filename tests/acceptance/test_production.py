"""``serve`` and ``work`` apart, over RabbitMQ and PostgreSQL, set up as an operator would."""

import asyncio
import json
from base64 import urlsafe_b64decode
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from gateway.testing.collector import Collected
from gateway.testing.postgres import PostgresNode
from gateway.testing.rabbitmq import RabbitNode
from tests.acceptance.harness.applications import CARE, CHILDCARE, DISASTER, as_bytes, body
from tests.acceptance.harness.canary import Canaries, found_in, patterns
from tests.acceptance.harness.front import ACCEPTED, Front, Sent, until
from tests.acceptance.harness.landscape import ASKED, FILE, Landscape, tenant
from tests.acceptance.harness.processes import CommandFailedError, free_ports
from tests.acceptance.harness.production import NO_JOURNAL, WORKERS, Machine, Production
from tests.acceptance.harness.tracing import Collecting, endpoint, path_to, witnessed
from tests.acceptance.harness.verdict import judge, settled

MANY = 200
TRACE, FRONT_SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
POSTED = "POST /v1/municipalities/{code}/applications"
PRODUCER = 4
"""As OTLP numbers a span's kind (opentelemetry-proto, ``SpanKind``)."""
REPORTS = "kakehashi.gateway:kakehashi.outcomes"


@pytest.fixture(scope="module")
def landscape(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Landscape]:
    running = Landscape.start(tmp_path_factory.mktemp("cores"))
    yield running
    running.stop()


@pytest.fixture(scope="module")
def collecting() -> Iterator[Collecting]:
    running = Collecting()
    yield running
    running.stop()


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the core system of the drop folder says what it decided."""
    return tmp_path_factory.mktemp("results")


@pytest.fixture(scope="module")
def hook_port() -> int:
    """Where the front end takes webhooks."""
    return free_ports(1)[0]


@pytest.fixture(scope="module")
def footing(
    tmp_path_factory: pytest.TempPathFactory,
    landscape: Landscape,
    collecting: Collecting,
    results: Path,
    hook_port: int,
    rabbit_node: RabbitNode,
    postgres_node: PostgresNode,
) -> Iterator[Production]:
    """Two gateways on one journal, two workers on the same queues, and four core systems."""
    destinations = landscape.destinations()
    destinations[FILE]["config"]["results"] = {
        "folder": str(results),
        "format": "json",
        "encoding": "utf-8",
        "poll_interval_s": 0.2,
        "settle_s": 0,
    }
    portal = {
        **tenant(destinations)["clients"]["portal"],
        "webhook": {"url": f"http://127.0.0.1:{hook_port}/hook"},
    }
    footing = Production(
        tmp_path_factory.mktemp("production") / "machines",
        destinations,
        rabbit=rabbit_node,
        journal=postgres_node.database(),
        nodes=("gw-1", "gw-2"),
        workers=WORKERS,
        more={"telemetry": {"otlp_endpoint": collecting.url}, "clients": {"portal": portal}},
    )
    try:
        footing.operator.run("keys", "new", "webhook", "portal")
        footing.start()
        yield footing
    finally:
        footing.kill()


async def test_an_application_is_one_trace_through_all_processes_and_back(
    footing: Production,
    landscape: Landscape,
    collecting: Collecting,
    results: Path,
    hook_port: int,
) -> None:
    canary = Canaries(CHILDCARE, 7)
    front_end = f"00-{TRACE}-{FRONT_SPAN}-01"
    sent = Sent(as_bytes(canary.document), key=canary.key, traceparent=front_end)

    def told(name: str) -> Collected | None:
        return next((span for span in collecting.of(TRACE) if span.name == name), None)

    def in_trace(name: str) -> Collected:
        span = told(name)
        assert span is not None, sorted(span.name for span in collecting.of(TRACE))
        return span

    async def come(*names: str) -> None:
        async def have() -> bool:
            return all(told(name) is not None for name in names)

        await until(have, timeout_s=30, what=f"not told: {names}", every_s=0.1)

    queue = f"dest.{ASKED}"
    async with (
        footing.front() as front,
        witnessed(footing.witness_url, "kakehashi.deliveries", queue) as copies,
        endpoint(hook_port) as hooks,
    ):
        await front.submit(sent, node=0)
        await come(*(f"deliver {core}" for core in (FILE, ASKED)))
        _decide(results, in_trace(f"deliver {FILE}").attributes["kakehashi.delivery.id"])
        await come("POST", *(f"ack kakehashi.deliveries:dest.{core}" for core in (FILE, ASKED)))

    asked = in_trace(f"deliver {ASKED}")
    copied = in_trace(f"send kakehashi.deliveries:{queue}")
    spans = collecting.of(TRACE)
    assert in_trace(POSTED).parent_id == FRONT_SPAN
    for core in (FILE, ASKED):
        way = f"kakehashi.deliveries:dest.{core}"
        assert path_to(spans, in_trace(f"deliver {core}")) == [
            *(f"deliver {core}", f"process {way}", f"send {way}", POSTED)
        ]
    # Who told it: nothing but the context in the messages joins these processes.
    assert (in_trace(POSTED).instance, copied.instance) == ("gw-1", "gw-1")
    assert asked.instance.partition("/")[0] in WORKERS
    assert {header["traceparent"] for header in copies} == {f"00-{TRACE}-{copied.span_id}-01"}
    core_was_told = landscape.sinks[ASKED].facts(asked.attributes["kakehashi.delivery.id"])
    assert core_was_told["traceparent"] == f"00-{TRACE}-{asked.span_id}-01"
    assert hooks == [f"00-{TRACE}-{in_trace('POST').span_id}-01"]
    written = [span for span in spans if span.name == f"process {REPORTS}"]
    outcomes = [span for span in written if "kakehashi.outcome" in span.attributes]
    assert {path_to(spans, span)[1] for span in outcomes} == {f"send {REPORTS}"}
    # What a core system says later of itself has begun a trace; the status is linked to it.
    [status] = [span for span in written if "kakehashi.feedback.status" in span.attributes]
    assert path_to(spans, status)[1:] == [POSTED]

    async def sender_told() -> bool:
        return bool(collecting.of(status.links[0]))

    # Another process's, which tells in its own time.
    await until(sender_told, timeout_s=30, what="who sent the status told nothing", every_s=0.1)
    assert {span.name for span in collecting.of(status.links[0])} == {f"send {REPORTS}"}
    _assert_messaging(footing, copied, queue)
    assert set(found_in(collecting.collector.raw, patterns(canary.values))) == set()


def _decide(results: Path, delivery: str) -> None:
    result = {"key": delivery, "status": "受理", "decided_at": "2026-11-20T10:00:00"}
    draft = results.parent / "draft.json"
    draft.write_text(json.dumps([result], ensure_ascii=False))
    draft.rename(results / "KEKKA.json")


def _assert_messaging(footing: Production, copied: Collected, queue: str) -> None:
    """Check against the conventions for messaging spans, and RabbitMQ's."""
    expected = {
        "messaging.system": "rabbitmq",
        "messaging.destination.name": f"kakehashi.deliveries:{queue}",
        "messaging.rabbitmq.destination.routing_key": queue,
        "messaging.operation.name": "send",
        "messaging.operation.type": "send",
        "server.address": "127.0.0.1",
        "server.port": str(footing.rabbit.port),
    }
    assert copied.kind == PRODUCER
    assert expected.items() <= copied.attributes.items()
    assert copied.attributes["messaging.message.id"]


async def test_gateways_share_a_journal_and_workers_share_a_queue(
    footing: Production, landscape: Landscape
) -> None:
    async with footing.front() as front:
        sent = await front.submit_all([CARE, CHILDCARE, CARE, DISASTER] * (MANY // 4))
        sent += await _one_key_at_both_nodes_at_once(front)
        await _replay_at_the_other_node(front, sent[0])
        await _repeat_a_receipt_number_at_the_other_node(front)
        await settled(footing.operator)
        extra = [each["id"] for each in footing.operator.applications()]
        verdict = judge(sent, footing.operator, landscape, settle_s=0, others=extra)
        seen = [await front.status(each.id or "", node=1) for each in sent[:10]]

    assert verdict.states.keys() == {"delivered"}
    assert {each["status"] for each in seen} == {"delivered"}
    assert set(_deliveries_by_worker(footing, sent)) == {"w-1", "w-2"}
    for machine in footing.machines.values():
        report = machine.operator.verify_audit()
        assert report["ok"]
        assert {"gw-1", "gw-2"} <= set(report["nodes"])


async def _one_key_at_both_nodes_at_once(front: Front) -> list[Sent]:
    sent = [Sent(body(CARE)) for _ in range(10)]
    for each in sent:
        answers = await asyncio.gather(*(front.post(each, node=node) for node in (0, 1, 0, 1)))

        assert {status for status, _, _ in answers} == {ACCEPTED}
        assert len({found["id"] for _, found, _ in answers}) == 1
        assert [replayed for _, _, replayed in answers].count(False) == 1
        each.id = answers[0][1]["id"]
    return sent


async def _replay_at_the_other_node(front: Front, sent: Sent) -> None:
    for node in (0, 1):
        status, found, replayed = await front.post(sent, node=node)

        assert (status, found["id"], replayed) == (ACCEPTED, sent.id, True)
    other_body = Sent(body(CARE), key=sent.key)
    status, found, _ = await front.post(other_body, node=1)
    assert (status, found["code"]) == (422, "idempotency.key_reused")


async def _repeat_a_receipt_number_at_the_other_node(front: Front) -> None:
    first, second = Sent(body(CARE, "T-once-only")), Sent(body(CARE, "T-once-only"))
    await front.submit(first, node=0)

    status, found, _ = await front.post(second, node=1)

    assert (status, found["code"]) == (422, "application.already_received")
    assert first.id in json.dumps(found)


def _deliveries_by_worker(footing: Production, sent: Iterable[Sent]) -> Counter[str]:
    """Count whose reports delivered; stop as soon as both workers were seen."""
    counts: Counter[str] = Counter()
    for each in sent:
        for hop in footing.operator.ask("status", each.id or "")[0]["timeline"]:
            if hop["action"] == "delivery.delivered":
                counts[hop["actor"].removeprefix("worker:").partition("/")[0]] += 1
        if len(counts) > 1:
            break
    return counts


async def test_each_side_holds_its_own_private_keys_and_nothing_else(
    footing: Production,
) -> None:
    async with footing.front() as front:
        await front.submit_all([CARE])

    gateway = _private_keys(footing.gateway_machine.keys)
    worker = _private_keys(footing.worker_machine.keys)

    assert set(gateway) == {"gateway/signing", "gateway/pseudonym", "log/1", "webhook/portal"}
    assert set(worker) == {
        *(f"destination/{name}" for name in footing.destinations),
        *(f"worker/{name}" for name in WORKERS),
    }
    # Seals are ECDH-ES on P-256: what has no private point on that curve opens nothing.
    assert {name for name, jwk in gateway.items() if jwk["kty"] == "EC"} == set()
    for jwk in (worker[f"destination/{name}"] for name in footing.destinations):
        private = ec.derive_private_key(_integer(jwk["d"]), ec.SECP256R1())
        point = private.public_key().public_numbers()
        assert (point.x, point.y) == (_integer(jwk["x"]), _integer(jwk["y"]))
        _assert_nowhere(jwk["d"].encode(), footing.gateway_machine.folder)


def _private_keys(folder: Path) -> dict[str, dict[str, Any]]:
    """Return every key below ``folder`` that has a private part, whatever its file is called."""
    found = {}
    for path in folder.rglob("*"):
        if path.is_file():
            jwk = json.loads(path.read_text())
            if {"d", "k"} & set(jwk):
                name = path.relative_to(folder).as_posix()
                found[name.removesuffix(".private.jwk")] = jwk
    return found


def _integer(member: str) -> int:
    return int.from_bytes(urlsafe_b64decode(member + "=" * (-len(member) % 4)), "big")


def _assert_nowhere(text: bytes, folder: Path) -> None:
    for path in folder.rglob("*"):
        assert not path.is_file() or text not in path.read_bytes(), path


async def test_a_worker_works_without_any_way_to_the_journal(footing: Production) -> None:
    machine = footing.worker_machine
    assert json.loads(machine.config.read_text())["journal"]["url"] == NO_JOURNAL
    with pytest.raises(CommandFailedError):
        machine.operator.applications()

    async with footing.front() as front:
        await front.submit_all([CARE, CHILDCARE, DISASTER])
        await settled(footing.operator)

    assert set(footing.operator.states()) == {"delivered"}
    open_sockets = _peers(footing.workers["w-1"].pid)
    assert footing.rabbit.port in open_sockets
    assert _journal_port(footing) not in open_sockets


def _journal_port(footing: Production) -> int:
    url = json.loads(footing.gateway_machine.config.read_text())["journal"]["url"]
    return int(url.rpartition(":")[2].partition("/")[0])


def _peers(pid: int) -> set[int]:
    """Return the ports to which a process has TCP connections (``proc(5)``, /proc/net/tcp)."""
    inodes = set()
    for descriptor in Path(f"/proc/{pid}/fd").iterdir():
        target = str(descriptor.readlink()) if descriptor.is_symlink() else ""
        if target.startswith("socket:["):
            inodes.add(target.removeprefix("socket:[").removesuffix("]"))
    ports = set()
    for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        fields = line.split()
        if fields[9] in inodes:
            ports.add(int(fields[2].partition(":")[2], 16))
    return ports


async def test_every_gateway_tells_what_went_through_all(footing: Production) -> None:
    async with footing.front() as front:
        for node in (0, 1):
            await front.submit(Sent(body(CARE)), node=node)
    await settled(footing.operator)
    count = len(footing.operator.deliveries())

    told = [await _flowed(machine, count) for machine in footing.machines.values()]

    assert told == [(count, count)] * 2


async def _flowed(machine: Machine, count: int) -> tuple[int, int]:
    """Return what was accepted and delivered in the last hour, once that is ``count``."""
    deadline = asyncio.get_running_loop().time() + 20
    while True:
        found = machine.operator.ask("top", "--once")["destinations"]
        hours = [each["hour"] or {} for each in found]
        accepted, delivered = (
            sum(each.get(what, 0) for each in hours) for what in ("accepted", "delivered")
        )
        if (accepted, delivered) == (count, count) or asyncio.get_running_loop().time() > deadline:
            return accepted, delivered
        await asyncio.sleep(1)
