"""The README's Outcomes name every code that the adapter raises."""

import ast
from collections.abc import Iterator
from typing import Final

from gateway.testing.adapter_rules.adapter import Adapter

_RAISED: Final = frozenset(
    {
        "RejectedError",
        "TransientError",
        "ThrottledError",
        "DestinationUnavailableError",
        "UnknownOutcomeError",
    }
)


def faults(adapter: Adapter) -> Iterator[str]:
    """Yield each code that stands in the source and not in the README."""
    codes = {code for _, tree in adapter.sources() for code in _codes(tree)}
    for code in sorted(codes):
        if code not in adapter.readme:
            yield f"its README does not name {code}"


def _codes(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.args):
            continue
        code = node.args[0]
        if node.func.id in _RAISED and isinstance(code, ast.Constant):
            yield str(code.value)
