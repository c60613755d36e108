"""What a procedure file must satisfy beyond being a JSON Schema.

They keep errors precise (no alternatives, closed objects), bodies bounded (a length
for every text, a number for every list), pointers free of the sender's text (plain
member names) and forms readable (a title in both languages for every field).
"""

import re
from collections.abc import Iterator
from typing import Final

from gateway.schema.checks import CHECKS
from gateway.schema.formats import FAULTS
from gateway.schema.source import JSON

SENSITIVITIES: Final = frozenset({"personal", "my-number"})
"""Values of ``x-sensitive``."""

_MEMBER_NAME: Final = re.compile(r"[a-z][a-z0-9_]*")
_BESIDE_REF: Final = re.compile(r"x-\w+|description|examples")
_ALTERNATIVES: Final = ("anyOf", "oneOf", "not", "patternProperties", "dependentSchemas")
_NAMED: Final = ("properties", "$defs")
_SINGLE: Final = ("items", "if", "then", "else")

_BOUNDED_FORMATS: Final = frozenset(FAULTS) - {"kana-full", "kana-half", "mj-text", "mj-lines"}
"""Formats whose texts cannot be long."""


def broken_rules(schema: dict[str, JSON]) -> Iterator[str]:
    """Yield ``PLACE: what is wrong`` for each rule a procedure or shared file breaks."""
    yield from _broken("#", schema, titled=False)


def _broken(place: str, schema: JSON, *, titled: bool) -> Iterator[str]:
    if isinstance(schema, bool):
        return
    if not isinstance(schema, dict):
        yield f"{place}: not a schema"
        return
    yield from (f"{place}: {fault}" for fault in _faults(schema))
    if titled and "type" in schema and not _is_title(schema.get("x-title")):
        yield f"{place}: x-title in ja and en is missing"
    closed = schema.get("additionalProperties") is False
    # The envelope's members stand beside A票 and B票; its own model closes that object.
    if place != "#" and schema.get("type") == "object" and not closed:
        yield f"{place}: additionalProperties must be false"
    for step, member, is_field in _members(schema):
        if is_field and not _MEMBER_NAME.fullmatch(step.rpartition("/")[2]):
            yield f"{place}/{step}: not a plain member name"
        yield from _broken(f"{place}/{step}", member, titled=is_field)


def _members(schema: dict[str, JSON]) -> Iterator[tuple[str, JSON, bool]]:
    """Yield the schemas inside a schema: where, what, and whether it is a field's."""
    for keyword in _NAMED:
        named = schema.get(keyword)
        for name, member in named.items() if isinstance(named, dict) else ():
            yield f"{keyword}/{name}", member, keyword == "properties"
    for keyword in _SINGLE:
        if keyword in schema:
            yield keyword, schema[keyword], False
    parts = schema.get("allOf")
    for index, part in enumerate(parts if isinstance(parts, list) else ()):
        yield f"allOf/{index}", part, False


def _faults(schema: dict[str, JSON]) -> Iterator[str]:
    for keyword in _ALTERNATIVES:
        if keyword in schema:
            yield f"{keyword} gives no precise errors; use if and then"
    if "$ref" in schema:
        for keyword in schema:
            if keyword != "$ref" and not _BESIDE_REF.fullmatch(keyword):
                yield f"{keyword} beside $ref; use allOf"
    yield from _unbounded(schema)
    yield from _unknown_names(schema)


def _unbounded(schema: dict[str, JSON]) -> Iterator[str]:
    kind = schema.get("type")
    if kind == "array" and "maxItems" not in schema:
        yield "maxItems is missing"
    if kind == "string" and not _is_bounded(schema):
        yield "maxLength is missing"


def _unknown_names(schema: dict[str, JSON]) -> Iterator[str]:
    if schema.get("format", "date") not in FAULTS:
        yield f"unknown format {schema['format']}"
    if schema.get("x-sensitive", "personal") not in SENSITIVITIES:
        yield f"unknown x-sensitive {schema['x-sensitive']}"
    names = schema.get("x-checks", [])
    for name in names if isinstance(names, list) else [names]:
        if name not in CHECKS:
            yield f"unknown check {name}"


def _is_bounded(schema: dict[str, JSON]) -> bool:
    if schema.get("format") in _BOUNDED_FORMATS:
        return True
    return any(keyword in schema for keyword in ("maxLength", "enum", "const"))


def _is_title(title: JSON) -> bool:
    return isinstance(title, dict) and all(isinstance(title.get(k), str) for k in ("ja", "en"))
