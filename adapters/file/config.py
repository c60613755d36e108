"""How a drop folder is configured."""

from datetime import timedelta
from pathlib import Path, PurePath

from pydantic import Field

from gateway.formats.record_config import RecordConfig
from gateway.formats.result_config import ResultFileConfig
from gateway.sdk import AdapterConfig


class ResultsConfig(ResultFileConfig):
    """Result files that the core system writes, read as feedback."""

    folder: Path = Field(
        default=Path("results"),
        description="Where they appear; a relative path is below the drop folder.",
    )
    pattern: str = Field(
        default="*", min_length=1, description="Which names are results, e.g. `KEKKA_*.csv`."
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
