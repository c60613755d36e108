"""What every record format offers: files of one record, and of many in a frame.

A file is ``head``, then records, then ``tail``; of all but ``record`` the format needs to
know only the facts of its batch. So a single import (方式3) and a batch import (方式4) are
written by the same code, for whichever transport.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from gateway.formats.charset import Encoding


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchFacts:
    """What is known of a batch file when it is closed.

    Attributes:
        sequence: The file's number (通番), from 1.
        count: How many records it has; 0 in a file that says that there were none.
        closed_at: When it was closed, aware; written in its own zone.
        name: The file's name.
    """

    sequence: int
    count: int
    closed_at: datetime
    name: str

    def document(self, number: int | None = None) -> dict[str, object]:
        """Return the facts as the pointers of configurations name them: ``/batch/count``.

        Args:
            number: Of the record in the file, from 1, for a record's own fields.
        """
        facts: dict[str, object] = {
            "sequence": self.sequence,
            "count": self.count,
            "date": self.closed_at.date().isoformat(),
            "closed_at": self.closed_at.isoformat(timespec="seconds"),
            "time": f"{self.closed_at:%H%M%S}",
            "name": self.name,
        }
        return {"batch": facts if number is None else {**facts, "number": number}}


class RecordFormat(Protocol):
    """Writes records. Pure; every method may raise ``FieldRefusedError``."""

    @property
    def encoding(self) -> Encoding:
        """Of the whole file."""

    @property
    def suffix(self) -> str:
        """Usual ending of such a file's name, with its dot."""

    def head(self, batch: BatchFacts | None) -> bytes:
        """Return what stands before the records; ``batch`` is ``None`` in a file of one."""

    def record(self, document: Mapping[str, object]) -> bytes:
        """Return one record with whatever ends it."""

    def tail(self, batch: BatchFacts | None) -> bytes:
        """Return what stands after the records."""

    def shown(self, content: bytes) -> str:
        """Return a file's content for people: a dry run prints it."""


def write_single(written_as: RecordFormat, document: Mapping[str, object]) -> bytes:
    """Return a file of one record (方式3).

    Raises:
        FieldRefusedError: The first value that cannot be written.
    """
    return written_as.head(None) + written_as.record(document) + written_as.tail(None)


def write_batch(
    written_as: RecordFormat, documents: Iterable[Mapping[str, object]], batch: BatchFacts
) -> bytes:
    """Return a file of many records, or of none (方式4).

    Every document gets the member ``batch``, with the record's ``number``.

    Raises:
        FieldRefusedError: The first value that cannot be written.
    """
    records = [
        written_as.record({**document, **batch.document(number)})
        for number, document in enumerate(documents, 1)
    ]
    return b"".join([written_as.head(batch), *records, written_as.tail(batch)])
