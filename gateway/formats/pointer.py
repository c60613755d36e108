"""JSON pointers (RFC 6901)."""

from collections.abc import Mapping, Sequence


def at(document: object, pointer: str) -> object:
    """Return what ``pointer`` names in ``document``, or ``None`` if nothing is there."""
    here = document
    for token in pointer.split("/")[1:]:
        name = token.replace("~1", "/").replace("~0", "~")
        if isinstance(here, Mapping):
            here = here.get(name)
        elif isinstance(here, Sequence) and not isinstance(here, str | bytes):
            place = int(name) if name.isascii() and name.isdigit() else len(here)
            here = here[place] if place < len(here) else None
        else:
            return None
    return here
