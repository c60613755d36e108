"""``mapping.py`` turns values into values: it imports nothing that does input or output."""

import ast
from collections.abc import Iterator
from typing import Final

from gateway.testing.adapter_rules.adapter import Adapter

_WITH_EFFECTS: Final = frozenset(
    {
        "aiohttp",
        "asyncio",
        "asyncpg",
        "asyncssh",
        "http",
        "httpx2",
        "os",
        "pathlib",
        "requests",
        "secrets",
        "shutil",
        "socket",
        "ssl",
        "structlog",
        "subprocess",
        "tempfile",
        "threading",
        "time",
    }
)
_FILE: Final = "mapping.py"


def faults(adapter: Adapter) -> Iterator[str]:
    """Yield each import that does input or output, the adapter's own too, and ``await``."""
    trees = {path.name: tree for path, tree in adapter.sources()}
    if _FILE not in trees:
        yield f"it has no {_FILE}"
        return
    for node in ast.walk(trees[_FILE]):
        if isinstance(node, ast.AsyncFunctionDef | ast.Await):
            yield f"{_FILE} waits, in line {node.lineno}"
        for module in _imported(node):
            names = module.split(".")
            if names[0] in _WITH_EFFECTS or names[-1] in {"client", "adapter"}:
                yield f"{_FILE} imports {module}"


def _imported(node: ast.AST) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    return [node.module] if isinstance(node, ast.ImportFrom) and node.module else []
