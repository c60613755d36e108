"""Reading the sealed log."""

from typing import Final
from uuid import UUID

from asyncpg import Connection

from gateway.audit.acceptance import is_acceptance
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
# Also what stands before every place that there is: somebody has put it there.
_FIRST: Final = "SELECT node, nseq, data FROM entries ORDER BY node, nseq LIMIT $1"
_RUNS: Final = """
SELECT first_index, node, first_nseq, length FROM log_runs
WHERE first_index > $1 ORDER BY first_index LIMIT $2
"""
_ACCEPTANCE: Final = """
SELECT node, nseq, data FROM entries
WHERE application_id = $1 AND action = 'application.accepted' ORDER BY id
"""
_ACCEPTED: Final = "SELECT id FROM applications WHERE id > $1 ORDER BY id LIMIT $2"
_STATES: Final = """
SELECT application_id, id, state FROM deliveries WHERE id > $1 ORDER BY id LIMIT $2
"""


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
    connection: Connection, after: tuple[NodeName, int] | None, limit: int
) -> list[StoredEntry]:
    """Return one page of all entries, from behind a node and place, or from the first."""
    if after is None:
        found = await connection.fetch(_FIRST, limit)
    else:
        found = await connection.fetch(_BEHIND, *after, limit)
    return [rows.to_entry(row) for row in found]


async def runs(connection: Connection, after: int, limit: int) -> list[Run]:
    """Return runs that begin behind an index."""
    return [to_run(row) for row in await connection.fetch(_RUNS, after, limit)]


async def acceptance_of(
    connection: Connection, application_id: ApplicationId
) -> StoredEntry | None:
    """Return the entry of an application's acceptance."""
    stored = await connection.fetch(_ACCEPTANCE, application_id)
    found = [
        entry for row in stored if is_acceptance(entry := rows.to_entry(row), str(application_id))
    ]
    if len(found) > 1:
        # Somebody has put another one beside it: what was sealed first counts.
        places = [(await index_of(connection, entry), entry) for entry in found]
        sealed = [(place, entry) for place, entry in places if place is not None]
        return min(sealed, key=lambda each: each[0])[1] if sealed else found[0]
    return found[0] if found else None


async def accepted(connection: Connection, after: UUID, limit: int) -> list[UUID]:
    """Return one page of the applications' ids."""
    return [row["id"] for row in await connection.fetch(_ACCEPTED, after, limit)]


async def states(connection: Connection, after: UUID, limit: int) -> list[tuple[UUID, UUID, str]]:
    """Return one page of deliveries: whose they are, their ids and states."""
    return [tuple(row) for row in await connection.fetch(_STATES, after, limit)]
