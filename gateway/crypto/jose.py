"""How JOSE writes bytes and objects, read strictly.

A decoder that forgives lets one message be written in several ways: then a changed
copy opens, or verifies, like the original. Here every value has one spelling.
"""

import base64
import binascii
import json
from typing import Final

_to_json: Final = json.JSONEncoder(separators=(",", ":"), allow_nan=False).encode


def b64encode(octets: bytes) -> bytes:
    """Return base64url without padding (RFC 7515, 2)."""
    return base64.urlsafe_b64encode(octets).rstrip(b"=")


def b64decode(text: bytes) -> bytes:
    """Return what ``b64encode`` was given.

    Raises:
        ValueError: Not what ``b64encode`` writes: another alphabet, padding, stray
            characters, or bits set that no octet uses.
    """
    try:
        octets = base64.urlsafe_b64decode(text + b"=" * (-len(text) % 4))
    except binascii.Error:
        raise ValueError("not base64url") from None
    if b64encode(octets) != text:
        raise ValueError("not base64url")
    return octets


def write_object(members: dict[str, object]) -> bytes:
    """Return ``members`` as compact JSON in ASCII, in their order."""
    return _to_json(members).encode("ascii")


def read_object(octets: bytes) -> dict[str, object]:
    """Return a JSON object's members.

    Raises:
        ValueError: Not UTF-8, not JSON, not an object, too deep, or a member stands twice.
    """
    try:
        members: object = _from_json(octets.decode())
    except RecursionError:
        raise ValueError("nested too deeply") from None
    if not isinstance(members, dict):
        raise ValueError("not an object")  # noqa: TRY004 - the bytes are wrong, not a type
    return members


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("a member stands twice")
    return members


_from_json: Final = json.JSONDecoder(object_pairs_hook=_unique).decode
