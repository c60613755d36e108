"""How the formats' records are laid out; what cannot be written is refused when it is loaded."""

from collections.abc import Iterator, Sequence
from typing import Annotated, Self

from pydantic import Field, model_validator

from gateway.formats import column as columns
from gateway.formats.charset import Encoding, FieldRefusedError, encode
from gateway.formats.column_config import (
    LONGEST_CELL_BYTES,
    ColumnConfig,
    FixedFieldConfig,
    RecordModel,
)
from gateway.formats.csv_record import CSVRecords, Formulas, Quoting
from gateway.formats.fixed_text import (
    FixedField,
    FixedLayout,
    FixedRecords,
    LineEnd,
    overlapping,
)
from gateway.formats.json_lines import JSONLines
from gateway.formats.xml_record import PATH, XMLRecords

XMLName = Annotated[str, Field(pattern=r"^[^\W\d][\w.-]*$")]


class CSVConfig(RecordModel):
    """The layout of the CSV record."""

    columns: tuple[ColumnConfig, ...] = Field(
        min_length=1, max_length=1024, description="The columns, in order."
    )
    encoding: Encoding = Field(
        default="cp932",
        description="`cp932` with Microsoft's code choices, or `utf-8` (without a signature).",
    )
    header: bool = Field(default=True, description="Write the column names as the first row.")
    quoting: Quoting = Field(
        default="minimal", description="`minimal` quotes where needed, `all` every value."
    )
    formulas: Formulas = Field(
        default="keep",
        description="Values that a spreadsheet would run as a formula, such as `=…`: `keep` them, "
        "or `refuse` them (`text.formula`), where people open the file in one.",
    )
    batch_header: tuple[ColumnConfig, ...] = Field(
        default=(), max_length=64, description="With `batch`: a row before the records."
    )
    batch_trailer: tuple[ColumnConfig, ...] = Field(
        default=(), max_length=64, description="With `batch`: a row after the records."
    )

    @model_validator(mode="after")
    def _writable(self) -> Self:
        for key, given in self.parts():
            _require_writable(key, given, self.encoding)
        return self

    def parts(self) -> Iterator[tuple[str, Sequence[ColumnConfig]]]:
        """Yield the keys under which columns stand, and the columns."""
        yield "columns", self.columns
        yield "batch_header", self.batch_header
        yield "batch_trailer", self.batch_trailer

    def records(self) -> CSVRecords:
        """Return what writes such records."""
        return CSVRecords(
            columns=_columns(self.columns),
            encoding=self.encoding,
            header=self.header,
            quoting=self.quoting,
            formulas=self.formulas,
            batch_header=_columns(self.batch_header),
            batch_trailer=_columns(self.batch_trailer),
        )


class FixedConfig(RecordModel):
    """The layout of fixed-length records."""

    fields: tuple[FixedFieldConfig, ...] = Field(
        min_length=1, max_length=1024, description="The fields; none may overlap another."
    )
    record_bytes: int | None = Field(
        default=None,
        ge=1,
        le=1024 * 1024,
        description="Length of each record without its line end; that of the fields, if unsaid.",
    )
    encoding: Encoding = Field(
        default="cp932",
        description="`cp932` with Microsoft's code choices, or `utf-8`.",
    )
    line_end: LineEnd = Field(
        default="crlf", description="After each record: `crlf`, `lf` or `none`."
    )
    batch_header: tuple[FixedFieldConfig, ...] = Field(
        default=(), max_length=64, description="With `batch`: a record before the others."
    )
    batch_trailer: tuple[FixedFieldConfig, ...] = Field(
        default=(), max_length=64, description="With `batch`: a record after the others."
    )

    @model_validator(mode="after")
    def _fits(self) -> Self:
        for key, given in self.parts():
            _require_distinct(key, given)
            _require_writable(key, given, self.encoding)
            _require_apart(key, given)
            if given and _length(given) > self.length:
                raise ValueError(f"{key}: {_length(given)} bytes, but a record has {self.length}")
        return self

    @property
    def length(self) -> int:
        """Of a record, in bytes."""
        return self.record_bytes or _length(self.fields)

    def parts(self) -> Iterator[tuple[str, Sequence[FixedFieldConfig]]]:
        """Yield the keys under which fields stand, and the fields."""
        yield "fields", self.fields
        yield "batch_header", self.batch_header
        yield "batch_trailer", self.batch_trailer

    def records(self) -> FixedRecords:
        """Return what writes such records."""
        header, trailer = (
            FixedLayout(fields=_placed(given), length=self.length) if given else None
            for given in (self.batch_header, self.batch_trailer)
        )
        return FixedRecords(
            layout=FixedLayout(fields=_placed(self.fields), length=self.length),
            encoding=self.encoding,
            line_end=self.line_end,
            batch_header=header,
            batch_trailer=trailer,
        )


class JSONLinesConfig(RecordModel):
    """The members of each line's object."""

    members: tuple[ColumnConfig, ...] = Field(
        default=(),
        max_length=1024,
        description="The members, all of them texts; the whole application without any.",
    )
    batch_header: tuple[ColumnConfig, ...] = Field(
        default=(), max_length=64, description="With `batch`: an object before the records."
    )
    batch_trailer: tuple[ColumnConfig, ...] = Field(
        default=(), max_length=64, description="With `batch`: an object after the records."
    )

    @model_validator(mode="after")
    def _writable(self) -> Self:
        for key, given in self.parts():
            _require_distinct(key, given)
            _require_writable(key, given, "utf-8")
        return self

    def parts(self) -> Iterator[tuple[str, Sequence[ColumnConfig]]]:
        """Yield the keys under which members stand, and the members."""
        yield "members", self.members
        yield "batch_header", self.batch_header
        yield "batch_trailer", self.batch_trailer

    def records(self) -> JSONLines:
        """Return what writes such records."""
        return JSONLines(
            columns=_columns(self.members),
            batch_header=_columns(self.batch_header),
            batch_trailer=_columns(self.batch_trailer),
        )


class XMLConfig(RecordModel):
    """The elements of each record."""

    record: XMLName = Field(description="Name of a record's element; the root without `batch`.")
    elements: tuple[ColumnConfig, ...] = Field(
        min_length=1,
        max_length=1024,
        description="The elements and attributes, in order; empty ones are left out.",
    )
    root: XMLName = Field(default="batch", description="With `batch`: name of the root.")
    namespace: str | None = Field(default=None, description="Namespace of all elements.")
    encoding: Encoding = Field(
        default="utf-8", description="`utf-8`, or `cp932`, declared as Windows-31J."
    )
    header_name: XMLName = Field(default="header", description="Name of the header's element.")
    trailer_name: XMLName = Field(default="trailer", description="Name of the trailer's element.")
    batch_header: tuple[ColumnConfig, ...] = Field(
        default=(), max_length=64, description="With `batch`: elements of the header."
    )
    batch_trailer: tuple[ColumnConfig, ...] = Field(
        default=(), max_length=64, description="With `batch`: elements of the trailer."
    )

    @model_validator(mode="after")
    def _writable(self) -> Self:
        for key, given in self.parts():
            _require_distinct(key, given)
            _require_paths(key, given)
            _require_writable(key, given, self.encoding)
        for key in ("record", "root", "header_name", "trailer_name"):
            _require_text(key, getattr(self, key), self.encoding)
        return self

    def parts(self) -> Iterator[tuple[str, Sequence[ColumnConfig]]]:
        """Yield the keys under which elements stand, and the elements."""
        yield "elements", self.elements
        yield "batch_header", self.batch_header
        yield "batch_trailer", self.batch_trailer

    def records(self) -> XMLRecords:
        """Return what writes such records."""
        return XMLRecords(
            record_name=self.record,
            columns=_columns(self.elements),
            root_name=self.root,
            namespace=self.namespace,
            batch_header=_columns(self.batch_header),
            batch_trailer=_columns(self.batch_trailer),
            header_name=self.header_name,
            trailer_name=self.trailer_name,
            encoding=self.encoding,
        )


def _columns(given: Sequence[ColumnConfig]) -> tuple[columns.Column, ...]:
    return tuple(one.column() for one in given)


def _placed(given: Sequence[FixedFieldConfig]) -> tuple[FixedField, ...]:
    fields = []
    after = 0
    for one in given:
        start = after if one.start is None else one.start - 1
        fields.append(FixedField(column=one.column(), start=start, length=one.length))
        after = start + one.length
    return tuple(fields)


def _length(given: Sequence[FixedFieldConfig]) -> int:
    return max((field.end for field in _placed(given)), default=0)


def _require_apart(key: str, given: Sequence[FixedFieldConfig]) -> None:
    fields = _placed(given)
    pair = overlapping(fields)
    if pair is not None:
        one, other = (fields[place] for place in pair)
        raise ValueError(
            f"{key}.{pair[1]} ({other.column.name}): bytes {other.start + 1} to {other.end} "
            f"overlap {key}.{pair[0]} ({one.column.name}), bytes {one.start + 1} to {one.end}"
        )


def _require_distinct(key: str, given: Sequence[ColumnConfig]) -> None:
    seen: dict[str, int] = {}
    for place, column in enumerate(given):
        first = seen.setdefault(column.name, place)
        if first != place:
            raise ValueError(f"{key}.{place} ({column.name}): the name of {key}.{first}")


def _require_paths(key: str, given: Sequence[ColumnConfig]) -> None:
    texts = {column.name for column in given if "@" not in column.name}
    for place, column in enumerate(given):
        where = f"{key}.{place} ({column.name})"
        if PATH.fullmatch(column.name) is None:
            raise ValueError(f"{where}: no path of element names")
        steps = column.name.split("/")
        for depth in range(1, len(steps)):
            parent = "/".join(steps[:depth])
            if parent in texts and not (depth == len(steps) - 1 and steps[-1].startswith("@")):
                raise ValueError(f"{where}: {parent} has a text of its own")


def _require_text(where: str, text: str, encoding: Encoding) -> None:
    try:
        encode(text, encoding)
    except FieldRefusedError as error:
        raise ValueError(f"{where}: {error.reason}") from None


def _require_writable(key: str, given: Sequence[ColumnConfig], encoding: Encoding) -> None:
    """Find out now, not at the first application, that a fixed text cannot be written."""
    for place, column in enumerate(given):
        where = f"{key}.{place} ({column.name})"
        codes = [*(column.codes or {}).values(), column.codes_default or ""]
        for text in (column.name, column.literal or "", column.pad_with, column.separator, *codes):
            _require_text(where, text, encoding)
        limit = column.length_bytes or column.max_bytes or LONGEST_CELL_BYTES
        is_as_written = column.date is None and column.width is None
        for text in (column.literal or "", *codes) if is_as_written else ():
            if len(encode(text, encoding)) > limit:
                raise ValueError(f"{where}: {text} is longer than {limit} bytes")
        fill = len(encode(column.pad_with, encoding))
        if column.length_bytes is not None and column.length_bytes % fill:
            raise ValueError(f"{where}: its length is no multiple of its padding's {fill} bytes")
