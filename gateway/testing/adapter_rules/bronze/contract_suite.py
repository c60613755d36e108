"""``tests/test_contract.py`` puts the adapter under the contract kit."""

from collections.abc import Iterator

from gateway.testing.adapter_rules.adapter import Adapter


def faults(adapter: Adapter) -> Iterator[str]:
    """Yield whether it is missing."""
    if not adapter.has_test("test_contract.py", r"class Test\w+\(.*AdapterContract\)"):
        yield "tests/test_contract.py has no subclass of AdapterContract"
