"""How a drop folder is configured."""

import os
import re
from datetime import timedelta
from pathlib import Path, PurePath
from typing import Final, Self

from pydantic import Field, model_validator

from gateway.formats.record_config import RecordConfig
from gateway.formats.result_config import ResultFileConfig
from gateway.sdk import AdapterConfig

STATE_FOLDER: Final = ".kakehashi"

_UNTIL_A_PLACE: Final = re.compile(r"[^*?\[{]*")
"""What a pattern or a template surely begins with."""


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

    @model_validator(mode="after")
    def _results_lie_elsewhere(self) -> Self:
        """Refuse to read our own deliveries as results, and to drop results on the core system."""
        if self.results is None or self.results_folder is None:
            return self
        drop, results = (Path(os.path.abspath(at)) for at in (self.folder, self.results_folder))  # noqa: PTH100 - resolve() would ask the disk
        if results == drop and self._may_be_ours(self.results.pattern):
            raise ValueError("results.pattern: may match what is delivered into the same folder")
        if results.is_relative_to(drop / STATE_FOLDER):
            raise ValueError(f"results.folder: lies in {STATE_FOLDER}/")
        if any(drop.is_relative_to(results / moved) for moved in ("done", "bad")):
            raise ValueError("results.folder: its results would be moved into the drop folder")
        return self

    def _may_be_ours(self, pattern: str) -> bool:
        """Tell whether a name of ours may match: a key, or a batch's by its template."""
        starts = _start_of(pattern)
        if not starts or starts[0] in "0123456789abcdef":
            return True
        ours = "" if self.batch is None else _start_of(self.batch.file_name)
        return bool(ours) and (ours.startswith(starts) or starts.startswith(ours))

    @property
    def key_memory(self) -> timedelta:
        """How long intent records are kept."""
        return timedelta(days=self.key_memory_days)

    @property
    def results_folder(self) -> Path | None:
        """Where result files appear, if they are read."""
        return None if self.results is None else self.folder / PurePath(self.results.folder)


def _start_of(pattern: str) -> str:
    match = _UNTIL_A_PLACE.match(pattern)
    return "" if match is None else match[0]
