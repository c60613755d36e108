"""Run the demo: everything real but the core systems, in one process on loopback."""

import asyncio
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from string import Template
from typing import Annotated, Final
from uuid import uuid4

import aiohttp
import typer
import yaml
from rich.console import Console

from gateway.bootstrap import stores
from gateway.bootstrap.embedded import make_missing_keys
from gateway.bootstrap.gateway import Gateway, build_gateway
from gateway.bootstrap.key_names import webhook_key
from gateway.bootstrap.listening import Addresses
from gateway.bootstrap.run import run_gateway
from gateway.bootstrap.worker import build_worker
from gateway.cli import logging, words
from gateway.cli.demo.applications import MUNICIPALITY, Sample, samples
from gateway.cli.demo.cores import GIVE_RESULTS, TAKES, Cores
from gateway.cli.demo.front_end import FrontEnd
from gateway.cli.demo.show import Screen, Tally
from gateway.crypto import keys
from gateway.crypto.webhook import receivers_key
from gateway.domain.entry import Actor, ActorKind
from gateway.domain.identifiers import ClientName
from gateway.drivers.system_clock import SystemClock
from gateway.schema.catalogue import shipped_schemas
from gateway.services.authenticate import new_key
from gateway.settings.load import build
from gateway.settings.model import Settings

_ACCEPTED: Final = 202
_PATIENCE_S: Final = 60.0
_LOOK_S: Final = 0.1


def demo(
    keep: Annotated[
        Path | None, typer.Option(help="Keep everything in this empty folder for a look.")
    ] = None,
) -> None:
    """Send applications through the real door into three simulated core systems, and back.

    Exits 0 only if every accepted application arrived exactly once, its outcome is in
    the journal, and the audit log verifies.
    """
    if keep is not None and keep.exists() and any(keep.iterdir()):
        raise typer.BadParameter("must be empty or new", param_hint="--keep")
    logging.quiet()
    home = keep or Path(tempfile.mkdtemp(prefix="kakehashi-demo-"))
    try:
        is_well = asyncio.run(Demo(home.resolve()).run())
    finally:
        if keep is None:
            shutil.rmtree(home, ignore_errors=True)
    raise typer.Exit(0 if is_well else 1)


class Demo:
    """One run."""

    def __init__(self, home: Path) -> None:
        """Put everything below ``home``."""
        self._home = home
        # No terminal: 80 columns, no colour, the same lines.
        self._screen = Screen(Console(width=None if Console().is_terminal else 80))
        self._tally = Tally()
        self._cores = Cores(home / "cores")
        self._front_end = FrontEnd()

    async def run(self) -> bool:
        """Send, wait, show; tell whether everything held."""
        places = {**await self._cores.start(), "webhooks": await self._front_end.start()}
        settings = _settings(self._home, places)
        store = stores.open_keys(settings)
        make_missing_keys(settings, store)
        store.add(webhook_key("portal"), secret := keys.new_secret(), private=True)
        self._front_end.learn(receivers_key(secret))
        broker = stores.open_broker(settings)
        catalogue = stores.open_catalogue(settings)
        gateway = build_gateway(settings, store, broker=broker, catalogue=catalogue)
        workers = [
            build_worker(settings, store, name, worker="demo", broker=broker)
            for name in settings.destinations
        ]
        stop = asyncio.Event()
        checks: list[tuple[bool, str]] = []

        async def act(addresses: Addresses) -> None:
            async def play() -> None:
                try:
                    checks.extend(await self._play(gateway, addresses))
                finally:
                    stop.set()

            playing.append(asyncio.create_task(play()))

        playing: list[asyncio.Task[None]] = []
        cores = asyncio.create_task(self._cores.run())
        try:
            await run_gateway(gateway, stop=stop, workers=workers, started=act)
            await asyncio.gather(*playing)
        finally:
            cores.cancel()
            await self._cores.close()
            await self._front_end.close()
        self._screen.heading("検証 Verdict")
        self._screen.verdict(checks)
        return bool(checks) and all(holds for holds, _ in checks)

    async def _play(self, gateway: Gateway, addresses: Addresses) -> list[tuple[bool, str]]:
        self._screen.heading("架け橋 Kakehashi demo")
        self._screen.line(f"  front door      {addresses.front}")
        self._screen.line(f"  health, metrics {addresses.operations}")
        self._screen.line(f"  everything in   {self._home}")
        self._screen.heading("流れ The flow")
        text, key = new_key(ClientName("portal"), SystemClock())
        gateway.authenticate.admit(key)
        await asyncio.gather(self._send_all(gateway, addresses.front, text), self._watch(gateway))
        return await self._summarise(gateway)

    async def _send_all(self, gateway: Gateway, front: str, key: str) -> None:
        headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
        async with aiohttp.ClientSession(front, headers=headers) as session:
            for sample in samples(gateway.catalogue):
                async with session.post(
                    f"/v1/municipalities/{MUNICIPALITY}/applications",
                    data=sample.body,
                    headers={"Idempotency-Key": str(uuid4()), "Accept-Language": "ja"},
                ) as answer:
                    body = await answer.json(content_type=None)
                    self._note(sample, answer.status, body)
                await asyncio.sleep(_LOOK_S / 2)
        self._sent_all = True

    _sent_all = False

    def _note(self, sample: Sample, status: int, body: Mapping[str, object]) -> None:
        if status == _ACCEPTED:
            self._tally.accepted[str(body["id"])] = sample
            self._screen.sent(sample, status, sample.title)
        else:
            self._tally.refused.append((sample, body))
            self._screen.sent(sample, status, str(body.get("code")))

    async def _watch(self, gateway: Gateway) -> None:
        """Show each arrival and each feedback once, until everything is through."""
        shown: set[str] = set()
        async with asyncio.timeout(_PATIENCE_S):
            while not (self._sent_all and self._is_through(shown)):
                for application in reversed(await gateway.operate.look.messages(limit=500)):
                    self._show(application, shown)
                await asyncio.sleep(_LOOK_S)

    def _is_through(self, shown: set[str]) -> bool:
        wanted = len(self._tally.accepted)
        arrived = sum(1 for key in shown if key.startswith("arrived "))
        came_back = self._tally.came_from >= GIVE_RESULTS and self._is_told()
        return arrived == wanted and came_back

    def _is_told(self) -> bool:
        """Tell whether the front end heard of all that came back."""
        told = {str(data["application"]) for data in self._front_end.told.values()}
        return set(self._tally.feedback) <= told

    def _show(self, application: Mapping[str, object], shown: set[str]) -> None:
        sample = self._tally.accepted.get(str(application["id"]))
        deliveries, feedback = application["deliveries"], application["feedback"]
        if sample is None or not isinstance(deliveries, list) or not isinstance(feedback, list):
            return
        for delivery in deliveries:
            mark = f"arrived {delivery['id']}"
            if delivery["state"] == "delivered" and mark not in shown:
                shown.add(mark)
                self._screen.arrived(
                    sample, delivery["destination"], str(delivery["reference"] or "")
                )
        destinations = {delivery["id"]: delivery["destination"] for delivery in deliveries}
        for status in feedback:
            mark = f"feedback {status['delivery']} {status['status']}"
            if mark not in shown:
                shown.add(mark)
                self._tally.came_from.add(destinations[status["delivery"]])
                self._tally.feedback.setdefault(str(application["id"]), []).append(status)
                self._screen.came_back(sample, status)

    async def _summarise(self, gateway: Gateway) -> list[tuple[bool, str]]:
        applications = await gateway.operate.look.messages(limit=500)
        expected, outcomes = _expected(applications)
        arrived = self._cores.arrived()
        self._screen.heading("到着 What arrived where")
        self._screen.destinations(
            [
                (
                    name,
                    TAKES[name],
                    len(keys),
                    sum(1 for key in keys if arrived[key]),
                    sum(1 for key in keys if arrived[key] > 1),
                )
                for name, keys in expected.items()
            ]
        )
        self._show_details()
        audit = await gateway.operate.verify_log(actor=Actor(ActorKind.OPERATOR, "demo"))
        all_keys = [key for keys in expected.values() for key in keys]
        accepted, refused = len(self._tally.accepted), len(self._tally.refused)
        return [
            (accepted >= 20, f"{accepted} applications accepted"),  # noqa: PLR2004 - the demo's promise
            (refused == 3, f"{refused} refused, each with its reasons"),  # noqa: PLR2004 - as above
            (
                sorted(all_keys) == sorted(arrived) and set(arrived.values()) == {1},
                "every accepted application arrived exactly once",
            ),
            (
                set(outcomes) == {"delivered"} and len(applications) == accepted,
                "every outcome is in the journal",
            ),
            (
                self._tally.came_from >= GIVE_RESULTS,
                f"results came back from {' and '.join(sorted(GIVE_RESULTS))}",
            ),
            (
                self._is_told() and not self._front_end.forged,
                f"the front end was told by {len(self._front_end.told)} signed webhooks",
            ),
            (bool(audit["ok"]), f"the audit log verifies: {audit['entries']} entries"),
        ]

    def _show_details(self) -> None:
        record = self._cores.first_record()
        if record is not None:
            self._screen.heading("CSV の先頭レコード The first record, as its reader sees it")
            self._screen.record(record)
        self._screen.heading("受け付けなかった申請 What was refused, and why")
        for sample, problem in self._tally.refused:
            self._screen.refusal(sample, problem)
        self._screen.heading("結果の返却 One result that came back")
        for application, statuses in list(self._tally.feedback.items())[:1]:
            sample, status = self._tally.accepted[application], statuses[0]
            at = f"{words.moment(str(status['at']))} JST"
            self._screen.line(
                f"  {sample.receipt_number} {sample.title}\n"
                f"  {status['status_ja']} 整理番号 {status['reference']} ({at})"
            )


def _expected(
    applications: list[dict[str, object]],
) -> tuple[dict[str, list[str]], list[str]]:
    """Return each destination's idempotency keys, and every delivery's state."""
    keys: dict[str, list[str]] = {name: [] for name in TAKES}
    states = []
    for application in applications:
        deliveries = application["deliveries"]
        for delivery in deliveries if isinstance(deliveries, list) else []:
            keys[delivery["destination"]].append(delivery["id"])
            states.append(delivery["state"])
    return keys, states


def _settings(home: Path, places: Mapping[str, str]) -> Settings:
    shipped = shipped_schemas().parent / "config" / "demo.yaml"
    text = Template(shipped.read_text("utf-8")).substitute(places, home=str(home))
    return build(yaml.safe_load(text))
