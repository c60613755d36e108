"""How a drop folder is configured."""

from datetime import timedelta
from pathlib import Path, PurePath
from typing import Literal, Self

from pydantic import Field, field_validator, model_validator

from gateway.formats.charset import Encoding
from gateway.formats.record_config import RecordConfig
from gateway.sdk import AdapterConfig, FeedbackStatus


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


class FileConfig(RecordConfig, AdapterConfig):
    """A drop folder of one core system."""

    folder: Path = Field(
        description="The drop folder; made at the first start if missing. A local disk or a share "
        "whose rename is atomic (ext4, xfs, NFS, SMB).",
    )
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

    @property
    def key_memory(self) -> timedelta:
        """How long intent records are kept."""
        return timedelta(days=self.key_memory_days)

    @property
    def results_folder(self) -> Path | None:
        """Where result files appear, if they are read."""
        return None if self.results is None else self.folder / PurePath(self.results.folder)


def _is_position(name: str) -> bool:
    return name.isascii() and name.isdigit() and int(name) >= 1
