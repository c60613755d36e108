"""JSON: one object a line (JSON Lines), or one document a file.

Names and values are written as they are: no Unicode normalisation, no escapes beyond what
JSON demands.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from gateway.formats.charset import UNDECODABLE, Encoding, decode, encode
from gateway.formats.column import Column, text_of
from gateway.formats.record import BatchFacts


@dataclass(frozen=True, slots=True, kw_only=True)
class JSONLines:
    """One object a line, UTF-8, ended by LF; a ``RecordFormat``.

    Attributes:
        columns: The members, all of them texts; the whole application without any.
        batch_header: Members of the object before a batch's records; none without any.
        batch_trailer: Members of the object after them.
        encoding: RFC 8259, 8.1: always UTF-8.
    """

    columns: tuple[Column, ...] = ()
    batch_header: tuple[Column, ...] = ()
    batch_trailer: tuple[Column, ...] = ()
    encoding: Encoding = "utf-8"

    suffix = ".jsonl"

    def head(self, batch: BatchFacts | None) -> bytes:
        """Return the batch's header object, if it has one."""
        return self._frame(self.batch_header, batch)

    def record(self, document: Mapping[str, object]) -> bytes:
        """Return the document's line."""
        return self._line(self._members(self.columns, document) if self.columns else document)

    def tail(self, batch: BatchFacts | None) -> bytes:
        """Return the batch's trailer object, if it has one."""
        return self._frame(self.batch_trailer, batch)

    def shown(self, content: bytes) -> str:
        """Return the lines as text."""
        return content.decode(self.encoding)

    def _frame(self, columns: tuple[Column, ...], batch: BatchFacts | None) -> bytes:
        if batch is None or not columns:
            return b""
        return self._line(self._members(columns, batch.document()))

    def _members(
        self, columns: tuple[Column, ...], document: Mapping[str, object]
    ) -> dict[str, object]:
        return {column.name: text_of(column, document, self.encoding) for column in columns}

    def _line(self, value: Mapping[str, object]) -> bytes:
        text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
        return encode(text + "\n", self.encoding)


@dataclass(frozen=True, slots=True, kw_only=True)
class JSONDocument:
    """One indented document a file, UTF-8 with a final LF; a ``RecordFormat`` for one record."""

    encoding: Encoding = "utf-8"

    suffix = ".json"

    def head(self, _batch: BatchFacts | None) -> bytes:
        """Return nothing: several documents are no JSON text."""
        return b""

    def record(self, document: Mapping[str, object]) -> bytes:
        """Return the whole document."""
        return encode(json.dumps(document, ensure_ascii=False, indent=2) + "\n", self.encoding)

    def tail(self, _batch: BatchFacts | None) -> bytes:
        """Return nothing."""
        return b""

    def shown(self, content: bytes) -> str:
        """Return the document as text."""
        return content.decode(self.encoding)


def read_json_lines(content: bytes) -> Iterator[tuple[int, dict[str, str] | str]]:
    """Yield each line's number, from 1, and its members as texts or its fault; null is left out.

    Faults are ``text.undecodable``, ``result.not_json`` and ``result.not_an_object``; a bad
    line spoils no other.
    """
    for number, line in enumerate(content.split(b"\n"), 1):
        if not line.strip():
            continue
        text = decode(line, "utf-8")
        if text is None:
            yield number, UNDECODABLE
            continue
        try:
            item = json.loads(text.removeprefix("\ufeff"))
        except (ValueError, RecursionError):
            yield number, "result.not_json"
            continue
        yield number, members_of(item)


def members_of(item: object) -> dict[str, str] | str:
    """Return an object's members as texts, null left out, or the fault of another value."""
    if not isinstance(item, dict):
        return "result.not_an_object"
    return {name: str(value) for name, value in item.items() if value is not None}
