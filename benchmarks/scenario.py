"""The whole run: which systems, how much load, in which order.

Rounds go through all systems in turn (A B C A B C …), so that what else happens on the machine
meets all of them; ratios are taken within a round.
"""

import json
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from benchmarks import machine
from benchmarks.configuration import EMBEDDED, document, write
from benchmarks.measure import Bench, Figures
from benchmarks.processes import (
    PYTHON,
    FailedError,
    Others,
    Process,
    cores,
    family,
    on_core,
    run,
)
from benchmarks.profiling import Recording
from benchmarks.start import seconds_to_first_202
from benchmarks.systems import Embedded, Peer, Production, System
from gateway import __version__
from gateway.testing.postgres import PostgresNode
from gateway.testing.rabbitmq import RabbitNode

Say = Callable[[str], None]

TOGETHER: Final = 32
"""Connections where accepting and delivering are measured side by side, and profiled."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """How much is measured.

    Attributes:
        rounds: At most so many.
        last_round_s: No round is begun this long after the start.
        counts: Connections to applications sent; at most 3,200, see ``applications``.
        warm_up: Applications before anything is measured.
        micro_s: Length of a round of the pieces.
        starts: How often ``up`` is started.
        profile_s: How long each process is watched; 0 leaves it out.
    """

    rounds: int
    last_round_s: float
    counts: dict[int, int]
    warm_up: int
    micro_s: float
    starts: int
    profile_s: float


FULL: Final = Scenario(
    rounds=3,
    last_round_s=210.0,
    counts={1: 200, 32: 1000, 128: 1000},
    warm_up=200,
    micro_s=0.3,
    starts=3,
    profile_s=5.0,
)
QUICK: Final = Scenario(
    rounds=1,
    last_round_s=60.0,
    counts={1: 20, 32: 128, 128: 128},
    warm_up=32,
    micro_s=0.01,
    starts=1,
    profile_s=1.0,
)


def measure(scenario: Scenario, say: Say) -> dict[str, Any]:
    """Run ``scenario`` and return all figures as JSON values.

    Raises:
        FailedError: A system did not do its work; figures of it would mean nothing.
    """
    began = time.monotonic()
    core, other_core = cores()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="kakehashi-bench-")))
        found: dict[str, Any] = {
            "date": datetime.now(UTC).date().isoformat(),
            "version": __version__,
            "machine": machine.describe(folder),
            "bound": core is not None,
        }
        say("start of `up`")
        found["start_s"] = [
            seconds_to_first_202(folder / f"up-{number}") for number in range(scenario.starts)
        ]
        say("the pieces")
        pieces = folder / "pieces"
        pieces.mkdir()
        command = (PYTHON, "-m", "benchmarks.micro", str(pieces), str(scenario.micro_s))
        found["pieces"] = json.loads(run(*command, folder=pieces, core=core))
        say("broker, database, systems")
        bench, systems = _start(stack, folder, core, other_core)
        for system in systems.values():
            bench.warm_up(system, scenario.warm_up)
        others = Others()
        rounds: list[dict[str, dict[str, Figures]]] = []
        while len(rounds) < scenario.rounds:
            if rounds and time.monotonic() - began > scenario.last_round_s:
                break
            say(f"round {len(rounds) + 1}")
            rounds.append(_round(bench, systems, scenario, say))
        found["rounds"] = rounds
        found["others_cores"] = others.cores()
        found["doubled"] = bench.doubled()
        if scenario.profile_s:
            say("profiles")
            found["profiles"] = _profiles(bench, systems, scenario)
    found["seconds"] = time.monotonic() - began
    return found


def _start(
    stack: ExitStack, folder: Path, core: int | None, other_core: int | None
) -> tuple[Bench, dict[str, System]]:
    with on_core(other_core):
        with family() as broker_family:
            rabbit = RabbitNode.start(folder / "rabbitmq")
        stack.callback(rabbit.stop)
        with family() as database_family:
            postgres = PostgresNode.start()
        stack.callback(postgres.remove)
        sink = Process("sink", (PYTHON, "-m", "benchmarks.sink"), folder=folder, core=other_core)
        stack.callback(sink.stop)
    sink_port = int(sink.first_line())
    systems: dict[str, System] = {}

    def started(system: System) -> None:
        stack.callback(system.stop)
        systems[system.name] = system

    started(Embedded(_configured(folder / "embedded", sink=sink_port, **EMBEDDED), core=core))
    production = _configured(
        folder / "production", journal=postgres.database(), broker=rabbit.url, sink=sink_port
    )
    started(Production(production, core=core, other_core=other_core))
    for validation in ("pydantic", "jsonschema"):
        started(
            Peer(
                folder / f"peer-{validation}",
                validation=validation,
                broker=rabbit.url,
                sink_port=sink_port,
                core=core,
                other_core=other_core,
            )
        )
    servers = {"broker": broker_family, "database": database_family}
    return Bench(folder, sink, sink_port, other_core, servers), systems


def _configured(folder: Path, *, journal: str, broker: str, sink: int) -> Path:
    folder.mkdir()
    return write(document(folder, journal=journal, broker=broker, sink=sink), folder)


def _round(
    bench: Bench, systems: dict[str, System], scenario: Scenario, say: Say
) -> dict[str, dict[str, Figures]]:
    """Measure every system at every load; return kind of measurement/connections → system."""
    figures: dict[str, dict[str, Figures]] = {}

    def keep(kind: str, connections: int, system: System, found: Figures) -> None:
        figures.setdefault(f"{kind}/{connections}", {})[system.name] = found
        rates = {key: round(value) for key, value in found.items() if key.endswith("_per_s")}
        say(f"  {system.name} {kind}/{connections}: {rates}")

    for connections, count in scenario.counts.items():
        for system in systems.values():
            if system.name == "peer-jsonschema" and connections != TOGETHER:
                continue
            if system.worker is not None:
                accepted, delivered = bench.accept(system, connections=connections, count=count)
                keep("accept", connections, system, accepted)
                keep("deliver", connections, system, delivered)
            if system.worker is None or connections == TOGETHER:
                found = bench.all_at_once(system, connections=connections, count=count)
                keep("all", connections, system, found)
    return figures


def _profiles(
    bench: Bench, systems: dict[str, System], scenario: Scenario
) -> dict[str, dict[str, float] | str]:
    shares: dict[str, dict[str, float] | str] = {}
    for name in ("embedded", "production"):
        system = systems[name]
        recording = Recording(
            system, bench.folder, seconds=scenario.profile_s, core=bench.other_core
        )
        until = time.monotonic() + scenario.profile_s
        while time.monotonic() < until:
            bench.all_at_once(system, connections=TOGETHER, count=scenario.counts[TOGETHER] // 4)
        try:
            shares[name] = recording.shares()
        except FailedError as error:
            shares[name] = str(error)
    return shares
