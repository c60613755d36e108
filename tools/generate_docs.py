"""Write the pages that are generated from the code; with ``--check`` only compare them."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Final

from reference import (
    adapters,
    audit_events,
    audit_performance,
    configuration,
    errors,
    kubernetes,
    lifecycle,
    log_events,
    metrics,
    operations_api,
)

ROOT: Final = Path(__file__).parent.parent
PAGES: Final[dict[str, Callable[[], str]]] = {
    "docs/reference/lifecycle.md": lifecycle.page,
    "docs/reference/errors.md": errors.page,
    "docs/reference/audit-events.md": audit_events.page,
    "docs/reference/configuration.md": configuration.page,
    "docs/reference/metrics.md": metrics.page,
    "docs/reference/log-events.md": log_events.page,
    "docs/reference/operations-api.md": operations_api.page,
    "config/kakehashi.example.yaml": configuration.example,
    "deploy/kubernetes/monitoring/rules.yaml": kubernetes.rules,
    **audit_performance.PAGES,
    **adapters.PAGES,
}


def main(arguments: list[str]) -> int:
    """Return 0 if every page is current, which it is after writing."""
    stale = [path for path, page in PAGES.items() if _written(path) != page()]
    if arguments == ["--check"]:
        for path in stale:
            print(f"{path} is not current: run make docs")
        return 1 if stale else 0
    for path in stale:
        (ROOT / path).parent.mkdir(parents=True, exist_ok=True)
        (ROOT / path).write_text(PAGES[path](), encoding="utf-8")
        print(f"wrote {path}")
    return 0


def _written(path: str) -> str | None:
    file = ROOT / path
    return file.read_text(encoding="utf-8") if file.exists() else None


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
