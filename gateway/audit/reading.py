"""What must an entry's bytes look like? Told in words when they do not.

``audit.chain`` documents the format; here it is described a second time, so that a mistake in
one is seen by the other. ``read`` parses and says what is wrong. There is one way to write an
entry, and so what is well can be recognised without parsing: a ``Reader`` makes a pattern of each
layout (which members there are, the names of the facts and of what type each is) once
``read`` has found nothing wrong with an entry of that layout, and further entries are matched
against it. It remembers beginnings, too: action and actor are the same in many entries. Whatever
it does not recognise is parsed.
"""

import json
import re
from collections.abc import Callable
from datetime import datetime
from typing import Final, NamedTuple, NoReturn, NotRequired, TypedDict, cast

MAX_LAYOUTS: Final = 500
"""How many layouts a reader remembers; an honest log has about as many as there are actions."""

MAX_BEGINNINGS: Final = 10_000
"""How many beginnings a reader remembers: as many as pairs of an action and an actor."""

_MAX_BYTES: Final = 65_535
_MAX_INTEGER: Final = (1 << 53) - 1
_UUID: Final = "[0-9a-f]{8}+-[0-9a-f]{4}+-[0-9a-f]{4}+-[0-9a-f]{4}+-[0-9a-f]{12}+"
_FORMATS: Final = {
    "action": r"[a-z_]++\.[a-z_]++",
    "application": _UUID,
    "at": r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{3}Z",
    "delivery": _UUID,
    "detail": "[A-Za-z0-9_-]++",
    "municipality": "[0-9]{6}",
    "node": "[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?",
    "nprev": "[0-9a-f]{64}",
    "subject": "[0-9a-f]{64}",
}
"""Members that are strings of one form."""
_PATTERNS: Final = {name: re.compile(pattern) for name, pattern in _FORMATS.items()}
_REQUIRED: Final = frozenset({"action", "actor", "at", "facts", "node", "nprev", "nseq", "v"})
_OPTIONAL: Final = {
    1: frozenset({"application", "delivery", "municipality"}),
    2: frozenset({"application", "delivery", "detail", "municipality", "subject"}),
}
"""By version."""
_ABSENT: Final = object()
_FACT_NAME: Final = re.compile(r"[a-z][a-z0-9_]*")

# RFC 8259, 7: what must be escaped is, the short way where there is one; nothing else is.
_STRING: Final = (
    r'"[^"\\\x00-\x1f]*+(?:\\(?:["\\bfnrt]|u00(?:0[0-7bef]|1[0-9a-f]))[^"\\\x00-\x1f]*+)*+"'
)
_VALUE: Final = rf"(?:{_STRING}|0|-?[1-9][0-9]{{0,15}}+|true|false|null)"
_FACT: Final = rf'"[a-z][a-z0-9_]*+":{_VALUE}'
_BEGINNING: Final = (
    rf'\{{"action":"{_FORMATS["action"]}","actor":\{{"kind":{_STRING},"name":{_STRING}'
)
_END: Final = rf'(?:,"subject":"{_FORMATS["subject"]}")?+,"v":2\}}|,"v":1\}}'
_WRITTEN: Final = re.compile(
    rf'({_BEGINNING})\}},(?:"application":"{_FORMATS["application"]}",)?+"at":"{_FORMATS["at"]}",'
    rf'(?:"delivery":"{_FORMATS["delivery"]}",)?+(?:"detail":"{_FORMATS["detail"]}",)?+'
    rf'"facts":\{{(?:{_FACT}(?:,{_FACT})*+)?+\}},(?:"municipality":"{_FORMATS["municipality"]}",)?+'
    rf'"node":"{_FORMATS["node"]}","nprev":"{_FORMATS["nprev"]}","nseq":[1-9][0-9]*+(?:{_END})'
)
"""The one way to write an entry, but for the order of its facts."""
_PLAIN_END: Final = b',"v":2}'
_END_1: Final = b',"v":1}'
_ends: Final = re.compile(_END.encode()).fullmatch
_BEHIND_BEGINNING: Final = b"}"
"""An actor with one in its name has no beginning that is found again, and is parsed each time."""

_PLAIN: Final = r"[ !#-\[\]-~]*+"
# Matched to bytes of which is known that they are UTF-8.
_UNESCAPED: Final = r"[ !#-\[\]-\xff]*+"
_ANY: Final = rf'{_UNESCAPED}(?:\\(?:["\\bfnrt]|u00(?:0[0-7bef]|1[0-9a-f])){_UNESCAPED})*+'
_POSITIVE: Final = "(?:0|[1-9][0-9]{0,14}+)"
_NEGATIVE: Final = "-[1-9][0-9]{0,14}+"
_LONG: Final = 10**15
"""Integers of at most 15 digits are within ±(2^53 - 1) without being counted."""


_HOUR: Final = len("2026-11-23T01")
_is_hour_written: Final = re.compile(rb"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}").fullmatch
_TO_ZEROS: Final = bytes.maketrans(b"0123456789abcdef", b"0" * 16)
_ZEROS: Final = b"00000000-0000-0000-0000-000000000000"
_IDENTIFIERS: Final = frozenset({b"", _ZEROS, _ZEROS * 2})
"""What ``application`` and ``delivery`` are with all their digits made zeros."""

_AT: Final = rf".{{{_HOUR}}}+:[0-5][0-9]:[0-5][0-9]\.[0-9]{{3}}+Z"
"""The hour is looked at by itself: it is mostly that of the entry before."""


class Layout(NamedTuple):
    """How entries are written that differ in their values only.

    Attributes:
        match: Matches an entry's bytes from behind its beginning up to its member ``node``.
        is_plain: Whether only printable ASCII is matched.
        has_detail: Whether there is a ``detail``.
        has_attempt: Whether there are both ``attempt`` and ``copy``.
        has_deliveries: Whether there is a fact ``deliveries`` that is a string.
        has_outcome: Whether there is a fact ``outcome`` that is a string.
        is_flagged: Whether the fact ``flagged`` is true.
    """

    match: Callable[[bytes, int], re.Match[bytes] | None]
    is_plain: bool
    has_detail: bool
    has_attempt: bool
    has_deliveries: bool
    has_outcome: bool
    is_flagged: bool


_Parts = tuple[bytes, bytes, bytes, bytes, bytes, bytes]
Glance = tuple[str, Layout, _Parts]
"""An entry that was found to be well: its action, its layout, and as written its ``application``,
``at``, ``delivery`` and the facts ``attempt`` (a positive integer), ``copy`` and ``deliveries``
(strings). What an entry does not have is empty."""


class ActorMembers(TypedDict):
    """Who acted, as written."""

    kind: str
    name: str


class EntryMembers(TypedDict):
    """An entry, as written; ``audit.chain`` says what each member means."""

    action: str
    actor: ActorMembers
    application: NotRequired[str]
    at: str
    delivery: NotRequired[str]
    detail: NotRequired[str]
    facts: dict[str, str | int | bool | None]
    municipality: NotRequired[str]
    node: str
    nprev: str
    nseq: int
    subject: NotRequired[str]
    v: int


class Reader:
    """Recognises entries of layouts that it has seen before. Not for several threads at once."""

    def __init__(self) -> None:
        """Know no layout yet."""
        self._layouts: dict[tuple[str, str], Layout] = {}
        self._of_action: dict[str, list[Layout]] = {}
        self._hour = b""
        self._beginnings: dict[bytes, tuple[str, list[Layout]]] = {}

    def recognise(self, data: bytes, ending: bytes) -> Glance | None:
        """Return an entry of a known layout, if it is well and ends as it should.

        Args:
            data: The entry's bytes.
            ending: From ``node`` on what its place in the log asks for: ``"node":…,"nprev":…,
                "nseq":…,"v":2}``. It may have a ``subject``, too, or be of version 1.

        Returns:
            ``None`` for every other entry, whether or not something is wrong with it.
        """
        begun = data.find(_BEHIND_BEGINNING)
        known = self._beginnings.get(data[:begun])
        if known is None or len(data) > _MAX_BYTES:
            return None
        action, layouts = known
        for layout in layouts:
            found = layout.match(data, begun)
            if found is None or not (layout.is_plain or _is_utf8(data)):
                continue
            rest = data[found.end() :]
            if rest != ending and not _closes(rest, ending, layout):
                continue
            parts: _Parts = found.groups()  # type: ignore[assignment]  # all take part in a match
            # Patterns only measure them: to look at both in one is quicker.
            if (parts[0] + parts[2]).translate(_TO_ZEROS) not in _IDENTIFIERS:
                return None
            if parts[1][:_HOUR] != self._hour and not self._is_hour(parts[1][:_HOUR]):
                return None
            return action, layout, parts
        return None

    def _is_hour(self, hour: bytes) -> bool:
        """Tell whether there is such an hour, and remember it."""
        if _is_hour_written(hour) is None:
            return False
        try:
            datetime.fromisoformat(hour.decode())
        except ValueError:
            return False
        self._hour = hour
        return True

    def learn(self, data: bytes) -> tuple[EntryMembers, Glance]:
        """Parse an entry, and recognise those of its layout from here on.

        Raises:
            ValueError: Not an entry; the argument says why in words.
        """
        members = read(data)
        written = _WRITTEN.fullmatch(data.decode())
        if written is None:  # pragma: no cover - read has matched it already
            raise ValueError("not written as entries are")
        is_plain = _is_plain(data)
        action, pattern = members["action"], _pattern(members, _PLAIN if is_plain else _ANY)
        layout = self._layouts.get((action, pattern))
        if layout is None:
            layout = _layout(members, pattern, is_plain=is_plain)
            is_short = all(
                type(value) is not int or abs(value) < _LONG for value in members["facts"].values()
            )
            if is_short and len(self._layouts) < MAX_LAYOUTS:
                self._layouts[action, pattern] = layout
                self._of_action.setdefault(action, []).append(layout)
        beginning = written[1].encode()
        if len(self._beginnings) < MAX_BEGINNINGS:
            self._beginnings[beginning] = (action, self._of_action.setdefault(action, []))
        found = layout.match(data, len(beginning))
        if found is None:  # pragma: no cover - the pattern was made of this entry
            raise ValueError("not written as entries are")
        parts: _Parts = found.groups()  # type: ignore[assignment]  # all take part in a match
        return members, (action, layout, parts)


def _is_utf8(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True


def _is_plain(data: bytes) -> bool:
    return b"\\" not in data and b"\x7f" not in data and data.isascii()


def _closes(rest: bytes, ending: bytes, layout: Layout) -> bool:
    """Tell whether an entry ends with the link of ``ending`` and what else may stand behind it."""
    link = ending.removesuffix(_PLAIN_END)
    if not rest.startswith(link):
        return False
    end = rest[len(link) :]
    return _ends(end) is not None and not (end == _END_1 and layout.has_detail)


def _pattern(members: EntryMembers, string: str) -> str:
    """Return the pattern of an entry's layout, with the groups of ``Glance``."""
    groups = {"attempt": "()", "copy": "()", "deliveries": "()"}
    facts = []
    for name, value in members["facts"].items():
        text = _fact_pattern(value, string)
        if name == "attempt" and text == _POSITIVE:
            text, groups[name] = f"({text})", ""
        elif name in {"copy", "deliveries"} and isinstance(value, str):
            text, groups[name] = f'"({string})"', ""
        facts.append(f'"{name}":{text}')
    # A group of what is not there stands, empty, where facts sorted by their names would have it.
    parts = {name: f'"{name}":"(.{{{len(_ZEROS)}}}+)",' for name in ("application", "delivery")}
    application = parts["application"] if "application" in members else "()"
    delivery = parts["delivery"] if "delivery" in members else "()"
    detail = f'"detail":"{_FORMATS["detail"]}",' if "detail" in members else ""
    place = f'"municipality":"{_FORMATS["municipality"]}",' if "municipality" in members else ""
    body = _with_groups(facts, groups)
    begins = rf'\}},{application}"at":"({_AT})",{delivery}{detail}'
    return rf'{begins}"facts":\{{{body}\}},{place}'


def _with_groups(facts: list[str], groups: dict[str, str]) -> str:
    """Join facts, with an empty group before the first one whose name is greater."""
    found, waiting = [], [name for name, group in groups.items() if group]
    for fact in facts:
        before = ""
        while waiting and waiting[0] < fact[1 : fact.index('"', 1)]:
            waiting.pop(0)
            before += "()"
        found.append(before + fact)
    return ",".join(found) + "()" * len(waiting)


def _fact_pattern(value: object, string: str) -> str:
    if isinstance(value, str):
        return f'"{string}"'
    if type(value) is not int:
        return json.dumps(value)
    if abs(value) >= _LONG:
        return str(value)
    return _NEGATIVE if value < 0 else _POSITIVE


def _layout(members: EntryMembers, pattern: str, *, is_plain: bool) -> Layout:
    facts = members["facts"]
    attempt = facts.get("attempt")
    return Layout(
        match=re.compile(pattern.encode("latin-1"), re.DOTALL).match,
        is_plain=is_plain,
        has_detail="detail" in members,
        has_attempt=type(attempt) is int and attempt >= 0 and isinstance(facts.get("copy"), str),
        has_deliveries=isinstance(facts.get("deliveries"), str),
        has_outcome=isinstance(facts.get("outcome"), str),
        is_flagged=facts.get("flagged") is True,
    )


def read(data: bytes) -> EntryMembers:
    """Return the members of one entry's bytes.

    Raises:
        ValueError: Not an entry; the argument says why in words.
    """
    members = _parse(data)
    if not members.keys() >= _REQUIRED:
        raise ValueError("members are missing")
    version = members["v"]
    if type(version) is not int or version not in _OPTIONAL:
        raise ValueError("of an unknown version")
    if members.keys() - _REQUIRED - _OPTIONAL[version]:
        raise ValueError("unknown members")
    for name, pattern in _PATTERNS.items():
        text = members.get(name, _ABSENT)
        if text is _ABSENT:
            continue
        if not isinstance(text, str) or pattern.fullmatch(text) is None:
            raise ValueError(f"{name} is malformed")
    if type(members["nseq"]) is not int or members["nseq"] < 1:
        raise ValueError("nseq is malformed")
    _check_instant(str(members["at"]))
    _check_actor(members["actor"])
    names = _check_facts(members["facts"])
    if _WRITTEN.fullmatch(data.decode()) is None or names != sorted(names):
        raise ValueError("not written the one way in which an entry is written")
    return cast("EntryMembers", members)


def _parse(data: bytes) -> dict[str, object]:
    if len(data) > _MAX_BYTES:
        raise ValueError("longer than an entry may be")
    try:
        members: object = _from_json(data.decode())
    except UnicodeDecodeError:
        raise ValueError("not UTF-8") from None
    except json.JSONDecodeError:
        raise ValueError("not JSON") from None
    except RecursionError:
        raise ValueError("nested too deeply") from None
    if not isinstance(members, dict):
        raise ValueError("not an object")  # noqa: TRY004 - the bytes are wrong, not a type
    return members


def _check_instant(at: str) -> None:
    try:
        datetime.fromisoformat(at)
    except ValueError:
        raise ValueError("at is malformed") from None


def _check_actor(actor: object) -> None:
    if (
        not isinstance(actor, dict)
        or actor.keys() != {"kind", "name"}
        or not isinstance(actor["kind"], str)
        or not isinstance(actor["name"], str)
    ):
        raise ValueError("actor is malformed")


def _check_facts(facts: object) -> list[str]:
    """Return their names, as they stand."""
    if not isinstance(facts, dict):
        raise ValueError("facts are malformed")  # noqa: TRY004 - the bytes are wrong, not a type
    for name, value in facts.items():
        if _FACT_NAME.fullmatch(name) is None:
            raise ValueError("a fact's name is malformed")
        if isinstance(value, str | bool | None):
            continue
        if type(value) is not int or abs(value) > _MAX_INTEGER:
            raise ValueError("a fact's value is malformed")
    return list(facts)


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("a member stands twice")
    return members


def _no_constant(_name: str) -> NoReturn:
    raise ValueError("a number is malformed")


_from_json: Final = json.JSONDecoder(object_pairs_hook=_unique, parse_constant=_no_constant).decode
