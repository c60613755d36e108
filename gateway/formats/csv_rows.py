"""CSV that a core system wrote: bytes in, rows out; a bad row spoils no other."""

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from gateway.formats import cp932
from gateway.formats.charset import Encoding

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
        fault: ``text.undecodable`` or ``csv.malformed``, or ``None``.
    """

    line: int
    cells: tuple[str, ...]
    fault: str | None = None


def read_rows(content: bytes, encoding: Encoding) -> Iterator[Row]:
    """Yield the rows that are not empty, good and bad, in order.

    Lines end with CR LF or LF; quotes as in RFC 4180. An unclosed quote makes all that
    follows one bad row.
    """
    content = content.removesuffix(_END_OF_FILE)
    if encoding == "utf-8":
        content = content.removeprefix(_BOM)
    reader = csv.reader(_lines(content, encoding), strict=True)
    while True:
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error:
            yield Row(reader.line_num, (), "csv.malformed")
            continue
        if any(_UNDECODABLE in cell for cell in cells):
            yield Row(reader.line_num, (), "text.undecodable")
        elif cells:
            yield Row(reader.line_num, tuple(cells))


def _lines(content: bytes, encoding: Encoding) -> Iterator[str]:
    """Decode line by line: neither encoding has a line feed inside a character."""
    for line in content.splitlines(keepends=True):
        try:
            yield cp932.decode(line) if encoding == "cp932" else line.decode()
        except (cp932.UndecodableError, UnicodeDecodeError):
            yield _UNDECODABLE + "\r\n"
