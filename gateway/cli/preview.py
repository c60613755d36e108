"""What a dry run would have sent, for people and for machines: text, or hex field by field."""

import codecs
from collections.abc import Iterator
from typing import Any, Final

from gateway.sdk import FieldSpan, Preview

_A_ROW: Final = 16
"""Bytes in a row of hex."""

_BETWEEN: Final = "-"
"""Name of bytes that belong to no field."""


def document(preview: str | Preview | None) -> Any:
    """Return a preview as JSON: text as it is, bytes in hex with their fields."""
    if not isinstance(preview, Preview):
        return preview
    return {
        "charset": preview.charset,
        "hex": preview.content.hex(),
        "fields": [
            {"name": span.name, "start": span.start, "end": span.end} for span in preview.spans
        ],
    }


def lines(preview: str | Preview) -> Iterator[str]:
    """Yield the lines for a terminal."""
    if isinstance(preview, str):
        yield preview.rstrip("\n")
        return
    text = None if preview.spans else _text(preview.content, preview.charset)
    if text is not None:
        yield text.rstrip("\n")
        return
    for span in _without_gaps(preview):
        yield from _field(span, preview)


def _without_gaps(preview: Preview) -> Iterator[FieldSpan]:
    """Yield the fields, and what lies between them."""
    end = 0
    for span in preview.spans:
        if end < span.start:
            yield FieldSpan(_BETWEEN, end, span.start)
        yield span
        end = span.end
    if end < len(preview.content):
        yield FieldSpan(_BETWEEN, end, len(preview.content))


def _field(span: FieldSpan, preview: Preview) -> Iterator[str]:
    """Yield a head with offset, length, name and text, and rows of hex."""
    content = preview.content[span.start : span.end]
    text = _text(content, preview.charset)
    shown = "" if text is None else f"  |{_printable(text)}|"
    yield f"{span.start:6} +{len(content):<5} {span.name}{shown}"
    for start in range(0, len(content), _A_ROW):
        yield f"{'':15}{content[start : start + _A_ROW].hex(' ')}"


def _text(content: bytes, charset: str | None) -> str | None:
    """Return what people read; ``None`` without a charset, or where it does not fit."""
    if charset is None:
        return None
    try:
        return codecs.decode(content, charset)
    except (LookupError, ValueError):
        return None


def _printable(text: str) -> str:
    return "".join(letter if letter.isprintable() else "·" for letter in text)
