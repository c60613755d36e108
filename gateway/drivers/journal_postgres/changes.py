"""Lists applications by their last change: few are sorted, among many the index is followed.

A last change is the latest of an application's deliveries. Of those that are named, up to
``FEW_SORTED`` are sorted here. Where there are more, all deliveries are looked through in the
order of their changes, a window at a time, until a page is full or patience ends.
"""

import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final
from uuid import UUID

from gateway.domain.identifiers import ApplicationId
from gateway.domain.search import Span, span_of
from gateway.drivers.journal_postgres import reading
from gateway.drivers.journal_postgres.finding import Search
from gateway.ports.applications import ChangedPage, LastChange
from gateway.ports.clock import APART

Place = tuple[datetime, UUID]
"""When, and which application."""

_FIRST_WINDOW: Final = 100
_WINDOW: Final = 1_000
"""Each window has twice as many changes as the one before, up to so many; and then, too, as long
as one takes less than ``_SHORT_S``."""
_SHORT_S: Final = 0.01
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_FROM_HERE: Final[dict[bool, Place]] = {
    True: (datetime(9999, 1, 1, tzinfo=UTC), UUID(int=(1 << 128) - 1)),
    False: (_EPOCH, UUID(int=0)),
}

# Nobody's clock is behind that of who accepted by more than APART: what was accepted later than
# $3 was changed later.
_WINDOW_ENDS: Final = """
SELECT d.updated_at AS at, d.application_id AS id FROM deliveries d
WHERE (d.updated_at, d.application_id) {beyond} ($1::timestamptz, $2::uuid)
    AND d.updated_at >= $3::timestamptz
ORDER BY d.updated_at {order}, d.application_id {order} OFFSET $4 LIMIT 1
"""
_IN_WINDOW: Final = """
SELECT DISTINCT d.updated_at AS at, d.application_id AS id FROM deliveries d
WHERE (d.updated_at, d.application_id) {beyond} ($1::timestamptz, $2::uuid)
    AND (d.updated_at, d.application_id) {within} ($4::timestamptz, $5::uuid)
    AND d.updated_at >= $3::timestamptz
    AND d.application_id > $6 AND d.application_id < $7
ORDER BY d.updated_at {order}, d.application_id {order}
"""
_DIRECTIONS: Final = {
    True: {"beyond": "<", "within": ">=", "order": "DESC"},
    False: {"beyond": ">", "within": "<=", "order": "ASC"},
}
_LAST_CHANGES: Final = """
SELECT max(updated_at) AS at, application_id AS id FROM deliveries
WHERE application_id = ANY($1::uuid[]) GROUP BY application_id
"""


async def changed_page(
    search: Search,
    beyond: LastChange | None,
    descending: bool,  # noqa: FBT001 - as the port has it
    limit: int,
    until: float,
) -> ChangedPage:
    """Return one page of what ``search`` finds."""
    place = _FROM_HERE[descending] if beyond is None else (beyond.at, beyond.application)
    found, reached = await _Listing(search, descending).places(place, limit, until)
    ids = [one for _, one in found]
    dossiers = await reading.dossiers_of(search.connection, ids)
    known = {dossier.application.id: dossier for dossier in dossiers}
    return ChangedPage(
        dossiers=tuple(known[ApplicationId(one)] for one in ids),
        reached=None if reached is None else LastChange(reached[0], ApplicationId(reached[1])),
    )


@dataclass(frozen=True, slots=True)
class _Listing:
    search: Search
    descending: bool

    async def places(
        self, place: Place, limit: int, until: float
    ) -> tuple[list[Place], Place | None]:
        """Return the first ``limit`` behind ``place``, and where to go on from."""
        span = span_of(self.search.where, descending=True, beyond=None)
        few = await self.search.few(span)
        if few is None:
            return await self._walked(place, limit, span, until)
        places = sorted(await self._last_changes(few), reverse=self.descending)
        found = [one for one in places if (one < place if self.descending else one > place)]
        return (found[:limit], found[limit - 1]) if len(found) > limit else (found, None)

    async def _last_changes(self, ids: list[UUID]) -> list[Place]:
        found = await self.search.connection.fetch(_LAST_CHANGES, ids)
        return [(row["at"], row["id"]) for row in found]

    async def _walked(
        self, place: Place, limit: int, span: Span, until: float
    ) -> tuple[list[Place], Place | None]:
        window_ends = _WINDOW_ENDS.format(**_DIRECTIONS[self.descending])
        if not self.descending:
            place = max(place, (self._earliest(), UUID(int=0)))
        found: list[Place] = []
        window = max(limit, _FIRST_WINDOW)
        while True:
            began = time.monotonic()
            row = await self.search.connection.fetchrow(
                window_ends, *place, self._earliest(), window - 1
            )
            end = _FROM_HERE[not self.descending] if row is None else (row["at"], row["id"])
            found += await self._in_window(place, end, span)
            if len(found) > limit:
                return found[:limit], found[limit - 1]
            if row is None:
                return found, None
            if time.monotonic() > until:
                return found, end
            place = end
            if window < _WINDOW or time.monotonic() - began < _SHORT_S:
                window *= 2

    async def _in_window(self, begin: Place, end: Place, span: Span) -> list[Place]:
        query = _IN_WINDOW.format(**_DIRECTIONS[self.descending])
        rows = await self.search.connection.fetch(query, *begin, self._earliest(), *end, *span.ends)
        fitting = await self.search.fitting_all([row["id"] for row in rows])
        # One that has several deliveries stands where the last of them changed.
        last = set(await self._last_changes(fitting))
        return [place for row in rows if (place := (row["at"], row["id"])) in last]

    def _earliest(self) -> datetime:
        since = self.search.where.since
        return _EPOCH if since is None else max(since, _EPOCH + APART) - APART
