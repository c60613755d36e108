"""Reading the sealed log."""

from typing import Final
from uuid import UUID

from asyncpg import Connection

from gateway.domain.entry import StoredEntry
from gateway.domain.identifiers import ApplicationId, NodeName
from gateway.drivers.journal_postgres import rows
from gateway.drivers.journal_postgres.sealing import COUNT_UNSEALED, to_run
from gateway.ports.audit_log import Run

_CHECKPOINTS: Final = "SELECT checkpoint FROM log_checkpoints ORDER BY size"
_INDEX: Final = """
SELECT first_index + $2 - first_nseq FROM (
    SELECT first_index, first_nseq, length FROM log_runs
    WHERE node = $1 AND first_nseq <= $2 ORDER BY first_nseq DESC LIMIT 1
) run WHERE first_nseq + length > $2
"""
_SEALED: Final = """
SELECT run.first_index + e.nseq - run.first_nseq AS place, e.node, e.nseq, e.data
FROM (
    SELECT * FROM log_runs
    WHERE first_index >= coalesce(
            (SELECT max(first_index) FROM log_runs WHERE first_index <= $1::bigint), 0
        )
        AND first_index < $1::bigint + $2
    ORDER BY first_index
) run
CROSS JOIN LATERAL (
    SELECT node, nseq, data FROM entries
    WHERE node = run.node
        AND nseq >= run.first_nseq + greatest($1::bigint - run.first_index, 0)
        AND nseq < run.first_nseq + least(run.length, $1::bigint + $2 - run.first_index)
    ORDER BY nseq LIMIT $2
) e
ORDER BY run.first_index, e.nseq
"""
_BEHIND: Final = """
SELECT node, nseq, data FROM entries WHERE (node, nseq) > ($1, $2) ORDER BY node, nseq LIMIT $3
"""
_RUNS: Final = """
SELECT first_index, node, first_nseq, length FROM log_runs
WHERE first_index > $1 ORDER BY first_index LIMIT $2
"""
_ACCEPTANCE: Final = """
SELECT node, nseq, data FROM entries
WHERE application_id = $1 AND action = 'application.accepted' ORDER BY id LIMIT 1
"""
_ACCEPTED: Final = "SELECT id FROM applications WHERE id > $1 ORDER BY id LIMIT $2"


async def checkpoints(connection: Connection) -> list[str]:
    """Return the signed notes that are kept, oldest first."""
    return [row["checkpoint"] for row in await connection.fetch(_CHECKPOINTS)]


async def unsealed(connection: Connection) -> int:
    """Return how many entries have no index."""
    return int(await connection.fetchval(COUNT_UNSEALED))


async def index_of(connection: Connection, entry: StoredEntry) -> int | None:
    """Return an entry's index, if it is sealed."""
    place = await connection.fetchval(_INDEX, entry.node, entry.nseq)
    return None if place is None else int(place)


async def sealed(connection: Connection, first: int, limit: int) -> list[StoredEntry]:
    """Return one page of the sealed entries, as far as none is missing."""
    found: list[StoredEntry] = []
    for row in await connection.fetch(_SEALED, first, limit):
        if row["place"] != first + len(found):
            break
        found.append(rows.to_entry(row))
    return found


async def behind(
    connection: Connection, node: NodeName, nseq: int, limit: int
) -> list[StoredEntry]:
    """Return one page of all entries, from behind ``node`` and ``nseq``."""
    return [rows.to_entry(row) for row in await connection.fetch(_BEHIND, node, nseq, limit)]


async def runs(connection: Connection, after: int, limit: int) -> list[Run]:
    """Return runs that begin behind an index."""
    return [to_run(row) for row in await connection.fetch(_RUNS, after, limit)]


async def acceptance_of(
    connection: Connection, application_id: ApplicationId
) -> StoredEntry | None:
    """Return the entry of an application's acceptance."""
    row = await connection.fetchrow(_ACCEPTANCE, application_id)
    return None if row is None else rows.to_entry(row)


async def accepted(connection: Connection, after: UUID, limit: int) -> list[UUID]:
    """Return one page of the applications' ids."""
    return [row["id"] for row in await connection.fetch(_ACCEPTED, after, limit)]
