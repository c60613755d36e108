"""Lists applications by their last change: few are sorted, among many the index is followed.

A last change is the latest of an application's deliveries. Of those that are named, up to
``FEW_SORTED`` are sorted here. Where there are more, all deliveries are looked through in the
order of their changes, a window at a time, until a page is full or patience ends.
"""

import sqlite3
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final
from uuid import UUID

from gateway.domain.identifiers import ApplicationId
from gateway.domain.search import Span, span_of
from gateway.drivers.journal_sqlite import reading, rows
from gateway.drivers.journal_sqlite.finding import Search
from gateway.ports.applications import ChangedPage, LastChange
from gateway.ports.clock import APART

Place = tuple[int, bytes]
"""When, and which application."""

_FIRST_WINDOW: Final = 100
_WINDOW: Final = 1_000
"""Each window has twice as many changes as the one before, up to so many; and then, too, as long
as one takes less than ``_SHORT_S``."""
_SHORT_S: Final = 0.01
_FROM_HERE: Final[dict[bool, Place]] = {True: (1 << 62, b"\xff" * 16), False: (-(1 << 62), b"")}
_AT_ONCE: Final = 500
"""Parameters of one statement; SQLite takes 32,766 (SQLITE_MAX_VARIABLE_NUMBER)."""
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)

# Nobody's clock is behind that of who accepted by more than APART: what was accepted later than
# :earliest was changed later.
_WINDOW_ENDS: Final = """
SELECT d.updated_at AS at, d.application_id AS id FROM deliveries d INDEXED BY deliveries_by_change
WHERE (d.updated_at, d.application_id) {beyond} (:at, :application) AND d.updated_at >= :earliest
ORDER BY d.updated_at {order}, d.application_id {order} LIMIT 1 OFFSET :looked_at
"""
_IN_WINDOW: Final = """
SELECT DISTINCT d.updated_at AS at, d.application_id AS id
FROM deliveries d INDEXED BY deliveries_by_change
    CROSS JOIN applications a ON a.id = d.application_id
WHERE (d.updated_at, d.application_id) {beyond} (:at, :application)
    AND (d.updated_at, d.application_id) {within} (:end_at, :end_application)
    AND d.updated_at >= :earliest
    AND d.application_id > :low AND d.application_id < :high
    AND d.updated_at = (
        SELECT max(o.updated_at) FROM deliveries o WHERE o.application_id = d.application_id
    )
    {condition}
ORDER BY d.updated_at {order}, d.application_id {order} LIMIT :limit
"""
_DIRECTIONS: Final = {
    True: {"beyond": "<", "within": ">=", "order": "DESC"},
    False: {"beyond": ">", "within": "<=", "order": "ASC"},
}
_LAST_CHANGES: Final = """
SELECT application_id AS id, max(updated_at) AS at FROM deliveries
WHERE application_id IN ({}) GROUP BY application_id
"""


def changed_page(
    connection: sqlite3.Connection,
    search: Search,
    beyond: LastChange | None,
    descending: bool,  # noqa: FBT001 - as the port has it
    limit: int,
) -> ChangedPage:
    """Return one page of what ``search`` finds."""
    begin = None if beyond is None else (rows.from_time(beyond.at), beyond.application.bytes)
    listing = _Listing(connection, search, descending)
    found, reached = listing.places(begin or _FROM_HERE[descending], limit)
    dossiers = (reading.dossier(connection, ApplicationId(UUID(bytes=one))) for _, one in found)
    return ChangedPage(
        dossiers=tuple(one for one in dossiers if one is not None),
        reached=None if reached is None else _last_change(reached),
    )


def _last_change(place: Place) -> LastChange:
    at, application = place
    return LastChange(rows.to_time(at), ApplicationId(UUID(bytes=application)))


@dataclass(frozen=True, slots=True)
class _Listing:
    connection: sqlite3.Connection
    search: Search
    descending: bool

    def places(self, begin: Place, limit: int) -> tuple[list[Place], Place | None]:
        """Return the first ``limit`` behind ``begin``, and where to go on from."""
        span = span_of(self.search.where, descending=self.descending, beyond=None)
        few = self.search.few(span)
        return self._walked(begin, limit, span) if few is None else self._sorted(begin, limit, few)

    def _sorted(
        self, begin: Place, limit: int, few: list[bytes]
    ) -> tuple[list[Place], Place | None]:
        found: list[Place] = []
        for place in sorted(self._last_changes(few), reverse=self.descending):
            is_beyond = place < begin if self.descending else place > begin
            if is_beyond and self.search.fits(place[1]):
                if len(found) == limit:
                    return found, found[-1]
                found.append(place)
        return found, None

    def _last_changes(self, ids: list[bytes]) -> list[Place]:
        found: list[Place] = []
        for start in range(0, len(ids), _AT_ONCE):
            part = ids[start : start + _AT_ONCE]
            query = _LAST_CHANGES.format(", ".join("?" * len(part)))
            found += [(row["at"], row["id"]) for row in self.connection.execute(query, part)]
        return found

    def _walked(self, begin: Place, limit: int, span: Span) -> tuple[list[Place], Place | None]:
        directions = _DIRECTIONS[self.descending]
        condition = self.search.condition()
        window_ends = _WINDOW_ENDS.format(**directions)
        in_window = _IN_WINDOW.format(**directions, condition=condition.text)
        low, high = span.ends
        named = {
            **condition.parameters,
            "low": low.bytes,
            "high": high.bytes,
            "earliest": self._earliest(),
        }
        if not self.descending:
            begin = max(begin, (self._earliest(), b""))
        found: list[Place] = []
        window = max(limit, _FIRST_WINDOW)
        while True:
            began = time.monotonic()
            here = {**named, "at": begin[0], "application": begin[1], "looked_at": window - 1}
            row = self.connection.execute(window_ends, here).fetchone()
            end = _FROM_HERE[not self.descending] if row is None else (row["at"], row["id"])
            here |= {"end_at": end[0], "end_application": end[1], "limit": limit + 1 - len(found)}
            found += [(each["at"], each["id"]) for each in self.connection.execute(in_window, here)]
            if len(found) > limit:
                return found[:limit], found[limit - 1]
            if row is None:
                return found, None
            if self.search.is_over:
                return found, end
            begin = end
            if window < _WINDOW or time.monotonic() - began < _SHORT_S:
                window *= 2

    def _earliest(self) -> int:
        since = self.search.where.since
        return _FROM_HERE[False][0] if since is None else rows.from_time(_before(since))


def _before(since: datetime) -> datetime:
    return max(since, _EPOCH + APART) - APART
