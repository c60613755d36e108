"""Reads a ``Link`` header (RFC 8288, 3), one token after the other and never twice."""

import re
from typing import Final

_LONGEST: Final = 16_384
"""Twice the longest address that is followed; no list needs more beside its next page."""

# Each token is matched once, from where the one before it ended: the time is linear.
_TARGET: Final = re.compile(r"\s*<([^>]*)>\s*")
_NAME: Final = re.compile(r";\s*([^;,\"=\s]+)\s*")
_VALUE: Final = re.compile(r"=\s*(?:\"((?:[^\"\\]|\\.)*)\"|([^;,\"\s]*))\s*")


def next_link(header: str | None) -> str | None:
    """Return the target of the first link whose relation is ``next``.

    Returns:
        As it stands there, which may be relative; ``None`` if there is none, or if the header
        cannot be read up to it.
    """
    if header is None or len(header) > _LONGEST:
        return None
    place = 0
    while target := _TARGET.match(header, place):
        relation, place = _relation(header, target.end())
        if "next" in relation.lower().split():
            return target[1]
        if header[place : place + 1] != ",":
            return None
        place += 1
    return None


def _relation(header: str, place: int) -> tuple[str, int]:
    """Return the parameter ``rel``, the first of several (3.3), and where the parameters end."""
    relation: str | None = None
    while name := _NAME.match(header, place):
        place = name.end()
        value = _VALUE.match(header, place)
        if value is not None:
            place = value.end()
        if relation is None and name[1].lower() == "rel":
            relation = (value and (value[1] or value[2])) or ""
    return relation or "", place
