"""``python -m benchmarks``: measure, keep the figures, write the page.

Beside a peer, or with ``find``, ``console``, ``backlog`` or ``bulkhead`` at scale (``at_scale``),
or with ``audit`` the audit log (``audit``), or with ``sizes`` what a journal is made of
(``sizes``), or with ``migrate`` how long an upgrade keeps applications waiting (``migrate``).
"""

import argparse
import json
import signal
import sys
from pathlib import Path
from typing import Final

from benchmarks import at_scale, migrate, sizes
from benchmarks.audit import measure as audit
from benchmarks.page import page
from benchmarks.processes import ROOT, FailedError
from benchmarks.scenario import FULL, QUICK, measure

RESULTS: Final = ROOT / "benchmarks" / "results"
PAGE: Final = ROOT / "docs" / "reference" / "benchmarks.md"


def main() -> int:
    """Measure and write, or only print (``--quick``), or write the page of kept figures."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="try everything; keep nothing")
    parser.add_argument("--page", type=Path, help="write the page of these figures; no measuring")
    parser.add_argument("what", nargs="?", choices=[*at_scale.NAMES, "audit", "sizes", "migrate"])
    at_scale.add_to(parser)
    audit.add_to(parser)
    arguments = parser.parse_args()
    # Servers are ended on the way out; the default action of SIGTERM would leave them.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    if arguments.page is not None:
        PAGE.write_text(page(json.loads(arguments.page.read_text("utf-8"))), "utf-8")
        return 0
    try:
        if arguments.what == "audit":
            audit.measure_and_keep(arguments, _say)
            return 0
        if arguments.what == "sizes":
            sizes.measure_and_keep(arguments, _say)
            return 0
        if arguments.what == "migrate":
            migrate.measure_and_keep(arguments, _say)
            return 0
        if arguments.what is not None:
            at_scale.run(arguments, _say)
            return 0
        found = measure(QUICK if arguments.quick else FULL, _say)
    except FailedError as error:
        print(f"benchmark failed: {error}", file=sys.stderr)
        return 1
    if arguments.quick:
        print(page(found))
        return 0
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"{found['date']}.json"
    path.write_text(json.dumps(found, indent=1, ensure_ascii=False) + "\n", "utf-8")
    PAGE.write_text(page(found), "utf-8")
    print(f"wrote {path.relative_to(ROOT)} and {PAGE.relative_to(ROOT)}")
    return 0


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
