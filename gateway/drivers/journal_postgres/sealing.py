"""Sealing: entries that have no index get one, whichever process stored them.

One process at a time, by a lock that ends with its transaction. What is unsealed is read by
one statement, so as of one instant, each node's from where it was left: a transaction that
commits late is not passed over. Entries are taken by their ``id``, which the server gives out
one by one as they are inserted: what was committed before another entry was inserted
has the smaller one, and is there to be taken with it or before it.
"""

from collections.abc import Callable, Sequence
from typing import Final

from asyncpg import Connection, IntegrityConstraintViolationError, Record

from gateway.audit.runs import LastRun, check, check_ends, joined, last_tiles
from gateway.domain.errors import JournalUnavailableError
from gateway.drivers.journal_postgres import rows
from gateway.ports.audit_log import LogHead, Run, Seal, TileId, Unsealed

_LOCK: Final = 0x6B616B65_7365616C
"""Advisory lock of the one sequencer."""
_TRY_LOCK: Final = "SELECT pg_try_advisory_xact_lock($1)"
_KNOWN: Final = """
WITH RECURSIVE known (node) AS (
    (SELECT node FROM entries ORDER BY node LIMIT 1)
    UNION ALL
    SELECT (SELECT e.node FROM entries e WHERE e.node > known.node ORDER BY e.node LIMIT 1)
    FROM known WHERE known.node IS NOT NULL
), places AS (
    SELECT node, coalesce((
        SELECT r.first_nseq + r.length FROM log_runs r
        WHERE r.node = known.node ORDER BY r.first_nseq DESC LIMIT 1
    ), 1) AS next
    FROM known WHERE node IS NOT NULL
)
"""
"""Every node with the place of its first entry that is not sealed, which may not be there yet."""
_LAST_RUNS: Final = """
WITH RECURSIVE known (node) AS (
    (SELECT node FROM log_runs ORDER BY node LIMIT 1)
    UNION ALL
    SELECT (SELECT r.node FROM log_runs r WHERE r.node > known.node ORDER BY r.node LIMIT 1)
    FROM known WHERE known.node IS NOT NULL
)
SELECT last.*, (
    SELECT r.first_index FROM log_runs r
    WHERE r.first_index > last.first_index ORDER BY r.first_index LIMIT 1
) AS following
FROM known CROSS JOIN LATERAL (
    SELECT first_index, node, first_nseq, length FROM log_runs
    WHERE node = known.node ORDER BY first_nseq DESC LIMIT 1
) last
"""
_HEAD: Final = "SELECT size, root, checkpoint, sealed_at FROM log_head"
_TILES: Final = """
SELECT t.level, t.position, t.hashes
FROM unnest($1::smallint[], $2::bigint[]) AS wanted (level, position)
JOIN log_tiles t ON t.level = wanted.level AND t.position = wanted.position
"""
# The window keeps each node's order, whatever anybody did to the numbers.
_UNSEALED: Final = f"""{_KNOWN}
SELECT e.node, e.nseq, e.data
FROM places
CROSS JOIN LATERAL (
    SELECT id, node, nseq, data FROM entries
    WHERE node = places.node AND nseq >= places.next ORDER BY nseq LIMIT $1
) e
ORDER BY max(e.id) OVER (PARTITION BY e.node ORDER BY e.nseq), e.node, e.nseq
LIMIT $1
"""  # noqa: S608 - put together from constants
_BEFORE: Final = f"""{_KNOWN}
SELECT e.node, e.nseq, e.data
FROM places JOIN entries e ON e.node = places.node AND e.nseq = places.next - 1
WHERE places.node = ANY($1)
"""  # noqa: S608 - put together from constants
COUNT_UNSEALED: Final = f"""{_KNOWN}
SELECT coalesce(sum(greatest(
    0, 1 + (SELECT max(nseq) FROM entries e WHERE e.node = places.node) - places.next
)), 0)::bigint
FROM places
"""  # noqa: S608 - put together from constants
_LAST_RUN: Final = """
SELECT first_index, node, first_nseq, length FROM log_runs ORDER BY first_index DESC LIMIT 1
"""
_PUT_RUNS: Final = """
INSERT INTO log_runs (first_index, node, first_nseq, length)
SELECT * FROM unnest($1::bigint[], $2::text[], $3::bigint[], $4::bigint[])
ON CONFLICT (first_index) DO UPDATE SET length = excluded.length
WHERE log_runs.length <> excluded.length
"""
_PUT_TILES: Final = """
INSERT INTO log_tiles (level, position, hashes)
SELECT * FROM unnest($1::smallint[], $2::bigint[], $3::bytea[])
ON CONFLICT (level, position) DO UPDATE SET hashes = excluded.hashes
"""
_FIRST_HEAD: Final = """
INSERT INTO log_head (one, size, root, checkpoint, sealed_at) VALUES (1, $1, $2, $3, $4)
ON CONFLICT DO NOTHING RETURNING size
"""
_NEXT_HEAD: Final = """
UPDATE log_head SET size = $1, root = $2, checkpoint = $3, sealed_at = $4
WHERE size = $5 AND root = $6 RETURNING size
"""
_FORGET_CHECKPOINT: Final = """
DELETE FROM log_checkpoints WHERE size = (SELECT max(size) FROM log_checkpoints) AND hour = $1
"""
_KEEP_CHECKPOINT: Final = """
INSERT INTO log_checkpoints (size, hour, checkpoint) VALUES ($1, $2, $3)
"""
_HOUR_S: Final = 60 * 60


class RuleError(Exception):
    """Carries what a rule raised past those who look for errors of the database."""

    def __init__(self, error: Exception) -> None:
        """Carry ``error``."""
        super().__init__()
        self.error = error


async def seal(
    connection: Connection, rule: Callable[[Unsealed], Seal], limit: int
) -> LogHead | None:
    """Let ``rule`` seal what has no index.

    Raises:
        RuleError: ``rule`` raised something, its seal is none, or what is stored contradicts it.
    """
    # A statement of its own: those after it see what the sequencer before has committed.
    if not await connection.fetchval(_TRY_LOCK, _LOCK):
        return None
    try:
        unsealed = await _find(connection, limit)
    except ValueError as error:
        raise RuleError(error) from error
    if unsealed is None:
        return None
    try:
        sealed = rule(unsealed)
        check(sealed, unsealed)
    except Exception as error:  # a rule may raise anything; its caller gets it
        raise RuleError(error) from error
    try:
        await _store(connection, unsealed.head, sealed)
    except IntegrityConstraintViolationError as error:
        # Somebody has written rows beside which ours cannot stand: trying again mends nothing.
        raise RuleError(ValueError("contradicted", error.sqlstate)) from error
    return sealed.head


async def head(connection: Connection) -> LogHead | None:
    """Return the log as it was last sealed."""
    row = await connection.fetchrow(_HEAD)
    if row is None:
        return None
    return LogHead(
        size=row["size"],
        root=row["root"],
        checkpoint=row["checkpoint"],
        sealed_at=row["sealed_at"],
    )


async def tiles(connection: Connection, wanted: Sequence[TileId]) -> dict[TileId, bytes]:
    """Return those of the tiles that are stored."""
    levels, positions = [tile.level for tile in wanted], [tile.position for tile in wanted]
    found = await connection.fetch(_TILES, levels, positions)
    return {TileId(row["level"], row["position"]): row["hashes"] for row in found}


def to_run(row: Record) -> Run:
    """Return a row of ``log_runs``."""
    return Run(
        first_index=row["first_index"],
        node=row["node"],
        first_nseq=row["first_nseq"],
        length=row["length"],
    )


async def _find(connection: Connection, limit: int) -> Unsealed | None:
    """Return what is to be sealed next, if there is anything.

    Raises:
        ValueError: The runs are not those of the head: where nodes were left is not known.
    """
    found = await head(connection)
    size = 0 if found is None else found.size
    last = await connection.fetch(_LAST_RUNS)
    check_ends([LastRun(to_run(row), row["following"]) for row in last], size)
    entries = [rows.to_entry(row) for row in await connection.fetch(_UNSEALED, limit)]
    if not entries:
        return None
    before = await connection.fetch(_BEFORE, sorted({entry.node for entry in entries}))
    return Unsealed(
        head=found,
        edge=await tiles(connection, last_tiles(size)),
        before={row["node"]: rows.to_entry(row) for row in before},
        entries=entries,
    )


async def _store(connection: Connection, found: LogHead | None, sealed: Seal) -> None:
    new = sealed.head
    values = (new.size, new.root, new.checkpoint, new.sealed_at)
    if found is None:
        replaced = await connection.fetchval(_FIRST_HEAD, *values)
    else:
        replaced = await connection.fetchval(_NEXT_HEAD, *values, found.size, found.root)
    if replaced is None:
        raise JournalUnavailableError("log_head")
    last = await connection.fetchrow(_LAST_RUN)
    runs = joined([*([] if last is None else [to_run(last)]), *sealed.runs])
    columns = rows.columns(
        [(run.first_index, run.node, run.first_nseq, run.length) for run in runs]
    )
    await connection.execute(_PUT_RUNS, *columns)
    changed = [(tile.level, tile.position, hashes) for tile, hashes in sealed.tiles.items()]
    if changed:
        await connection.execute(_PUT_TILES, *rows.columns(changed))
    hour = int(new.sealed_at.timestamp()) // _HOUR_S
    await connection.execute(_FORGET_CHECKPOINT, hour)
    await connection.execute(_KEEP_CHECKPOINT, new.size, hour, new.checkpoint)
