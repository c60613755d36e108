"""Searches applications: by the rarest thing that is named, and each candidate by the rest.

What is known of a filter, and by what it is found, stands in ``domain.search``.
"""

import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from gateway.domain.identifiers import ApplicationId
from gateway.domain.lifecycle import requirement
from gateway.domain.search import (
    FEW_SORTED,
    ApplicationFilter,
    Drive,
    Span,
    choose,
    left_to_check,
    places_of,
)
from gateway.drivers.journal_sqlite import reading, rows
from gateway.ports.applications import ApplicationCount, ApplicationPage

_MOST_AT_ONCE: Final = 1_000
"""Candidates between two looks at the clock: a few milliseconds."""

_GROUPS: Final = "SELECT municipality, procedure, client FROM application_groups"
_IN_PLACES: Final = """
SELECT destination, state, sum(deliveries) AS deliveries FROM delivery_counts
WHERE deliveries > 0 AND instr(:states, ' ' || state || ' ')
    AND (:destination IS NULL OR destination = :destination)
    AND (:municipality IS NULL OR municipality = :municipality)
GROUP BY destination, state
"""
_ALL: Final = """
SELECT id FROM applications WHERE id > :low AND id < :high
"""
_NAMED: Final = """
SELECT id FROM applications WHERE id = :application AND id > :low AND id < :high
"""
_IN_GROUP: Final = """
SELECT id FROM applications INDEXED BY applications_listed
WHERE municipality = :municipality AND procedure = :procedure AND client = :client
    AND id > :low AND id < :high
"""
_IN_PLACE: Final = """
SELECT DISTINCT application_id AS id FROM deliveries INDEXED BY deliveries_listed
WHERE destination = :destination AND state = :state
    AND application_id > :low AND application_id < :high
    AND (:municipality IS NULL OR municipality = :municipality)
"""
_WITH_CODE: Final = """
SELECT DISTINCT application_id AS id FROM deliveries INDEXED BY deliveries_coded
WHERE code = :code AND application_id > :low AND application_id < :high
"""
_WITH_FEEDBACK: Final = """
SELECT DISTINCT application_id AS id FROM feedback INDEXED BY feedback_listed
WHERE status = :feedback AND application_id > :low AND application_id < :high
"""
_OF_RECEIPT: Final = """
SELECT id FROM applications
WHERE receipt_mac = :receipt_mac AND superseded_by IS NULL AND id > :low AND id < :high
UNION ALL
SELECT id FROM applications
WHERE receipt_mac = :receipt_mac AND superseded_by IS NOT NULL AND id > :low AND id < :high
"""
_ORDER: Final = {True: " ORDER BY id DESC LIMIT :limit", False: " ORDER BY id LIMIT :limit"}

_FITS: Final = "SELECT 1 FROM applications a WHERE a.id = :id"
_MUNICIPALITY: Final = " AND a.municipality = :municipality"
_CLIENT: Final = " AND a.client = :client"
_PROCEDURES: Final = " AND instr(:procedures, ' ' || a.procedure || ' ')"
_DELIVERY: Final = """ AND EXISTS (
    SELECT 1 FROM deliveries d WHERE d.application_id = a.id
        AND (:destination IS NULL OR d.destination = :destination)
        AND (:states = '' OR instr(:states, ' ' || d.state || ' '))
        AND (:code IS NULL OR d.code = :code)
)"""
_STATUS: Final = """ AND EXISTS (
    SELECT 1 FROM deliveries d
    WHERE d.application_id = a.id AND instr(:needs, ' ' || d.state || ' ')
) AND NOT EXISTS (
    SELECT 1 FROM deliveries d
    WHERE d.application_id = a.id AND instr(:forbids, ' ' || d.state || ' ')
)"""
_FEEDBACK: Final = """ AND EXISTS (
    SELECT 1 FROM deliveries d JOIN feedback f ON f.delivery_id = d.id
    WHERE d.application_id = a.id AND f.status = :feedback
)"""


@dataclass(frozen=True, slots=True)
class _Lane:
    """An index that has ids in order, within what its parameters name."""

    query: str
    parameters: dict[str, rows.Value]


@dataclass(frozen=True, slots=True)
class Condition:
    """What a row of ``applications a`` must be besides: the end of a statement."""

    text: str
    parameters: dict[str, rows.Value]


class Search:
    """One search in one snapshot."""

    def __init__(
        self,
        connection: sqlite3.Connection,
        where: ApplicationFilter,
        patience_s: float,
        few: int = FEW_SORTED,
    ) -> None:
        """Choose by what it finds, and begin to count the time."""
        self._connection = connection
        self._few = few
        self._until = time.monotonic() + patience_s
        self.where = where
        self._groups = _groups(connection, where) if where.is_of_groups else []
        self._places = _places(connection, where) if where.is_of_places else []
        self._in_places = sum(row["deliveries"] for row in self._places)
        self._drive = choose(where, self._in_places)
        self._lanes = self._lanes_of(self._drive)
        rest = left_to_check(where, self._drive)
        self._fits = None if rest is None else self._checked_by(rest)

    @property
    def is_over(self) -> bool:
        """Whether it has taken as long as it may."""
        return time.monotonic() > self._until

    def page(self, span: Span, limit: int) -> ApplicationPage:
        """Return the first ``limit`` of the span."""
        found, reached = self._ids(span, limit)
        dossiers = (
            reading.dossier(self._connection, ApplicationId(UUID(bytes=one))) for one in found
        )
        return ApplicationPage(
            dossiers=tuple(one for one in dossiers if one is not None),
            reached=None if reached is None else ApplicationId(UUID(bytes=reached)),
        )

    def _ids(self, span: Span, limit: int) -> tuple[list[bytes], bytes | None]:
        found: list[bytes] = []
        at_once = limit + 1
        while True:
            candidates = self._candidates(span, at_once)
            for one in candidates:
                if self._fits is None or self._fits(one):
                    if len(found) == limit:
                        return found, found[-1]
                    found.append(one)
            if len(candidates) < at_once:
                return found, None
            if self.is_over:
                return found, candidates[-1]
            span = span.beyond(UUID(bytes=candidates[-1]))
            at_once = max(at_once, min(2 * at_once, _MOST_AT_ONCE))

    def few(self, span: Span) -> list[bytes] | None:
        """Return all of the span that may be it, if they are few enough to be sorted."""
        if self._drive is Drive.ALL and (self.where.since or self.where.until) is None:
            return None
        if self._drive is Drive.PLACES and self._in_places > self._few:
            return None
        candidates: set[bytes] = set()
        for lane in self._lanes:
            candidates.update(self._read(lane, span, self._few + 1))
            if len(candidates) > self._few:
                return None
        return list(candidates)

    def fits(self, one: bytes) -> bool:
        """Tell whether one of those that may be it is."""
        return self._fits is None or self._fits(one)

    def condition(self) -> Condition:
        """Return what all that is named asks of ``applications a``, as the end of a statement."""
        rest = left_to_check(self.where, Drive.ALL)
        return Condition("", {}) if rest is None else self._condition(rest)

    def _candidates(self, span: Span, limit: int) -> list[bytes]:
        # Each lane is in order: the first of each, merged, are the first of all. Once there are
        # enough, only those are looked for that come before the last.
        ids: list[bytes] = []
        for lane in self._lanes:
            if len(ids) == limit:
                span = span.short_of(UUID(bytes=ids[-1]))
            more = self._read(lane, span, limit)
            ids = sorted({*ids, *more}, reverse=span.descending)[:limit] if ids else more
        return ids

    def _read(self, lane: _Lane, span: Span, limit: int) -> list[bytes]:
        low, high = span.ends
        parameters = {**lane.parameters, "low": low.bytes, "high": high.bytes, "limit": limit}
        query = lane.query + _ORDER[span.descending]
        return [row["id"] for row in self._connection.execute(query, parameters)]

    def count(self, span: Span, at_most: int) -> ApplicationCount:
        """Count those in the span."""
        found: set[bytes] = set()
        for lane in self._lanes:
            for number, one in enumerate(self._all(lane, span)):
                if one not in found and (self._fits is None or self._fits(one)):
                    if len(found) == at_most:
                        return ApplicationCount(at_most, is_all=False)
                    found.add(one)
                if number % _MOST_AT_ONCE == 0 and self.is_over:
                    return ApplicationCount(len(found), is_all=False)
        return ApplicationCount(len(found), is_all=True)

    def _all(self, lane: _Lane, span: Span) -> Iterator[bytes]:
        low, high = span.ends
        parameters = {**lane.parameters, "low": low.bytes, "high": high.bytes}
        return (row["id"] for row in self._connection.execute(lane.query, parameters))

    def _lanes_of(self, drive: Drive) -> list[_Lane]:
        where = self.where
        if where.is_of_groups and not self._groups:
            return []
        match drive:
            case Drive.DIRECT:
                return self._direct()
            case Drive.CODES:
                return [_Lane(_WITH_CODE, {"code": where.code})]
            case Drive.FEEDBACK:
                feedback = None if where.feedback is None else where.feedback.value
                return [_Lane(_WITH_FEEDBACK, {"feedback": feedback})]
            case Drive.GROUPS:
                return [_Lane(_IN_GROUP, dict(row)) for row in self._groups]
            case Drive.PLACES:
                return [
                    _Lane(_IN_PLACE, {**dict(row), "municipality": where.municipality})
                    for row in self._places
                ]
            case Drive.ALL:
                return [_Lane(_ALL, {})]

    def _direct(self) -> list[_Lane]:
        where = self.where
        if not where.receipt_macs:
            return [_Lane(_NAMED, {"application": one.bytes}) for one in where.applications]
        lanes = [_Lane(_OF_RECEIPT, {"receipt_mac": mac}) for mac in where.receipt_macs]
        if not where.applications:
            return lanes
        named = f"SELECT id FROM ({_OF_RECEIPT}) WHERE id = :application"  # noqa: S608 - constants
        return [
            _Lane(named, {**lane.parameters, "application": one.bytes})
            for lane in lanes
            for one in where.applications
        ]

    def _condition(self, rest: ApplicationFilter) -> Condition:
        needs, forbids = (
            (frozenset(), frozenset()) if rest.status is None else requirement(rest.status)
        )
        parameters: dict[str, rows.Value] = {
            "municipality": rest.municipality,
            "client": rest.client,
            "procedures": _words(sorted({row["procedure"] for row in self._groups})),
            "destination": rest.destination,
            "states": _words(sorted(rest.states)),
            "code": rest.code,
            "needs": _words(sorted(needs)),
            "forbids": _words(sorted(forbids)),
            "feedback": None if rest.feedback is None else rest.feedback.value,
        }
        text = "".join(
            text
            for text, is_needed in (
                (_MUNICIPALITY, rest.municipality is not None),
                (_CLIENT, rest.client is not None),
                (_PROCEDURES, rest.procedure is not None),
                (_DELIVERY, bool(rest.states or rest.destination or rest.code)),
                (_STATUS, rest.status is not None),
                (_FEEDBACK, rest.feedback is not None),
            )
            if is_needed
        )

        return Condition(text, parameters)

    def _checked_by(self, rest: ApplicationFilter) -> Callable[[bytes], bool]:
        condition = self._condition(rest)
        query = _FITS + condition.text

        def fits(one: bytes) -> bool:
            found = self._connection.execute(query, {**condition.parameters, "id": one})
            return found.fetchone() is not None

        return fits


def _groups(connection: sqlite3.Connection, where: ApplicationFilter) -> list[sqlite3.Row]:
    return [row for row in connection.execute(_GROUPS) if where.takes_group(*row)]


def _places(connection: sqlite3.Connection, where: ApplicationFilter) -> list[sqlite3.Row]:
    parameters = {
        "states": _words(sorted(places_of(where))),
        "destination": where.destination,
        "municipality": where.municipality,
    }
    return connection.execute(_IN_PLACES, parameters).fetchall()


def _words(names: Sequence[str]) -> str:
    """Return names with a space before and behind each: none of them has one."""
    return f" {' '.join(names)} " if names else ""
