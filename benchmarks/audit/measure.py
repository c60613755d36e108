"""Run every measurement of the audit log, each in a process of its own; keep and print."""

import argparse
import json
import sys
import time
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from benchmarks import machine
from benchmarks.audit.page import page
from benchmarks.audit.reading import SPAN, first_entries
from benchmarks.populate import IN_USE, Filling
from benchmarks.processes import PYTHON, ROOT, Others, run
from benchmarks.site import Configure, Say, Site
from gateway import __version__

RESULTS: Final = ROOT / "benchmarks" / "results" / "audit.json"
_WRITE_PAGES: Final = str(ROOT / "tools" / "generate_docs.py")


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """How much is measured.

    Attributes:
        applications: In the journal that is read; about four entries each.
        seconds: Length of a round, of appending and of accepting.
        probes: Of an idle log.
        asks: How often each question is asked.
        rounds: Of verifying a whole journal.
        verified: Applications in the log that is verified in memory; three entries each.
    """

    applications: int
    seconds: float
    probes: int
    asks: int
    rounds: int
    verified: int


FULL: Final = Size(
    applications=260_000, seconds=5.0, probes=100, asks=60, rounds=3, verified=100_000
)
"""A million entries."""
SMALL: Final = Size(applications=2_000, seconds=0.2, probes=5, asks=3, rounds=1, verified=2_000)


def add_to(parser: argparse.ArgumentParser) -> None:
    """Add what this measurement can be told."""
    audit = parser.add_argument_group("audit")
    audit.add_argument("--small", action="store_true", help="audit: try everything, in a minute")


def measure_and_keep(arguments: argparse.Namespace, say: Say) -> None:
    """Measure; print the page, or with ``--keep`` keep the figures and write it.

    Raises:
        FailedError: Something did not do its work.
    """
    began, others = time.monotonic(), Others()
    found = {
        "figures": measure(SMALL if arguments.small else FULL, arguments.footings, say),
        "date": datetime.now(UTC).date().isoformat(),
        "version": __version__,
        "command": " ".join(["python -m benchmarks", *sys.argv[1:]]),
        "machine": machine.describe(ROOT),
        "others_cores": others.cores(),
        "seconds": time.monotonic() - began,
    }
    if not arguments.keep:
        print(page(found))
        return
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps(found, indent=1, ensure_ascii=False) + "\n", "utf-8")
    print(run(PYTHON, _WRITE_PAGES, folder=ROOT), end="")


def measure(size: Size, footings: tuple[str, ...], say: Say) -> dict[str, Any]:
    """Measure and return all figures as JSON values."""
    with ExitStack() as stack:
        site = Site(stack, say)
        say("accepting with one part more at a time")
        (site.folder / "added").mkdir()
        found: dict[str, Any] = {
            "added": _child(site, "added", str(site.folder / "added"), str(size.seconds / 2))
        }
        found["append"] = {footing: _append(site, footing, size, say) for footing in footings}
        say("verifying a log in memory")
        command = (PYTHON, "-m", "benchmarks.verification", str(size.verified))
        found["verification"] = json.loads(run(*command, folder=site.folder, core=site.core))
        found["reading"] = _reading(site, footings, size, say)
        found["applications"] = size.applications
        found["round_s"] = size.seconds
        return found


def _append(site: Site, footing: str, size: Size, say: Say) -> Any:
    say(f"appending: {footing}")
    url = site.postgres.database() if footing == "production" else ""
    config = site.embedded(f"append-{footing}", _on(url))
    return _child(site, "append", str(config), str(size.seconds), str(size.probes))


def _reading(site: Site, footings: tuple[str, ...], size: Size, say: Say) -> dict[str, Any]:
    """Fill one journal, seal it, copy it, and read both."""
    filled = site.embedded("filled", _on(""))
    filling = Filling(
        count=size.applications, shares=IN_USE, span=SPAN, own_seals=0, first=first_entries()
    )
    site.fill(filled, filling)
    say("sealing it")
    found: dict[str, Any] = {"sealing": _child(site, "reading", "seal", str(filled))}
    found["journal_mib"] = filled.with_name("journal.db").stat().st_size / 2**20
    configs = {"embedded": filled}
    if "production" in footings:
        keys = str(filled.parent / "keys")
        configs["production"] = site.embedded("copied", _on(site.copied(filled), keys))
    for footing, config in configs.items():
        if footing in footings:
            found[footing] = _read(site, footing, config, size, say)
    return found


def _read(site: Site, footing: str, config: Path, size: Size, say: Say) -> Any:
    say(f"proving, searching, verifying: {footing}")
    numbers = (size.applications, size.asks, size.rounds)
    return _child(site, "reading", "read", str(config), *map(str, numbers))


def _child(site: Site, module: str, *arguments: str) -> Any:
    command = (PYTHON, "-m", f"benchmarks.audit.{module}", *arguments)
    return json.loads(run(*command, folder=site.folder, core=site.core))


def _on(url: str, keys: str = "") -> Configure:
    """Return what sets a journal elsewhere than in its folder, and another's keys."""

    def configure(configuration: dict[str, Any]) -> None:
        if url:
            configuration["journal"] = {"url": url}
        if keys:
            configuration["keys"] = {"folder": keys}

    return configure
