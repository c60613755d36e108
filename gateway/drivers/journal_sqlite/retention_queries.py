"""What the journal asks to find, and to delete, what has been kept for long enough."""

from typing import Final

TAKE_TURN: Final = """
INSERT INTO retention_turn AS known (one, node, until) VALUES (1, :node, :until)
ON CONFLICT (one) DO UPDATE SET node = excluded.node, until = excluded.until
WHERE (known.until <= :now OR known.until > :too_late OR known.node = excluded.node)
    AND (known.ended_at IS NULL OR known.ended_at <= :ended_before OR known.ended_at > :ahead)
"""
END_TURN: Final = """
UPDATE retention_turn SET until = 0, ended_at = ? WHERE node = ?
"""
TURN: Final = "SELECT node, until, ended_at FROM retention_turn"

# Only what still has a payload is looked at, in the order of acceptance.
PAYLOADS: Final = """
SELECT p.delivery_id AS id, d.municipality, d.updated_at,
    d.state IN ('delivered', 'cancelled') AS is_final
FROM payloads p CROSS JOIN deliveries d ON d.id = p.delivery_id
WHERE p.delivery_id > :after AND p.delivery_id < :bound
ORDER BY p.delivery_id LIMIT :limit
"""
FORGET_PAYLOAD: Final = "DELETE FROM payloads WHERE delivery_id = ?"

# Those that supersede one another go together, or none of them does.
APPLICATIONS: Final = """
WITH RECURSIVE first AS (
    SELECT id, superseded_by FROM applications
    WHERE id > :after AND id < :bound AND supersedes IS NULL
    ORDER BY id LIMIT :limit
), chain (root, depth, id, next) AS (
    SELECT id, 0, id, superseded_by FROM first
    UNION ALL
    SELECT c.root, c.depth + 1, a.id, a.superseded_by
    FROM chain c JOIN applications a ON a.id = c.next
)
SELECT c.root, c.id, a.municipality, a.accepted_at,
    (SELECT max(updated_at) FROM deliveries d WHERE d.application_id = c.id) AS ended_at,
    (
        SELECT max(f.received_at)
        FROM deliveries d CROSS JOIN feedback f ON f.delivery_id = d.id
        WHERE d.application_id = c.id
    ) AS heard_at,
    (
        SELECT group_concat(lower(hex(d.id)), ' ') FROM deliveries d WHERE d.application_id = c.id
    ) AS deliveries,
    EXISTS (
        SELECT 1 FROM deliveries d
        WHERE d.application_id = c.id AND d.state NOT IN ('delivered', 'cancelled')
    ) OR EXISTS (
        SELECT 1 FROM deliveries d CROSS JOIN replay_items i ON i.delivery_id = d.id
        CROSS JOIN replays r ON r.id = i.replay_id
        WHERE d.application_id = c.id AND r.state IN ('running', 'halted')
    ) AS is_held
FROM chain c JOIN applications a ON a.id = c.id
ORDER BY c.root, c.depth
"""
_DELIVERIES: Final = "(SELECT id FROM deliveries WHERE application_id = ?)"
FORGET_APPLICATION: Final = (
    f"DELETE FROM replay_items WHERE delivery_id IN {_DELIVERIES}",  # noqa: S608 - a constant
    "DELETE FROM webhooks WHERE application_id = ?",
    f"DELETE FROM feedback WHERE delivery_id IN {_DELIVERIES}",  # noqa: S608 - a constant
    f"DELETE FROM payloads WHERE delivery_id IN {_DELIVERIES}",  # noqa: S608 - a constant
    "DELETE FROM deliveries WHERE application_id = ?",
    "UPDATE detail_keys SET key = zeroblob(32) WHERE application_id = ? AND key <> zeroblob(32)",
    "DELETE FROM applications WHERE id = ?",
)

WORDS: Final = """
SELECT k.node, k.nseq, e.at, e.at < :latest AS is_old, s.municipality
FROM detail_keys k
JOIN entries e ON e.node = k.node AND e.nseq = k.nseq
LEFT JOIN entry_series s ON s.id = e.series
WHERE (k.node, k.nseq) > (:node, :nseq) AND k.key <> zeroblob(32)
ORDER BY k.node, k.nseq LIMIT :limit
"""
FORGET_WORDS: Final = "UPDATE detail_keys SET key = zeroblob(32) WHERE node = ? AND nseq = ?"

PAST: Final = (
    """
    DELETE FROM replays WHERE id IN (
        SELECT id FROM replays r
        WHERE r.updated_at < :before AND r.state IN ('finished', 'cancelled')
            AND NOT EXISTS (SELECT 1 FROM replay_items i WHERE i.replay_id = r.id)
        LIMIT :limit
    )
    """,
    """
    DELETE FROM approvals WHERE id IN (
        SELECT id FROM approvals WHERE state <> 'waiting' AND expires_at < :before LIMIT :limit
    )
    """,
    """
    DELETE FROM attention_notes WHERE id IN (
        SELECT id FROM attention_notes WHERE noted_at < :before LIMIT :limit
    )
    """,
)
"""Ended orders of whose deliveries none is left, decided approvals, old notes: as ``Past``."""
