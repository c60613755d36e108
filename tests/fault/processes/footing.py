"""Programs that are ended at a step and started again, on both footings, and what came of it."""

import asyncio
import json
import multiprocessing
import signal
import time
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from gateway.bootstrap.embedded import make_missing_keys
from gateway.bootstrap.stores import open_keys
from gateway.cli import reach
from gateway.services.relay import LEASE_S
from gateway.settings.load import load
from gateway.settings.model import SOCKET_NAME
from gateway.testing.kill_points import STEPS, KillPoints, Part
from tests.acceptance.harness.applications import CARE, CHILDCARE, DISASTER, MUNICIPALITY
from tests.acceptance.harness.front import Front, Sent
from tests.acceptance.harness.processes import free_ports
from tests.fault.processes.counting import ADAPTER, First, arrivals
from tests.fault.processes.program import Life, live

CARELESS: Final = "kaigo"
"""Takes a repeated key again and cannot be asked."""
ASKED: Final = "kiroku"
"""Takes a repeated key again, but can be asked."""
NATIVE: Final = "bosai"
"""Answers a repeated key as before."""
DESTINATIONS: Final[Mapping[str, tuple[str, str]]] = {
    CARELESS: ("none", CARE),
    ASKED: ("lookup", CHILDCARE),
    NATIVE: ("native", DISASTER),
}
"""What each core system offers against doubles, and which procedure goes there."""

WORKER: Final = "w-1"
_PAGE: Final = 500
"""Applications in one answer; asked for time and again, so no more questions than it takes."""
_END_S: Final = 40.0
_REST_S: Final = 2 * LEASE_S
"""Nothing waits longer than for the lease of a gateway that died; as long again, if the machine
is slow. A lost connection, a claim without an answer and a retry all take less."""

# Each life is forked off a process that has imported everything: it starts in 0.1 s, not in 1.5.
_NURSERY: Final = multiprocessing.get_context("forkserver")
_NURSERY.set_forkserver_preload(["tests.fault.processes.program"])


class Living:
    """One program that lives again and again."""

    def __init__(self, name: str, arguments: Sequence[str], folder: Path) -> None:
        """Plan it; nothing is started."""
        self.log = folder / f"{name}.err"
        self._out = folder / f"{name}.out"
        self._arguments = tuple(arguments)
        self._folder = folder
        self._process: multiprocessing.process.BaseProcess | None = None

    def start(self, *, echoes: bool = False) -> None:
        """Begin a life."""
        assert not self.is_running
        self._out.unlink(missing_ok=True)
        life = Life(self._arguments, self._folder, self._out, self.log, echoes)
        self._process = _NURSERY.Process(target=live, args=(life,), daemon=True)
        self._process.start()

    def wait_until_ready(self) -> None:
        """Return when it has said where it listens; a worker says nothing."""
        deadline = time.monotonic() + _END_S
        while not (self._out.exists() and b"\n" in self._out.read_bytes()):
            assert self.is_running, f"ended: {self.tail()}"
            assert time.monotonic() < deadline, f"not ready: {self.tail()}"
            time.sleep(0.01)

    @property
    def is_running(self) -> bool:
        """Whether it lives."""
        return self._process is not None and self._process.is_alive()

    def ended(self) -> int:
        """Wait for the end of this life; return its exit code, negative for a signal."""
        assert self._process is not None
        self._process.join(_END_S)
        assert self._process.exitcode is not None, f"lives on: {self.tail()}"
        return self._process.exitcode

    def kill(self) -> None:
        """End it at once (SIGKILL)."""
        if self._process is not None:
            self._process.kill()
            self._process.join()

    def stop(self) -> int:
        """End it in order (SIGTERM); return its exit code."""
        assert self._process is not None
        self._process.terminate()
        return self.ended()

    def tail(self) -> str:
        """Return the end of its log, for messages."""
        return "\n".join(self.log.read_text().splitlines()[-20:]) if self.log.exists() else ""


class Footing:
    """A gateway with its worker, in one process or two.

    Attributes:
        broker: The broker's URL.
        points: Where an end can be ordered.
        parts: Whose steps are in which program.
    """

    def __init__(
        self,
        folder: Path,
        *,
        journal: str | None = None,
        broker: str = "memory:",
        over: Mapping[str, Mapping[str, object]] = {},
    ) -> None:
        """Write the configuration and make the keys; nothing is started.

        Args:
            folder: For everything; made.
            journal: PostgreSQL's URL; SQLite if not said.
            broker: RabbitMQ's URL; ``memory:`` makes it one process.
            over: More of the configuration of some destinations.
        """
        folder.mkdir(parents=True)
        self.broker = broker
        self._home = folder / "home"
        self.points = KillPoints(folder)
        self._clock = folder / "clock"
        self._sinks = {name: folder / name for name in DESTINATIONS}
        for sink in self._sinks.values():
            sink.mkdir()
        front_port, operations_port = free_ports(2)
        self._front_url = f"http://127.0.0.1:{front_port}"
        self.readiness = f"http://127.0.0.1:{operations_port}/readyz"
        config = folder / "kakehashi.yaml"
        document = {
            "node": "gw-1",
            "home": str(self._home),
            "journal": {"url": journal or f"sqlite:///{self._home / 'journal.db'}"},
            "broker": {"url": broker, "sweep_s": 0.1},
            "keys": {"folder": str(folder / "keys")},
            "http": {"port": front_port, "operations_port": operations_port},
            "municipalities": {MUNICIPALITY: {"name": "千代田区"}},
            "clients": {"portal": {"municipalities": [MUNICIPALITY], "procedures": ["*"]}},
            "destinations": {
                name: {
                    "municipality": MUNICIPALITY,
                    "adapter": ADAPTER,
                    "idempotency": idempotency,
                    "retry": {"base_s": 0.05, "cap_s": 0.2},
                    "config": {
                        "folder": str(self._sinks[name]),
                        "remembers": idempotency == "native",
                    },
                    **over.get(name, {}),
                }
                for name, (idempotency, _) in DESTINATIONS.items()
            },
            "routes": [
                {"municipality": MUNICIPALITY, "procedure": procedure, "to": [name]}
                for name, (_, procedure) in DESTINATIONS.items()
            ],
            "workers": {WORKER: {"destinations": list(DESTINATIONS)}},
        }
        # JSON is YAML.
        config.write_text(json.dumps(document, ensure_ascii=False))
        settings = load(config)
        make_missing_keys(settings, open_keys(settings))
        where = ("--config", str(config))
        if broker == "memory:":
            up = Living("up", ("up", "--json", *where), folder)
            self.parts = {Part.GATEWAY: up, Part.WORKER: up}
        else:
            serve = Living("serve", ("serve", "--json", *where), folder)
            work = ("work", *DESTINATIONS, "--worker", WORKER, *where)
            self.parts = {Part.GATEWAY: serve, Part.WORKER: Living("work", work, folder)}
        self._api_key: str | None = None

    @property
    def gateway(self) -> Living:
        """The gateway's program."""
        return self.parts[Part.GATEWAY]

    @property
    def worker(self) -> Living:
        """The worker's program; the same as the gateway's when embedded."""
        return self.parts[Part.WORKER]

    def start(self, *, echoes: bool = False) -> None:
        """Start all of it; return when the gateway answers."""
        for program in dict.fromkeys(self.parts.values()):
            program.start(echoes=echoes)
        self.gateway.wait_until_ready()

    def revive(self, part: Part) -> None:
        """Start what has ended again; return when it answers, if it is asked."""
        self.parts[part].start()
        self.gateway.wait_until_ready()

    def withdraw(self) -> None:
        """Take back whatever was ordered."""
        self.points.withdraw()
        orders = [sink / name for sink in self._sinks.values() for name in ("first", "go")]
        for order in (self._clock, *orders):
            order.unlink(missing_ok=True)

    def kill(self) -> None:
        """End everything at once."""
        for program in self.parts.values():
            program.kill()

    def first(self, order: First) -> None:
        """Tell every core system what to do with first attempts from now on."""
        for sink in self._sinks.values():
            draft = sink / "draft"
            draft.write_text(order)
            draft.rename(sink / "first")

    def let_go(self) -> None:
        """Let sends that are slow by order go on."""
        for sink in self._sinks.values():
            (sink / "go").touch()

    def set_clock(self, wrong_by_s: float) -> None:
        """Make every process's clock wrong by so much, at once."""
        draft = self._clock.with_suffix(".draft")
        draft.write_text(str(wrong_by_s))
        draft.rename(self._clock)

    def front(self) -> Front:
        """Return the front-end system."""
        self._api_key = self._api_key or str(self.ask("client.add", client="portal")["key"])
        return Front([self._front_url], self._api_key)

    def ask(self, operation: str, **arguments: object) -> Any:
        """Do an operation over the gateway's socket, as the command line does."""
        return reach._ask(self._home / SOCKET_NAME, operation, arguments, reach.ANSWER_S)

    def arrivals(self, destination: str) -> Counter[str]:
        """Return how often each delivery had an effect."""
        return Counter(arrivals(self._sinks[destination]))

    def deliveries(self) -> list[dict[str, Any]]:
        """Return every delivery in the journal."""
        found: list[dict[str, Any]] = []
        before: dict[str, object] = {}
        while True:
            page = self.ask("messages.list", limit=_PAGE, **before)
            found += [
                {**delivery, "application": one["id"]}
                for one in page
                for delivery in one["deliveries"]
            ]
            if len(page) < _PAGE:
                return found
            before = {"before": page[-1]["id"]}

    def of(self, sent: Iterable[Sent]) -> list[dict[str, Any]]:
        """Return the deliveries of some applications."""
        ids = {each.id for each in sent}
        return [each for each in self.deliveries() if each["application"] in ids]

    def moving(self) -> list[dict[str, Any]]:
        """Return the deliveries that do not rest, as a doubt that can be looked up does not."""
        return [
            each
            for each in self.deliveries()
            if each["state"] not in {"delivered", "parked", "cancelled", "in_doubt"}
            or (each["state"] == "in_doubt" and each["destination"] != CARELESS)
        ]

    async def settle(self, within_s: float = _REST_S) -> None:
        """Return when every delivery is at rest."""
        deadline = time.monotonic() + within_s
        while moving := await asyncio.to_thread(self.moving):
            assert time.monotonic() < deadline, self._told(moving)
            await asyncio.sleep(0.05)

    async def until_states(self, sent: Sequence[Sent], state: str) -> None:
        """Return as soon as every delivery of some applications is in ``state``."""
        deadline = time.monotonic() + _REST_S
        while {each["state"] for each in await asyncio.to_thread(self.of, sent)} != {state}:
            assert time.monotonic() < deadline, self._told(self.of(sent))
            await asyncio.sleep(0.02)

    def judge(self, sent: Sequence[Sent]) -> Counter[str]:
        """Compare what was promised, what the journal says and what arrived; return the states.

        Every application with a 202 is in the journal and at its end, none arrived twice, and
        only where a core system can neither be asked nor ignores doubles is any in doubt.
        """
        promised = [each.id for each in sent]
        assert None not in promised
        assert len(set(promised)) == len(promised), "two keys, one application"
        deliveries = self.deliveries()
        kept = {each["application"] for each in deliveries}
        assert set(promised) <= kept, f"lost after 202: {set(promised) - kept}"
        for name in DESTINATIONS:
            ours = {each["id"]: each for each in deliveries if each["destination"] == name}
            arrived = self.arrivals(name)
            doubled = [ours.get(key) for key, count in arrived.items() if count > 1]
            assert not doubled, f"{name}: doubled: {self._told(doubled)}"
            assert set(arrived) <= set(ours), f"{name}: arrived, but not in the journal"
            lost = [
                one
                for key, one in ours.items()
                if one["state"] == "delivered" and key not in arrived
            ]
            assert not lost, f"{name}: said to be delivered, never arrived: {self._told(lost)}"
            doubtful = [one for one in ours.values() if one["state"] != "delivered"]
            if name == CARELESS:
                doubtful = [one for one in doubtful if one["state"] != "in_doubt"]
            assert not doubtful, f"{name}: {self._told(doubtful)}"
        audit = self.ask("audit.verify")
        assert audit["ok"], audit
        ids = set(promised)
        return Counter(each["state"] for each in deliveries if each["application"] in ids)

    def _told(self, deliveries: Iterable[dict[str, Any] | None]) -> str:
        shown = [each for each in deliveries if each is not None][:3]
        hops = [self.ask("status", subject=each["application"]) for each in shown]
        return json.dumps({"deliveries": shown, "timelines": hops}, indent=1, ensure_ascii=False)


async def ended_at(step: str, number: signal.Signals, footing: Footing) -> None:
    """Wait for an ordered end, and see that it came there, by that signal, and in order."""
    program = footing.parts[STEPS[step][0]]
    code = await asyncio.to_thread(program.ended)
    assert footing.points.reached, f"{step}: ended elsewhere: {program.tail()}"
    assert code == (0 if number == signal.SIGTERM else -number), program.tail()


async def ends_at(
    step: str,
    number: signal.Signals,
    footing: Footing,
    front: Front,
    procedures: Sequence[str],
) -> list[Sent]:
    """Send; let the step's process end at it; start it again and wait until nothing moves."""
    footing.points.order(step, number)
    sending = asyncio.create_task(front.submit_all(procedures))
    await ended_at(step, number, footing)
    await asyncio.to_thread(footing.revive, STEPS[step][0])
    sent = await sending
    await footing.settle()
    return sent
