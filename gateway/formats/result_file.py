"""What a result file says. Pure: bytes in, results and faults out; a bad line spoils no other."""

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta, timezone
from typing import Final

from gateway.domain.outcome import FeedbackStatus
from gateway.formats.batch_file import count_fault, unframed
from gateway.formats.charset import UNDECODABLE, decode
from gateway.formats.core_reference import has_my_number, is_reference
from gateway.formats.csv_rows import read_rows
from gateway.formats.fixed_text import read_fixed
from gateway.formats.json_lines import members_of, read_json_lines
from gateway.formats.result_config import ResultFileConfig
from gateway.formats.xml_record import read_xml

_KEY: Final = re.compile(
    r"(?:.*[^0-9a-f-])?([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})(?:[^0-9a-f-].*)?"
)
"""An idempotency key, alone or inside the name of the file that carried it."""

MOST_FAULTS: Final = 1000
"""Lines of a file that are told one by one; whoever mends it sees by then what is wrong."""

_REASON: Final = re.compile(r"[0-9A-Za-z._-]{1,64}")
_LONGEST_NAME: Final = 255
_JST: Final = timezone(timedelta(hours=9), "JST")
_BOM: Final = b"\xef\xbb\xbf"
_FIRST_YEAR: Final = 1970
_LAST_YEAR: Final = 9998
"""0001 and 9999 stand for "none" in many layouts, and leave ``datetime`` in another zone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What one line says.

    Attributes:
        id: Made of what it says, and of how often the file has come back to that: the same line
            in another file has the same, 64 hex digits.
        key: The delivery's idempotency key.
        status: What the core system decided.
        at: When, aware.
        code: Its reason code, or ``None``.
        reference: Its own number, or ``None``.
    """

    id: str
    key: str
    status: FeedbackStatus
    at: datetime
    code: str | None
    reference: str | None


@dataclass(frozen=True, slots=True)
class ResultFault:
    """Why one line is no result.

    Attributes:
        line: Of a CSV file, or the object's place in a JSON array; from 1, 0 is the whole file.
        code: Stable code; never what stands there.
    """

    line: int
    code: str


class _Told:
    """Tells a decision that comes back on the same day from a line that stands there twice.

    受理, 差戻し and 受理 again with dates and no times are three decisions, though the first and
    the third say the same; two equal lines with none of another status between them are one.
    """

    def __init__(self) -> None:
        self._last: dict[str, str] = {}
        self._times: dict[str, int] = {}

    def numbered(self, result: Result) -> Result:
        """Return the result with an id of its own for each time that it comes back."""
        if self._last.get(result.key) != result.id:
            self._last[result.key] = result.id
            self._times[result.id] = self._times.get(result.id, 0) + 1
        times = self._times[result.id]
        if times == 1:
            return result
        return replace(result, id=hashlib.sha256(f"{result.id}\n{times}".encode()).hexdigest())


class _Refused(Exception):  # noqa: N818 - it never leaves this file
    """One line is no result; the argument is the code."""


def read_results(
    content: bytes, config: ResultFileConfig, *, most_faults: int = MOST_FAULTS
) -> tuple[tuple[Result, ...], tuple[ResultFault, ...]]:
    """Return what the file's good lines say, and what is wrong with the others.

    Takes some 100 ms a megabyte: not for the event loop.

    Args:
        content: The whole file.
        config: What it looks like.
        most_faults: With more the file is none of results: it is read no further, and the
            last fault is ``result.too_many_faults``, of the whole file.

    Never raises: a file that surprises us must not come between us and the files behind it.
    """
    try:
        return _read(content, config, most_faults)
    except Exception:  # noqa: BLE001 - whatever it is, it comes from this file
        return (), (ResultFault(0, "result.unreadable"),)


def _read(
    content: bytes, config: ResultFileConfig, most_faults: int
) -> tuple[tuple[Result, ...], tuple[ResultFault, ...]]:
    frame = unframed(
        content, config.encoding, header=config.frame.header, trailer=config.frame.trailer
    )
    if isinstance(frame, str):
        return (), (ResultFault(0, frame),)
    content, counts = frame
    results: list[Result] = []
    faults: list[ResultFault] = []
    told = _Told()
    for line, values in _records(content, config):
        try:
            results.append(told.numbered(_result(values, config)))
        except _Refused as refused:
            if len(faults) == most_faults:
                # Nobody has counted the rest: of a file with counts nothing is believed.
                faults.append(ResultFault(0, "result.too_many_faults"))
                return () if counts else tuple(results), tuple(faults)
            faults.append(ResultFault(line, str(refused)))
    if fault := count_fault(len(results) + len(faults), counts):
        return (), (ResultFault(0, fault),)
    return tuple(results), tuple(faults)


def _records(
    content: bytes, config: ResultFileConfig
) -> Iterator[tuple[int, Mapping[str, str] | str]]:
    """Yield each line's values by column name, or its fault."""
    match config.format:
        case "json":
            yield from _json_records(content, config)
        case "jsonl":
            yield from read_json_lines(content)
        case "fixed" if config.fixed is not None:
            layout, line_end = config.fixed.layout, config.fixed.line_end
            yield from read_fixed(content, layout, config.encoding, line_end)
        case "xml" if config.xml_record is not None:
            yield from read_xml(content, config.xml_record, config.encoding)
        case _:
            yield from _csv_records(content, config)


def _csv_records(
    content: bytes, config: ResultFileConfig
) -> Iterator[tuple[int, Mapping[str, str] | str]]:
    names: tuple[str, ...] | None = None
    for row in read_rows(content, config.encoding):
        if row.fault is not None:
            yield row.line, row.fault
            if config.header and names is None:
                return  # the next row is not the header: nothing says what its cells are
        elif config.header and names is None:
            names = row.cells
        elif names is None:
            yield row.line, {str(place): cell for place, cell in enumerate(row.cells, 1)}
        elif len(row.cells) != len(names):
            yield row.line, "result.columns_differ"
        else:
            yield row.line, dict(zip(names, row.cells, strict=True))


def _json_records(
    content: bytes, config: ResultFileConfig
) -> Iterator[tuple[int, Mapping[str, str] | str]]:
    text = decode(content.removeprefix(_BOM), config.encoding)
    if text is None:
        yield 0, UNDECODABLE
        return
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        yield 0, "result.not_json"
        return
    for place, item in enumerate(document if isinstance(document, list) else [document], 1):
        yield place, members_of(item)


def _result(values: Mapping[str, str] | str, config: ResultFileConfig) -> Result:
    if isinstance(values, str):
        raise _Refused(values)
    columns = config.columns
    key = _KEY.fullmatch(_required(values, columns.key)[:_LONGEST_NAME])
    if key is None:
        raise _Refused("result.key_malformed")
    status = config.status_of_all
    if status is None:
        status = config.statuses.get(_required(values, columns.status))
    if status is None:
        raise _Refused("result.status_unknown")
    at = _time(_required(values, columns.decided_at), config.decided_at_format)
    reason = _optional(values, columns.reason)
    if reason is not None and (not _REASON.fullmatch(reason) or has_my_number(reason)):
        raise _Refused("result.reason_malformed")
    reference = _optional(values, columns.reference)
    if reference is not None and not is_reference(reference):
        raise _Refused("result.reference_malformed")
    parts = (key[1], status.value, at.isoformat(), reason or "", reference or "")
    return Result(
        id=hashlib.sha256("\n".join(parts).encode()).hexdigest(),
        key=key[1],
        status=status,
        at=at,
        code=reason,
        reference=reference,
    )


def _required(values: Mapping[str, str], column: str | None) -> str:
    value = _optional(values, column)
    if value is None:
        raise _Refused("result.column_missing")
    return value


def _optional(values: Mapping[str, str], column: str | None) -> str | None:
    """Return a column's text without the spaces that fixed layouts pad with."""
    return None if column is None else values.get(column, "").strip(" \u3000") or None


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
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=_JST)
