"""How result files in other formats than CSV and JSON are laid out, and framed."""

import re
from typing import Annotated, Self

from pydantic import AfterValidator, Field, model_validator

from gateway.formats.column import Column
from gateway.formats.column_config import LONGEST_CELL_BYTES, RecordModel
from gateway.formats.fixed_text import FixedField, FixedLayout, LineEnd, overlapping


def _is_pattern(text: str) -> str:
    try:
        re.compile(text)
    except re.error:
        raise ValueError("not a regular expression") from None
    return text


Pattern = Annotated[str, Field(min_length=1, max_length=200), AfterValidator(_is_pattern)]


class ResultField(RecordModel):
    """One field of a fixed-length result."""

    name: str = Field(min_length=1, description="As `columns` names it.")
    start: int = Field(ge=1, description="First byte, from 1.")
    length: int = Field(ge=1, le=LONGEST_CELL_BYTES, description="Length in bytes.")


class FixedResults(RecordModel):
    """The layout of fixed-length results."""

    fields: tuple[ResultField, ...] = Field(
        min_length=1, max_length=64, description="The fields that are read; others are not named."
    )
    record_bytes: int = Field(
        ge=1, le=1024 * 1024, description="Length of each record without its line end."
    )
    line_end: LineEnd = Field(
        default="crlf", description="After each record: `crlf`, `lf` or `none`."
    )

    @model_validator(mode="after")
    def _fits(self) -> Self:
        fields = self.layout.fields
        pair = overlapping(fields)
        if pair is not None:
            one, other = (self.fields[place].name for place in pair)
            raise ValueError(f"fields.{pair[1]} ({other}): overlaps fields.{pair[0]} ({one})")
        for place, field in enumerate(fields):
            if field.end > self.record_bytes:
                raise ValueError(f"fields.{place} ({field.column.name}): beyond record_bytes")
        return self

    @property
    def layout(self) -> FixedLayout:
        """The layout to read with."""
        fields = tuple(
            FixedField(column=Column(name=field.name), start=field.start - 1, length=field.length)
            for field in self.fields
        )
        return FixedLayout(fields=fields, length=self.record_bytes)


class ResultFrame(RecordModel):
    """Header and trailer lines of a result file; what they count must be there."""

    header: Pattern | None = Field(
        default=None,
        description="Regular expression of the first line, which is no result; a group "
        "`(?P<count>…)` in it is the number of results.",
    )
    trailer: Pattern | None = Field(
        default=None, description="The same of the last line. A file cut off lacks it."
    )
