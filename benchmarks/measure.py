"""One measurement: what was sent, how it was answered, when it had arrived, what it cost."""

import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from benchmarks.processes import PYTHON, FailedError, Family, Process, run
from benchmarks.systems import System, get

_LONGEST_S: Final = 90.0
_POLL_S: Final = 0.05

Figures = dict[str, float]


@dataclass
class Bench:
    """What every measurement needs.

    Attributes:
        folder: For whatever is written.
        sink: The core system.
        sink_port: Where it listens.
        other_core: Where client, broker, database, worker and sink run.
        servers: Broker and database, by name.
    """

    folder: Path
    sink: Process
    sink_port: int
    other_core: int | None
    servers: dict[str, Family]
    _runs: int = field(default=0)

    def send(self, system: System, *, connections: int, count: int) -> dict[str, Any]:
        """Send ``count`` applications; return the client's report.

        Raises:
            FailedError: One of them was not answered with 202.
        """
        self._runs += 1
        command = (
            *(PYTHON, "-m", "benchmarks.load", "--port", str(system.port), "--key", system.api_key),
            *("--count", str(count), "--connections", str(connections)),
            *("--run", f"{system.name}-{self._runs}"),
        )
        report: dict[str, Any] = json.loads(run(*command, folder=self.folder, core=self.other_core))
        if report["statuses"] != {"202": count}:
            raise FailedError(f"{system.name}: {report['statuses']}")
        return report

    def warm_up(self, system: System, count: int = 200) -> None:
        """Let a fresh system compile, connect and allocate; wait until all is delivered."""
        before = system.delivered()
        self.send(system, connections=8, count=count)
        self._wait(lambda: system.delivered() >= before + count, system)

    def accept(self, system: System, *, connections: int, count: int) -> tuple[Figures, Figures]:
        """Measure accepting with the worker at rest, then the worker with what has piled up.

        Returns:
            Figures of accepting, until everything is with the broker; figures of delivering.
        """
        if system.worker is None:
            raise FailedError(f"{system.name}: has no worker of its own")
        handed_over, delivered = system.handed_over(), system.delivered()
        system.worker.freeze()
        try:
            accepted = self._costs(
                system,
                count,
                lambda: self.send(system, connections=connections, count=count),
                lambda: system.handed_over() >= handed_over + count,
            )
        finally:
            began = time.monotonic()
            system.worker.thaw()
        worker_s, door_s = system.worker.cpu_s(), system.door.cpu_s()
        arrived = self.await_delivery(system, delivered + count)
        seconds = time.monotonic() - began
        return accepted, {
            "connections": connections,
            "count": count,
            "delivered_per_s": count / seconds,
            "arrived_per_s": count / (arrived - began),
            "worker_cpu_ms": 1e6 * (system.worker.cpu_s() - worker_s) / count,
            "door_cpu_ms": 1e6 * (system.door.cpu_s() - door_s) / count,
        }

    def all_at_once(self, system: System, *, connections: int, count: int) -> Figures:
        """Measure accepting and delivering side by side, to the last outcome on record."""
        delivered = system.delivered()
        worker_s = system.worker.cpu_s() if system.worker else 0.0
        arrived = self.arrived()
        figures = self._costs(
            system,
            count,
            lambda: self.send(system, connections=connections, count=count),
            # Asking the sink costs the door nothing; asking the door makes it count.
            lambda: self.arrived() >= arrived + count and system.delivered() >= delivered + count,
        )
        if system.worker:
            figures["worker_cpu_ms"] = 1e6 * (system.worker.cpu_s() - worker_s) / count
        figures["delivered_per_s"] = count / figures.pop("to_end_s")
        return figures

    def await_delivery(self, system: System, total: int) -> float:
        """Wait until ``total`` outcomes are on record; return when the sink saw the last."""
        # The sink costs the measured processes nothing to ask.
        quiet = [-1, -1]

        def at_rest() -> bool:
            quiet.append(self.arrived())
            return quiet[-1] == quiet[-2] == quiet[-3]

        self._wait(at_rest, system)
        self._wait(lambda: system.delivered() >= total, system)
        return float(json.loads(get(self.sink_port, "/stats"))["last"])

    def arrived(self) -> int:
        """Return how many applications the sink has taken."""
        return int(json.loads(get(self.sink_port, "/stats"))["arrived"])

    def doubled(self) -> int:
        """Return how many of them it had taken before."""
        stats = json.loads(get(self.sink_port, "/stats"))
        return int(stats["arrived"]) - int(stats["distinct"])

    def _costs(
        self,
        system: System,
        count: int,
        send: Callable[[], dict[str, Any]],
        is_over: Callable[[], bool],
    ) -> Figures:
        """Send, wait until it is over, and return rates and the CPU of all taken part."""
        door_s = system.door.cpu_s()
        servers_s = {name: family.cpu_s() for name, family in self.servers.items()}
        report = send()
        door_while_sending_s = system.door.cpu_s() - door_s
        self._wait(is_over, system)
        ended = time.monotonic()
        now, highest = system.door.memory_mib()
        figures: Figures = {
            "connections": report["connections"],
            "count": count,
            "accepted_per_s": count / report["seconds"],
            "p50_ms": report["p50_ms"],
            "p99_ms": report["p99_ms"],
            # Milliseconds per 1,000 applications are microseconds per application.
            "door_cpu_ms": 1e6 * (system.door.cpu_s() - door_s) / count,
            "door_busy": door_while_sending_s / report["seconds"],
            "client_busy": report["client_cpu_s"] / report["seconds"],
            "memory_mib": now,
            "memory_highest_mib": highest,
            "to_end_s": ended - report["began"],
        }
        for name, family in self.servers.items():
            figures[f"{name}_cpu_ms"] = 1e6 * (family.cpu_s() - servers_s[name]) / count
        return figures

    def _wait(self, holds: Callable[[], bool], system: System) -> None:
        deadline = time.monotonic() + _LONGEST_S
        while not holds():
            system.door.require_running()
            if system.worker is not None:
                system.worker.require_running()
            if time.monotonic() > deadline:
                raise FailedError(
                    f"{system.name}: handed over {system.handed_over()}, "
                    f"delivered {system.delivered()}, arrived {self.arrived()}"
                )
            time.sleep(_POLL_S)
