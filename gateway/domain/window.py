"""When a core system may be sent to: weekdays and hours in Japan, and the days it is closed."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta, timezone
from typing import Final

JST: Final = timezone(timedelta(hours=9), "Asia/Tokyo")
"""Japan's time; it has had no summer time since 1951."""

_DAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_MINUTES_A_DAY: Final = 24 * 60
_LONGEST_LOOK: Final = 400
_OPENING: Final = re.compile(
    r"(?P<days>[a-z]{3}(?:-[a-z]{3})?(?:,[a-z]{3}(?:-[a-z]{3})?)*)\s+"
    r"(?P<start>\d{2}:\d{2})-(?P<end>\d{2}:\d{2})"
)


@dataclass(frozen=True, slots=True)
class Opening:
    """Hours on some weekdays.

    Attributes:
        weekdays: 0 for Monday to 6 for Sunday (``date.weekday``).
        start: Minutes since midnight, 0 to 1,439, inclusive.
        end: Minutes since midnight, ``start`` + 1 to 1,440, exclusive.
    """

    weekdays: frozenset[int]
    start: int
    end: int

    @property
    def text(self) -> str:
        """Return it as ``parse_openings`` reads it."""
        runs: list[list[int]] = []
        for day in sorted(self.weekdays):
            if runs and runs[-1][-1] == day - 1:
                runs[-1].append(day)
            else:
                runs.append([day])
        days = ",".join("-".join(dict.fromkeys((_DAYS[run[0]], _DAYS[run[-1]]))) for run in runs)
        start, end = (f"{minutes // 60:02}:{minutes % 60:02}" for minutes in (self.start, self.end))
        return f"{days} {start}-{end}"


_ALL_DAY: Final = Opening(frozenset(range(7)), 0, _MINUTES_A_DAY)


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """The times at which a destination is open; with no ``openings``, always.

    Attributes:
        openings: When it is open, on days that are not in ``closed_on``.
        closed_on: Days on which its openings do not hold: holidays, the turn of the year.
        maintained_on: Days on which it stays closed, openings or none.
        open_on: Days of ``closed_on`` on which its openings hold all the same.
    """

    openings: tuple[Opening, ...] = ()
    closed_on: frozenset[date] = frozenset()
    maintained_on: frozenset[date] = frozenset()
    open_on: frozenset[date] = frozenset()

    def is_open(self, now: datetime) -> bool:
        """Tell whether it is open at ``now`` (aware)."""
        local = now.astimezone(JST)
        minute = local.hour * 60 + local.minute
        return any(
            opening.start <= minute < opening.end for opening in self.openings_on(local.date())
        )

    def openings_on(self, day: date) -> tuple[Opening, ...]:
        """Return the openings that hold on a day of Japan's calendar; none if it is closed."""
        if day in self.maintained_on:
            return ()
        if not self.openings:
            return (_ALL_DAY,)
        if day in self.closed_on and day not in self.open_on:
            return ()
        return tuple(opening for opening in self.openings if day.weekday() in opening.weekdays)

    def opened_in_vain(self) -> list[date]:
        """Return the days of ``open_on`` on which no opening holds, in order."""
        return sorted(day for day in self.open_on if not self.openings_on(day))

    def opens_at(self, now: datetime) -> datetime | None:
        """Return ``now`` if it is open, else when it opens next.

        Returns:
            Aware, in Japan's time; ``None`` if it does not within 400 days.
        """
        if self.is_open(now):
            return now
        local = now.astimezone(JST)
        midnight = local.replace(hour=0, minute=0, second=0, microsecond=0)
        for day in (midnight + timedelta(days=days) for days in range(_LONGEST_LOOK)):
            starts = sorted(
                day + timedelta(minutes=opening.start) for opening in self.openings_on(day.date())
            )
            for start in starts:
                if start > local:
                    return start
        return None


def parse_openings(texts: Iterable[str]) -> tuple[Opening, ...]:
    """Read openings like ``mon-fri 08:30-17:15`` or ``mon,wed,sat-sun 09:00-24:00``.

    Raises:
        ValueError: One of them is no opening; the message says which and why.
    """
    return tuple(_parse(text) for text in texts)


def _parse(text: str) -> Opening:
    match = _OPENING.fullmatch(text.strip().lower())
    if match is None:
        raise ValueError(f"{text!r}: must look like 'mon-fri 08:30-17:15'")
    start, end = (_minutes(text, match[name]) for name in ("start", "end"))
    if start >= end:
        raise ValueError(f"{text!r}: must end after it starts; write a night as two openings")
    weekdays = {day for part in match["days"].split(",") for day in _weekdays(text, part)}
    return Opening(frozenset(weekdays), start, end)


def _minutes(text: str, clock: str) -> int:
    hours, minutes = int(clock[:2]), int(clock[3:])
    total = hours * 60 + minutes
    if minutes > 59 or total > _MINUTES_A_DAY:  # noqa: PLR2004 - minutes of an hour
        raise ValueError(f"{text!r}: {clock} is no time of day (00:00 to 24:00)")
    return total


def _weekdays(text: str, part: str) -> Iterable[int]:
    names = part.split("-")
    for name in names:
        if name not in _DAYS:
            raise ValueError(f"{text!r}: {name} is none of {', '.join(_DAYS)}")
    first, last = _DAYS.index(names[0]), _DAYS.index(names[-1])
    # "fri-mon" goes over the weekend.
    return ((first + offset) % 7 for offset in range((last - first) % 7 + 1))
