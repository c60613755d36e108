"""A procedure's schema as a form reads it: one field a line, groups before what is in them."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from gateway.schema.procedure import Procedure
from gateway.schema.source import JSON

LIMITS: Final = (
    "minLength",
    "maxLength",
    "pattern",
    "minimum",
    "maximum",
    "minItems",
    "maxItems",
    "const",
)
"""Keywords that bound a value."""

_ENVELOPE: Final = ("applicant", "content")


@dataclass(frozen=True, slots=True, kw_only=True)
class FormField:
    """One member of a body, or the items of a list.

    Attributes:
        pointer: Where it stands, ``*`` for any item: ``/content/children/*/birth_date``.
        depth: In how many groups it stands, from 0.
        title: By language (``ja``, ``en``); empty if the file has none, as for items.
        type: Of JSON, ``object`` for a group; empty if any will do.
        required: Whether its group is refused without it, whatever else is said.
        format: A name of ``schema.formats``, or ``None``.
        limits: Keywords of ``LIMITS`` to their values.
        choices: What it may be, if that is a list: value to its label (Japanese).
        sensitivity: ``personal``, ``my-number`` or ``None``; what is in a group has its own.
        source: The law or standard behind it, if the file names one.
    """

    pointer: str
    depth: int
    title: Mapping[str, str]
    type: str
    required: bool
    format: str | None = None
    limits: Mapping[str, str | int | float | bool] = field(default_factory=dict)
    choices: Mapping[str, str] = field(default_factory=dict)
    sensitivity: str | None = None
    source: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """What a body must be when it is something.

    Attributes:
        when: Pointers to the values that make it hold, all of them.
        required: What must be there then.
        forbidden: What must not.
        limits: Pointer and keyword to the bound that holds then.
    """

    when: Mapping[str, tuple[str, ...]]
    required: tuple[str, ...]
    forbidden: tuple[str, ...]
    limits: Mapping[tuple[str, str], str]


@dataclass(frozen=True, slots=True)
class Description:
    """A version of a procedure for people.

    Attributes:
        fields: As the compiled schema orders them, A票 before B票.
        conditions: What holds only sometimes.
        checks: Pointer of the object and name of each check across fields (``schema.checks``).
    """

    fields: tuple[FormField, ...]
    conditions: tuple[Condition, ...]
    checks: tuple[tuple[str, str], ...]


def describe(procedure: Procedure) -> Description:
    """Return what a version asks."""
    members = procedure.json_schema.get("properties")
    fields: list[FormField] = []
    conditions: list[Condition] = []
    checks = [("", str(name)) for name in _list(procedure.json_schema.get("x-checks"))]
    required = {str(name) for name in _list(procedure.json_schema.get("required"))}
    for name in _ENVELOPE:
        if isinstance(members, dict) and isinstance(schema := members.get(name), dict):
            found = _Walk(fields, conditions, checks)
            found.field(f"/{name}", schema, 0, required=name in required)
    return Description(tuple(fields), tuple(conditions), tuple(dict.fromkeys(checks)))


@dataclass(slots=True)
class _Walk:
    fields: list[FormField]
    conditions: list[Condition]
    checks: list[tuple[str, str]]

    def field(
        self, pointer: str, schema: Mapping[str, JSON], depth: int, *, required: bool
    ) -> None:
        parts = list(_parts(schema))
        self.fields.append(_field(pointer, parts, depth, required=required))
        for part in parts:
            self.checks += [(pointer, str(name)) for name in _list(part.get("x-checks"))]
        needed = {str(name) for part in parts for name in _list(part.get("required"))}
        for name, member in _members(parts).items():
            self.field(f"{pointer}/{name}", member, depth + 1, required=name in needed)
        for part in parts:
            if isinstance(items := part.get("items"), dict):
                self._items(f"{pointer}/*", items, depth + 1)
        self.conditions += _conditions(pointer, schema)

    def _items(self, pointer: str, items: Mapping[str, JSON], depth: int) -> None:
        parts = list(_parts(items))
        members = _members(parts)
        if not members:
            self.field(pointer, items, depth, required=False)
            return
        needed = {str(name) for part in parts for name in _list(part.get("required"))}
        for part in parts:
            self.checks += [(pointer, str(name)) for name in _list(part.get("x-checks"))]
        for name, member in members.items():
            self.field(f"{pointer}/{name}", member, depth, required=name in needed)
        self.conditions += _conditions(pointer, items)


def _field(
    pointer: str, parts: Sequence[Mapping[str, JSON]], depth: int, *, required: bool
) -> FormField:
    def said(keyword: str) -> JSON:
        return next((part[keyword] for part in parts if keyword in part), None)

    title, labels, chosen = said("x-title"), said("x-labels"), _list(said("enum"))
    labels = labels if isinstance(labels, dict) else {}
    limits = {name: value for name in LIMITS if isinstance(value := said(name), str | int | float)}
    marks = [str(part["x-sensitive"]) for part in parts if "x-sensitive" in part]
    return FormField(
        pointer=pointer,
        depth=depth,
        title={language: str(text) for language, text in title.items()}
        if isinstance(title, dict)
        else {},
        type=str(said("type") or ""),
        required=required,
        format=None if (name := said("format")) is None else str(name),
        limits=limits,
        choices={_text(value): str(labels.get(_text(value), "")) for value in chosen},
        sensitivity="my-number" if "my-number" in marks else next(iter(marks), None),
        source=None if (text := said("x-source")) is None else str(text),
    )


def _parts(schema: Mapping[str, JSON]) -> Iterator[Mapping[str, JSON]]:
    """Yield a schema and what holds beside it in any case."""
    yield schema
    for part in _list(schema.get("allOf")):
        if isinstance(part, dict) and "if" not in part:
            yield from _parts(part)


def _members(parts: Sequence[Mapping[str, JSON]]) -> dict[str, Mapping[str, JSON]]:
    """Return every member with all that is said of it."""
    found: dict[str, list[dict[str, JSON]]] = {}
    for part in parts:
        members = part.get("properties")
        for name, member in members.items() if isinstance(members, dict) else ():
            if isinstance(member, dict):
                found.setdefault(name, []).append(member)
    return {
        name: said[0] if len(said) == 1 else {"allOf": list[JSON](said)}
        for name, said in found.items()
    }


def _conditions(pointer: str, schema: Mapping[str, JSON]) -> Iterator[Condition]:
    for part in _list(schema.get("allOf")):
        if not isinstance(part, dict):
            continue
        if "if" not in part:
            yield from _conditions(pointer, part)
            continue
        then = list(_demands(pointer, part.get("then")))
        yield Condition(
            when=dict(_values(pointer, part["if"])),
            required=tuple(place for kind, place, _ in then if kind == "required"),
            forbidden=tuple(place for kind, place, _ in then if kind == "forbidden"),
            limits={(place, kind): value for kind, place, value in then if kind in LIMITS},
        )


def _values(pointer: str, schema: JSON) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Yield what must be which for an ``if`` to hold."""
    if not isinstance(schema, dict):
        return
    if "const" in schema:
        yield pointer, (_text(schema["const"]),)
    elif "enum" in schema:
        yield pointer, tuple(map(_text, _list(schema["enum"])))
    members = schema.get("properties")
    for name, member in members.items() if isinstance(members, dict) else ():
        yield from _values(f"{pointer}/{name}", member)


def _demands(pointer: str, schema: JSON) -> Iterator[tuple[str, str, str]]:
    """Yield what a ``then`` asks: keyword, place and value."""
    if schema is False:
        yield "forbidden", pointer, ""
    if not isinstance(schema, dict):
        return
    for name in _list(schema.get("required")):
        yield "required", f"{pointer}/{name}", ""
    for name in LIMITS:
        if name in schema:
            yield name, pointer, _text(schema[name])
    members = schema.get("properties")
    for name, member in members.items() if isinstance(members, dict) else ():
        yield from _demands(f"{pointer}/{name}", member)


def _list(value: JSON) -> list[JSON]:
    return value if isinstance(value, list) else []


def _text(value: JSON) -> str:
    """Return a value as JSON writes it, a text as itself."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)
