"""An answer as far as it was read, and when it says to come back."""

import re
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final

_LONGEST_WAIT_S: Final = 24 * 3600.0
"""A core system that says "come back next year" is asked again every day."""

_SECONDS: Final = re.compile(r"[0-9]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """An answer as far as it was read.

    Attributes:
        status: Its status code.
        body: Its whole body, or ``None`` if it could not be read whole.
        body_fault: Then why: ``http.answer_cut_off``, ``http.answer_too_large``,
            ``http.answer_encoded``.
        retry_after: The header as sent, or ``None``.
        link: All ``Link`` headers as sent, with commas between them, or ``None``.
    """

    status: int
    body: bytes | None = field(repr=False)
    body_fault: str | None = None
    retry_after: str | None = None
    link: str | None = field(default=None, repr=False)


def retry_after_s(header: str | None, now: datetime) -> float | None:
    """Return the seconds that ``Retry-After`` asks for (RFC 9110, 10.2.3), at most a day.

    Returns:
        ``None`` without the header, and for one that says no time.
    """
    if header is None:
        return None
    header = header.strip()
    if _SECONDS.fullmatch(header):
        # A number of any length is a float, if need be the infinite one.
        return min(float(header), _LONGEST_WAIT_S)
    try:
        moment = parsedate_to_datetime(header)
    except (ValueError, OverflowError):
        # A year or a zone that does not fit into a C integer overflows.
        return None
    aware = moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
    return min(max((aware - now).total_seconds(), 0.0), _LONGEST_WAIT_S)
