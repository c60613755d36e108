"""What a result file says. Pure: bytes in, feedback and faults out."""

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from adapters.file.config import ResultColumns, ResultsConfig
from gateway.formats.cp932 import UndecodableError, decode
from gateway.formats.csv_rows import read_rows
from gateway.sdk import JST, Feedback

_KEY: Final = re.compile(r"([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})(\.(csv|json))?")
_REASON: Final = re.compile(r"[0-9A-Za-z._-]{1,64}")
_LONGEST_REFERENCE: Final = 200
_FIRST_YEAR: Final = 1970
_LAST_YEAR: Final = 9998
"""0001 and 9999 stand for "none" in many layouts, and leave ``datetime`` in another zone."""


@dataclass(frozen=True, slots=True)
class Fault:
    """Why one line is no feedback.

    Attributes:
        line: Of a CSV file, or the object's place in a JSON array; from 1, 0 is the whole file.
        code: Stable code; never what stands there.
    """

    line: int
    code: str


class _Refused(Exception):  # noqa: N818 - it never leaves this file
    """One line is no feedback; the argument is the code."""


def parse(content: bytes, config: ResultsConfig) -> tuple[tuple[Feedback, ...], tuple[Fault, ...]]:
    """Return what the file's good lines say, and what is wrong with the others."""
    feedback: list[Feedback] = []
    faults: list[Fault] = []
    for line, values in _records(content, config):
        if isinstance(values, str):
            faults.append(Fault(line, values))
            continue
        try:
            feedback.append(_feedback(values, config))
        except _Refused as refused:
            faults.append(Fault(line, str(refused)))
    return tuple(feedback), tuple(faults)


def _records(
    content: bytes, config: ResultsConfig
) -> Iterator[tuple[int, Mapping[str, str] | str]]:
    """Yield each line's values by column name, or its fault."""
    if config.format == "json":
        yield from _json_records(content, config)
        return
    names: tuple[str, ...] | None = None
    for row in read_rows(content, config.encoding):
        if row.fault is not None:
            yield row.line, row.fault
        elif config.header and names is None:
            names = row.cells
        elif names is None:
            yield row.line, {str(place): cell for place, cell in enumerate(row.cells, 1)}
        elif len(row.cells) != len(names):
            yield row.line, "result.columns_differ"
        else:
            yield row.line, dict(zip(names, row.cells, strict=True))


def _json_records(
    content: bytes, config: ResultsConfig
) -> Iterator[tuple[int, Mapping[str, str] | str]]:
    try:
        text = decode(content) if config.encoding == "cp932" else content.decode("utf-8-sig")
        document = json.loads(text)
    except (UndecodableError, UnicodeDecodeError):
        yield 0, "text.undecodable"
        return
    except (ValueError, RecursionError):
        yield 0, "result.not_json"
        return
    for place, item in enumerate(document if isinstance(document, list) else [document], 1):
        if isinstance(item, dict):
            yield place, {name: str(value) for name, value in item.items() if value is not None}
        else:
            yield place, "result.not_an_object"


def _feedback(values: Mapping[str, str], config: ResultsConfig) -> Feedback:
    columns = config.columns
    key = _KEY.fullmatch(_required(values, columns.key))
    if key is None:
        raise _Refused("result.key_malformed")
    word = _required(values, columns.status)
    if word not in config.statuses:
        raise _Refused("result.status_unknown")
    status = config.statuses[word]
    at = _time(_required(values, columns.decided_at), config.decided_at_format)
    reason = _optional(values, columns.reason)
    if reason is not None and not _REASON.fullmatch(reason):
        raise _Refused("result.reason_malformed")
    reference = _reference(values, columns)
    parts = (key[1], status.value, at.isoformat(), reason or "", reference or "")
    return Feedback(
        id=hashlib.sha256("\n".join(parts).encode()).hexdigest(),
        idempotency_key=key[1],
        status=status,
        at=at,
        code=reason,
        reference=reference,
    )


def _required(values: Mapping[str, str], column: str) -> str:
    value = _optional(values, column)
    if value is None:
        raise _Refused("result.column_missing")
    return value


def _optional(values: Mapping[str, str], column: str | None) -> str | None:
    """Return a column's text without the spaces that fixed layouts pad with."""
    return None if column is None else values.get(column, "").strip(" \u3000") or None


def _reference(values: Mapping[str, str], columns: ResultColumns) -> str | None:
    reference = _optional(values, columns.reference)
    if reference is not None and (
        len(reference) > _LONGEST_REFERENCE or not reference.isprintable()
    ):
        raise _Refused("result.reference_malformed")
    return reference


def _time(text: str, pattern: str) -> datetime:
    """Return the aware time; one without a zone is Japan's.

    Raises:
        _Refused: It is none, or of a year in which nobody decides.
    """
    try:
        moment = (
            datetime.fromisoformat(text) if pattern == "iso" else datetime.strptime(text, pattern)  # noqa: DTZ007 - the zone is added below
        )
    except ValueError:
        raise _Refused("result.time_malformed") from None
    if not _FIRST_YEAR <= moment.year <= _LAST_YEAR:
        raise _Refused("result.time_out_of_range")
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=JST)
