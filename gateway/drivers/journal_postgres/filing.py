"""What stands beside an entry's bytes and is not sealed: where that may be another than they say.

The database itself compares, by how every entry is written (``audit.chain``): it begins with
action, actor, application, time and delivery, and ends with municipality, node and subject. In its
strings every quote is escaped, so that nothing else looks like them.
"""

from typing import Final

from asyncpg import Connection

from gateway.domain.entry import StoredEntry
from gateway.ports.audit_log import FiledEntry

PAGE_ENTRIES: Final = 20_000
"""So many are compared at a time; about 0.1 s."""

_LAST: Final = """
SELECT max(id) FROM (SELECT id FROM entries WHERE id > $1 ORDER BY id LIMIT $2) page
"""
_MISFILED: Final = """
SELECT * FROM (
    SELECT *,
        '{"action":' || to_json(action) || ',"actor":{"kind":' || to_json(actor_kind)
            || ',"name":' || to_json(actor) || '},'
            || coalesce('"application":"' || application || '",', '')
            || '"at":"' || at || '"' || coalesce(',"delivery":"' || delivery || '"', '') AS head,
        '}' || coalesce(',"municipality":"' || municipality || '"', '')
            || ',"node":"' || node || '","nprev":"' AS link,
        '"nseq":' || nseq || coalesce(',"subject":"' || subject || '"', '') || ',"v":' AS ending
    FROM (
        SELECT e.id, e.node, e.nseq, e.data, e.action, s.action AS series,
            nullif(s.municipality, '') AS municipality, s.actor_kind, s.actor,
            e.application_id::text AS application,
            e.delivery_id::text AS delivery,
            to_char(e.at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') AS at,
            encode(e.subject, 'hex') AS subject,
            k.key IS NOT NULL AND k.key <> decode(repeat('00', 32), 'hex') AS has_key
        FROM entries e
        LEFT JOIN entry_series s ON s.id = e.series
        LEFT JOIN detail_keys k ON k.node = e.node AND k.nseq = e.nseq
        WHERE e.id > $1 AND e.id <= $2
    ) columns
) said
WHERE (
    action = series
    AND (
        position(convert_to(head || ',"facts":{', 'UTF8') IN data) = 1
        OR has_key AND position(convert_to(head || ',"detail":"', 'UTF8') IN data) = 1
    )
    AND position(convert_to(link, 'UTF8') IN data) > 0
    AND position(convert_to(ending, 'UTF8') IN data) > 0
) IS NOT TRUE
ORDER BY id
"""
_NAMES: Final = (
    "action",
    "series",
    "municipality",
    "actor_kind",
    "actor",
    "application",
    "delivery",
    "at",
    "subject",
)


async def misfiled(connection: Connection, after: int) -> tuple[int | None, list[FiledEntry]]:
    """Return the last of a page of entries, and those of them that may be filed wrongly."""
    last = await connection.fetchval(_LAST, after, PAGE_ENTRIES)
    if last is None:
        return None, []
    return last, [
        FiledEntry(
            position=row["id"],
            entry=StoredEntry(node=row["node"], nseq=row["nseq"], data=row["data"]),
            filed={name: row[name] for name in _NAMES},
            has_key=row["has_key"],
        )
        for row in await connection.fetch(_MISFILED, after, last)
    ]
