"""A front end learns of every status, whatever dies on the way; the how-to's receiver takes it."""

import asyncio
import json
import re
import signal
import sqlite3
import sys
from collections.abc import AsyncIterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final
from uuid import UUID

import aiohttp
import pytest
from aiohttp import web

from gateway.bootstrap.embedded import make_missing_keys
from gateway.bootstrap.key_names import webhook_key
from gateway.bootstrap.stores import open_keys
from gateway.crypto import keys
from gateway.crypto.webhook import receivers_key
from gateway.settings.load import load
from gateway.testing.kill_points import KillPoints
from tests.acceptance.harness.applications import CHILDCARE, MUNICIPALITY, body
from tests.acceptance.harness.front import Front, Sent, until
from tests.acceptance.harness.operations import Operator
from tests.acceptance.harness.processes import Program, free_ports
from tests.fault.processes.footing import Living

_HOWTO: Final = Path(__file__).parents[3] / "docs" / "howto" / "receive-results.md"
_BLOCK: Final = re.compile(r"^```python receiver\n(.*?)^```$", re.DOTALL | re.MULTILINE)
_PATIENCE_S: Final = 30.0


@dataclass
class Gateway:
    """``up`` with one drop folder, whose core system writes results, and one webhook."""

    folder: Path
    endpoint: str
    secret: str = ""
    url: str = ""
    points: KillPoints = field(default_factory=KillPoints)

    def __post_init__(self) -> None:
        port, operations_port = free_ports(2)
        self.url = f"http://127.0.0.1:{port}"
        self.folder.mkdir()
        self.points = KillPoints(self.folder)
        home = self.folder / "home"
        config = self.folder / "kakehashi.yaml"
        document = {
            "home": str(home),
            "journal": {"url": f"sqlite:///{home / 'journal.db'}"},
            "keys": {"folder": str(home / "keys")},
            "http": {"port": port, "operations_port": operations_port},
            "municipalities": {MUNICIPALITY: {"name": "千代田区"}},
            "clients": {
                "portal": {
                    "municipalities": [MUNICIPALITY],
                    "procedures": ["*"],
                    "webhook": {"url": self.endpoint},
                    "feedback_codes": {"document.missing": "E-41"},
                }
            },
            "destinations": {
                "core": {
                    "municipality": MUNICIPALITY,
                    "adapter": "file",
                    "feedback_codes": {"K012": "document.missing"},
                    "config": {
                        "folder": str(self.folder / "core"),
                        "results": {
                            "format": "json",
                            "columns": {"reason": "reason"},
                            "poll_interval_s": 0.05,
                            "settle_s": 0,
                        },
                    },
                }
            },
            "routes": [{"municipality": MUNICIPALITY, "procedure": "*", "to": ["core"]}],
        }
        config.write_text(json.dumps(document, ensure_ascii=False))
        settings = load(config)
        store = open_keys(settings)
        make_missing_keys(settings, store)
        secret = keys.new_secret()
        store.add(webhook_key("portal"), secret, private=True)
        self.secret = receivers_key(secret)
        self.life = Living("up", ["up", "--json", "--config", str(config)], self.folder)
        self.operator = Operator(config)

    async def start(self) -> None:
        self.life.start()
        await asyncio.to_thread(self.life.wait_until_ready)

    async def deliver(self, front: Front) -> tuple[str, str]:
        """Send an application to its end; return its id and its delivery's."""
        sent = Sent(body(CHILDCARE))
        application = await front.submit(sent)

        async def is_delivered() -> bool:
            return (await front.status(application))["status"] == "delivered"

        await until(is_delivered, timeout_s=_PATIENCE_S, what="delivered")
        return application, self._one("SELECT id FROM deliveries ORDER BY id DESC")

    def decide(self, delivery: str, status: str = "差戻し") -> None:
        """Let the core system write a result file, whole at once."""
        results = self.folder / "core" / "results"
        results.mkdir(parents=True, exist_ok=True)
        result = {
            "key": delivery,
            "status": status,
            "decided_at": "2026-11-20T10:00:00",
            "reason": "K012",
        }
        draft = self.folder / "draft.json"
        draft.write_text(json.dumps([result]), encoding="cp932")
        draft.rename(results / "KEKKA.json")

    def webhook(self) -> tuple[str, bool]:
        """Return the id of the only webhook, and whether it was taken; the gateway is down."""
        taken = "SELECT count(*) AS id FROM webhooks WHERE sent_at IS NOT NULL"
        return self._one("SELECT id FROM webhooks"), self._one(taken) == "1"

    def _one(self, query: str) -> str:
        path = self.folder / "home" / "journal.db"
        with closing(sqlite3.connect(path)) as connection:
            [found, *_] = connection.execute(query).fetchall()
        return str(UUID(bytes=found[0]) if isinstance(found[0], bytes) else found[0])


@dataclass
class FrontEnd:
    """An endpoint in this process that notes what comes, and may say nothing to it."""

    port: int
    arrived: list[tuple[str, bytes]] = field(default_factory=list)
    is_silent: bool = False

    async def take(self, request: web.Request) -> web.Response:
        self.arrived.append((request.headers["webhook-id"], await request.read()))
        while self.is_silent:  # noqa: ASYNC110 - what a test sets tells nobody
            await asyncio.sleep(0.05)
        return web.Response(status=204)


@pytest.fixture
async def front_end() -> AsyncIterator[FrontEnd]:
    [port] = free_ports(1)
    end = FrontEnd(port)
    app = web.Application()
    app.router.add_post("/hooks", end.take)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    yield end
    end.is_silent = False
    await runner.cleanup()


@pytest.fixture
async def gateway(tmp_path: Path, front_end: FrontEnd) -> AsyncIterator[Gateway]:
    made = Gateway(tmp_path / "gateway", f"http://127.0.0.1:{front_end.port}/hooks")
    await made.start()
    yield made
    made.life.kill()


async def arrives(end: FrontEnd, times: int) -> list[tuple[str, bytes]]:
    async def has() -> bool:
        return len(end.arrived) >= times

    await until(has, timeout_s=_PATIENCE_S, what=f"{len(end.arrived)} of {times}", every_s=0.02)
    return end.arrived


async def test_a_gateway_killed_between_the_commit_and_the_sending_sends_it_in_its_next_life(
    gateway: Gateway, front_end: FrontEnd
) -> None:
    api_key = await asyncio.to_thread(gateway.operator.add_client, "portal")
    async with Front([gateway.url], api_key) as front:
        application, delivery = await gateway.deliver(front)
        gateway.points.order("outcome.after_commit", signal.SIGKILL)
        gateway.decide(delivery)
        assert await asyncio.to_thread(gateway.life.ended) == -signal.SIGKILL
        kept, was_taken = gateway.webhook()
        assert not was_taken
        before = list(front_end.arrived)

        await gateway.start()
        [first, *_] = await arrives(front_end, len(before) + 1)
        status = await front.status(application)

    assert {id_ for id_, _ in front_end.arrived} == {kept}
    said: Any = json.loads(first[1])["data"]
    assert (said["application"], said["status"], said["code"]) == (application, "returned", "E-41")
    assert [line["status_ja"] for line in status["feedback"]] == ["差戻し"]


async def test_a_gateway_killed_before_the_answer_sends_it_again_with_the_same_id(
    gateway: Gateway, front_end: FrontEnd
) -> None:
    api_key = await asyncio.to_thread(gateway.operator.add_client, "portal")
    async with Front([gateway.url], api_key) as front:
        _, delivery = await gateway.deliver(front)
        front_end.is_silent = True
        gateway.decide(delivery)
        await arrives(front_end, 1)

        gateway.life.kill()
        front_end.is_silent = False
        await gateway.start()

        first, second = (await arrives(front_end, 2))[:2]

    assert first == second


async def test_the_receiver_of_the_how_to_takes_what_is_signed_and_nothing_else(
    tmp_path: Path,
) -> None:
    [port] = free_ports(1)
    url = f"http://127.0.0.1:{port}"
    gateway = Gateway(tmp_path / "gateway", url)
    [code] = _BLOCK.findall(_HOWTO.read_text(encoding="utf-8"))
    environment = {"SECRETS": gateway.secret, "PORT": str(port)}
    receiver = Program(
        "receiver", [sys.executable, "-c", code], folder=tmp_path / "r", env=environment
    )
    receiver.start()
    try:
        await gateway.start()
        api_key = await asyncio.to_thread(gateway.operator.add_client, "portal")
        async with Front([gateway.url], api_key) as front:
            application, delivery = await gateway.deliver(front)
            gateway.decide(delivery, "完了")
            said = json.loads(await asyncio.to_thread(receiver.first_line))
            refused = await _post(url, "forged")
    finally:
        gateway.life.kill()
        receiver.kill()

    assert (said["application"], said["status_ja"], said["sequence"]) == (application, "完了", 1)
    assert refused == 401


async def _post(url: str, webhook: str) -> int:
    headers = {"webhook-id": webhook, "webhook-timestamp": "0", "webhook-signature": "v1,AAAA"}
    async with (
        aiohttp.ClientSession() as session,
        session.post(url, data=b"{}", headers=headers) as answer,
    ):
        return answer.status
