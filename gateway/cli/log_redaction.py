"""What of a log line is written: known fields by their class, of bounded length, in one line.

A field that ``log_fields.FIELDS`` does not name is written as ``[unknown field]``: whoever adds
one says first what it may hold. This is the last net; that nothing personal is logged is the
rule of whoever logs.
"""

import re
from collections import Counter
from collections.abc import Callable, Mapping, MutableMapping
from functools import lru_cache
from typing import Any, Final

from gateway.cli.log_fields import FIELDS, FieldClass

UNKNOWN: Final = "[unknown field]"
_INSTEAD: Final = {FieldClass.SECRET: "[secret]", FieldClass.PERSONAL: "[personal]"}
_HIDDEN: Final = {
    name: _INSTEAD[field.kind] for name, field in FIELDS.items() if field.kind in _INSTEAD
}
_SHOWN: Final = FIELDS.keys() - _HIDDEN.keys() | {"level", "timestamp"}
"""Among them what our own processors add."""
_SIMPLE: Final = frozenset({type(None), bool, int, float})
_LONGEST_TEXT: Final = 500
_MOST_MEMBERS: Final = 100
_DEEPEST: Final = 8
_EVENT: Final = re.compile(r"[a-z][a-z0-9_-]*(\.[a-z0-9_-]+)+")
_NO_EVENT: Final = "log.event_malformed"


class Redaction:
    """A structlog processor; it comes last before the renderer."""

    def __init__(self, note_unknown: Callable[[int], None] = lambda _count: None) -> None:
        """Begin to count; ``note_unknown`` is told how many fields of a line were unknown."""
        self._note_unknown = note_unknown
        self.unknown: Counter[str] = Counter()
        """How often each unknown field was met; of at most a hundred names."""

    def __call__(
        self, _logger: object, _method: str, event: MutableMapping[str, Any]
    ) -> MutableMapping[str, Any]:
        """Replace what may not be written."""
        unknown: list[str] = []
        # Each line of each application comes through here: most values are left as they are.
        for name, value in event.items():
            kind = type(value)
            if name in _SHOWN:
                if kind is str:
                    if len(value) > _LONGEST_TEXT or not value.isprintable():
                        event[name] = _escaped(value)
                elif kind not in _SIMPLE:
                    event[name] = _plain(value)
            elif name == "event":
                if not (isinstance(value, str) and _is_event(value)):
                    event[name] = _NO_EVENT
            elif name in _HIDDEN:
                event[name] = _HIDDEN[name]
            else:
                unknown.append(name)
        if unknown:
            self._hide(unknown, event)
        return event

    def _hide(self, unknown: list[str], event: MutableMapping[str, Any]) -> None:
        for name in unknown:
            self._count(name)
            del event[name]
        for name in unknown:
            event[_escaped(name)] = UNKNOWN
        event["unknown_fields"] = len(unknown)
        self._note_unknown(len(unknown))

    def _count(self, name: str) -> None:
        if name in self.unknown or len(self.unknown) < _MOST_MEMBERS:
            self.unknown[name] += 1


@lru_cache(1024)
def _is_event(text: str) -> bool:
    return _EVENT.fullmatch(text) is not None


def _plain(value: object, depth: int = 0) -> object:
    """Return a value as it may be written: by its class where it is nothing simple."""
    if isinstance(value, str):
        return _escaped(value)
    if type(value) in _SIMPLE:
        return value
    if depth == _DEEPEST:
        return "…"
    if isinstance(value, Mapping):
        members = list(value.items())[:_MOST_MEMBERS]
        return {_escaped(str(name)): _plain(inner, depth + 1) for name, inner in members}
    if isinstance(value, list | tuple | set | frozenset):
        return [_plain(inner, depth + 1) for inner in list(value)[:_MOST_MEMBERS]]
    return f"[{type(value).__qualname__}]"


def _escaped(text: str) -> str:
    """Return ``text`` in one line and of bounded length, with what is not printable escaped."""
    if len(text) <= _LONGEST_TEXT and text.isprintable():
        return text
    cut = text[:_LONGEST_TEXT]
    if not cut.isprintable():
        cut = "".join(
            each if each.isprintable() else each.encode("unicode_escape").decode("ascii")
            for each in cut
        )
    return cut if len(text) <= _LONGEST_TEXT else f"{cut}…"
