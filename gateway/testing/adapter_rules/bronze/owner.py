"""Somebody answers for the adapter, by a name that can be found."""

import re
from collections.abc import Iterator

from gateway.testing.adapter_rules.adapter import Adapter


def faults(adapter: Adapter) -> Iterator[str]:
    """Yield whether the owner is nobody."""
    if re.fullmatch(r"(?i)\W*(todo|tbd|unknown|nobody|your.name|me)\W*", adapter.manifest.owner):
        yield f"its owner is {adapter.manifest.owner!r}"
