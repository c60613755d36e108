"""How a drop folder is configured."""

from datetime import timedelta
from pathlib import Path, PurePath
from typing import Annotated, Final, Literal, Self

from pydantic import Field, field_validator, model_validator

from gateway.formats.csv_record import (
    DateStyle,
    Encoding,
    EraCodes,
    FieldRefusedError,
    LineBreaks,
    Quoting,
    Side,
    Width,
    encode,
)
from gateway.sdk import AdapterConfig, FeedbackStatus

LONGEST_CELL_BYTES = 65_535


_POINTER: Final = r"^(/([^~/]|~[01])*)+$"
"""RFC 6901, but for the pointer to the whole document."""

Pointer = Annotated[str, Field(pattern=_POINTER)]


class ColumnConfig(AdapterConfig):
    """One column of the CSV record: where its value comes from and how it is written."""

    name: str = Field(min_length=1, description="Column name, written when `header` is on.")
    pointer: Pointer | None = Field(
        default=None,
        description=(
            "JSON pointer into the application, e.g. `/applicant/person/birth_date`, "
            "`/content/children/0/sex`, `/receipt_number`, `/idempotency_key`."
        ),
    )
    pointers: tuple[Pointer, ...] = Field(
        default=(),
        max_length=16,
        description="Several pointers whose values are joined, such as family and given name.",
    )
    separator: str = Field(default="", max_length=8, description="Between joined values.")
    literal: str | None = Field(default=None, description="A fixed text, in place of a pointer.")
    required: bool = Field(
        default=False, description="Refuse an application that has no value here (`field.missing`)."
    )
    codes: dict[str, str] | None = Field(
        default=None,
        description=(
            "Value in the application to code in the core system; others are refused "
            "(`field.no_code`). true and false are `true` and `false`."
        ),
    )
    date: DateStyle | None = Field(
        default=None,
        description=(
            "Write an ISO date (or the date of an ISO time) as `iso` 2026-11-20, `yyyymmdd` "
            "20261120, `era7` 5081120 (era code, year, month, day), `era_short` R08.11.20, "
            "or `era_kanji` 令和8年11月20日."
        ),
    )
    era_codes: EraCodes = Field(
        default="ordinal",
        description=(
            "Era codes of `era7`: `ordinal` 1 明治 to 5 令和, `odd` 1 3 5 7 9 (社会保険), or "
            "`letter` M T S H R. Never guessed: 5620527 is a date in two of them."
        ),
    )
    width: Width | None = Field(
        default=None,
        description=(
            "`full` makes ASCII and kana full-width, `half` makes ASCII and katakana half-width; "
            "`kana_full` and `kana_half` touch katakana only. Kanji are never changed."
        ),
    )
    line_breaks: LineBreaks = Field(
        default="refuse",
        description="Line breaks in the value: `refuse` it, `space` each, or `keep` them (quoted).",
    )
    pad_bytes: int | None = Field(
        default=None, ge=1, le=LONGEST_CELL_BYTES, description="Pad to this length in bytes."
    )
    pad_with: str = Field(
        default=" ", min_length=1, max_length=1, description="What to pad with, one character."
    )
    pad_side: Side = Field(default="right", description="On which side the padding stands.")
    max_bytes: int | None = Field(
        default=None,
        ge=1,
        le=LONGEST_CELL_BYTES,
        description="Longest value in encoded bytes; longer is refused (`text.too_long`), not cut.",
    )

    @field_validator("literal", "pad_with", "separator")
    @classmethod
    def _is_text(cls, text: str | None) -> str | None:
        # Python does not call the full-width space printable.
        if text is not None and not text.replace("\u3000", " ").isprintable():
            raise ValueError("not printable")
        return text

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        given = (self.pointer is not None, bool(self.pointers), self.literal is not None)
        if sum(given) != 1:
            raise ValueError(f"column {self.name}: give one of pointer, pointers and literal")
        return self


class CSVConfig(AdapterConfig):
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

    @model_validator(mode="after")
    def _writable(self) -> Self:
        """Find out now, not at the first application, that a fixed text has no code."""
        for column in self.columns:
            for text in (column.name, column.literal or "", column.pad_with, column.separator):
                try:
                    encode(text, self.encoding)
                except FieldRefusedError as error:
                    raise ValueError(f"column {column.name}: {error.reason}") from None
        return self


class ResultColumns(AdapterConfig):
    """Which column (CSV: its name, or its number from 1) or member (JSON) says what."""

    key: str = Field(
        default="key",
        description="The delivery's idempotency key, or the name of the file that carried it.",
    )
    status: str = Field(default="status", description="The status, a key of `statuses`.")
    decided_at: str = Field(default="decided_at", description="When the core system decided.")
    reason: str | None = Field(default=None, description="Its reason code, if it gives one.")
    reference: str | None = Field(default=None, description="Its own number, if it gives one.")


class ResultsConfig(AdapterConfig):
    """Result files that the core system writes, read as feedback."""

    folder: Path = Field(
        default=Path("results"),
        description="Where they appear; a relative path is below the drop folder.",
    )
    pattern: str = Field(
        default="*", min_length=1, description="Which names are results, e.g. `KEKKA_*.csv`."
    )
    format: Literal["csv", "json"] = Field(
        default="csv", description="`csv`, or `json` (an object or an array of objects)."
    )
    encoding: Encoding = Field(default="cp932", description="Of the files.")
    header: bool = Field(default=True, description="CSV: whether the first row holds names.")
    columns: ResultColumns = Field(default=ResultColumns(), description="Which column says what.")
    statuses: dict[str, FeedbackStatus] = Field(
        default={status.japanese: status for status in FeedbackStatus},
        min_length=1,
        description="The core system's word or code to `accepted`, `returned`, `rejected`, "
        "`withdrawn` or `completed`.",
    )
    decided_at_format: str = Field(
        default="iso",
        description="`iso`, or a strptime pattern such as `%Y%m%d%H%M%S`; JST if it says no zone.",
    )
    poll_interval_s: float = Field(
        default=5.0, gt=0, le=3600, description="How often the folder is read."
    )
    settle_s: float = Field(
        default=2.0,
        ge=0,
        le=3600,
        description="A file is read once its size and time have not changed for so long.",
    )
    max_file_bytes: int = Field(
        default=16 * 1024 * 1024, ge=1, description="A larger file is set aside unread."
    )

    @field_validator("decided_at_format")
    @classmethod
    def _has_a_day(cls, pattern: str) -> str:
        if pattern != "iso" and "%" not in pattern:
            raise ValueError("neither iso nor a strptime pattern")
        return pattern

    @model_validator(mode="after")
    def _numbered_without_header(self) -> Self:
        columns = self.columns
        names = (columns.key, columns.status, columns.decided_at, columns.reason, columns.reference)
        if self.format == "csv" and not self.header:
            wrong = [name for name in names if name is not None and not _is_position(name)]
            if wrong:
                raise ValueError(f"without a header columns are numbers from 1, not {wrong[0]}")
        return self


class FileConfig(AdapterConfig):
    """A drop folder of one core system."""

    folder: Path = Field(
        description="The drop folder; made at the first start if missing. A local disk or a share "
        "whose rename is atomic (ext4, xfs, NFS, SMB).",
    )
    format: Literal["json", "csv"] = Field(
        default="json", description="One JSON or one CSV file for each application."
    )
    csv: CSVConfig | None = Field(default=None, description="The layout, with `format: csv`.")
    key_memory_days: int = Field(
        default=90,
        ge=1,
        le=3650,
        description=(
            "How long the folder remembers which deliveries it has had. Longer than any delivery "
            "stays unfinished: one in doubt after that could be sent twice."
        ),
    )
    min_free_mib: int = Field(
        default=16, ge=0, description="With less free space the core system counts as unavailable."
    )
    results: ResultsConfig | None = Field(
        default=None, description="Result files to read; none are read without it."
    )

    @model_validator(mode="after")
    def _layout_fits_format(self) -> Self:
        if (self.format == "csv") != (self.csv is not None):
            raise ValueError("csv is needed with format: csv, and only then")
        return self

    @property
    def key_memory(self) -> timedelta:
        """How long intent records are kept."""
        return timedelta(days=self.key_memory_days)

    @property
    def suffix(self) -> str:
        """What a delivered file's name ends with."""
        return f".{self.format}"

    @property
    def results_folder(self) -> Path | None:
        """Where result files appear, if they are read."""
        return None if self.results is None else self.folder / PurePath(self.results.folder)


def _is_position(name: str) -> bool:
    return name.isascii() and name.isdigit() and int(name) >= 1
