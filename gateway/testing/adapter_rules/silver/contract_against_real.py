"""Tests run against a real peer: a server in a process of its own, a container, a simulator."""

import re
from collections.abc import Iterator
from typing import Final

from gateway.testing.adapter_rules.adapter import Adapter

_TEST: Final = r"(?m)^ *(async )?def test_\w+"


def faults(adapter: Adapter) -> Iterator[str]:
    """Yield whether there is no such test, or none that sends anything through the adapter."""
    if not adapter.has_test("test_against_*.py", _TEST):
        yield "there is no test in any tests/test_against_*.py"
    elif not adapter.has_test("test_against_*.py", rf"\b{re.escape(adapter.class_name)}\b"):
        yield f"no tests/test_against_*.py uses {adapter.class_name}"
