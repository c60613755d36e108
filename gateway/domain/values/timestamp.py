"""Points in time as other systems write them: RFC 3339 with an offset."""

import re
from datetime import datetime, timedelta
from typing import Final

_RFC3339: Final = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,9})?(Z|[+-][0-9]{2}:[0-9]{2})"
)
"""RFC 3339, 5.6, upper-case only, nanoseconds cut to microseconds; the section's leap second is not
among Python's times and refused."""

_FIRST_YEAR: Final = 1970
_LAST_YEAR: Final = 9998
"""So that converting to any other offset can never leave Python's years."""

_MAX_OFFSET: Final = timedelta(hours=14)
"""The largest in use (Line Islands); an offset beyond is a mistake."""


def parse(value: str) -> datetime:
    """Return the aware time that ``value`` is, with its own offset.

    Raises:
        ValueError: It is not RFC 3339, has no offset or one beyond 14 hours, or lies
            outside the years 1970 to 9998. The message does not contain the value.
    """
    if _RFC3339.fullmatch(value) is None:
        raise ValueError("form")
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        raise ValueError("calendar") from None
    offset = moment.utcoffset()
    if offset is None or abs(offset) > _MAX_OFFSET:
        raise ValueError("offset")
    if not _FIRST_YEAR <= moment.year <= _LAST_YEAR:
        raise ValueError("year")
    return moment


def fault(value: str) -> str | None:
    """Return ``timestamp.format`` unless ``parse`` takes ``value``."""
    try:
        parse(value)
    except ValueError:
        return "timestamp.format"
    return None
