"""Reading the sealed log."""

import sqlite3
from collections.abc import Sequence
from typing import Final

from gateway.audit.acceptance import is_acceptance
from gateway.domain.entry import StoredEntry
from gateway.domain.identifiers import ApplicationId, NodeName
from gateway.drivers.journal_sqlite import rows
from gateway.drivers.journal_sqlite.sealing import NODES, to_run
from gateway.ports.audit_log import Run

_CHECKPOINTS: Final = "SELECT checkpoint FROM log_checkpoints ORDER BY size"
_UNSEALED: Final = f"""
SELECT coalesce(sum(max(
    0, 1 + (SELECT max(nseq) FROM entries e WHERE e.node = n.node) - n.next
)), 0) AS entries
FROM ({NODES}) n
"""  # noqa: S608 - put together from constants
_INDEX: Final = """
SELECT first_index + :nseq - first_nseq AS place FROM log_runs
WHERE node = :node AND first_nseq <= :nseq AND first_nseq + length > :nseq
ORDER BY first_nseq DESC LIMIT 1
"""
_SEALED: Final = """
SELECT r.first_index + e.nseq - r.first_nseq AS place, e.node, e.nseq, e.data
FROM log_runs r CROSS JOIN entries e
WHERE r.first_index >= (
        SELECT coalesce(max(first_index), 0) FROM log_runs WHERE first_index <= :first
    )
    AND r.first_index < :first + :limit
    AND e.node = r.node
    AND e.nseq >= r.first_nseq + max(:first - r.first_index, 0)
    AND e.nseq < r.first_nseq + min(r.length, :first + :limit - r.first_index)
ORDER BY r.first_index, e.nseq
"""
_BEHIND: Final = """
SELECT node, nseq, data FROM entries WHERE (node, nseq) > (?, ?) ORDER BY node, nseq LIMIT ?
"""
# Also what stands before every place that there is: somebody has put it there.
_FIRST: Final = "SELECT node, nseq, data FROM entries ORDER BY node, nseq LIMIT ?"
_RUNS: Final = """
SELECT first_index, node, first_nseq, length FROM log_runs
WHERE first_index > ? ORDER BY first_index LIMIT ?
"""
_ACCEPTANCE: Final = """
SELECT node, nseq, data FROM entries
WHERE application_id = ? AND action = 'application.accepted' ORDER BY seq
"""
_ACCEPTED: Final = "SELECT id FROM applications WHERE id > ? ORDER BY id LIMIT ?"
_STATES: Final = """
SELECT application_id, id, state FROM deliveries WHERE id > ? ORDER BY id LIMIT ?
"""


def checkpoints(connection: sqlite3.Connection) -> list[str]:
    """Return the signed notes that are kept, oldest first."""
    return [row["checkpoint"] for row in connection.execute(_CHECKPOINTS)]


def unsealed(connection: sqlite3.Connection) -> int:
    """Return how many entries have no index."""
    return int(connection.execute(_UNSEALED).fetchone()["entries"])


def index_of(connection: sqlite3.Connection, entry: StoredEntry) -> int | None:
    """Return an entry's index, if it is sealed."""
    row = connection.execute(_INDEX, {"node": entry.node, "nseq": entry.nseq}).fetchone()
    return None if row is None else int(row["place"])


def sealed(connection: sqlite3.Connection, first: int, limit: int) -> list[StoredEntry]:
    """Return one page of the sealed entries, as far as none is missing."""
    found: list[StoredEntry] = []
    for row in connection.execute(_SEALED, {"first": first, "limit": limit}):
        if row["place"] != first + len(found):
            break
        found.append(rows.to_entry(row))
    return found


def behind(
    connection: sqlite3.Connection, after: tuple[NodeName, int] | None, limit: int
) -> list[StoredEntry]:
    """Return one page of all entries, from behind a node and place, or from the first."""
    if after is None:
        found = connection.execute(_FIRST, (limit,))
    else:
        found = connection.execute(_BEHIND, (*after, limit))
    return [rows.to_entry(row) for row in found]


def runs(connection: sqlite3.Connection, after: int, limit: int) -> list[Run]:
    """Return runs that begin behind an index."""
    return [to_run(row) for row in connection.execute(_RUNS, (after, limit))]


def acceptance_of(
    connection: sqlite3.Connection, application_id: ApplicationId
) -> StoredEntry | None:
    """Return the entry of an application's acceptance."""
    stored = connection.execute(_ACCEPTANCE, (application_id.bytes,))
    found = [
        entry for row in stored if is_acceptance(entry := rows.to_entry(row), str(application_id))
    ]
    if len(found) > 1:
        # Somebody has put another one beside it: what was sealed first counts.
        places = [(index_of(connection, entry), entry) for entry in found]
        sealed = [(place, entry) for place, entry in places if place is not None]
        return min(sealed, key=lambda each: each[0])[1] if sealed else found[0]
    return found[0] if found else None


def accepted(connection: sqlite3.Connection, after: bytes, limit: int) -> Sequence[bytes]:
    """Return one page of the applications' ids."""
    return [row["id"] for row in connection.execute(_ACCEPTED, (after, limit))]


def states(
    connection: sqlite3.Connection, after: bytes, limit: int
) -> list[tuple[bytes, bytes, str]]:
    """Return one page of deliveries: whose they are, their ids and states."""
    return [tuple(row) for row in connection.execute(_STATES, (after, limit))]
