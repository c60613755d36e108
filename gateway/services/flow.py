"""What flows to each destination, minute by minute, for the last day.

Each gateway of a journal counts what it does itself: an application counts where it was accepted,
its outcome where that was written down. ``share_flow`` tells it to the others by the journal, and
to whoever runs in its place later; so what is asked here is what all of them did. What stays with
the process is what it tells Prometheus, which asks each of them.

All times but one are by this gateway's clock, so that a worker's, which may be off by seconds,
spoils none of them. Only the send time is the worker's own: both its ends are told by the same
clock. What comes out below 0, because a clock was set back, counts as 0.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import UUID

from gateway.domain.identifiers import DestinationName
from gateway.domain.measured import FlowMinute
from gateway.domain.outcome import Outcome, OutcomeKind
from gateway.domain.records import DeliveryRecord
from gateway.ports.clock import Clock
from gateway.services.flow_ring import (
    MINUTE_S,
    MINUTES,
    NOTHING,
    Counted,
    Day,
    Lasting,
    SinceStart,
    Summed,
    minute_of,
    summed,
)

_TIMESTAMP_BIT: Final = 80
"""UUIDv7 has its Unix time in milliseconds above its 80 lower bits (RFC 9562, 5.7)."""
_GRACE_S: Final = 15
"""So long after a minute's end something may still be counted in it: it had begun to commit."""
_AHEAD: Final = 2
"""Minutes by which another gateway's clock may be ahead of ours."""

_KINDS: Final[Mapping[OutcomeKind, Counted]] = {
    OutcomeKind.DELIVERED: Counted.DELIVERED,
    OutcomeKind.REJECTED: Counted.REJECTED,
    OutcomeKind.DEFERRED: Counted.DEFERRED,
    OutcomeKind.IN_DOUBT: Counted.IN_DOUBT,
}


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
        self._days: dict[DestinationName, Day] = {}
        self._others: dict[DestinationName, Day] = {}
        self._known: dict[tuple[str, DestinationName, int], FlowMinute] = {}
        self._others_began: datetime | None = None
        self.began_at = clock.now()
        self.since_start: dict[DestinationName, SinceStart] = {}
        """What was counted and timed since the process began, for Prometheus."""

    @property
    def known_since(self) -> datetime:
        """Since when something is known of what flows: a day at most."""
        earliest = min(self.began_at, self._others_began or self.began_at)
        return max(earliest, self._clock.now() - timedelta(minutes=MINUTES))

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
        span = self._span(minutes)
        rows = [list(self._rows(destination, [minute])) for minute in span]
        return History(
            at=[minute * MINUTE_S for minute in span],
            counts={
                kind: [sum(day.counts[row + kind] for day, row in found) for found in rows]
                for kind in Counted
            },
            lasting={
                what: [summed(what, found) if found else NOTHING for found in rows]
                for what in Lasting
            },
        )

    def total(self, destination: DestinationName, minutes: int = 60) -> Total | None:
        """Return a destination's last ``minutes``; ``None`` if nothing is known to have flowed."""
        if destination not in self._days and destination not in self._others:
            return None
        rows = list(self._rows(destination, self._span(minutes)))
        counts = _counts(rows)
        return Total(
            accepted=counts[Counted.ACCEPTED],
            delivered=counts[Counted.DELIVERED],
            rejected=counts[Counted.REJECTED],
            deferred=counts[Counted.DEFERRED],
            in_doubt=counts[Counted.IN_DOUBT],
            send=summed(Lasting.SEND, rows),
            waiting=summed(Lasting.WAITING, rows),
            critical=summed(Lasting.CRITICAL, rows),
        )

    def totals(self, minutes: int = 60) -> dict[DestinationName, Total]:
        """Return the last ``minutes`` of every destination that something is known of."""
        found = {name: self.total(name, minutes) for name in self._days | self._others}
        return {name: total for name, total in found.items() if total is not None}

    def counts(self, minutes: int = 60) -> dict[DestinationName, list[int]]:
        """Return how many, by ``Counted``; costs much less than ``totals``."""
        span = self._span(minutes)
        return {name: _counts(self._rows(name, span)) for name in self._days | self._others}

    def delivered_after(self, destination: DestinationName, since: datetime) -> datetime | None:
        """Return when the last minute began in which something was delivered.

        ``None`` if nothing was in any minute that began after ``since``.
        """
        last = minute_of(self._clock.now())
        for minute in range(last, max(minute_of(since), last - MINUTES), -1):
            if _counts(self._rows(destination, [minute]))[Counted.DELIVERED]:
                return datetime.fromtimestamp(minute * MINUTE_S, UTC)
        return None

    # What gateways tell one another

    def untold(self, series: str, *, is_last: bool = False) -> list[FlowMinute]:
        """Return what was counted here since it was last asked, as it shall stand in the journal.

        Args:
            series: This process.
            is_last: Nothing will be counted any more.
        """
        before = minute_of(self._clock.now() - timedelta(seconds=_GRACE_S))
        said = []
        for name, day in self._days.items():
            untold, day.untold = day.untold, {}
            for minute, told in sorted(untold.items()):
                numbers, ended = day.written(minute), is_last or minute < before
                if numbers is None:
                    continue
                if not ended:
                    # It is told once more, at least that it has ended.
                    day.untold[minute] = numbers
                    if numbers == told:
                        continue
                said.append(
                    FlowMinute(
                        series=series,
                        destination=name,
                        minute=minute,
                        ended=ended,
                        numbers=numbers,
                    )
                )
            day.ended = max(day.ended, before - 1)
        return said

    def not_told(self, said: Iterable[FlowMinute]) -> None:
        """Take back that it was told."""
        for each in said:
            self._days[each.destination].untold[each.minute] = None

    def learn(self, said: Iterable[FlowMinute]) -> None:
        """Add what other processes said, in place of what they said of the same minutes before."""
        last = minute_of(self._clock.now())
        told_of = range(last - MINUTES + 1, last + _AHEAD + 1)
        for each in said:
            one = (each.series, each.destination, each.minute)
            before = self._known.get(one)
            self._known[one] = each
            if each.minute not in told_of:
                continue
            day = self._others.get(each.destination)
            if day is None:
                day = self._others[each.destination] = Day(SinceStart())
            if before is not None and before.numbers != each.numbers:
                day.add(each.minute, before.numbers, -1)
            if before is None or before.numbers != each.numbers:
                day.add(each.minute, each.numbers, 1)
            self._note_start(each.series)

    def forget(self, said: Iterable[FlowMinute]) -> None:
        """Forget what was learnt in which way, of what nobody will say again.

        Args:
            said: All that others said since the time since which they will be asked: what has
                ended and is not in it is never said again.
        """
        oldest = minute_of(self._clock.now()) - MINUTES
        again = {(each.series, each.destination, each.minute) for each in said}
        self._known = {
            one: each
            for one, each in self._known.items()
            if one in again or (each.minute >= oldest and not each.ended)
        }

    def _note_start(self, series: str) -> None:
        try:
            began = datetime.fromtimestamp(int(series.rpartition("/")[2], 16) / 1000, UTC)
        except (ValueError, OverflowError, OSError):
            return
        if self._others_began is None or began < self._others_began:
            self._others_began = began

    def _span(self, minutes: int) -> range:
        last = minute_of(self._clock.now())
        return range(last - minutes + 1, last + 1)

    def _rows(
        self, destination: DestinationName, minutes: Iterable[int]
    ) -> Iterator[tuple[Day, int]]:
        days = [days[destination] for days in (self._days, self._others) if destination in days]
        for minute in minutes:
            for day in days:
                if (row := day.found(minute)) is not None:
                    yield day, row

    def _day(self, destination: DestinationName) -> Day:
        day = self._days.get(destination)
        if day is None:
            since = self.since_start[destination] = SinceStart()
            day = self._days[destination] = Day(since)
        return day


def _counts(rows: Iterable[tuple[Day, int]]) -> list[int]:
    counts = [0] * len(Counted)
    for day, row in rows:
        for kind, count in enumerate(day.counts[row : row + len(Counted)]):
            counts[kind] += count
    return counts


def accepted_at(id_: UUID) -> float:
    """Return the Unix time in an application's or a delivery's id: that of its acceptance."""
    return (id_.int >> _TIMESTAMP_BIT) / 1000
