"""Every field of the configuration has a description."""

from collections.abc import Iterator

from gateway.testing.adapter_rules.adapter import Adapter


def faults(adapter: Adapter) -> Iterator[str]:
    """Yield each field that has none."""
    for name, field in adapter.fields():
        if not field.get("description", "").strip():
            yield f"{name} has no description"
