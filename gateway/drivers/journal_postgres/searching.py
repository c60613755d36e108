"""Finding entries: four ways in, each of which reads little more than it finds.

By application or by 受付番号 there are few, whatever else they must be. By action,
municipality or actor they come in series (migration 4), each of which is read from its
end; only the series whose last entry is among the latest can have one of the
latest. Otherwise the journal itself is read from its end. Times only say between which
places to look, and are then compared.
"""

from typing import Final

from asyncpg import Connection

from gateway.drivers.journal_postgres import rows
from gateway.ports.audit_log import EntryFilter, FoundEntry

_END: Final = (1 << 63) - 1
_PLACES: Final = """
SELECT min(part.number) << 12 AS first, (max(part.number) + 1) << 12 AS before
FROM generate_series(0, (SELECT coalesce(max(id), 0) >> 12 FROM entries)) AS part (number)
CROSS JOIN LATERAL (
    SELECT FROM entries e
    WHERE (e.id >> 12) = part.number
        AND e.at >= coalesce($1::timestamptz, '-infinity')
        AND e.at < coalesce($2::timestamptz, 'infinity')
    LIMIT 1
) hit
"""
_IN_TIME: Final = """
    e.id >= $1::bigint AND e.id < $2::bigint
    AND ($4::timestamptz IS NULL OR e.at >= $4) AND ($5::timestamptz IS NULL OR e.at < $5)
"""
_SERIES: Final = """
SELECT id FROM entry_series
WHERE ($6::text[] IS NULL OR action = ANY($6))
    AND ($7::text IS NULL OR municipality = $7)
    AND ($8::text IS NULL OR actor = $8)
    AND ($9::text IS NULL OR actor_kind = $9)
"""
# A range of one series, and not "=": for that, a plan for all parameters would read the journal
# from its end, through everything that is younger than a series that ended long ago.
_OF_SERIES: Final = f"""
SELECT found.id
FROM (
    SELECT s.id FROM ({_SERIES}) s
    CROSS JOIN LATERAL (
        SELECT e.id FROM entries e WHERE e.series BETWEEN s.id AND s.id AND {_IN_TIME}
        ORDER BY e.series DESC, e.id DESC LIMIT 1
    ) last
    ORDER BY last.id DESC LIMIT $3
) latest
CROSS JOIN LATERAL (
    SELECT e.id FROM entries e WHERE e.series BETWEEN latest.id AND latest.id AND {_IN_TIME}
    ORDER BY e.series DESC, e.id DESC LIMIT $3
) found
ORDER BY found.id DESC LIMIT $3
"""  # noqa: S608 - put together from constants
# As a subquery that is not taken apart: the planner would rather read the journal from its end.
_OF_APPLICATION: Final = f"""
WITH about AS MATERIALIZED (
    SELECT * FROM entries
    WHERE application_id = $10 AND ($11::bytea[] IS NULL OR subject = ANY($11))
)
SELECT e.id FROM about e WHERE {_IN_TIME} AND e.series IN ({_SERIES})
ORDER BY e.id DESC LIMIT $3
"""  # noqa: S608 - put together from constants
_OF_SUBJECT: Final = f"""
WITH about AS MATERIALIZED (
    SELECT e.id, e.at, e.series
    FROM generate_series(0, (SELECT coalesce(max(id), 0) >> 16 FROM entries)) AS part (number)
    CROSS JOIN unnest($10::bytea[]) AS wanted (subject)
    CROSS JOIN LATERAL (
        SELECT * FROM entries e
        WHERE (e.id >> 16) = part.number AND e.subject = wanted.subject OFFSET 0
    ) e
)
SELECT e.id FROM about e WHERE {_IN_TIME} AND e.series IN ({_SERIES})
ORDER BY e.id DESC LIMIT $3
"""  # noqa: S608 - put together from constants
_LATEST: Final = f"SELECT e.id FROM entries e WHERE {_IN_TIME} ORDER BY e.id DESC LIMIT $3"  # noqa: S608
_FOUND: Final = """
SELECT e.id, e.node, e.nseq, e.data, k.key,
    CASE WHEN run.first_nseq + run.length > e.nseq THEN run.first_index + e.nseq - run.first_nseq
    END AS place
FROM entries e
LEFT JOIN detail_keys k ON k.node = e.node AND k.nseq = e.nseq
LEFT JOIN LATERAL (
    SELECT first_index, first_nseq, length FROM log_runs r
    WHERE r.node = e.node AND r.first_nseq <= e.nseq ORDER BY r.first_nseq DESC LIMIT 1
) run ON true
WHERE e.id = ANY($1::bigint[]) ORDER BY e.id DESC
"""


async def find_entries(
    connection: Connection, where: EntryFilter, before: int | None, limit: int
) -> list[FoundEntry]:
    """Return one page of entries, latest first."""
    first, end = 0, _END if before is None else before
    if where.since is not None or where.until is not None:
        places = await connection.fetchrow(_PLACES, where.since, where.until)
        if places is None or places["first"] is None:
            return []
        first, end = places["first"], min(places["before"], end)
    page = (first, end, limit, where.since, where.until)
    query, more = _query(where)
    ids = await connection.fetch(query, *page, *more)
    return [
        FoundEntry(
            position=row["id"],
            entry=rows.to_entry(row),
            index=row["place"],
            detail_key=row["key"],
        )
        for row in await connection.fetch(_FOUND, [row["id"] for row in ids])
    ]


def _query(where: EntryFilter) -> tuple[str, tuple[object, ...]]:
    """Return a statement, and its parameters after those of the page."""
    series = rows.from_series_filter(where)
    subjects = list(where.subjects) or None
    if where.application is not None:
        return _OF_APPLICATION, (*series, where.application, subjects)
    if subjects is not None:
        return _OF_SUBJECT, (*series, subjects)
    if any(one is not None for one in series):
        return _OF_SERIES, series
    return _LATEST, ()
