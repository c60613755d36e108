"""Records as XML elements, written and read without any feature of XML that can hurt.

What is written: elements, attributes, text; no DTD, no entity but the five of XML, no
comment. What is read: the same; a document type declaration, a processing instruction or
more than ``DEEPEST`` levels end the reading (billion laughs, external entities: XML 1.0,
4.2; CWE-611, CWE-776).
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final
from xml.parsers import expat
from xml.sax.saxutils import escape, quoteattr

from gateway.formats.charset import UNDECODABLE, Encoding, FieldRefusedError, decode, encode
from gateway.formats.column import Column, text_of
from gateway.formats.record import BatchFacts

DEEPEST: Final = 32
"""Levels of elements that a file may have."""

LONGEST_NAME: Final = 200
"""Characters that the name of an element or attribute may have."""

MOST_PARTS: Final = 10_000
"""Pieces of text and attributes that one record may have."""

PATH: Final = re.compile(r"([^\W\d][\w.-]*/)*(@?[^\W\d][\w.-]*)")
"""Names parted by slashes, the last perhaps an attribute; a subset of XML 1.0's names."""

_DECLARED: Final[Mapping[Encoding, str]] = {"cp932": "Windows-31J", "utf-8": "UTF-8"}
"""As IANA registers them."""

_DECLARATION: Final = re.compile(rb"\A(?:\xef\xbb\xbf)?\s*<\?xml\s[^>]*\?>")
_NO_CHARACTER: Final = re.compile("[^\\t\\n\\r\\x20-\\ud7ff\\ue000-\\ufffd\\U00010000-\\U0010ffff]")
"""XML 1.0, 2.2: what a document cannot hold in any writing."""

_KEPT: Final = {"\r": "&#13;"}
"""A bare CR would come back as LF (XML 1.0, 2.11)."""


@dataclass(slots=True)
class _Element:
    """One element while it is built."""

    attributes: dict[str, str] = field(default_factory=dict)
    children: "dict[str, _Element]" = field(default_factory=dict)
    text: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class XMLRecords:
    """Files of XML; a ``RecordFormat``. A column's name is its path below the record's element.

    Attributes:
        record_name: Name of the record's element; the root of a file of one.
        columns: Each becomes an element, or an attribute when the path ends in ``@NAME``;
            empty values are left out.
        root_name: Root of a batch.
        namespace: Of all elements, or ``None``.
        batch_header: Columns of the element ``header`` before a batch's records.
        batch_trailer: Columns of the element ``trailer`` after them.
        header_name: Name of that element.
        trailer_name: Name of that element.
        encoding: Of the file, declared in its first line.
    """

    record_name: str
    columns: tuple[Column, ...]
    root_name: str = "batch"
    namespace: str | None = None
    batch_header: tuple[Column, ...] = ()
    batch_trailer: tuple[Column, ...] = ()
    header_name: str = "header"
    trailer_name: str = "trailer"
    encoding: Encoding = "utf-8"

    suffix = ".xml"

    def head(self, batch: BatchFacts | None) -> bytes:
        """Return the declaration and, of a batch, the root's start and the header."""
        declaration = f'<?xml version="1.0" encoding="{_DECLARED[self.encoding]}"?>\n'
        if batch is None:
            return declaration.encode("ascii")
        root = f"<{self.root_name}{self._xmlns()}>\n"
        return encode(declaration + root, self.encoding) + self._frame(
            self.header_name, self.batch_header, batch
        )

    def record(self, document: Mapping[str, object]) -> bytes:
        """Return the document's element; of a file of one its namespace, too."""
        xmlns = "" if "batch" in document else self._xmlns()
        return self._element(self.record_name, self.columns, document, xmlns)

    def tail(self, batch: BatchFacts | None) -> bytes:
        """Return the trailer and the root's end, of a batch."""
        if batch is None:
            return b""
        trailer = self._frame(self.trailer_name, self.batch_trailer, batch)
        return trailer + encode(f"</{self.root_name}>\n", self.encoding)

    def shown(self, content: bytes) -> str:
        """Return the file as text."""
        return content.decode(self.encoding)

    def _xmlns(self) -> str:
        return "" if self.namespace is None else f" xmlns={quoteattr(self.namespace)}"

    def _frame(self, name: str, columns: Sequence[Column], batch: BatchFacts) -> bytes:
        return self._element(name, columns, batch.document(), "") if columns else b""

    def _element(
        self, name: str, columns: Sequence[Column], document: Mapping[str, object], xmlns: str
    ) -> bytes:
        top = _Element()
        for column in columns:
            text = text_of(column, document, self.encoding)
            if text:
                _require_characters(text, column.pointer)
                _place(top, column.name, text)
        return encode("".join(_written(name, top, xmlns)) + "\n", self.encoding)


def read_xml(
    content: bytes, record_name: str, encoding: Encoding
) -> Iterator[tuple[int, dict[str, str] | str]]:
    """Yield each record element's number, from 1, and its texts by path, or the file's fault.

    Namespaces are not looked at: a prefix is part of no name. Faults, all of the whole file
    and with the number 0: ``text.undecodable``, ``xml.malformed`` and ``xml.forbidden`` (DTD,
    processing instruction, more than ``DEEPEST``, ``LONGEST_NAME`` or ``MOST_PARTS``).
    """
    # The declaration may name what the parser does not know; the configuration decides.
    text = decode(_DECLARATION.sub(b"", content, count=1), encoding)
    if text is None:
        yield 0, UNDECODABLE
        return
    reader = _Reader(record_name)
    try:
        fault = reader.read(text.removeprefix("\ufeff"))
    except expat.ExpatError:
        fault = "xml.malformed"
    if fault is not None:
        yield 0, fault
        return
    yield from enumerate(reader.records, 1)


class _Reader:
    """Collects the record elements of one document."""

    def __init__(self, record_name: str) -> None:
        self.records: list[dict[str, str] | str] = []
        self._name = record_name
        self._path: list[str] = []
        self._record: dict[str, list[str]] | None = None
        self._below = 0
        self._parts = 0

    def read(self, text: str) -> str | None:
        """Read the whole document and return its fault, or ``None``."""
        parser = expat.ParserCreate("utf-8")
        parser.buffer_text = True
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._text
        parser.StartDoctypeDeclHandler = self._forbid
        parser.ProcessingInstructionHandler = self._forbid
        try:
            parser.Parse(text.encode(), True)
        except _ForbiddenError:
            return "xml.forbidden"
        return None

    def _forbid(self, *_: object) -> None:
        raise _ForbiddenError

    def _start(self, name: str, attributes: Mapping[str, str]) -> None:
        if len(self._path) == DEEPEST or len(name) > LONGEST_NAME:
            raise _ForbiddenError
        local = name.rpartition(":")[2]
        self._path.append(local)
        if self._record is None and local == self._name:
            self._record, self._below, self._parts = {}, len(self._path), 0
        if self._record is not None:
            for attribute, value in attributes.items():
                if attribute != "xmlns" and not attribute.startswith("xmlns:"):
                    self._keep(f"@{attribute.rpartition(':')[2]}", value)

    def _end(self, _name: str) -> None:
        if self._record is not None and len(self._path) == self._below:
            texts = {path: "".join(parts) for path, parts in self._record.items()}
            self.records.append(
                {path: text for path, text in texts.items() if text.strip() or "@" in path}
            )
            self._record = None
        self._path.pop()

    def _text(self, text: str) -> None:
        if self._record is not None:
            self._keep("", text)

    def _keep(self, last: str, text: str) -> None:
        if self._record is None:
            return
        self._parts += 1
        if self._parts > MOST_PARTS or len(last) > LONGEST_NAME:
            raise _ForbiddenError
        steps = [*self._path[self._below :], *([last] if last else [])]
        self._record.setdefault("/".join(steps), []).append(text)


class _ForbiddenError(Exception):
    """The document has what we do not read."""


def _require_characters(text: str, pointer: str | None) -> None:
    wrong = _NO_CHARACTER.search(text)
    if wrong is not None:
        raise FieldRefusedError(f"text.unmappable:U+{ord(wrong[0]):04X}", pointer)


def _place(top: _Element, path: str, text: str) -> None:
    *steps, last = path.split("/")
    here = top
    for step in steps:
        here = here.children.setdefault(step, _Element())
    if last.startswith("@"):
        here.attributes[last[1:]] = text
    else:
        here.children.setdefault(last, _Element()).text = text


def _written(name: str, element: _Element, xmlns: str) -> Iterator[str]:
    attributes = "".join(
        f" {key}={quoteattr(value, _KEPT)}" for key, value in element.attributes.items()
    )
    yield f"<{name}{xmlns}{attributes}>"
    yield escape(element.text, _KEPT)
    for child_name, child in element.children.items():
        yield from _written(child_name, child, "")
    yield f"</{name}>"
