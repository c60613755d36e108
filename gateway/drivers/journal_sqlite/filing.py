"""What stands beside an entry's bytes and is not sealed: where that may be another than they say.

The database itself compares, by how every entry is written (``audit.chain``): it begins with
action, actor, application, time and delivery, and ends with municipality, node and subject. In its
strings every quote is escaped, so that nothing else looks like them.
"""

import sqlite3
from typing import Final

from gateway.domain.entry import StoredEntry
from gateway.ports.audit_log import FiledEntry

PAGE_ENTRIES: Final = 20_000
"""So many are compared at a time; about 0.1 s."""

# Subqueries have a limit that is none: so they are not taken apart, and each text is made once.
_UUID: Final = """
CASE WHEN {0} IS NOT NULL THEN lower(
    substr(hex({0}), 1, 8) || '-' || substr(hex({0}), 9, 4) || '-' || substr(hex({0}), 13, 4)
    || '-' || substr(hex({0}), 17, 4) || '-' || substr(hex({0}), 21)
) END
"""
_LAST: Final = """
SELECT max(seq) AS last FROM (SELECT seq FROM entries WHERE seq > ? ORDER BY seq LIMIT ?)
"""
_MISFILED: Final = f"""
SELECT * FROM (
    SELECT *,
        '{{"action":' || json_quote(action) || ',"actor":{{"kind":' || json_quote(actor_kind)
            || ',"name":' || json_quote(actor) || '}},'
            || coalesce('"application":"' || application || '",', '')
            || '"at":"' || at || '"' || coalesce(',"delivery":"' || delivery || '"', '') AS head,
        '}}' || coalesce(',"municipality":"' || municipality || '"', '')
            || ',"node":"' || node || '","nprev":"' AS link,
        '"nseq":' || nseq || coalesce(',"subject":"' || subject || '"', '') || ',"v":' AS end
    FROM (
        SELECT e.seq, e.node, e.nseq, e.data, e.action, s.action AS series,
            nullif(s.municipality, '') AS municipality, s.actor_kind, s.actor,
            {_UUID.format("e.application_id")} AS application,
            {_UUID.format("e.delivery_id")} AS delivery,
            strftime('%Y-%m-%dT%H:%M:%S', (e.at - e.micros) / 1000000, 'unixepoch')
                || printf('.%03dZ', e.micros / 1000) AS at,
            CASE WHEN e.subject IS NOT NULL THEN lower(hex(e.subject)) END AS subject,
            k.key IS NOT NULL AND k.key <> zeroblob(32) AS has_key
        FROM (
            -- Integers are divided towards zero: there are times before 1970, too.
            SELECT *, (at % 1000000 + 1000000) % 1000000 AS micros FROM entries
            WHERE seq > ? AND seq <= ?
        ) e
        LEFT JOIN entry_series s ON s.id = e.series
        LEFT JOIN detail_keys k ON k.node = e.node AND k.nseq = e.nseq
        LIMIT -1
    )
    LIMIT -1
)
WHERE (
    action = series
    AND (
        instr(data, CAST(head || ',"facts":{{' AS BLOB)) = 1
        OR has_key AND instr(data, CAST(head || ',"detail":"' AS BLOB)) = 1
    )
    AND instr(data, CAST(link AS BLOB)) > 0
    AND instr(data, CAST(end AS BLOB)) > 0
) IS NOT TRUE
ORDER BY seq
"""  # noqa: S608 - put together from constants
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


def misfiled(connection: sqlite3.Connection, after: int) -> tuple[int | None, list[FiledEntry]]:
    """Return the last of a page of entries, and those of them that may be filed wrongly."""
    last = connection.execute(_LAST, (after, PAGE_ENTRIES)).fetchone()["last"]
    if last is None:
        return None, []
    return last, [
        FiledEntry(
            position=row["seq"],
            entry=StoredEntry(node=row["node"], nseq=row["nseq"], data=row["data"]),
            filed={name: row[name] for name in _NAMES},
            has_key=bool(row["has_key"]),
        )
        for row in connection.execute(_MISFILED, (after, last))
    ]
