"""Killed in the middle of a delivery, at every step, it has committed once in the end."""

from collections.abc import Iterator

from gateway.testing.adapter_rules.adapter import Adapter


def faults(adapter: Adapter) -> Iterator[str]:
    """Yield whether no test kills anything."""
    if not adapter.has_test("test_*.py", r"(?i)\bkill(ed|s|ing)?\b"):
        yield "no test kills anything"
