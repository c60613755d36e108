"""What must an entry's bytes look like? Told in words when they do not.

``audit.chain`` documents the format; here it is described a second time, so that a mistake in
one is seen by the other. ``read`` parses and says what is wrong. There is one way to write an
entry, and so what is well can be recognised without parsing: a ``Reader`` makes a pattern of each
layout (an action and the names of its facts) once ``read`` has found nothing wrong with
an entry of that layout, and further entries are matched against it. Whatever it does not
recognise is parsed.
"""

import json
import re
from datetime import datetime
from typing import Final, NoReturn, NotRequired, TypedDict, cast

MAX_LAYOUTS: Final = 500
"""How many layouts a reader remembers; an honest log has about as many as there are actions."""

_MAX_BYTES: Final = 65_535
_MAX_INTEGER: Final = (1 << 53) - 1
_UUID: Final = "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
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
_SHORT_VALUE: Final = _VALUE.replace("{0,15}", "{0,14}")
"""Integers of at most 15 digits are within ±(2^53 - 1) without being counted."""


def _before_node(action: str, facts: str) -> str:
    """Return the pattern of an entry up to its member ``node``; ``GLANCED`` names its groups."""
    form = _FORMATS
    return (
        rf'\{{"action":"({action})","actor":\{{"kind":{_STRING},"name":{_STRING}\}},'
        rf'(?:"application":"({form["application"]})",)?+"at":"({form["at"]})",'
        rf'(?:"delivery":"({form["delivery"]})",)?+(?:"detail":"({form["detail"]})",)?+'
        rf'"facts":(\{{{facts}\}}),(?:"municipality":"{form["municipality"]}",)?+'
    )


_ACTION_AT: Final = len('{"action":"')
_FACT: Final = rf'"[a-z][a-z0-9_]*+":{_VALUE}'
_ANY: Final = _before_node(_FORMATS["action"], f"(?:{_FACT}(?:,{_FACT})*+)?+")
_LINK: Final = rf'"node":"{_FORMATS["node"]}","nprev":"{_FORMATS["nprev"]}","nseq":[1-9][0-9]*+'
_END: Final = rf'(?:,"subject":"{_FORMATS["subject"]}")?+,"v":2\}}|,"v":1\}}'
_WRITTEN: Final = re.compile(rf"{_ANY}{_LINK}(?:{_END})")
"""The one way to write an entry, but for the order of its facts."""
_PLAIN_END: Final = ',"v":2}'
_END_1: Final = ',"v":1}'
_ends: Final = re.compile(_END).fullmatch

ACTION, APPLICATION, AT, DELIVERY, DETAIL, FACTS = range(1, 7)
"""The groups of a ``Glance``; what an entry does not have is ``None``."""

Glance = re.Match[str]
"""An entry that was found to be well, cut into its members. ``FACTS`` is JSON as written."""


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
        self._layouts: dict[str, list[re.Pattern[str]]] = {}
        self._count = 0

    def recognise(self, data: bytes, link: str) -> Glance | None:
        """Return an entry of a known layout, if it is well and stands where ``link`` says.

        Args:
            data: The entry's bytes.
            link: The members ``node``, ``nprev`` and ``nseq`` that it should have, as written.

        Returns:
            ``None`` for every other entry, whether or not something is wrong with it.
        """
        if len(data) > _MAX_BYTES:
            return None
        try:
            text = data.decode()
            for layout in self._layouts.get(text[_ACTION_AT : text.find('"', _ACTION_AT)], ()):
                glance = layout.match(text)
                if glance is None or not text.startswith(link, glance.end()):
                    continue
                end = text[glance.end() + len(link) :]
                if end != _PLAIN_END and _ends(end) is None:
                    continue
                if end == _END_1 and glance[DETAIL]:
                    continue
                datetime.fromisoformat(glance[AT])
                return glance
        except ValueError:
            pass
        return None

    def learn(self, data: bytes) -> tuple[EntryMembers, Glance]:
        """Parse an entry, and recognise those of its layout from here on.

        Raises:
            ValueError: Not an entry; the argument says why in words.
        """
        members = read(data)
        text = data.decode()
        glance = _WRITTEN.fullmatch(text)
        if glance is None:  # pragma: no cover - read has matched it already
            raise ValueError("not written as entries are")
        if self._count < MAX_LAYOUTS:
            self._count += 1
            facts = ",".join(f'"{name}":{_SHORT_VALUE}' for name in members["facts"])
            layout = re.compile(_before_node(re.escape(members["action"]), facts))
            self._layouts.setdefault(members["action"], []).append(layout)
        return members, glance


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
