"""Era dates (和暦): 昭和64年1月7日, and the codes core systems write for eras.

First days: 大正 1912-07-30, 昭和 1926-12-25, 平成 1989-01-08 and 令和 2019-05-01, by their
改元 orders; the Gregorian calendar holds from 明治6年1月1日, 1873-01-01 (明治5年太政官布告
第337号). On the first day of 大正 and of 昭和 registers carry the old era as well as the
new one, so both are taken; what we write is the new one. 平成 and 令和 began at midnight.

A code says nothing by itself: ``5620527`` is 昭和62 in one scheme and 令和62 in another.
So the scheme is always an argument, never found out.
"""

import re
from dataclasses import dataclass
from datetime import date
from enum import Enum
from typing import Final

from gateway.domain.values import calendar_date


class Era(Enum):
    """One of the five modern eras; the value is its name."""

    MEIJI = "明治"
    TAISHO = "大正"
    SHOWA = "昭和"
    HEISEI = "平成"
    REIWA = "令和"


class CodeScheme(Enum):
    """Which code a record has for 明治, 大正, 昭和, 平成 and 令和; the value is the five codes.

    Attributes:
        LETTERS: M, T, S, H, R.
        ORDINALS: 1 to 5, in many municipal and medical layouts.
        ODD: 1, 3, 5, 7, 9, in the electronic files of social insurance (日本年金機構).
    """

    LETTERS = "MTSHR"
    ORDINALS = "12345"
    ODD = "13579"


@dataclass(frozen=True, slots=True)
class _Span:
    """Days of an era, both ends included, and what to add to its years."""

    first: date
    last: date
    offset: int


_SPANS: Final[dict[Era, _Span]] = {
    # The legal beginning is 1868-01-25; before 1873 dates are lunisolar and name other days.
    Era.MEIJI: _Span(date(1873, 1, 1), date(1912, 7, 30), 1867),
    Era.TAISHO: _Span(date(1912, 7, 30), date(1926, 12, 25), 1911),
    Era.SHOWA: _Span(date(1926, 12, 25), date(1989, 1, 7), 1925),
    Era.HEISEI: _Span(date(1989, 1, 8), date(2019, 4, 30), 1988),
    Era.REIWA: _Span(date(2019, 5, 1), date.max, 2018),
}

_TEXT: Final = re.compile(r"(\w{2})(元|[0-9]{1,4})年([0-9]{1,2})月([0-9]{1,2})日")
_CODED: Final = re.compile(r"([0-9A-Z])([0-9]{2})([0-9]{2})([0-9]{2})")
_NAMES: Final = {era.value: era for era in Era}


@dataclass(frozen=True, slots=True)
class EraDate:
    """A day as written in an era; it need not lie within the era, see ``fault``.

    Attributes:
        era: The era written.
        year: Year of the era, 1 is 元年.
        month: 1 to 12, if the calendar has it.
        day: 1 to 31, if the calendar has it.
    """

    era: Era
    year: int
    month: int
    day: int

    def to_date(self) -> date | None:
        """Return the Gregorian day, also of one outside its era; ``None`` if there is none.

        Core systems do hold 令和元年1月1日 (= 2019-01-01): whoever must be lenient
        takes this without asking for ``fault``.
        """
        try:
            return date(self.year + _SPANS[self.era].offset, self.month, self.day)
        except ValueError:
            return None

    def fault(self) -> str | None:
        """Return what is wrong with it, or ``None``.

        Returns:
            ``date.not_in_calendar``, ``date.before_era``, ``date.after_era``.
        """
        day = self.to_date() if self.year else None
        if day is None:
            return "date.not_in_calendar"
        span = _SPANS[self.era]
        if day < span.first:
            return "date.before_era"
        return "date.after_era" if day > span.last else None


def parse(value: str) -> EraDate | None:
    """Return the date of ``昭和64年1月7日`` or ``令和元年5月1日``; digits are ASCII.

    Returns:
        ``None`` if ``value`` is not written so or names no era; ``EraDate.fault``
        still has to be asked.
    """
    match = _TEXT.fullmatch(value)
    if match is None or match[1] not in _NAMES:
        return None
    year = 1 if match[2] == "元" else int(match[2])
    return EraDate(_NAMES[match[1]], year, int(match[3]), int(match[4]))


def fault(value: str) -> str | None:
    """Return what is wrong with an era date in Japanese writing, or ``None``.

    Returns:
        ``date.era_format``, ``date.era_unknown`` or a code of ``EraDate.fault``.
    """
    match = _TEXT.fullmatch(value)
    if match is None:
        return "date.era_format"
    day = parse(value)
    return "date.era_unknown" if day is None else day.fault()


def agrees(iso: str, written: str) -> bool:
    """Tell whether ``YYYY-MM-DD`` and an era date are the same day; false if either is none."""
    day, era_date = calendar_date.parse(iso), parse(written)
    return day is not None and era_date is not None and era_date.to_date() == day


def from_date(day: date) -> EraDate | None:
    """Return ``day`` in its era, the new one on a day that has two; ``None`` before 1873."""
    for era, span in reversed(_SPANS.items()):
        if day >= span.first:
            return EraDate(era, day.year - span.offset, day.month, day.day)
    return None


def encode(day: EraDate, scheme: CodeScheme) -> str | None:
    """Return ``GYYMMDD``, seven characters; ``None`` if the year has three digits.

    Args:
        day: Written as it is, also outside its era.
        scheme: What the reader of the record expects.
    """
    if not 0 < day.year < 100:  # noqa: PLR2004  # two digits
        return None
    code = scheme.value[list(Era).index(day.era)]
    return f"{code}{day.year:02}{day.month:02}{day.day:02}"


def decode(value: str, scheme: CodeScheme) -> EraDate | None:
    """Return the date of ``GYYMMDD``; ``None`` if it is not so written or G not in the scheme.

    Args:
        value: Seven characters; ``EraDate.fault`` still has to be asked.
        scheme: What the writer of the record used.
    """
    match = _CODED.fullmatch(value)
    if match is None or match[1] not in scheme.value:
        return None
    era = list(Era)[scheme.value.index(match[1])]
    return EraDate(era, int(match[2]), int(match[3]), int(match[4]))
