"""How records are configured: the part that adapters share, checked when it is loaded.

An adapter's ``Config`` inherits ``RecordConfig`` beside ``AdapterConfig``; its ``records``
is the ``RecordFormat`` to write with. What only the procedure's schema can tell, whether a
pointer leads anywhere and whether a code table is complete, is checked from ``mapped``,
which any ``Config`` may have.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Final, Literal, Self

from pydantic import Field, model_validator

from gateway.formats.batch_config import BatchConfig
from gateway.formats.charset import FieldRefusedError
from gateway.formats.column_config import ColumnConfig, RecordModel
from gateway.formats.json_lines import JSONDocument, JSONLines
from gateway.formats.layout_config import CSVConfig, FixedConfig, JSONLinesConfig, XMLConfig
from gateway.formats.record import RecordFormat

BATCH_FACTS: Final = frozenset({"sequence", "count", "date", "time", "closed_at", "name"})
"""Members of ``/batch`` in a header or trailer; a record also has ``number``."""


class RecordConfig(RecordModel):
    """What is written for each application, or for many in one file."""

    format: Literal["json", "csv", "jsonl", "fixed", "xml"] = Field(
        default="json",
        description="`json` is the whole application, one a file; the others are laid out under "
        "the key of the same name.",
    )
    csv: CSVConfig | None = Field(default=None, description="The layout, with `format: csv`.")
    jsonl: JSONLinesConfig | None = Field(
        default=None, description="The members, with `format: jsonl`; whole applications without."
    )
    fixed: FixedConfig | None = Field(default=None, description="The layout, with `format: fixed`.")
    xml: XMLConfig | None = Field(default=None, description="The layout, with `format: xml`.")
    batch: BatchConfig | None = Field(
        default=None, description="Many applications in one file; one a file without it."
    )

    @model_validator(mode="after")
    def _layout_fits_format(self) -> Self:
        for key in ("csv", "fixed", "xml"):
            if (self.format == key) != (getattr(self, key) is not None):
                raise ValueError(f"{key} is needed with format: {key}, and only then")
        if self.jsonl is not None and self.format != "jsonl":
            raise ValueError("jsonl is needed with format: jsonl, and only then")
        if self.format == "json" and self.batch is not None:
            raise ValueError("batch: several documents are no JSON file; take format: jsonl")
        trigger = None if self.batch is None else self.batch.trigger_suffix
        # Whatever its case: on a share of Windows that is the same name.
        if trigger is not None and trigger.casefold() == self.records.suffix:
            raise ValueError("batch.trigger_suffix: the end file would replace its batch")
        for part in self.mapped():
            _require_facts(part, is_batch=self.batch is not None)
        self._require_a_frame_that_fits()
        return self

    @cached_property
    def records(self) -> RecordFormat:
        """What writes the configured format."""
        layout = self._layout
        if layout is not None:
            return layout.records()
        return JSONLines() if self.format == "jsonl" else JSONDocument()

    def mapped(self) -> Iterator["Mapped"]:
        """Yield every configured value with the path of its key, such as ``csv.columns.3``."""
        if self._layout is not None:
            for key, given in self._layout.parts():
                for place, column in enumerate(given):
                    yield Mapped((self.format, key, str(place)), column)

    @property
    def _layout(self) -> CSVConfig | FixedConfig | JSONLinesConfig | XMLConfig | None:
        return self.csv or self.fixed or self.jsonl or self.xml

    def _require_a_frame_that_fits(self) -> None:
        """Find out now, not at the last file of the year, that a number is too long."""
        if self.batch is None:
            return
        for facts in self.batch.extremes():
            try:
                self.records.head(facts)
                self.records.tail(facts)
            except FieldRefusedError as error:
                raise ValueError(f"batch: {error.reason} at {error.pointer}") from None


@dataclass(frozen=True, slots=True)
class Mapped:
    """One configured value.

    Attributes:
        path: Of its key below ``config``.
        column: As it is configured.
        added: First tokens of pointers to what the adapter adds to the application.
    """

    path: tuple[str, ...]
    column: ColumnConfig
    added: frozenset[str] = frozenset()

    @property
    def is_frame(self) -> bool:
        """Whether it stands in a header or trailer, where there is no application."""
        return self.path[1].startswith("batch_")

    @property
    def where(self) -> str:
        """The path and the value's name, for people."""
        return f"{'.'.join(self.path)} ({self.column.name})"


def _require_facts(part: Mapped, *, is_batch: bool) -> None:
    """Refuse a pointer to what a file of this kind has not."""
    if part.is_frame and not is_batch:
        raise ValueError(f"{part.where}: needs batch")
    if part.column.codes is not None and part.column.codes_default is None:
        for pointer in part.column.sources:
            if pointer.startswith("/batch/"):
                raise ValueError(f"{part.where}: codes of {pointer} need codes_default")
    known = BATCH_FACTS if part.is_frame else BATCH_FACTS | {"number"}
    for pointer in part.column.sources:
        first, _, rest = pointer[1:].partition("/")
        if first != "batch":
            if part.is_frame:
                raise ValueError(f"{part.where}: {pointer} is not of the batch")
            continue
        if not is_batch or rest not in known:
            raise ValueError(f"{part.where}: {pointer} is no fact of a batch")
