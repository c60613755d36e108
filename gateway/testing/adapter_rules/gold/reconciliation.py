"""A delivery in doubt is settled by asking the core system, not by a person."""

from collections.abc import Iterator
from typing import Final

from gateway.sdk import Idempotency
from gateway.testing.adapter_rules.adapter import Adapter

CHECKS: Final = ("lookup_finds_what_arrived",)


def faults(adapter: Adapter) -> Iterator[str]:
    """Yield whether it cannot look up."""
    if adapter.manifest.features.idempotency == Idempotency.NONE:
        yield "its idempotency is none: a person settles every doubt"
