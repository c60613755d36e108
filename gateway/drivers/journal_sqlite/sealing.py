"""Sealing: entries that have no index get one, in a step of the writer.

There is one writer, and it reads what it wrote itself: nobody else seals at the same time,
and entries are taken in the order in which they were committed.
"""

import heapq
import sqlite3
from collections.abc import Callable, Sequence
from itertools import islice
from typing import Final

from gateway.audit.runs import LastRun, check, check_ends, joined, last_tiles
from gateway.domain.entry import StoredEntry
from gateway.domain.identifiers import NodeName
from gateway.drivers.journal_sqlite import rows
from gateway.ports.audit_log import LogHead, Run, Seal, TileId, Unsealed

NODES: Final = """
WITH RECURSIVE known (node) AS (
    SELECT min(node) FROM entries
    UNION ALL
    SELECT (SELECT min(node) FROM entries WHERE node > known.node) FROM known
    WHERE known.node IS NOT NULL
)
SELECT node, coalesce((
    SELECT first_nseq + length FROM log_runs r
    WHERE r.node = known.node ORDER BY first_nseq DESC LIMIT 1
), 1) AS next
FROM known WHERE node IS NOT NULL
"""
"""Every node with the place of its first entry that is not sealed, which may not be there yet."""
_LAST_RUNS: Final = """
WITH RECURSIVE known (node) AS (
    SELECT min(node) FROM log_runs
    UNION ALL
    SELECT (SELECT min(node) FROM log_runs WHERE node > known.node) FROM known
    WHERE known.node IS NOT NULL
)
SELECT r.first_index, r.node, r.first_nseq, r.length,
    (SELECT min(first_index) FROM log_runs WHERE first_index > r.first_index) AS following
FROM known k CROSS JOIN log_runs r
WHERE r.node = k.node
    AND r.first_nseq = (SELECT max(first_nseq) FROM log_runs WHERE node = k.node)
"""
HEAD: Final = "SELECT size, root, checkpoint, sealed_at FROM log_head"
TILE: Final = "SELECT hashes FROM log_tiles WHERE level = ? AND position = ?"
_UNSEALED_OF: Final = """
SELECT seq, node, nseq, data FROM entries WHERE node = ? AND nseq >= ? ORDER BY nseq LIMIT ?
"""
_ENTRY: Final = "SELECT node, nseq, data FROM entries WHERE node = ? AND nseq = ?"
_LAST_RUN: Final = """
SELECT first_index, node, first_nseq, length FROM log_runs ORDER BY first_index DESC LIMIT 1
"""
_PUT_RUN: Final = """
INSERT INTO log_runs (first_index, node, first_nseq, length) VALUES (?, ?, ?, ?)
ON CONFLICT (first_index) DO UPDATE SET length = excluded.length
"""
_PUT_TILE: Final = """
INSERT INTO log_tiles (level, position, hashes) VALUES (?, ?, ?)
ON CONFLICT (level, position) DO UPDATE SET hashes = excluded.hashes
"""
_PUT_HEAD: Final = """
INSERT INTO log_head (one, size, root, checkpoint, sealed_at) VALUES (1, ?, ?, ?, ?)
ON CONFLICT (one) DO UPDATE SET
    size = excluded.size, root = excluded.root, checkpoint = excluded.checkpoint,
    sealed_at = excluded.sealed_at
"""
_FORGET_CHECKPOINT: Final = """
DELETE FROM log_checkpoints
WHERE size = (SELECT max(size) FROM log_checkpoints) AND hour = ?
"""
_KEEP_CHECKPOINT: Final = """
INSERT INTO log_checkpoints (size, hour, checkpoint) VALUES (?, ?, ?)
"""
_HOUR_US: Final = 60 * 60 * 1_000_000


def seal(
    connection: sqlite3.Connection, rule: Callable[[Unsealed], Seal], limit: int
) -> LogHead | None:
    """Let ``rule`` seal what has no index.

    Raises:
        ValueError: ``rule``'s seal is none, or what is stored of the log contradicts itself.
    """
    unsealed = find(connection, limit)
    if unsealed is None:
        return None
    sealed = rule(unsealed)
    check(sealed, unsealed)
    _store(connection, sealed)
    return sealed.head


def find(connection: sqlite3.Connection, limit: int) -> Unsealed | None:
    """Return what is to be sealed next, if there is anything.

    Raises:
        ValueError: The runs are not those of the head: where nodes were left is not known.
    """
    found = head(connection)
    size = 0 if found is None else found.size
    check_ends(_last_runs(connection), size)
    nodes = {row["node"]: row["next"] for row in connection.execute(NODES)}
    waiting = [
        connection.execute(_UNSEALED_OF, (node, place, limit)).fetchall()
        for node, place in nodes.items()
    ]
    # Each node's by ``nseq``, and all of them as they were committed.
    entries = list(islice(heapq.merge(*waiting, key=lambda row: int(row["seq"])), limit))
    if not entries:
        return None
    before: dict[NodeName, StoredEntry] = {}
    for node in sorted({row["node"] for row in entries}):
        row = connection.execute(_ENTRY, (node, nodes[node] - 1)).fetchone()
        if row is not None:
            before[node] = rows.to_entry(row)
    return Unsealed(
        head=found,
        edge=tiles(connection, last_tiles(size)),
        before=before,
        entries=[rows.to_entry(row) for row in entries],
    )


def head(connection: sqlite3.Connection) -> LogHead | None:
    """Return the log as it was last sealed."""
    row = connection.execute(HEAD).fetchone()
    if row is None:
        return None
    return LogHead(
        size=row["size"],
        root=row["root"],
        checkpoint=row["checkpoint"],
        sealed_at=rows.to_time(row["sealed_at"]),
    )


def tiles(connection: sqlite3.Connection, wanted: Sequence[TileId]) -> dict[TileId, bytes]:
    """Return those of the tiles that are stored."""
    found: dict[TileId, bytes] = {}
    for tile in wanted:
        row = connection.execute(TILE, (tile.level, tile.position)).fetchone()
        if row is not None:
            found[tile] = row["hashes"]
    return found


def to_run(row: sqlite3.Row) -> Run:
    """Return a row of ``log_runs``."""
    return Run(
        first_index=row["first_index"],
        node=row["node"],
        first_nseq=row["first_nseq"],
        length=row["length"],
    )


def _last_runs(connection: sqlite3.Connection) -> list[LastRun]:
    return [LastRun(to_run(row), row["following"]) for row in connection.execute(_LAST_RUNS)]


def _store(connection: sqlite3.Connection, sealed: Seal) -> None:
    last = connection.execute(_LAST_RUN).fetchone()
    runs = joined([*([] if last is None else [to_run(last)]), *sealed.runs])
    connection.executemany(
        _PUT_RUN, [(run.first_index, run.node, run.first_nseq, run.length) for run in runs]
    )
    connection.executemany(
        _PUT_TILE,
        [(tile.level, tile.position, hashes) for tile, hashes in sealed.tiles.items()],
    )
    new = sealed.head
    at = rows.from_time(new.sealed_at)
    connection.execute(_PUT_HEAD, (new.size, new.root, new.checkpoint, at))
    connection.execute(_FORGET_CHECKPOINT, (at // _HOUR_US,))
    connection.execute(_KEEP_CHECKPOINT, (new.size, at // _HOUR_US, new.checkpoint))
