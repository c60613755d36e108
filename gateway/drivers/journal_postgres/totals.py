"""How many deliveries are where, and which are the oldest: whoever asks reads a few rows.

The totals are kept by triggers, in the transaction of each change of a state (migration 3).
"""

from datetime import datetime
from typing import Final

from asyncpg import Connection

from gateway.domain.identifiers import DestinationName
from gateway.domain.lifecycle import State

_UNFINISHED: Final = """
SELECT coalesce(sum(deliveries), 0) AS deliveries FROM delivery_counts
WHERE state IN ('pending', 'queued', 'sending', 'retrying', 'in_doubt', 'parked')
"""
_COUNTS: Final = """
SELECT destination, state, sum(deliveries) AS deliveries FROM delivery_counts
GROUP BY destination, state HAVING sum(deliveries) > 0
"""
_OLDEST: Final = """
SELECT counted.destination, counted.state, a.accepted_at
FROM (
    SELECT destination, state FROM delivery_counts
    WHERE state IN ('pending', 'queued', 'sending', 'retrying', 'in_doubt', 'parked')
    GROUP BY destination, state HAVING sum(deliveries) > 0
) counted
CROSS JOIN LATERAL (
    SELECT d.application_id FROM deliveries d
    WHERE d.destination COLLATE "C" = counted.destination AND d.state COLLATE "C" = counted.state
    ORDER BY d.application_id LIMIT 1
) oldest
JOIN applications a ON a.id = oldest.application_id
"""
_HALTED_KEYS: Final = """
SELECT destination, count(DISTINCT order_key) AS keys FROM deliveries
WHERE order_key IS NOT NULL AND state IN ('parked', 'in_doubt')
GROUP BY destination
"""


async def size_bytes(connection: Connection) -> int:
    """Return the size of the whole database, with its indices."""
    return int(await connection.fetchval("SELECT pg_database_size(current_database())"))


async def counts(connection: Connection) -> dict[DestinationName, dict[State, int]]:
    """Return how many deliveries each destination has in each state."""
    counted: dict[DestinationName, dict[State, int]] = {}
    for row in await connection.fetch(_COUNTS):
        counted.setdefault(row["destination"], {})[State(row["state"])] = int(row["deliveries"])
    return counted


async def unfinished(connection: Connection) -> int:
    """Return how many deliveries are not final."""
    return int(await connection.fetchval(_UNFINISHED))


async def oldest(connection: Connection) -> dict[DestinationName, dict[State, datetime]]:
    """Return when the oldest of each destination's unfinished states was accepted."""
    found: dict[DestinationName, dict[State, datetime]] = {}
    for row in await connection.fetch(_OLDEST):
        found.setdefault(row["destination"], {})[State(row["state"])] = row["accepted_at"]
    return found


async def halted_keys(connection: Connection) -> dict[DestinationName, int]:
    """Return how many keys of each destination stand still."""
    return {row["destination"]: row["keys"] for row in await connection.fetch(_HALTED_KEYS)}
