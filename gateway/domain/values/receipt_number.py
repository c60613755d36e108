"""What a 受付番号 given by a front end may look like."""

from typing import Final

MAX_CHARACTERS: Final = 64
"""Design 6.1. マイナポータル's and e-Gov's own numbers have 16 digits and fewer."""

PATTERN: Final = r"^[^\p{C}\p{Z}]+$"
"""The same rule for readers of the schema, as ECMA-262 writes it (JSON Schema, 6.4)."""


def fault(value: str) -> str | None:
    """Return ``receipt_number.format`` unless ``value`` is 1 to 64 visible characters.

    Visible: Unicode calls it printable (no control, format, surrogate, private or
    unassigned character, no separator), and it is not a space.
    """
    visible = value.isprintable() and " " not in value
    return None if visible and 1 <= len(value) <= MAX_CHARACTERS else "receipt_number.format"
