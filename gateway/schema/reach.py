"""Where a JSON pointer leads in a procedure's schema: nowhere, or to these subschemas."""

from collections.abc import Iterator, Mapping
from typing import Final

from gateway.schema.source import JSON

_BRANCHES: Final = ("allOf", "if", "then", "else")
_LOCAL: Final = "#/"


def reach(schema: Mapping[str, JSON], pointer: str) -> tuple[Mapping[str, JSON], ...]:
    """Return the subschemas that may apply to what ``pointer`` names.

    Args:
        schema: A procedure's ``json_schema``.
        pointer: RFC 6901; not the whole document.

    Returns:
        Empty if no valid document has anything there.
    """
    here = tuple(_branches(dict(schema), schema))
    for token in pointer.split("/")[1:]:
        name = token.replace("~1", "/").replace("~0", "~")
        below = [inner for part in here for inner in _below(part, name)]
        here = tuple(branch for inner in below for branch in _branches(inner, schema))
    return here


def listed_values(parts: tuple[Mapping[str, JSON], ...]) -> frozenset[str] | None:
    """Return the texts of all values that ``parts`` allow, or ``None`` if they list none.

    Truth values are ``true`` and ``false``, as record formats write them.
    """
    lists: list[frozenset[str]] = []
    for part in parts:
        if isinstance(given := part.get("enum"), list):
            lists.append(frozenset(_text(value) for value in given if value is not None))
        elif "const" in part:
            lists.append(frozenset({_text(part["const"])}))
        elif part.get("type") == "boolean":
            lists.append(frozenset({"true", "false"}))
    # Conditions (if, then) only narrow what the field itself says: the widest list counts.
    return max(lists, key=len) if lists else None


def _text(value: JSON) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _below(part: Mapping[str, JSON], name: str) -> Iterator[JSON]:
    members = part.get("properties")
    if isinstance(members, dict) and name in members:
        yield members[name]
    items, most = part.get("items"), part.get("maxItems")
    is_place = items is not None and name.isascii() and name.isdigit()
    if is_place and (not isinstance(most, int) or int(name) < most):
        yield items


def _branches(schema: JSON, root: Mapping[str, JSON]) -> Iterator[dict[str, JSON]]:
    """Yield a schema and whatever else applies to the same value."""
    if not isinstance(schema, dict):
        return
    yield schema
    reference = schema.get("$ref")
    if isinstance(reference, str) and reference.startswith(_LOCAL):
        yield from _branches(_named(root, reference), root)
    for keyword in _BRANCHES:
        inner = schema.get(keyword)
        for part in inner if isinstance(inner, list) else [inner]:
            yield from _branches(part, root)


def _named(root: Mapping[str, JSON], reference: str) -> JSON:
    here: JSON = dict(root)
    for token in reference.removeprefix(_LOCAL).split("/"):
        here = here.get(token) if isinstance(here, dict) else None
    return here
