"""Reading the sealed log."""

import sqlite3
from collections.abc import Sequence
from typing import Final

from gateway.domain.entry import StoredEntry
from gateway.domain.identifiers import ApplicationId, NodeName
from gateway.drivers.journal_sqlite import rows
from gateway.drivers.journal_sqlite.sealing import NODES, to_run
from gateway.ports.audit_log import Run

_CHECKPOINTS: Final = "SELECT checkpoint FROM log_checkpoints ORDER BY size"
_UNSEALED: Final = f"""
SELECT coalesce(sum(
    (SELECT count(*) FROM entries e WHERE e.node = n.node AND e.nseq >= n.next)
), 0) AS entries
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
_RUNS: Final = """
SELECT first_index, node, first_nseq, length FROM log_runs
WHERE first_index > ? ORDER BY first_index LIMIT ?
"""
_ACCEPTANCE: Final = """
SELECT node, nseq, data FROM entries
WHERE application_id = ? AND action = 'application.accepted' ORDER BY seq LIMIT 1
"""
_ACCEPTED: Final = "SELECT id FROM applications WHERE id > ? ORDER BY id LIMIT ?"


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
    connection: sqlite3.Connection, node: NodeName, nseq: int, limit: int
) -> list[StoredEntry]:
    """Return one page of all entries, from behind ``node`` and ``nseq``."""
    return [rows.to_entry(row) for row in connection.execute(_BEHIND, (node, nseq, limit))]


def runs(connection: sqlite3.Connection, after: int, limit: int) -> list[Run]:
    """Return runs that begin behind an index."""
    return [to_run(row) for row in connection.execute(_RUNS, (after, limit))]


def acceptance_of(
    connection: sqlite3.Connection, application_id: ApplicationId
) -> StoredEntry | None:
    """Return the entry of an application's acceptance."""
    row = connection.execute(_ACCEPTANCE, (application_id.bytes,)).fetchone()
    return None if row is None else rows.to_entry(row)


def accepted(connection: sqlite3.Connection, after: bytes, limit: int) -> Sequence[bytes]:
    """Return one page of the applications' ids."""
    return [row["id"] for row in connection.execute(_ACCEPTED, (after, limit))]
