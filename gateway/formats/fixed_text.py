"""Fixed-length records: every field has its place and its length in bytes.

The record is text: each field is padded to its length in the record's encoding, and what
is longer is refused. Packed decimals and EBCDIC are not text; they have no place here.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Final, Literal

from gateway.formats.charset import UNDECODABLE, Encoding, decode, encode
from gateway.formats.column import Column, Padding, text_of
from gateway.formats.record import BatchFacts

LineEnd = Literal["crlf", "lf", "none"]

_LINE_ENDS: Final[Mapping[LineEnd, bytes]] = {"crlf": b"\r\n", "lf": b"\n", "none": b""}
_LAST_IN_FILE: Final = b"\x1a"
"""Ctrl-Z, which CP/M and MS-DOS programs write after the last record."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FixedField:
    """One field.

    Attributes:
        column: What stands in it; its padding is set by the layout.
        start: First byte, from 0.
        length: In encoded bytes.
    """

    column: Column
    start: int
    length: int

    @property
    def end(self) -> int:
        """The first byte after it."""
        return self.start + self.length

    def padded(self) -> Column:
        """Return the column with the field's length as its padding."""
        given = self.column.padding or Padding(length=self.length)
        return replace(self.column, padding=replace(given, length=self.length))


def overlapping(fields: Sequence[FixedField]) -> tuple[int, int] | None:
    """Return the places, from 0, of the first two fields that share a byte, or ``None``.

    The second of them is the one that stands later in the layout.
    """
    order = sorted(range(len(fields)), key=lambda place: (fields[place].start, place))
    for one, next_one in pairwise(order):
        if fields[next_one].start < fields[one].end:
            return min(one, next_one), max(one, next_one)
    return None


@dataclass(frozen=True, slots=True, kw_only=True)
class FixedLayout:
    """One kind of record.

    Attributes:
        fields: In any order; they must not overlap.
        length: Of the record in bytes, without its line end; bytes of no field are spaces.
    """

    fields: tuple[FixedField, ...]
    length: int

    def write(self, document: Mapping[str, object], encoding: Encoding) -> bytes:
        """Return the record, without a line end.

        Raises:
            FieldRefusedError: A value does not fit its field.
        """
        record = bytearray(b" " * self.length)
        for field in self.fields:
            text = text_of(field.padded(), document, encoding)
            record[field.start : field.end] = encode(text, encoding, field.column.pointer)
        return bytes(record)

    def read(self, record: bytes, encoding: Encoding) -> dict[str, str] | str:
        """Return each field's text, with its padding, or the fault of the record."""
        if len(record) != self.length:
            return "record.wrong_length"
        texts: dict[str, str] = {}
        for field in self.fields:
            text = decode(record[field.start : field.end], encoding)
            if text is None:
                return UNDECODABLE
            texts[field.column.name] = text
        return texts

    def shown(self, record: bytes, encoding: Encoding) -> Iterator[str]:
        """Yield one line for each field, in the order of their places."""
        for field in sorted(self.fields, key=lambda field: field.start):
            part = record[field.start : field.end]
            place = f"{field.start + 1:>5} {field.length:>4}"
            yield f"{place} {field.column.name} |{decode(part, encoding)}| {part.hex(' ')}"


@dataclass(frozen=True, slots=True, kw_only=True)
class FixedRecords:
    """Files of fixed-length records; a ``RecordFormat``.

    Attributes:
        layout: Of each record.
        encoding: Of the file.
        line_end: After each record, the frame's included.
        batch_header: Layout of the record before a batch's records, if it has one.
        batch_trailer: Layout of the record after them.
    """

    layout: FixedLayout
    encoding: Encoding = "cp932"
    line_end: LineEnd = "crlf"
    batch_header: FixedLayout | None = None
    batch_trailer: FixedLayout | None = None

    suffix = ".txt"

    def head(self, batch: BatchFacts | None) -> bytes:
        """Return the batch's header record, if it has one."""
        return self._frame(self.batch_header, batch)

    def record(self, document: Mapping[str, object]) -> bytes:
        """Return the document's record and its line end."""
        return self.layout.write(document, self.encoding) + _LINE_ENDS[self.line_end]

    def tail(self, batch: BatchFacts | None) -> bytes:
        """Return the batch's trailer record, if it has one."""
        return self._frame(self.batch_trailer, batch)

    def shown(self, content: bytes) -> str:
        """Return each record's fields, one a line: place from 1, length, name, text, bytes."""
        records = _cut(content, self.line_end, self.layout.length)
        layouts = [self.layout] * len(records)
        if self.batch_header is not None:
            layouts[0] = self.batch_header
        if self.batch_trailer is not None:
            layouts[-1] = self.batch_trailer
        return "\n".join(
            line
            for layout, record in zip(layouts, records, strict=True)
            for line in (*layout.shown(record, self.encoding), "")
        )

    def _frame(self, layout: FixedLayout | None, batch: BatchFacts | None) -> bytes:
        if batch is None or layout is None:
            return b""
        return layout.write(batch.document(), self.encoding) + _LINE_ENDS[self.line_end]


def read_fixed(
    content: bytes, layout: FixedLayout, encoding: Encoding, line_end: LineEnd
) -> Iterator[tuple[int, dict[str, str] | str]]:
    """Yield each record's number, from 1, and its texts by name or its fault.

    Faults are ``record.wrong_length`` and ``text.undecodable``; a bad record spoils no other.
    """
    records = _cut(content.removesuffix(_LAST_IN_FILE), line_end, layout.length)
    for number, record in enumerate(records, 1):
        yield number, layout.read(record, encoding)


def _cut(content: bytes, line_end: LineEnd, length: int) -> list[bytes]:
    if line_end == "none":
        return [content[place : place + length] for place in range(0, len(content), length)]
    # No byte of a double-byte character is a line feed, in either encoding.
    lines = content.split(b"\n")
    lines = lines if lines[-1] else lines[:-1]
    return [line.removesuffix(b"\r") for line in lines] if line_end == "crlf" else lines
