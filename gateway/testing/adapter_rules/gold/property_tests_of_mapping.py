"""The mapping is tested with generated applications: garbage in, refusal or valid record out."""

from collections.abc import Iterator

from gateway.testing.adapter_rules.adapter import Adapter


def faults(adapter: Adapter) -> Iterator[str]:
    """Yield whether no test generates anything."""
    if not adapter.has_test("test_*.py", r"from hypothesis import"):
        yield "no test of it uses hypothesis"
