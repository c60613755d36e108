"""Dates that registers hold and no calendar has: open-ended, or known in part (不詳).

Open ends are ``0000-01-01`` and ``9999-12-31`` (データ要件・連携要件標準仕様書, data type DATE).
Of a date known in part, the unknown month or day is ``00``: ``1945-00-00`` is some day of
1945, ``1945-03-00`` some day of its March, ``0000-00-00`` nothing known. That notation is
ours: the standard keeps a day, a flag and a wording (令和○年頃) in three fields.
"""

import re
from calendar import monthrange
from dataclasses import dataclass
from datetime import date
from typing import Final

OPEN_START: Final = "0000-01-01"
OPEN_END: Final = "9999-12-31"

_FORM: Final = re.compile(r"([0-9]{4})-([0-9]{2})-([0-9]{2})")


@dataclass(frozen=True, slots=True)
class FuzzyDate:
    """The days a date may mean, both ends included, so that dates can be compared.

    Attributes:
        earliest: The first one; ``date.min`` when nothing bounds it.
        latest: The last one; ``date.max`` (9999-12-31) when nothing bounds it.
    """

    earliest: date
    latest: date

    @property
    def is_exact(self) -> bool:
        """Whether it is one known day, and not an open end."""
        return self.earliest == self.latest and self.latest not in {date.min, date.max}


_SPECIAL: Final = {
    OPEN_START: FuzzyDate(date.min, date.min),
    OPEN_END: FuzzyDate(date.max, date.max),
    "0000-00-00": FuzzyDate(date.min, date.max),
}


def parse(value: str) -> FuzzyDate | None:
    """Return the days that ``value`` may mean, or ``None`` if it is no such date."""
    match = _FORM.fullmatch(value)
    if match is None:
        return None
    if value in _SPECIAL:
        return _SPECIAL[value]
    year, month, day = (int(group) for group in match.groups())
    if not year or (day and not month):
        return None
    try:
        earliest = date(year, month or 1, day or 1)
    except ValueError:
        return None
    last_month = month or 12
    latest = date(year, last_month, day or monthrange(year, last_month)[1])
    return FuzzyDate(earliest, latest)


def fault(value: str) -> str | None:
    """Return ``date.format``, ``date.not_in_calendar`` or ``None``."""
    if _FORM.fullmatch(value) is None:
        return "date.format"
    return None if parse(value) else "date.not_in_calendar"
