"""What flows to each destination through this process, minute by minute, for the last day.

Two gateways of one journal each keep what they did themselves: an application counts where it
was accepted, its outcome where that was written down. It is gone with the process; what must
last stands in the journal and, for longer charts, in Prometheus.

All times but one are by this gateway's clock, so that a worker's, which may be off by seconds,
spoils none of them. Only the send time is the worker's own: both its ends are told by the same
clock. What comes out below 0, because a clock was set back, counts as 0.
"""

from array import array
from bisect import bisect_left
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum
from itertools import repeat
from typing import Final
from uuid import UUID

from gateway.domain.identifiers import DestinationName
from gateway.domain.outcome import Outcome, OutcomeKind
from gateway.domain.records import DeliveryRecord
from gateway.ports.clock import Clock
from gateway.services.tally import WAY_S, Histogram, quantile

MINUTES: Final = 24 * 60
"""How far back it goes."""

_MINUTE_S: Final = 60
_BUCKETS: Final = len(WAY_S) + 1
_TIMESTAMP_BIT: Final = 80
"""UUIDv7 has its Unix time in milliseconds above its 80 lower bits (RFC 9562, 5.7)."""


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


_KINDS: Final[Mapping[OutcomeKind, Counted]] = {
    OutcomeKind.DELIVERED: Counted.DELIVERED,
    OutcomeKind.REJECTED: Counted.REJECTED,
    OutcomeKind.DEFERRED: Counted.DEFERRED,
    OutcomeKind.IN_DOUBT: Counted.IN_DOUBT,
}
_ROW: Final = len(Counted) + len(Lasting) * _BUCKETS

BYTES_A_DESTINATION: Final = MINUTES * (4 * _ROW + 8 * len(Lasting) + 8)
"""What a destination's day takes, 403 kB, from its first application on and never more."""


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Total:
    """A destination's last minutes together; see ``Counted`` and ``Lasting``."""

    accepted: int
    delivered: int
    rejected: int
    deferred: int
    in_doubt: int
    send: Summed
    waiting: Summed
    critical: Summed


@dataclass(frozen=True, slots=True)
class History:
    """A destination's last minutes, one place a minute in every column, the oldest first.

    Attributes:
        at: When each minute began, in Unix seconds; the last one is running.
        counts: How many, by what is counted.
        lasting: How long, by what is timed.
    """

    at: list[int]
    counts: Mapping[Counted, list[int]]
    lasting: Mapping[Lasting, list[Summed]]


class Flow:
    """Counts what was accepted and what came of it; a few microseconds an application."""

    def __init__(self, *, clock: Clock) -> None:
        """Start with nothing counted."""
        self._clock = clock
        self._days: dict[DestinationName, _Day] = {}
        self.began_at = clock.now()
        self.since_start: dict[DestinationName, SinceStart] = {}
        """What was counted and timed since the process began, for Prometheus."""

    def accepted(self, destination: DestinationName, at: datetime) -> None:
        """Count an application that was accepted for ``destination``."""
        day = self._day(destination)
        day.since_start.counts[Counted.ACCEPTED] += 1
        day.counts[day.row(at) + Counted.ACCEPTED] += 1

    def claimed(self, before: DeliveryRecord, now: datetime) -> None:
        """Time how long a delivery waited that a worker was given now.

        Args:
            before: What it was when it was asked for: queued, or still pending.
            now: When the claim was committed.
        """
        since = accepted_at(before.id) if before.attempt == 1 else before.updated_at.timestamp()
        self._day(before.destination).time(Lasting.WAITING, now, now.timestamp() - since)

    def recorded(self, record: DeliveryRecord, outcome: Outcome, now: datetime) -> None:
        """Count an outcome that changed ``record``, and time it.

        Args:
            record: The delivery.
            outcome: What its worker reported.
            now: When that was written down.
        """
        day = self._day(record.destination)
        kind = _KINDS[outcome.kind]
        day.since_start.counts[kind] += 1
        day.counts[day.row(now) + kind] += 1
        if outcome.sent_at is not None:
            send_s = (outcome.answered_at - outcome.sent_at).total_seconds()
            day.time(Lasting.SEND, now, send_s)
        if outcome.kind == OutcomeKind.DELIVERED:
            day.time(Lasting.CRITICAL, now, now.timestamp() - accepted_at(record.id))

    def history(self, destination: DestinationName, minutes: int = 60) -> History:
        """Return the last ``minutes`` (1 to ``MINUTES``) of a destination, the running one last."""
        last = _minute(self._clock.now())
        span = range(last - minutes + 1, last + 1)
        day = self._days.get(destination)
        rows = list(repeat(None, minutes)) if day is None else [day.found(each) for each in span]
        return History(
            at=[minute * _MINUTE_S for minute in span],
            counts={
                kind: [0 if row is None or day is None else day.counts[row + kind] for row in rows]
                for kind in Counted
            },
            lasting={
                what: [
                    _NOTHING if row is None or day is None else day.summed(what, [row])
                    for row in rows
                ]
                for what in Lasting
            },
        )

    def totals(self, minutes: int = 60) -> dict[DestinationName, Total]:
        """Return the last ``minutes`` of every destination that something went to since start."""
        last = _minute(self._clock.now())
        found: dict[DestinationName, Total] = {}
        for name, day in self._days.items():
            span = range(last - minutes + 1, last + 1)
            rows = [row for each in span if (row := day.found(each)) is not None]
            counts = [sum(day.counts[row + kind] for row in rows) for kind in Counted]
            found[name] = Total(
                accepted=counts[Counted.ACCEPTED],
                delivered=counts[Counted.DELIVERED],
                rejected=counts[Counted.REJECTED],
                deferred=counts[Counted.DEFERRED],
                in_doubt=counts[Counted.IN_DOUBT],
                send=day.summed(Lasting.SEND, rows),
                waiting=day.summed(Lasting.WAITING, rows),
                critical=day.summed(Lasting.CRITICAL, rows),
            )
        return found

    def _day(self, destination: DestinationName) -> "_Day":
        day = self._days.get(destination)
        if day is None:
            since = self.since_start[destination] = SinceStart()
            day = self._days[destination] = _Day(since)
        return day


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


class _Day:
    """One destination's ring of minutes: rows of numbers, overwritten a day later."""

    __slots__ = ("_minutes", "_sums", "counts", "since_start")

    def __init__(self, since_start: SinceStart) -> None:
        self._minutes = array("q", [-1]) * MINUTES
        self._sums = array("d", [0.0]) * (MINUTES * len(Lasting))
        self.counts = array("I", [0]) * (MINUTES * _ROW)
        self.since_start = since_start

    def row(self, at: datetime) -> int:
        """Return where the row of this minute begins in ``counts``, emptied if it is another's."""
        minute = _minute(at)
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

    def summed(self, what: Lasting, rows: list[int]) -> Summed:
        """Return how long something took in these rows together."""
        first = len(Counted) + what * _BUCKETS
        buckets = [0] * _BUCKETS
        for row in rows:
            for bucket, count in enumerate(self.counts[row + first : row + first + _BUCKETS]):
                buckets[bucket] += count
        count = sum(buckets)
        if not count:
            return _NOTHING
        sum_s = sum(self._sums[row // _ROW * len(Lasting) + what] for row in rows)
        p50_s, p95_s = (quantile(WAY_S, buckets, share) for share in (0.5, 0.95))
        return Summed(count, sum_s / count, p50_s, p95_s)


_NOTHING: Final = Summed(0, None, None, None)
_EMPTY_ROW: Final = array("I", [0]) * _ROW
_EMPTY_SUMS: Final = array("d", [0.0]) * len(Lasting)


def _minute(at: datetime) -> int:
    return int(at.timestamp()) // _MINUTE_S


def accepted_at(id_: UUID) -> float:
    """Return the Unix time in an application's or a delivery's id: that of its acceptance."""
    return (id_.int >> _TIMESTAMP_BIT) / 1000
