"""Refused, slow, cut off and garbled are tested, beside what the contract kit asks."""

from collections.abc import Iterator
from typing import Final

from gateway.testing.adapter_rules.adapter import Adapter

CHECKS: Final = (
    "silence_is_unknown",
    "unreachable_is_unavailable",
    "unreadable_answer_is_unknown",
    "cut_makes_no_double",
    "deadline_is_kept",
)


def faults(adapter: Adapter) -> Iterator[str]:
    """Yield whether there is no such test."""
    if not adapter.has_test("test_failures.py"):
        yield "there is no tests/test_failures.py"
