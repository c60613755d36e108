"""Tests run against a real peer: a server in a process of its own, a container, a simulator."""

from collections.abc import Iterator

from gateway.testing.adapter_rules.adapter import Adapter


def faults(adapter: Adapter) -> Iterator[str]:
    """Yield whether there is no such test."""
    if not adapter.has_test("test_against_*.py"):
        yield "there is no tests/test_against_*.py"
