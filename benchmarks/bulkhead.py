"""One core system goes dark: do the others notice?

Four destinations get applications at a fixed rate, well below saturation, from a client that does
not wait. A fifth stands beside them, in the same gateway and the same worker process. In the runs
*without*, its core system is well and nothing is sent to it. In the runs *with*, its core system
takes connections, reads, and never answers, and a backlog lies behind it. Runs without and with
take turns, and each ratio is that of two neighbours.
"""

import shutil
import time
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

from benchmarks.populate import WAITING, Filling
from benchmarks.processes import FailedError, Others
from benchmarks.site import Say, Site

DARK: Final = "dark"
"""The fifth destination."""
DARK_CODE, DARK_NAME = "131059", "文京区"
SEND_TIMEOUT_S: Final = 5.0
"""The dark destination's; short, so that a run sees its sends fail many times."""
GOAL: Final = 1.25
DISTURBED_CORES: Final = 0.2
"""A round in which other programs kept more than this busy tells nothing of us."""
_TRIES: Final = 3
_CASES: Final = ("without", "with")
_SPAN: Final = timedelta(hours=10)
_WARM_UP_S: Final = 12.0
"""Long enough for the dark core system to have swallowed its first sends, and for two timeouts."""


def measure(
    count: int, footings: tuple[str, ...], rounds: int, per_s: float, seconds: float, say: Say
) -> dict[str, Any]:
    """Measure and return all figures as JSON values.

    Raises:
        FailedError: An application of the others was refused or did not arrive.
    """
    with ExitStack() as stack:
        site = Site(stack, say)
        filled = site.embedded("filled", lambda document: _with_dark(document, site, dark=True))
        filling = Filling(
            count=count, shares=WAITING, span=_SPAN, own_seals=count, destinations={DARK_CODE: DARK}
        )
        site.fill(filled, filling)
        found: dict[str, Any] = {"count": count, "per_s": per_s, "seconds": seconds}
        found |= {"repeated": 0, "runs": {}}
        for footing in footings:
            url = site.copied(filled) if footing == "production" else ""
            runs = found["runs"][footing] = []
            for number in range(rounds):
                for attempt in range(_TRIES):
                    names = {case: f"{footing}-{case}-{number}-{attempt}" for case in _CASES}
                    figures = {
                        case: _run(site, footing, filled, url, name, per_s, seconds)
                        for case, name in names.items()
                    }
                    if all(run["others_cores"] < DISTURBED_CORES for run in figures.values()):
                        break
                    found["repeated"] += attempt < _TRIES - 1
                runs.append(figures)
        return found


def _with_dark(configuration: dict[str, Any], site: Site, *, dark: bool) -> None:
    port = site.paced.silent if dark else site.paced.sink
    example = next(iter(configuration["destinations"].values()))
    url = f"http://127.0.0.1:{port}"
    configuration["municipalities"][DARK_CODE] = {"name": DARK_NAME}
    configuration["destinations"][DARK] = {
        **example,
        "municipality": DARK_CODE,
        "send_timeout_s": SEND_TIMEOUT_S,
        "config": {
            "reference_pointer": "/reference",
            "url": f"{url}/applications",
            # Without a health address a worker only tries whether it can connect, and it can:
            # so it goes on sending.
            "read_timeout_s": SEND_TIMEOUT_S / 2,
        },
    }
    for worker in configuration["workers"].values():
        worker["destinations"] = [*worker["destinations"], DARK]


def _run(
    site: Site, footing: str, filled: Path, url: str, name: str, per_s: float, seconds: float
) -> dict[str, Any]:
    dark = name.startswith(f"{footing}-with-")
    config = _prepared(site, footing, filled, url, name, dark=dark)
    swallowed = site.order()["silent"]
    with site.running(footing, config) as system:
        order = {"port": system.port, "key": system.api_key, "per_s": per_s, "delivered": True}
        site.order(run=f"{name}-warm", seconds=_WARM_UP_S, **order)
        processes = {"door": system.door, "worker": system.worker}
        before = {role: each.cpu_s() for role, each in processes.items() if each is not None}
        began, others = time.monotonic(), Others()
        report = site.order(run=name, seconds=seconds, **order)
        spent = time.monotonic() - began
        busy = {role: (processes[role].cpu_s() - cpu) / spent for role, cpu in before.items()}
        others_cores = others.cores()
        memory = system.door.memory_mib()[1]
    shutil.rmtree(config.parent)
    if report["missing"] or set(report["statuses"]) != {"202"}:
        raise FailedError(f"{name}: {report}")
    report |= {"busy": busy, "memory_highest_mib": memory, "others_cores": others_cores}
    report["swallowed_bytes"] = report.pop("silent").get("bytes", 0) - swallowed.get("bytes", 0)
    site.say(
        f"  {name}: p50 {report['deliver']['p50_ms']:.1f} ms, "
        f"p99 {report['deliver']['p99_ms']:.1f} ms; from POST p99 {report['both']['p99_ms']:.1f} ms"
    )
    return report


def _prepared(site: Site, footing: str, filled: Path, url: str, name: str, *, dark: bool) -> Path:
    """Write the run's configuration, on a journal of its own."""

    keys = filled.parent / "keys"

    def configure(configuration: dict[str, Any]) -> None:
        _with_dark(configuration, site, dark=dark)
        configuration["keys"] = {"folder": str(keys)}

    if footing == "embedded":
        config = site.embedded(name, configure)
        if dark:
            shutil.copyfile(filled.with_name("journal.db"), config.with_name("journal.db"))
        return config
    journal = site.duplicated(url, name) if dark else site.postgres.database()
    return site.production(name, configure, journal=journal, keys=keys)
