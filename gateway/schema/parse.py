"""Strict JSON for bodies that may be hostile: what is not plainly JSON is refused, never guessed.

Every parser in the way of a message must read the same thing out of the same
bytes, so everything on which parsers differ is refused: duplicate keys, NaN,
numbers that not every reader keeps exact, lone surrogates, a byte order mark
(RFC 7493, 2; RFC 8259, 4, 6 and 8).
"""

import json
import math
import re
from typing import ClassVar, Final, NoReturn

from gateway.domain.errors import PermanentError

MAX_DEPTH: Final = 64
"""Objects and arrays inside each other; the shipped procedures need 6."""

MAX_VALUES: Final = 5_000
"""Values in one body; the shipped procedures need a few hundred. Parsing and validating
cost some microseconds for each, so this bounds what a request costs."""

MAX_INTEGER: Final = 2**53 - 1
"""The largest integer that every JSON reader keeps exact (RFC 7493, 2.2)."""

_MAX_NUMBER_CHARACTERS: Final = 400
_SURROGATE_ESCAPE: Final = re.compile(rb"\\u[dD][89a-fA-F]")

_BYTE_ORDER_MARK: Final = b"\xef\xbb\xbf"


class JSONRefusedError(PermanentError):
    """The bytes are not strict JSON. Carries nothing of what they contain.

    Attributes:
        code: One of ``json.byte_order_mark``, ``json.duplicate_key``, ``json.lone_surrogate``,
            ``json.malformed``, ``json.not_an_object``, ``json.not_utf8``,
            ``json.number_out_of_range``, ``json.too_deep``, ``json.too_many_values``.
        offset: The byte at which it was seen, ``None`` when that is not known.
    """

    CODES: ClassVar[tuple[str, ...]] = (
        "json.byte_order_mark",
        "json.duplicate_key",
        "json.lone_surrogate",
        "json.malformed",
        "json.not_an_object",
        "json.not_utf8",
        "json.number_out_of_range",
        "json.too_deep",
        "json.too_many_values",
    )
    code = "json.malformed"

    def __init__(self, code: str, offset: int | None = None) -> None:
        """Keep the code and the offset."""
        super().__init__(offset)
        self.code = code  # type: ignore[misc]  # one class, nine codes: they differ in nothing else
        self.offset = offset


def parse_json(
    raw: bytes, *, max_depth: int = MAX_DEPTH, max_values: int = MAX_VALUES
) -> dict[str, object]:
    """Return the object that ``raw`` is, or refuse it.

    Args:
        raw: The body as it came, any length; the door bounds it before.
        max_depth: How deep objects and arrays may be nested.
        max_values: How many values it may hold, counted by commas and brackets in the
            raw bytes, those inside strings too.

    Returns:
        Only ``dict``, ``list``, ``str`` (encodable as UTF-8), ``int`` (within
        ±(2**53 - 1)), finite ``float``, ``bool`` and ``None``.

    Raises:
        JSONRefusedError: For everything else, whatever the bytes are.
    """
    if raw.startswith(_BYTE_ORDER_MARK):
        raise JSONRefusedError("json.byte_order_mark", 0)
    brackets = raw.count(b"[") + raw.count(b"{")
    if brackets + raw.count(b",") > max_values:
        raise JSONRefusedError("json.too_many_values")
    try:
        text = raw.decode()
    except UnicodeDecodeError as error:
        # A surrogate encoded as UTF-8 ends here too: it is not UTF-8 (RFC 3629, 3).
        raise JSONRefusedError("json.not_utf8", error.start) from None
    document = _loads(text)
    if not isinstance(document, dict):
        raise JSONRefusedError("json.not_an_object")
    if brackets > max_depth:
        _refuse_deep(document, max_depth)
    if _SURROGATE_ESCAPE.search(raw):
        _refuse_surrogates(document)
    return document


def _loads(text: str) -> object:
    try:
        document: object = _DECODER.decode(text)
    except json.JSONDecodeError as error:
        offset = len(text[: error.pos].encode())
        raise JSONRefusedError("json.malformed", offset) from None
    except RecursionError:
        raise JSONRefusedError("json.too_deep") from None
    return document


def _object(pairs: list[tuple[str, object]]) -> dict[str, object]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise JSONRefusedError("json.duplicate_key")
    return members


def _integer(digits: str) -> int:
    # int() takes quadratic time and refuses 4,300 digits by a ValueError, so length comes first.
    if len(digits) > _MAX_NUMBER_CHARACTERS:
        raise JSONRefusedError("json.number_out_of_range")
    number = int(digits)
    if abs(number) > MAX_INTEGER:
        raise JSONRefusedError("json.number_out_of_range")
    return number


def _float(digits: str) -> float:
    number = float(digits) if len(digits) <= _MAX_NUMBER_CHARACTERS else math.inf
    if math.isinf(number):
        raise JSONRefusedError("json.number_out_of_range")
    return number


def _constant(_name: str) -> NoReturn:
    raise JSONRefusedError("json.number_out_of_range")


def _refuse_deep(document: dict[str, object], max_depth: int) -> None:
    level: list[object] = [document]
    for _ in range(max_depth):
        level = [
            child
            for container in level
            for child in _children(container)
            if isinstance(child, dict | list)
        ]
        if not level:
            return
    raise JSONRefusedError("json.too_deep")


def _children(container: object) -> list[object]:
    if isinstance(container, dict):
        return list(container.values())
    return container if isinstance(container, list) else []


def _refuse_surrogates(document: dict[str, object]) -> None:
    try:
        json.dumps(document, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        raise JSONRefusedError("json.lone_surrogate") from None


_DECODER: Final = json.JSONDecoder(
    object_pairs_hook=_object,
    parse_int=_integer,
    parse_float=_float,
    parse_constant=_constant,
)
