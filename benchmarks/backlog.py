"""Memory and manners with a million applications that nobody takes.

The journal is filled with deliveries that have never been published, as after a night in which
no core system answered. Then the gateway is started, gets new applications, is scraped and asked
for its status, and is stopped; all the while its memory is watched, and its worker's. Twice: with
the destinations paused, and with core systems that refuse every connection.
"""

import socket
import subprocess
import threading
import time
from contextlib import ExitStack, suppress
from datetime import timedelta
from pathlib import Path
from typing import Any, Final, Self

from benchmarks.operations import answered
from benchmarks.paced import spread
from benchmarks.populate import WAITING, Filling
from benchmarks.processes import FailedError, Process, environment, memory_mib, on_core
from benchmarks.site import Configure, Say, Site
from benchmarks.systems import KAKEHASHI, Kakehashi, get

CASES: Final = ("paused", "refusing")
PER_S: Final = 10.0
_SPAN: Final = timedelta(hours=10)
_SAMPLE_S: Final = 0.2
_COMMAND_SAMPLE_S: Final = 0.005
_LOOK_S: Final = 5.0
_STOP_TIMEOUT_S: Final = 60.0


def measure(count: int, footings: tuple[str, ...], seconds: float, say: Say) -> dict[str, Any]:
    """Measure each footing and case for ``seconds``; return all figures as JSON values.

    Raises:
        FailedError: An application was not accepted, or a process ended by itself.
    """
    with ExitStack() as stack:
        site = Site(stack, say)
        filled = site.embedded("filled", _case("paused"))
        site.fill(filled, Filling(count=count, shares=WAITING, span=_SPAN))
        url = site.copied(filled) if "production" in footings else ""
        found: dict[str, Any] = {"count": count, "seconds": seconds, "runs": {}}
        for footing in footings:
            for case in CASES:
                name = f"{footing}-{case}"
                if footing == "production":
                    keys = filled.parent / "keys"
                    config = site.production(name, _case(case), journal=url, keys=keys)
                else:
                    config = site.rewritten(filled, _case(case))
                say(name)
                found["runs"][f"{footing}/{case}"] = _watched(site, footing, config, name, seconds)
        return found


def _case(name: str) -> Configure:
    def configure(configuration: dict[str, Any]) -> None:
        # The default bound is a million: nothing new would be accepted.
        configuration["journal"]["max_unfinished"] = 10_000_000
        for destination in configuration["destinations"].values():
            destination["paused"] = name == "paused"
            if name == "refusing":
                port = _closed_port()
                url = f"http://127.0.0.1:{port}"
                destination["config"] |= {
                    "url": f"{url}/applications",
                    "health_url": f"{url}/health",
                }

    return configure


def _closed_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def _watched(site: Site, footing: str, config: Path, name: str, seconds: float) -> dict[str, Any]:
    began = time.monotonic()
    with site.running(footing, config) as system:
        started_s = time.monotonic() - began
        processes = [each for each in (system.door, system.worker) if each is not None]
        with _Memory(processes) as memory:
            order = {"per_s": PER_S, "seconds": seconds, "delivered": False}
            with site.sending(system, name, **order) as report:
                asked = _ask_until(time.monotonic() + seconds, site, system, config)
            if set(report["statuses"]) != {"202"}:
                raise FailedError(f"{name}: {report['statuses']}")
            overview, _ = answered(config.parent, "overview")
            stopped_s = {each.name: _stop(each) for each in reversed(processes)}
    return {
        "start_s": started_s,
        "stop_s": stopped_s,
        "accept": report["accept"],
        "accepted": report["count"],
        "asked": {what: spread(spent) for what, spent in asked.items() if what != "command_mib"},
        "command_mib": max(asked["command_mib"]),
        "memory": memory.figures(),
        "states": _states(overview),
    }


def _ask_until(until: float, site: Site, system: Kakehashi, config: Path) -> dict[str, list[float]]:
    """Scrape and ask for the status every few seconds, as a monitoring system and a person do."""
    asked: dict[str, list[float]] = {"metrics": [], "kakehashi status": [], "command_mib": []}
    while (left := until - time.monotonic()) > 0:
        began = time.perf_counter()
        get(system.operations_port, "/metrics")
        asked["metrics"].append(time.perf_counter() - began)
        began = time.perf_counter()
        asked["command_mib"].append(_command_mib(site, "status", "--config", str(config)))
        asked["kakehashi status"].append(time.perf_counter() - began)
        time.sleep(min(_LOOK_S, max(0.0, left)))
    return asked


def _command_mib(site: Site, *arguments: str) -> float:
    """Run a command and return its memory at its highest, seen every few milliseconds.

    Not what the kernel tells at its end: that counts our own memory, before ``exec``.
    """
    highest_mib = 0.0
    with on_core(site.other_core):
        process = subprocess.Popen(
            (KAKEHASHI, *arguments), env=environment(), stdout=subprocess.DEVNULL
        )
    while process.poll() is None:
        with suppress(FileNotFoundError, ProcessLookupError, KeyError):
            highest_mib = memory_mib(process.pid)[1]
        time.sleep(_COMMAND_SAMPLE_S)
    if process.returncode != 0:
        raise FailedError(f"{arguments}: {process.returncode}")
    return highest_mib


def _stop(process: Process) -> float:
    """End it in order; return the seconds that took."""
    began = time.monotonic()
    process.stop(_STOP_TIMEOUT_S)
    return time.monotonic() - began


def _states(overview: dict[str, Any]) -> dict[str, int]:
    states: dict[str, int] = {}
    for destination in overview["destinations"]:
        for state, count in destination["deliveries"].items():
            states[state] = states.get(state, 0) + count
    return states


class _Memory:
    """The memory of processes from now on; their highest since they began."""

    def __init__(self, processes: list[Process]) -> None:
        self._processes = processes
        self._samples: dict[str, list[float]] = {each.name: [] for each in processes}
        self._highest = {each.name: 0.0 for each in processes}
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._over.wait(_SAMPLE_S):
            for process in self._processes:
                # A zombie has no memory, and a process that is gone no file.
                with suppress(FileNotFoundError, ProcessLookupError, KeyError):
                    now, highest = process.memory_mib()
                    self._samples[process.name].append(now)
                    self._highest[process.name] = highest

    def figures(self) -> dict[str, dict[str, float]]:
        """Return MiB by process: first seen, median, last seen and highest."""
        return {
            name: {
                "first_mib": samples[0],
                "median_mib": sorted(samples)[len(samples) // 2],
                "last_mib": samples[-1],
                "highest_mib": self._highest[name],
                "samples": len(samples),
            }
            for name, samples in self._samples.items()
        }
