"""How batch files are configured: when one is closed, what it is called, how it is counted."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, time
from pathlib import PurePosixPath
from string import Formatter
from typing import Final, Literal, Self

from pydantic import Field, field_validator, model_validator

from gateway.formats.column_config import RecordModel
from gateway.formats.record import BatchFacts

_PLACES: Final = frozenset({"sequence", "date", "time"})
_CLOCK: Final = re.compile(r"[0-2][0-9]:[0-5][0-9](:00)?")
_PLAIN: Final = re.compile(r"[^\x00-\x1f\x7f/\\:*?\"<>|]+")
"""What file names may hold on Windows, too."""


class BatchConfig(RecordModel):
    """Many applications in one file (方式4)."""

    max_records: int = Field(
        default=200,
        ge=1,
        le=2000,
        description="Close a file with so many records. A file never has more than the "
        "destination's `max_in_flight`: raise that, too.",
    )
    max_age_s: float = Field(
        default=20.0,
        gt=0,
        le=1200,
        description="Close a file so long after its first record, at the latest with a third of "
        "the time left that this record's `send_timeout_s` gave. By time of day: open the "
        "destination's `window` at that time.",
    )
    file_name: str = Field(
        default="{date}_{sequence}",
        min_length=1,
        max_length=100,
        description="Name without its ending; `{sequence}`, `{date}` 20261120 and `{time}` 093000.",
    )
    sequence_digits: int = Field(
        default=6, ge=1, le=9, description="Digits of `{sequence}`; the number must fit them."
    )
    sequence_restarts: Literal["never", "daily"] = Field(
        default="never", description="Whether every day's first file is number 1."
    )
    trigger_suffix: str | None = Field(
        default=None,
        pattern=r"^\.[A-Za-z0-9._-]{1,16}$",
        description="Ending of an empty file written after each batch (終了ファイル), e.g. `.end`.",
    )
    empty_file_at: time | None = Field(
        default=None,
        description='Japan\'s time, e.g. `"18:00"`: on a day without a file until then, write one '
        "with no record (0件ファイル).",
    )

    @field_validator("file_name")
    @classmethod
    def _is_a_name(cls, template: str) -> str:
        try:
            places = {place for _, place, form, _ in Formatter().parse(template) if place or form}
        except ValueError:
            raise ValueError("unpaired brace") from None
        if not places <= _PLACES:
            raise ValueError(f"knows {{{'}, {'.join(sorted(_PLACES))}}} only")
        if "sequence" not in places:
            raise ValueError("needs {sequence}: two files must not have one name")
        if _PLAIN.fullmatch(template) is None or template.startswith("."):
            raise ValueError("not a file name")
        return template

    @field_validator("empty_file_at", mode="before")
    @classmethod
    def _is_a_text(cls, at: object) -> object:
        # YAML 1.1 reads 18:00 without quotes as the number 1080.
        if at is not None and not (isinstance(at, str | time) and _CLOCK.fullmatch(str(at))):
            raise ValueError('a time of day in Japan, in quotes: "18:00"')
        return at

    @model_validator(mode="after")
    def _names_differ(self) -> Self:
        if self.sequence_restarts == "daily" and "{date}" not in self.file_name:
            raise ValueError("file_name: needs {date} when sequence_restarts is daily")
        return self

    @property
    def largest_sequence(self) -> int:
        """The last number that fits its digits."""
        return int("9" * self.sequence_digits)

    def trigger_name(self, name: str) -> str | None:
        """Return the name of the end file of the batch file ``name``, if it gets one."""
        suffix = self.trigger_suffix
        return None if suffix is None else PurePosixPath(name).with_suffix(suffix).name

    def facts(self, *, sequence: int, count: int, closed_at: datetime, suffix: str) -> BatchFacts:
        """Return the facts of one file, its name among them.

        Args:
            sequence: From 1 to ``largest_sequence``.
            count: Of its records.
            closed_at: Aware, in the zone that shall be written.
            suffix: Of the name, with its dot.
        """
        name = self.file_name.format(
            sequence=f"{sequence:0{self.sequence_digits}}",
            date=f"{closed_at:%Y%m%d}",
            time=f"{closed_at:%H%M%S}",
        )
        return BatchFacts(
            sequence=sequence, count=count, closed_at=closed_at, name=f"{name}{suffix}"
        )

    def extremes(self) -> Iterator[BatchFacts]:
        """Yield facts as large and as small as they will ever be, to try a layout with."""
        moment = datetime(2026, 11, 20, 23, 59, 59, tzinfo=UTC)
        for sequence, count in ((1, 0), (self.largest_sequence, self.max_records)):
            yield self.facts(sequence=sequence, count=count, closed_at=moment, suffix=".suffix")
