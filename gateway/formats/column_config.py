"""How one value of a record is configured: its source, and the converters on its way."""

from typing import Annotated, Final, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from gateway.formats import column as columns

LONGEST_CELL_BYTES: Final = 65_535

_POINTER: Final = r"^(/([^~/]|~[01])*)+$"
"""RFC 6901, but for the pointer to the whole document."""

Pointer = Annotated[str, Field(pattern=_POINTER)]


class RecordModel(BaseModel):
    """Base of these models: frozen, unknown keys refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class ColumnConfig(RecordModel):
    """One value of a record: where it comes from and how it is written."""

    name: str = Field(
        min_length=1,
        description="Column name (CSV, written when `header` is on; fixed), member (JSON Lines) "
        "or path below the record's element (XML: `住所/町名`, `住所/@種別`).",
    )
    pointer: Pointer | None = Field(
        default=None,
        description=(
            "JSON pointer into the application, e.g. `/applicant/person/birth_date`, "
            "`/content/children/0/sex`, `/receipt_number`, `/idempotency_key`; in a batch also "
            "`/batch/sequence`, `/batch/count` and the like."
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
            "Value in the application to code in the core system. true and false are `true` and "
            "`false`. Without `codes_default` it must have every value of the schema."
        ),
    )
    codes_default: str | None = Field(
        default=None,
        description=(
            "Code of every value that is not in `codes`; `null`, written out, refuses such a "
            "value (`field.no_code`)."
        ),
    )
    date: columns.DateStyle | None = Field(
        default=None,
        description=(
            "Write an ISO date (or the date of an ISO time) as `iso` 2026-11-20, `yyyymmdd` "
            "20261120, `era7` 5081120 (era code, year, month, day), `era_short` R08.11.20, "
            "or `era_kanji` 令和8年11月20日."
        ),
    )
    era_codes: columns.EraCodes = Field(
        default="ordinal",
        description=(
            "Era codes of `era7`: `ordinal` 1 明治 to 5 令和, `odd` 1 3 5 7 9 (社会保険), or "
            "`letter` M T S H R. Never guessed: 5620527 is a date in two of them."
        ),
    )
    width: columns.Width | None = Field(
        default=None,
        description=(
            "`full` makes ASCII and half-width kana full-width, `half` makes ASCII and katakana "
            "half-width; `kana_full` and `kana_half` touch katakana and the spaces between them "
            "only. Kanji are never changed. ヮヰヱヵヶヸヹ have no half width: they stay beside "
            "kanji (七里ヶ浜), and are refused elsewhere (`kana.not_half_width`)."
        ),
    )
    line_breaks: columns.LineBreaks = Field(
        default="refuse",
        description="Line breaks in the value: `refuse` it, `space` each, or `keep` them (quoted; "
        "not in fixed-length records).",
    )
    pad_bytes: int | None = Field(
        default=None, ge=1, le=LONGEST_CELL_BYTES, description="Pad to this length in bytes."
    )
    pad_with: str = Field(
        default=" ", min_length=1, max_length=1, description="What to pad with, one character."
    )
    pad_side: columns.Side = Field(default="right", description="On which side the padding stands.")
    pad_empty: bool = Field(
        default=False,
        description="Pad an empty value with `pad_with`, too; it becomes spaces otherwise, as "
        "00000000 is a value.",
    )
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
        if "codes_default" in self.model_fields_set and self.codes is None:
            raise ValueError(f"column {self.name}: codes_default without codes")
        if self.pad_bytes is not None and (self.max_bytes or self.pad_bytes) < self.pad_bytes:
            raise ValueError(f"column {self.name}: pad_bytes is more than max_bytes")
        return self

    @property
    def sources(self) -> tuple[str, ...]:
        """The pointers, one or several; none of a literal."""
        return self.pointers if self.pointer is None else (self.pointer,)

    def column(self) -> columns.Column:
        """Return it as what the formats write."""
        padding = None
        length = self.length_bytes
        if length is not None:
            padding = columns.Padding(
                length=length,
                fill=self.pad_with,
                side=self.pad_side,
                fills_empty=self.pad_empty,
            )
        return columns.Column(
            name=self.name,
            pointers=self.sources,
            separator=self.separator,
            literal=self.literal or "",
            required=self.required,
            codes=self.codes,
            codes_default=self.codes_default,
            date=self.date,
            era_codes=self.era_codes,
            width=self.width,
            line_breaks=self.line_breaks,
            padding=padding,
            max_bytes=self.max_bytes,
        )

    @property
    def length_bytes(self) -> int | None:
        """The length that it is padded to."""
        return self.pad_bytes


class FixedFieldConfig(ColumnConfig):
    """One field of a fixed-length record."""

    length: int = Field(ge=1, le=LONGEST_CELL_BYTES, description="Length in encoded bytes.")
    start: int | None = Field(
        default=None, ge=1, description="First byte, from 1; after the field before it, if unsaid."
    )

    @model_validator(mode="after")
    def _only_its_length(self) -> Self:
        for key in ("pad_bytes", "max_bytes"):
            if getattr(self, key) is not None:
                raise ValueError(f"field {self.name}: {key} has no meaning here; length is it")
        if self.line_breaks == "keep":
            raise ValueError(f"field {self.name}: line_breaks cannot be kept in a fixed length")
        return self

    @property
    def length_bytes(self) -> int | None:
        """The field's length."""
        return self.length
