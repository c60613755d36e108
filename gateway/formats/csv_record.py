"""Applications as CSV records, written exactly as the core system reads them.

Rows end with CR LF (RFC 4180). Header and trailer rows of a batch are rows of their own
columns, between the row of names and the end.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from gateway.formats.charset import Encoding, FieldRefusedError, encode
from gateway.formats.column import Column, text_of
from gateway.formats.record import BatchFacts

Quoting = Literal["minimal", "all"]
Formulas = Literal["keep", "refuse"]

_ROW_END: Final = b"\r\n"
_FORMULA: Final = re.compile("[ \u3000]*[=+@\uff0b\uff1d\uff20-]")
"""What spreadsheets take for a formula, full-width signs too (CWE-1236)."""

_NUMBER: Final = re.compile(r"[+-]?[0-9]+([.,-][0-9]+)*")
_MUST_QUOTE: Final = re.compile(r'[",\r\n]')


@dataclass(frozen=True, slots=True, kw_only=True)
class CSVRecords:
    """A record's columns and how the file is written; a ``RecordFormat``.

    Attributes:
        columns: Of each record.
        encoding: Of the file.
        header: Whether the first row holds the columns' names.
        quoting: Which values stand in quotes.
        formulas: Whether a value is refused that a spreadsheet would run; numbers never are.
        batch_header: Columns of the row before a batch's records; none without any.
        batch_trailer: Columns of the row after them.
    """

    columns: tuple[Column, ...]
    encoding: Encoding = "cp932"
    header: bool = True
    quoting: Quoting = "minimal"
    formulas: Formulas = "keep"
    batch_header: tuple[Column, ...] = ()
    batch_trailer: tuple[Column, ...] = ()

    suffix = ".csv"

    def head(self, batch: BatchFacts | None) -> bytes:
        """Return the row of names and the batch's header row, as far as there are any."""
        names = self._row([column.name for column in self.columns]) if self.header else b""
        return names + self._frame(self.batch_header, batch)

    def record(self, document: Mapping[str, object]) -> bytes:
        """Return the document's row."""
        texts = [text_of(column, document, self.encoding) for column in self.columns]
        if self.formulas == "refuse":
            for column, text in zip(self.columns, texts, strict=True):
                if _FORMULA.match(text) and not _NUMBER.fullmatch(text):
                    raise FieldRefusedError("text.formula", column.pointer)
        return self._row(texts)

    def tail(self, batch: BatchFacts | None) -> bytes:
        """Return the batch's trailer row, if it has one."""
        return self._frame(self.batch_trailer, batch)

    def shown(self, content: bytes) -> str:
        """Return the rows as text."""
        return content.decode(self.encoding)

    def _frame(self, columns: Sequence[Column], batch: BatchFacts | None) -> bytes:
        if batch is None or not columns:
            return b""
        document = batch.document()
        return self._row([text_of(column, document, self.encoding) for column in columns])

    def _row(self, texts: Iterable[str]) -> bytes:
        cells = [self._quoted(text) for text in texts]
        if cells == [""]:
            cells = ['""']  # an empty line is no row
        return encode(",".join(cells), self.encoding) + _ROW_END

    def _quoted(self, text: str) -> str:
        if self.quoting == "all" or _MUST_QUOTE.search(text):
            return '"' + text.replace('"', '""') + '"'
        return text
