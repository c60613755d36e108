"""How many deliveries are where, and which are the oldest: whoever asks reads a few rows.

The totals are kept by triggers, in the transaction of each change of a state (migration 3).
"""

import sqlite3
from datetime import datetime
from typing import Final

from gateway.domain.identifiers import DestinationName
from gateway.domain.lifecycle import State
from gateway.drivers.journal_sqlite import rows

_UNFINISHED: Final = """
SELECT coalesce(sum(deliveries), 0) AS deliveries FROM delivery_counts
WHERE state IN ('pending', 'queued', 'sending', 'retrying', 'in_doubt', 'parked')
"""
_COUNTS: Final = """
SELECT destination, state, sum(deliveries) AS deliveries FROM delivery_counts
WHERE deliveries > 0 GROUP BY destination, state
"""
_OLDEST: Final = """
SELECT counted.destination, counted.state, a.accepted_at
FROM (
    SELECT DISTINCT destination, state FROM delivery_counts
    WHERE deliveries > 0
        AND state IN ('pending', 'queued', 'sending', 'retrying', 'in_doubt', 'parked')
) counted
JOIN applications a ON a.id = (
    SELECT d.application_id FROM deliveries d INDEXED BY deliveries_listed
    WHERE d.destination = counted.destination AND d.state = counted.state
    ORDER BY d.application_id LIMIT 1
)
"""
_HALTED_KEYS: Final = """
SELECT destination, count(DISTINCT order_key) AS keys
FROM deliveries INDEXED BY deliveries_halted
WHERE order_key IS NOT NULL AND state IN ('parked', 'in_doubt')
GROUP BY destination
"""


def counts(connection: sqlite3.Connection) -> dict[DestinationName, dict[State, int]]:
    """Return how many deliveries each destination has in each state."""
    counted: dict[DestinationName, dict[State, int]] = {}
    for row in connection.execute(_COUNTS):
        counted.setdefault(row["destination"], {})[State(row["state"])] = row["deliveries"]
    return counted


def unfinished(connection: sqlite3.Connection) -> int:
    """Return how many deliveries are not final."""
    return int(connection.execute(_UNFINISHED).fetchone()["deliveries"])


def oldest(connection: sqlite3.Connection) -> dict[DestinationName, dict[State, datetime]]:
    """Return when the oldest of each destination's unfinished states was accepted."""
    found: dict[DestinationName, dict[State, datetime]] = {}
    for row in connection.execute(_OLDEST):
        accepted_at = rows.to_time(row["accepted_at"])
        found.setdefault(row["destination"], {})[State(row["state"])] = accepted_at
    return found


def halted_keys(connection: sqlite3.Connection) -> dict[DestinationName, int]:
    """Return how many keys of each destination stand still."""
    return {row["destination"]: row["keys"] for row in connection.execute(_HALTED_KEYS)}
