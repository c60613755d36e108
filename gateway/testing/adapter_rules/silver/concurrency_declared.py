"""``max_in_flight`` is what the adapter and its core system take at once, as the kit sees it."""

from collections.abc import Iterator
from typing import Final

from gateway.testing.adapter_rules.adapter import Adapter

CHECKS: Final = ("max_in_flight_is_true", "order_is_kept")


def faults(adapter: Adapter) -> Iterator[str]:
    """Yield whether the manifest and the code differ."""
    if adapter.manifest.features.max_in_flight != adapter.spec.max_in_flight:
        yield "max_in_flight is another in its manifest and in its code"
