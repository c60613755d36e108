"""Finding entries: four ways in, each of which reads little more than it finds.

By application or by 受付番号 there are few, whatever else they must be. By action,
municipality or actor they come in series (migration 4), each of which is read from its
end; only the series whose last entry is among the latest can have one of the
latest. Otherwise the journal itself is read from its end. Times only say between which
places to look, and are then compared.
"""

import sqlite3
from typing import Final

from gateway.drivers.journal_sqlite import rows
from gateway.drivers.journal_sqlite.auditing import index_of
from gateway.ports.audit_log import EntryFilter, FoundEntry

Parameters = dict[str, rows.Value]

_END: Final = (1 << 63) - 1
_IN_TIME: Final = """
    AND (:since IS NULL OR at >= :since) AND (:until IS NULL OR at < :until)
    AND seq >= :first AND seq < :before
"""
_PLACES: Final = """
WITH RECURSIVE part (number) AS (
    SELECT coalesce((SELECT max(seq) >> 12 FROM entries), 0)
    UNION ALL SELECT number - 1 FROM part WHERE number > 0
)
SELECT min(number) << 12 AS first, (max(number) + 1) << 12 AS before FROM part
WHERE EXISTS (
    SELECT 1 FROM entries INDEXED BY entries_time
    WHERE seq >> 12 = number AND at >= coalesce(:since, -1 << 62) AND at < coalesce(:until, 1 << 62)
)
"""
_SERIES: Final = """
SELECT id FROM entry_series
WHERE (:actions IS NULL OR action IN (SELECT value FROM json_each(:actions)))
    AND (:municipality IS NULL OR municipality = :municipality)
    AND (:actor IS NULL OR actor = :actor)
    AND (:actor_kind IS NULL OR actor_kind = :actor_kind)
"""
_OF_SERIES: Final = f"""
SELECT s.id AS series, (
    SELECT seq FROM entries INDEXED BY entries_series
    WHERE series = s.id {_IN_TIME} ORDER BY seq DESC LIMIT 1
) AS latest
FROM ({_SERIES}) s WHERE latest IS NOT NULL ORDER BY latest DESC LIMIT :limit
"""  # noqa: S608 - put together from constants
_IN_SERIES: Final = f"""
SELECT seq FROM entries INDEXED BY entries_series
WHERE series = :series {_IN_TIME} ORDER BY seq DESC LIMIT :limit
"""  # noqa: S608 - put together from constants
_OF_APPLICATION: Final = f"""
SELECT seq FROM entries INDEXED BY entries_application
WHERE application_id = :application AND application_id IS NOT NULL {_IN_TIME}
    AND series IN ({_SERIES})
    AND (:subjects IS NULL OR hex(subject) IN (SELECT value FROM json_each(:subjects)))
ORDER BY seq DESC LIMIT :limit
"""  # noqa: S608 - put together from constants
_OF_SUBJECT: Final = f"""
WITH RECURSIVE part (number) AS (
    SELECT coalesce((SELECT max(seq) >> 16 FROM entries), 0)
    UNION ALL SELECT number - 1 FROM part WHERE number > 0
)
SELECT seq FROM entries INDEXED BY entries_subject
WHERE seq >> 16 IN (SELECT number FROM part) AND subject = :subject AND subject IS NOT NULL
    AND series IN ({_SERIES}) {_IN_TIME}
ORDER BY seq DESC LIMIT :limit
"""  # noqa: S608 - put together from constants
_LATEST: Final = f"SELECT seq FROM entries WHERE TRUE {_IN_TIME} ORDER BY seq DESC LIMIT :limit"  # noqa: S608
_FOUND: Final = """
SELECT e.seq, e.node, e.nseq, e.data, nullif(k.key, zeroblob(32)) AS key
FROM entries e LEFT JOIN detail_keys k ON k.node = e.node AND k.nseq = e.nseq
WHERE e.seq = ?
"""


def find_entries(
    connection: sqlite3.Connection, where: EntryFilter, before: int | None, limit: int
) -> list[FoundEntry]:
    """Return one page of entries, latest first."""
    parameters = rows.from_entry_filter(where)
    parameters |= {"first": 0, "before": _END if before is None else before, "limit": limit}
    if where.since is not None or where.until is not None:
        places = connection.execute(_PLACES, parameters).fetchone()
        if places["first"] is None:
            return []
        parameters["first"] = places["first"]
        parameters["before"] = min(int(places["before"]), _END if before is None else before)
    return [_found(connection, seq) for seq in _places(connection, where, parameters)[:limit]]


def _places(
    connection: sqlite3.Connection, where: EntryFilter, parameters: Parameters
) -> list[int]:
    if where.application is not None:
        return _seqs(connection, _OF_APPLICATION, parameters)
    if where.subjects:
        found = {
            seq
            for subject in where.subjects
            for seq in _seqs(connection, _OF_SUBJECT, {**parameters, "subject": subject})
        }
        return sorted(found, reverse=True)
    if where.actions or where.municipality or where.actor is not None or where.actor_kind:
        return _in_series(connection, parameters)
    return _seqs(connection, _LATEST, parameters)


def _in_series(connection: sqlite3.Connection, parameters: Parameters) -> list[int]:
    found: list[int] = []
    limit, first = int(parameters["limit"] or 0), parameters["first"]
    for row in connection.execute(_OF_SERIES, parameters).fetchall():
        if len(found) == limit:
            first = found[-1] + 1
            if row["latest"] < first:
                break
        more = _seqs(
            connection, _IN_SERIES, {**parameters, "series": row["series"], "first": first}
        )
        found = sorted([*found, *more], reverse=True)[:limit]
    return found


def _seqs(connection: sqlite3.Connection, query: str, parameters: Parameters) -> list[int]:
    return [row["seq"] for row in connection.execute(query, parameters)]


def _found(connection: sqlite3.Connection, seq: int) -> FoundEntry:
    row = connection.execute(_FOUND, (seq,)).fetchone()
    entry = rows.to_entry(row)
    return FoundEntry(
        position=seq, entry=entry, index=index_of(connection, entry), detail_key=row["key"]
    )
