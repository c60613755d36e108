"""Find every log call of the source: its event, its level and its fields."""

import ast
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

_EVENT = re.compile(r"[a-z_]+\.[a-z_]+")
_LEVELS = frozenset({"debug", "info", "warning", "error", "exception"})
_SAYS = frozenset({"_say", "tell"})
"""Functions of ours that hand on an event."""
_LOGGERS = frozenset({"log", "_log", "logger"})

Call = tuple[str, str | None, frozenset[str]]
"""Event, level if it stands there, fields."""


def log_calls(folders: Iterable[Path]) -> Iterator[Call]:
    """Yield every call below ``folders``; one that may have several events, once for each."""
    for folder in folders:
        for path in sorted(folder.rglob("*.py")):
            if "tests" not in path.parts:
                tree = ast.parse(path.read_text(encoding="utf-8"))
                yield from _calls(tree, is_ours="cli" not in path.parts)


def _calls(tree: ast.AST, *, is_ours: bool) -> Iterator[Call]:
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call) or not node.args:
            continue
        match node.func:
            case ast.Attribute(value=ast.Name(id=name), attr=level) if (
                name in _LOGGERS and level in _LEVELS
            ):
                event, said = node.args[0], "error" if level == "exception" else level
            case ast.Attribute(value=ast.Call(), attr=level) if level in _LEVELS:
                event, said = node.args[0], level
            case ast.Name(id=name) | ast.Attribute(attr=name) if is_ours and name in _SAYS:
                event, said = node.args[-1], None
            case _:
                continue
        fields = frozenset(each.arg for each in node.keywords if each.arg is not None)
        for constant in _texts(event, tree):
            yield constant, said, fields


def _texts(event: ast.expr, tree: ast.AST) -> Iterator[str]:
    """Yield the events that an expression may be: a name stands for what is assigned to it."""
    if isinstance(event, ast.Name):
        for node in ast.walk(tree):
            if isinstance(node, ast.Assign) and any(
                isinstance(target, ast.Name) and target.id == event.id for target in node.targets
            ):
                yield from _texts(node.value, tree)
        return
    if isinstance(event, ast.JoinedStr):
        # Nobody could look it up: it stands in no table, and so fails whoever asks for it there.
        yield ast.unparse(event)
    for node in ast.walk(event):
        if (
            isinstance(node, ast.Constant)
            and isinstance(node.value, str)
            and _EVENT.fullmatch(node.value)
        ):
            yield node.value
