"""The measurements at scale: run one, print its tables, keep its figures and write the page."""

import argparse
import json
import sys
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, Final

from benchmarks import backlog, bulkhead, console, find, machine
from benchmarks.at_scale_page import SECTIONS, page
from benchmarks.processes import ROOT, Others
from benchmarks.site import FOOTINGS, Say
from gateway import __version__

RESULTS: Final = ROOT / "benchmarks" / "results" / "at-scale.json"
PAGE: Final = ROOT / "docs" / "reference" / "at-scale.md"


def _find(arguments: argparse.Namespace, say: Say) -> dict[str, Any]:
    return find.measure(arguments.applications or 1_000_000, arguments.footings, say)


def _console(arguments: argparse.Namespace, say: Say) -> dict[str, Any]:
    return console.measure(arguments.applications or 1_000_000, say)


def _backlog(arguments: argparse.Namespace, say: Say) -> dict[str, Any]:
    count, seconds = arguments.applications or 1_000_000, arguments.seconds or 60.0
    return backlog.measure(count, arguments.footings, seconds, say)


def _bulkhead(arguments: argparse.Namespace, say: Say) -> dict[str, Any]:
    return bulkhead.measure(
        arguments.applications or 100_000,
        arguments.footings,
        arguments.rounds,
        arguments.per_s,
        arguments.seconds or 40.0,
        say,
    )


MEASUREMENTS: Final[Mapping[str, Callable[[argparse.Namespace, Say], dict[str, Any]]]] = {
    "find": _find,
    "console": _console,
    "backlog": _backlog,
    "bulkhead": _bulkhead,
}


NAMES: Final = (*MEASUREMENTS, "at-scale-page")


def add_to(parser: argparse.ArgumentParser) -> None:
    """Add what the measurements at scale can be told."""
    at_scale = parser.add_argument_group("at scale")
    at_scale.add_argument("--applications", type=int, help="in the journal; default: full size")
    at_scale.add_argument("--footings", nargs="+", choices=FOOTINGS, default=FOOTINGS)
    at_scale.add_argument("--seconds", type=float, help="length of a run")
    at_scale.add_argument("--rounds", type=int, default=5, help="of bulkhead")
    at_scale.add_argument("--per-s", type=float, default=40.0, help="of bulkhead")
    at_scale.add_argument("--keep", action="store_true", help="keep the figures, write the page")


def run(arguments: argparse.Namespace, say: Say) -> None:
    """Run what was asked for.

    Raises:
        FailedError: A system did not do its work.
    """
    if arguments.what == "at-scale-page":
        _write(json.loads(RESULTS.read_text("utf-8")))
        return
    began, others = time.monotonic(), Others()
    found = {
        "figures": MEASUREMENTS[arguments.what](arguments, say),
        "date": datetime.now(UTC).date().isoformat(),
        "version": __version__,
        "command": " ".join(["python -m benchmarks", *sys.argv[1:]]),
        "machine": machine.describe(ROOT),
        "others_cores": others.cores(),
        "seconds": time.monotonic() - began,
    }
    print(SECTIONS[arguments.what](found))
    if arguments.keep:
        kept = json.loads(RESULTS.read_text("utf-8")) if RESULTS.exists() else {}
        kept[arguments.what] = found
        RESULTS.parent.mkdir(exist_ok=True)
        RESULTS.write_text(json.dumps(kept, indent=1, ensure_ascii=False) + "\n", "utf-8")
        _write(kept)


def _write(kept: dict[str, Any]) -> None:
    PAGE.write_text(page(kept), "utf-8")
    print(f"wrote {PAGE.relative_to(ROOT)}")
