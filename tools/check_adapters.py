"""Hold every installed adapter of this checkout against the quality its manifest claims."""

import sys
from pathlib import Path
from typing import Final

from gateway.drivers import discovery
from gateway.testing.adapter_rules import broken
from gateway.testing.adapter_rules.adapter import Adapter

ROOT: Final = Path(__file__).parent.parent


def main() -> int:
    """Print each claim that is not true; return 0 if all are."""
    found = 0
    for manifest in discovery.available():
        adapter = Adapter.installed(manifest.name)
        if not adapter.folder.is_relative_to(ROOT / "adapters"):
            continue
        for rule, fault in broken(adapter):
            print(f"adapters/{adapter.folder.name}: {rule}: {fault}")
            found += 1
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
