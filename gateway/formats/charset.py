"""The encodings of records: text in, bytes out, and the refusal of what has no code."""

from typing import Final, Literal

from gateway.domain.errors import PermanentError
from gateway.formats import cp932

Encoding = Literal["cp932", "utf-8"]

UNDECODABLE: Final = cp932.UndecodableError.code
"""Fault of a line or record whose bytes are no text."""


class FieldRefusedError(PermanentError):
    """A value cannot be written as configured.

    Attributes:
        reason: Stable code; of an unmappable character with its code point after a colon.
        pointer: JSON pointer of the value; ``None`` for a literal.
    """

    code = "record.field_refused"

    def __init__(self, reason: str, pointer: str | None) -> None:
        """Keep what and where."""
        super().__init__(reason, pointer)
        self.reason = reason
        self.pointer = pointer


def encode(text: str, encoding: Encoding, pointer: str | None = None) -> bytes:
    """Return ``text`` in the record's encoding; nothing is replaced.

    Raises:
        FieldRefusedError: ``text.unmappable:U+XXXX``.
    """
    try:
        return cp932.encode(text) if encoding == "cp932" else text.encode()
    except cp932.UnmappableError as error:
        raise FieldRefusedError(f"{error.code}:{error.code_point}", pointer) from None
    except UnicodeEncodeError as error:
        point = f"U+{ord(text[error.start]):04X}"
        raise FieldRefusedError(f"text.unmappable:{point}", pointer) from None


def decode(content: bytes, encoding: Encoding) -> str | None:
    """Return the text, or ``None`` if ``content`` is none in this encoding."""
    try:
        return cp932.decode(content) if encoding == "cp932" else content.decode()
    except (cp932.UndecodableError, UnicodeDecodeError):
        return None
