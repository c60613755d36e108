"""Somebody answers for the adapter, by a name that can be found."""

from collections.abc import Iterator

from gateway.drivers.discovery import NOBODY
from gateway.testing.adapter_rules.adapter import Adapter


def faults(adapter: Adapter) -> Iterator[str]:
    """Yield whether the owner is nobody."""
    if NOBODY.fullmatch(adapter.manifest.owner):
        yield f"its owner is {adapter.manifest.owner!r}"
