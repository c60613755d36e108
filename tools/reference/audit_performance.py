"""The page of the audit log's speed, from the figures that were kept; none, no page."""

import json
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

_ROOT: Final = Path(__file__).parent.parent.parent
_RESULTS: Final = _ROOT / "benchmarks" / "results" / "audit.json"


def page() -> str:
    """Return the page of the kept figures."""
    # The benchmarks are no installed package: they are found from the project's folder.
    sys.path.insert(0, str(_ROOT))
    from benchmarks.audit.page import page as written  # noqa: PLC0415 - not before it can be found

    return written(json.loads(_RESULTS.read_text("utf-8")))


PAGES: Final[Mapping[str, Callable[[], str]]] = (
    {"docs/reference/audit-performance.md": page} if _RESULTS.exists() else {}
)
"""Nothing before the first run of `make bench-log`."""
