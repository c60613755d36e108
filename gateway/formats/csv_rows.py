"""CSV that a core system wrote: bytes in, rows out; a bad row spoils no other."""

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from gateway.formats.charset import Encoding, decode

_END_OF_FILE: Final = b"\x1a"
"""Ctrl-Z, which CP/M and MS-DOS programs write after the last line."""

_BOM: Final = b"\xef\xbb\xbf"
_UNDECODABLE: Final = "\ufffd"


@dataclass(frozen=True, slots=True)
class Row:
    """One row.

    Attributes:
        line: Number of the row's last physical line, from 1.
        cells: Its texts; empty when ``fault`` is set.
        fault: ``text.undecodable``, ``csv.malformed``, ``csv.cut_off``, or ``None``.
    """

    line: int
    cells: tuple[str, ...]
    fault: str | None = None


def read_rows(content: bytes, encoding: Encoding) -> Iterator[Row]:
    """Yield the rows that are not empty, good and bad, in order.

    Lines end with CR LF or LF; quotes as in RFC 4180. An unclosed quote makes all that
    follows one bad row. A last line without its end is one: half of a number is a number, too.
    """
    lines = _lines(content.removesuffix(_END_OF_FILE), encoding)
    cut_off = 0 if content.endswith((b"\n", b"\r", _END_OF_FILE)) else len(lines)
    reader = csv.reader(lines, strict=True)
    while True:
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error:
            yield Row(reader.line_num, (), "csv.malformed")
            continue
        if reader.line_num == cut_off:
            yield Row(reader.line_num, (), "csv.cut_off")
        elif any(_UNDECODABLE in cell for cell in cells):
            yield Row(reader.line_num, (), "text.undecodable")
        elif cells:
            yield Row(reader.line_num, tuple(cells))


def _lines(content: bytes, encoding: Encoding) -> list[str]:
    """Decode line by line: neither encoding has a line feed inside a character."""
    if encoding == "utf-8":
        content = content.removeprefix(_BOM)
    texts = (decode(line, encoding) for line in content.splitlines(keepends=True))
    return [_UNDECODABLE + "\r\n" if text is None else text for text in texts]
