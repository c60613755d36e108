"""How result files are configured: the part that adapters share.

An adapter's configuration of its result files inherits ``ResultFileConfig`` and adds where
they are found.
"""

import re
from datetime import UTC, datetime
from typing import Final, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from gateway.domain.outcome import FeedbackStatus
from gateway.formats.charset import Encoding
from gateway.formats.result_layout import FixedResults, ResultFrame

_A_DECISION: Final = datetime(2026, 11, 20, tzinfo=UTC)


def refuse_time_pattern(pattern: str) -> str:
    """Return a pattern by which days can be read, as it is.

    Raises:
        ValueError: It is neither ``iso`` nor a strptime pattern, or leaves out the day, month or
            year: every result would be unreadable.
    """
    if pattern == "iso":
        return pattern
    if "%" not in pattern:
        raise ValueError("neither iso nor a strptime pattern")
    try:
        read = datetime.strptime(_A_DECISION.strftime(pattern), pattern)  # noqa: DTZ007 - only its day is looked at
    except (ValueError, re.error):  # the latter where a part stands in it twice
        raise ValueError("a strptime pattern that reads nothing") from None
    if read.date() != _A_DECISION.date():
        raise ValueError("a strptime pattern without a day, a month or a year")
    return pattern


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class ResultColumns(_Model):
    """Which column (CSV: its name, or its number from 1) or member (JSON) says what."""

    key: str = Field(
        default="key",
        description="The delivery's idempotency key, or the name of the file that carried it.",
    )
    status: str | None = Field(
        default="status",
        description="The status, a key of `statuses`; `null` with `status_of_all`.",
    )
    decided_at: str = Field(default="decided_at", description="When the core system decided.")
    reason: str | None = Field(default=None, description="Its reason code, if it gives one.")
    reference: str | None = Field(default=None, description="Its own number, if it gives one.")


class ResultFileConfig(_Model):
    """What a result file looks like."""

    format: Literal["csv", "json", "jsonl", "fixed", "xml"] = Field(
        default="csv",
        description="`csv`, `json` (an object or an array of objects), `jsonl` (an object a "
        "line, always UTF-8), `fixed` (fixed-length records) or `xml`.",
    )
    fixed: FixedResults | None = Field(
        default=None, description="The layout, with `format: fixed`."
    )
    xml_record: str | None = Field(
        default=None,
        description="With `format: xml`: name of the element of one result; `columns` are paths "
        "below it, such as `申請/@番号`.",
    )
    frame: ResultFrame = Field(
        default=ResultFrame(),
        description="Header and trailer lines; not with `json`, `xml` and `line_end: none`.",
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
    status_of_all: FeedbackStatus | None = Field(
        default=None,
        description="What every line means in files that only list, such as a file of errors.",
    )
    decided_at_format: str = Field(
        default="iso",
        description="`iso`, or a strptime pattern such as `%Y%m%d%H%M%S`; JST if it says no zone.",
    )

    @field_validator("decided_at_format")
    @classmethod
    def _has_a_day(cls, pattern: str) -> str:
        return refuse_time_pattern(pattern)

    @model_validator(mode="after")
    def _layout_fits_format(self) -> Self:
        for key, given in (("fixed", self.fixed), ("xml", self.xml_record)):
            if (self.format == key) != (given is not None):
                raise ValueError(f"{key} layout is needed with format: {key}, and only then")
        has_lines = self.format not in {"json", "xml"} and not (
            self.fixed is not None and self.fixed.line_end == "none"
        )
        if not has_lines and self.frame != ResultFrame():
            raise ValueError("frame: such files have no lines")
        return self

    @model_validator(mode="after")
    def _columns_fit(self) -> Self:
        columns = self.columns
        if (columns.status is None) != (self.status_of_all is not None):
            raise ValueError("columns.status is null with status_of_all, and only then")
        names = (columns.key, columns.status, columns.decided_at, columns.reason, columns.reference)
        if self.format == "csv" and not self.header:
            wrong = [name for name in names if name is not None and not _is_position(name)]
            if wrong:
                raise ValueError(f"without a header columns are numbers from 1, not {wrong[0]}")
        return self


def _is_position(name: str) -> bool:
    return name.isascii() and name.isdigit() and int(name) >= 1
