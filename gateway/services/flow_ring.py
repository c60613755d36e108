"""Minutes of a day as rows of numbers: what is counted and timed of a destination."""

import json
from array import array
from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum
from typing import Final

from gateway.services.tally import WAY_S, Histogram, quantile

MINUTES: Final = 24 * 60
"""How far back it goes."""

MINUTE_S: Final = 60
_BUCKETS: Final = len(WAY_S) + 1
_SET_BACK: Final = 5
"""Minutes. What comes for so long ago comes of a clock that was set back."""
_MOST: Final = 2**31
"""More than this was not counted in a minute by anybody."""


class Counted(IntEnum):
    """What is counted of a destination; the place of each in a minute's row."""

    ACCEPTED = 0
    DELIVERED = 1
    REJECTED = 2
    DEFERRED = 3
    IN_DOUBT = 4


class Lasting(IntEnum):
    """What is timed of a destination.

    ``SEND``: from calling the core system to its answer, by the worker's clock.
    ``WAITING``: until a worker was given it: from its acceptance for a first attempt, for a later
    one from when its copy lay in the queue.
    ``CRITICAL``: from its acceptance until it was written down that it is delivered.
    """

    SEND = 0
    WAITING = 1
    CRITICAL = 2


_ROW: Final = len(Counted) + len(Lasting) * _BUCKETS
_OF: Final = _ROW + len(Lasting)
"""Numbers of a minute: counts, buckets, and at last what the times are together."""

BYTES_A_DESTINATION: Final = MINUTES * (4 * _ROW + 8 * len(Lasting) + 8)
"""What a destination's day takes, 403 kB, from its first application on and never more; as much
again for what other processes counted."""


@dataclass(frozen=True, slots=True)
class Summed:
    """How long something took, all times of a while together.

    Attributes:
        count: How many.
        mean_s: Seconds; ``None`` where nothing was counted, as in those below.
        p50_s: The median, as well as buckets tell.
        p95_s: What one in twenty exceeded.
    """

    count: int
    mean_s: float | None
    p50_s: float | None
    p95_s: float | None


class SinceStart:
    """A destination's counts and times since the process began.

    Attributes:
        counts: By ``Counted``.
        times: By ``Lasting``.
    """

    __slots__ = ("counts", "times")

    def __init__(self) -> None:
        """Start at zero."""
        self.counts = array("Q", [0]) * len(Counted)
        self.times = tuple(Histogram(WAY_S) for _ in Lasting)


class Day:
    """One destination's ring of minutes: rows of numbers, overwritten a day later."""

    __slots__ = ("_minutes", "_sums", "counts", "ended", "since_start", "untold")

    def __init__(self, since_start: SinceStart) -> None:
        """Start with nothing counted; ``since_start`` goes on when the ring begins anew."""
        self._minutes = array("q", [-1]) * MINUTES
        self._sums = array("d", [0.0]) * (MINUTES * len(Lasting))
        self.counts = array("I", [0]) * (MINUTES * _ROW)
        self.since_start = since_start
        self.ended = -1
        """The last minute of which others were told that nothing will come any more."""
        self.untold: dict[int, str | None] = {}
        """Minutes of which others were not told all, and what they were told last."""

    def row(self, at: datetime) -> int:
        """Return where the row of this minute begins in ``counts``, emptied if it is another's.

        What comes for a minute that others were told the last of counts in the one after it.
        """
        minute = minute_of(at)
        if minute < self.ended - _SET_BACK:
            self.ended = minute - 1
        minute = max(minute, self.ended + 1)
        self.untold.setdefault(minute, None)
        return self._made(minute)

    def _made(self, minute: int) -> int:
        place = minute % MINUTES
        begin = place * _ROW
        if self._minutes[place] != minute:
            self._minutes[place] = minute
            self.counts[begin : begin + _ROW] = _EMPTY_ROW
            of_sums = place * len(Lasting)
            self._sums[of_sums : of_sums + len(Lasting)] = _EMPTY_SUMS
        return begin

    def found(self, minute: int) -> int | None:
        """Return where a minute's row begins in ``counts``; ``None`` if nothing happened."""
        place = minute % MINUTES
        return place * _ROW if self._minutes[place] == minute else None

    def time(self, what: Lasting, at: datetime, seconds: float) -> None:
        """Count how long something took that ended at ``at``."""
        seconds = max(0.0, seconds)
        begin = self.row(at)
        self.counts[begin + len(Counted) + what * _BUCKETS + bisect_left(WAY_S, seconds)] += 1
        self._sums[begin // _ROW * len(Lasting) + what] += seconds
        self.since_start.times[what].observe(seconds)

    def written(self, minute: int) -> str | None:
        """Return a minute's numbers as others read them: those that are not 0, by their place."""
        begin = self.found(minute)
        if begin is None:
            return None
        of_sums = begin // _ROW * len(Lasting)
        numbers = [
            *self.counts[begin : begin + _ROW],
            *(round(sum_s, 6) for sum_s in self._sums[of_sums : of_sums + len(Lasting)]),
        ]
        said = {str(place): number for place, number in enumerate(numbers) if number}
        return json.dumps({"of": _OF, **said}, separators=(",", ":"))

    def add(self, minute: int, numbers: str, sign: int) -> None:
        """Add what another process wrote of a minute, or take it away again (``sign`` -1).

        Nothing is added of a release that counts by other buckets, nor of no release at all.
        """
        try:
            said = {str(place): float(number) for place, number in json.loads(numbers).items()}
        except (ValueError, TypeError, AttributeError, OverflowError, RecursionError):
            return  # Whoever can write into the journal must not end this process by it.
        if said.pop("of", None) != _OF or not all(
            name in _PLACES and 0 <= number < _MOST for name, number in said.items()
        ):
            return
        begin = self._made(minute)
        of_sums = begin // _ROW * len(Lasting)
        for name, number in said.items():
            place = _PLACES[name]
            if place < _ROW:
                count = self.counts[begin + place] + sign * int(number)
                self.counts[begin + place] = min(max(0, count), _MOST)
            else:
                self._sums[of_sums + place - _ROW] += sign * number

    def buckets(self, what: Lasting, row: int) -> Sequence[int]:
        """Return how many times of a row fell into each bucket."""
        first = row + len(Counted) + what * _BUCKETS
        return self.counts[first : first + _BUCKETS]

    def sum_s(self, what: Lasting, row: int) -> float:
        """Return what the times of a row are together."""
        return self._sums[row // _ROW * len(Lasting) + what]


def summed(what: Lasting, rows: Iterable[tuple[Day, int]]) -> Summed:
    """Return how long something took in these rows together."""
    found = list(rows)
    buckets = [
        sum(each) for each in zip(*(day.buckets(what, row) for day, row in found), strict=True)
    ]
    count = sum(buckets)
    if not count:
        return NOTHING
    sum_s = sum(day.sum_s(what, row) for day, row in found)
    p50_s, p95_s = (quantile(WAY_S, buckets, share) for share in (0.5, 0.95))
    return Summed(count, sum_s / count, p50_s, p95_s)


NOTHING: Final = Summed(0, None, None, None)
_PLACES: Final = {str(place): place for place in range(_OF)}
_EMPTY_ROW: Final = array("I", [0]) * _ROW
_EMPTY_SUMS: Final = array("d", [0.0]) * len(Lasting)


def minute_of(at: datetime) -> int:
    """Return the minute of a time, counted from 1970."""
    return int(at.timestamp()) // MINUTE_S
