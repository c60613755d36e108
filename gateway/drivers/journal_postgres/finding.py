"""Searches applications: by the rarest thing that is named, and each candidate by the rest.

What is known of a filter, and by what it is found, stands in ``domain.search``. Rows are compared
as wholes, so that there is one index that a plan can go by, whatever the planner believes.
"""

import time
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from asyncpg import Connection, Record

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

_MOST_AT_ONCE: Final = 1_000
"""Candidates between two looks at the clock: a few milliseconds."""
_LEAST_AT_ONCE: Final = 101
_MOST_READ: Final = 20_000
"""Of all groups or places together: the more of them, the fewer candidates at once."""

_GROUPS: Final = "SELECT municipality, procedure, client FROM application_groups"
_IN_PLACES: Final = """
SELECT destination, state, sum(deliveries)::bigint AS deliveries FROM delivery_counts
WHERE state = ANY($1::text[])
    AND ($2::text IS NULL OR destination = $2)
    AND ($3::text IS NULL OR municipality = $3)
GROUP BY destination, state HAVING sum(deliveries) > 0
"""
_ALL: Final = """
SELECT id FROM applications WHERE id > $1 AND id < $2 ORDER BY id {order} LIMIT $3
"""
# First the groups that have the newest, then of these alone so many.
_IN_GROUPS: Final = """
WITH wanted AS MATERIALIZED (
    SELECT g.m, g.p, g.c, first.id
    FROM unnest($4::text[], $5::text[], $6::text[]) AS g (m, p, c)
    CROSS JOIN LATERAL (
        SELECT a.id FROM applications a
        WHERE (a.municipality, a.procedure, a.client, a.id) > (g.m, g.p, g.c, $1::uuid)
            AND (a.municipality, a.procedure, a.client, a.id) < (g.m, g.p, g.c, $2::uuid)
        ORDER BY a.municipality {order}, a.procedure {order}, a.client {order}, a.id {order}
        LIMIT 1
    ) first
    ORDER BY first.id {order} LIMIT $3
)
SELECT found.id FROM wanted g
CROSS JOIN LATERAL (
    SELECT a.id FROM applications a
    WHERE (a.municipality, a.procedure, a.client, a.id) > (g.m, g.p, g.c, $1::uuid)
        AND (a.municipality, a.procedure, a.client, a.id) < (g.m, g.p, g.c, $2::uuid)
    ORDER BY a.municipality {order}, a.procedure {order}, a.client {order}, a.id {order}
    LIMIT $3
) found
ORDER BY found.id {order} LIMIT $3
"""
_IN_PLACE: Final = """
SELECT DISTINCT found.id
FROM unnest($4::text[], $5::text[]) AS place (destination, state)
CROSS JOIN LATERAL (
    SELECT d.application_id AS id FROM deliveries d
    WHERE (d.destination COLLATE "C", d.state COLLATE "C", d.application_id)
            > (place.destination, place.state, $1::uuid)
        AND (d.destination COLLATE "C", d.state COLLATE "C", d.application_id)
            < (place.destination, place.state, $2::uuid)
        AND ($6::text IS NULL OR d.municipality = $6)
    ORDER BY d.destination COLLATE "C" {order}, d.state COLLATE "C" {order},
        d.application_id {order}
    LIMIT $3
) found
ORDER BY found.id {order} LIMIT $3
"""
_WITH_CODE: Final = """
SELECT DISTINCT d.code COLLATE "C" AS code, d.application_id AS id FROM deliveries d
WHERE d.code IS NOT NULL
    AND (d.code COLLATE "C", d.application_id) > ($4::text, $1::uuid)
    AND (d.code COLLATE "C", d.application_id) < ($4::text, $2::uuid)
ORDER BY 1 {order}, 2 {order} LIMIT $3
"""
_WITH_FEEDBACK: Final = """
SELECT DISTINCT f.status COLLATE "C" AS status, f.application_id AS id FROM feedback f
WHERE (f.status COLLATE "C", f.application_id) > ($4::text, $1::uuid)
    AND (f.status COLLATE "C", f.application_id) < ($4::text, $2::uuid)
ORDER BY 1 {order}, 2 {order} LIMIT $3
"""
_DIRECT: Final = """
SELECT id FROM applications
WHERE id = ANY($4::uuid[]) AND id > $1 AND id < $2
    AND ($5::bytea[] IS NULL OR receipt_mac = ANY($5))
ORDER BY id {order} LIMIT $3
"""
_OF_RECEIPT: Final = """
SELECT id FROM (
    SELECT id FROM applications WHERE receipt_mac = ANY($4::bytea[]) AND superseded_by IS NULL
    UNION ALL
    SELECT id FROM applications WHERE receipt_mac = ANY($4::bytea[]) AND superseded_by IS NOT NULL
) a
WHERE id > $1 AND id < $2 ORDER BY id {order} LIMIT $3
"""

# As scalars: what is only asked whether it exists may be planned as a table read whole.
_FITS: Final = "SELECT a.id FROM applications a WHERE a.id = ANY($1::uuid[])"
_MUNICIPALITY: Final = " AND a.municipality = ${}"
_CLIENT: Final = " AND a.client = ${}"
_PROCEDURES: Final = " AND a.procedure = ANY(${}::text[])"
_DELIVERY: Final = """ AND (
    SELECT true FROM deliveries d WHERE d.application_id = a.id
        AND (${0}::text IS NULL OR d.destination = ${0})
        AND (${1}::text[] IS NULL OR d.state = ANY(${1}))
        AND (${2}::text IS NULL OR d.code = ${2})
    LIMIT 1
)"""
_STATUS: Final = """ AND (
    SELECT bool_or(d.state = ANY(${0}::text[])) AND NOT bool_or(d.state = ANY(${1}::text[]))
    FROM deliveries d WHERE d.application_id = a.id
)"""
_FEEDBACK: Final = """ AND (
    SELECT true FROM deliveries d JOIN feedback f ON f.delivery_id = d.id
    WHERE d.application_id = a.id AND f.status = ${} LIMIT 1
)"""


async def begin(
    connection: Connection, where: ApplicationFilter, few: int = FEW_SORTED
) -> "Search":
    """Return the search for what is named, in the snapshot of ``connection``."""
    groups: list[Record] = []
    places: list[Record] = []
    if where.is_of_groups:
        groups = [row for row in await connection.fetch(_GROUPS) if where.takes_group(*row)]
    if where.is_of_places:
        states = [state.value for state in places_of(where)]
        places = await connection.fetch(_IN_PLACES, states, where.destination, where.municipality)
    in_places = sum(row["deliveries"] for row in places)
    drive = choose(where, in_places)
    query, named = _candidates(where, drive, groups, places)
    lanes = {Drive.GROUPS: len(groups), Drive.PLACES: len(places)}.get(drive, 1)
    is_bounded = where.since is not None or where.until is not None
    is_many = drive is Drive.PLACES and in_places > few
    rest, named_all = left_to_check(where, drive), left_to_check(where, Drive.ALL)
    procedures = sorted({row["procedure"] for row in groups})
    return Search(
        connection=connection,
        where=where,
        query=query,
        named=named,
        most_at_once=min(_MOST_AT_ONCE, _MOST_READ // max(1, lanes)),
        check=None if rest is None else _check(rest, procedures),
        check_all=None if named_all is None else _check(named_all, procedures),
        is_empty=lanes == 0 or (where.is_of_groups and not groups),
        # Where deliveries are is known to be few; of groups, few of each are read.
        most_sorted=max(_LEAST_AT_ONCE, few // lanes) if drive is Drive.GROUPS and lanes else few,
        is_many=is_many or (drive is Drive.ALL and not is_bounded),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Search:
    """One search in one snapshot.

    Attributes:
        connection: Where.
        where: What is looked for.
        query: Finds candidates.
        named: Its parameters behind those of the span.
        most_at_once: So many candidates are asked for at a time.
        check: Which of them fit, and its parameters behind the ids; ``None`` if all do.
        check_all: The same, of whatever application.
        is_empty: Whether there can be none.
        most_sorted: So many are sorted.
        is_many: Whether more are known to be candidates than are sorted.
    """

    connection: Connection
    where: ApplicationFilter
    query: str
    named: tuple[object, ...]
    most_at_once: int
    check: tuple[str, tuple[object, ...]] | None
    check_all: tuple[str, tuple[object, ...]] | None
    is_empty: bool
    most_sorted: int
    is_many: bool

    async def ids(self, span: Span, limit: int, until: float) -> tuple[list[UUID], UUID | None]:
        """Return the first ``limit`` ids of the span, and where to go on from."""
        found: list[UUID] = []
        at_once = min(limit + 1, max(_LEAST_AT_ONCE, self.most_at_once))
        query = self.query.format(order="DESC" if span.descending else "ASC")
        while not self.is_empty:
            low, high = span.ends
            rows = await self.connection.fetch(query, low, high, at_once, *self.named)
            candidates = [row["id"] for row in rows]
            found += await self._fitting(candidates)
            if len(found) > limit:
                return found[:limit], found[limit - 1]
            if len(candidates) < at_once:
                break
            if time.monotonic() > until:
                return found, candidates[-1]
            span = span.beyond(candidates[-1])
            at_once = max(at_once, min(2 * at_once, self.most_at_once))
        return found, None

    async def few(self, span: Span) -> list[UUID] | None:
        """Return all of the span that are found, if they are few enough to be sorted."""
        if self.is_empty:
            return []
        if self.is_many:
            return None
        low, high = span.ends
        query = self.query.format(order="DESC")
        rows = await self.connection.fetch(query, low, high, self.most_sorted + 1, *self.named)
        return (
            None
            if len(rows) > self.most_sorted
            else await self._fitting([row["id"] for row in rows])
        )

    async def fitting_all(self, ids: list[UUID]) -> list[UUID]:
        """Return which of any applications fit."""
        return await self._checked(self.check_all, ids)

    async def _fitting(self, candidates: list[UUID]) -> list[UUID]:
        return await self._checked(self.check, candidates)

    async def _checked(
        self, check: tuple[str, tuple[object, ...]] | None, candidates: list[UUID]
    ) -> list[UUID]:
        if check is None or not candidates:
            return candidates
        query, parameters = check
        fitting = {row["id"] for row in await self.connection.fetch(query, candidates, *parameters)}
        return [one for one in candidates if one in fitting]


def _candidates(
    where: ApplicationFilter, drive: Drive, groups: list[Record], places: list[Record]
) -> tuple[str, tuple[object, ...]]:
    match drive:
        case Drive.DIRECT if where.applications:
            return _DIRECT, (list(where.applications), list(where.receipt_macs) or None)
        case Drive.DIRECT:
            return _OF_RECEIPT, (list(where.receipt_macs),)
        case Drive.CODES:
            return _WITH_CODE, (where.code,)
        case Drive.FEEDBACK:
            return _WITH_FEEDBACK, (None if where.feedback is None else where.feedback.value,)
        case Drive.GROUPS:
            names = ("municipality", "procedure", "client")
            return _IN_GROUPS, tuple([row[name] for row in groups] for name in names)
        case Drive.PLACES:
            columns = tuple([row[name] for row in places] for name in ("destination", "state"))
            return _IN_PLACE, (*columns, where.municipality)
        case Drive.ALL:
            return _ALL, ()


def _check(rest: ApplicationFilter, procedures: list[str]) -> tuple[str, tuple[object, ...]]:
    query = _FITS
    parameters: list[object] = []

    def add(text: str, *values: object) -> None:
        nonlocal query
        # The ids are the first parameter.
        first = len(parameters) + 2
        query += text.format(*range(first, first + len(values)))
        parameters.extend(values)

    if rest.municipality is not None:
        add(_MUNICIPALITY, rest.municipality)
    if rest.client is not None:
        add(_CLIENT, rest.client)
    if rest.procedure is not None:
        add(_PROCEDURES, procedures)
    if rest.states or rest.destination is not None or rest.code is not None:
        states = [state.value for state in rest.states] or None
        add(_DELIVERY, rest.destination, states, rest.code)
    if rest.status is not None:
        needs, forbids = requirement(rest.status)
        add(_STATUS, [state.value for state in needs], [state.value for state in forbids])
    if rest.feedback is not None:
        add(_FEEDBACK, rest.feedback.value)
    return query, tuple(parameters)
