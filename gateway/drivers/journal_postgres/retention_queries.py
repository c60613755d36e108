"""What the journal asks to find, and to delete, what has been kept for long enough."""

from typing import Final

TAKE_TURN: Final = """
INSERT INTO retention_turn AS known (one, node, until) VALUES (1, $1, $2)
ON CONFLICT (one) DO UPDATE SET node = excluded.node, until = excluded.until
WHERE (known.until <= $3 OR known.until > $4 OR known.node = excluded.node)
    AND (known.ended_at IS NULL OR known.ended_at <= $5 OR known.ended_at > $6)
RETURNING 1
"""
END_TURN: Final = """
UPDATE retention_turn SET until = to_timestamp(0), ended_at = $1 WHERE node = $2
"""
TURN: Final = "SELECT node, until, ended_at FROM retention_turn"

# Only what still has a payload is looked at, in the order of acceptance.
PAYLOADS: Final = """
SELECT p.delivery_id AS id, d.municipality, d.updated_at,
    d.state IN ('delivered', 'cancelled') AS is_final
FROM (
    SELECT delivery_id FROM payloads WHERE delivery_id > $1 AND delivery_id < $2
    ORDER BY delivery_id LIMIT $3
) p JOIN deliveries d ON d.id = p.delivery_id
ORDER BY p.delivery_id
"""
LOCK_DELIVERIES: Final = """
SELECT id FROM deliveries WHERE id = ANY($1::uuid[]) ORDER BY id FOR UPDATE
"""
FORGET_PAYLOADS: Final = "DELETE FROM payloads WHERE delivery_id = ANY($1::uuid[])"

# Those that supersede one another go together, or none of them does.
APPLICATIONS: Final = """
WITH RECURSIVE first AS (
    SELECT id, superseded_by FROM applications
    WHERE id > $1 AND id < $2 AND supersedes IS NULL
    ORDER BY id LIMIT $3
), chain (root, depth, id, next) AS (
    SELECT id, 0, id, superseded_by FROM first
    UNION ALL
    SELECT c.root, c.depth + 1, a.id, a.superseded_by
    FROM chain c JOIN applications a ON a.id = c.next
)
SELECT c.root, c.id, a.municipality, a.accepted_at,
    (SELECT max(updated_at) FROM deliveries d WHERE d.application_id = c.id) AS ended_at,
    (
        SELECT max(f.received_at) FROM deliveries d JOIN feedback f ON f.delivery_id = d.id
        WHERE d.application_id = c.id
    ) AS heard_at,
    (
        SELECT array_agg(d.id ORDER BY d.id) FROM deliveries d WHERE d.application_id = c.id
    ) AS deliveries,
    EXISTS (
        SELECT FROM deliveries d
        WHERE d.application_id = c.id AND d.state NOT IN ('delivered', 'cancelled')
    ) OR EXISTS (
        SELECT FROM deliveries d JOIN replay_items i ON i.delivery_id = d.id
        JOIN replays r ON r.id = i.replay_id
        WHERE d.application_id = c.id AND r.state IN ('running', 'halted')
    ) AS is_held
FROM chain c JOIN applications a ON a.id = c.id
ORDER BY c.root, c.depth
"""
# Before they are looked at a second time: whoever adds something locks them, too.
LOCK_APPLICATIONS: Final = """
SELECT id FROM applications WHERE id = ANY($1::uuid[]) ORDER BY id FOR UPDATE
"""
LOCK_THEIR_DELIVERIES: Final = """
SELECT id FROM deliveries WHERE application_id = ANY($1::uuid[]) ORDER BY id FOR UPDATE
"""
FORGET_APPLICATIONS: Final = (
    """
    DELETE FROM replay_items WHERE delivery_id IN (
        SELECT id FROM deliveries WHERE application_id = ANY($1::uuid[])
    )
    """,
    "DELETE FROM webhooks WHERE application_id = ANY($1::uuid[])",
    """
    DELETE FROM feedback WHERE delivery_id IN (
        SELECT id FROM deliveries WHERE application_id = ANY($1::uuid[])
    )
    """,
    """
    DELETE FROM payloads WHERE delivery_id IN (
        SELECT id FROM deliveries WHERE application_id = ANY($1::uuid[])
    )
    """,
    "DELETE FROM deliveries WHERE application_id = ANY($1::uuid[])",
    "DELETE FROM detail_keys WHERE application_id = ANY($1::uuid[])",
    "DELETE FROM applications WHERE id = ANY($1::uuid[])",
)

WORDS: Final = """
SELECT k.node, k.nseq, e.at, e.at < $3 AS is_old, s.municipality
FROM detail_keys k
JOIN entries e ON e.node = k.node AND e.nseq = k.nseq
LEFT JOIN entry_series s ON s.id = e.series
WHERE (k.node, k.nseq) > ($1, $2)
ORDER BY k.node, k.nseq LIMIT $4
"""
FORGET_WORDS: Final = """
DELETE FROM detail_keys k USING unnest($1::text[], $2::bigint[]) AS old (node, nseq)
WHERE k.node = old.node AND k.nseq = old.nseq
"""

PAST: Final = (
    """
    DELETE FROM replays WHERE id IN (
        SELECT id FROM replays r
        WHERE r.updated_at < $1 AND r.state IN ('finished', 'cancelled')
            AND NOT EXISTS (SELECT FROM replay_items i WHERE i.replay_id = r.id)
        LIMIT $2
    )
    """,
    """
    DELETE FROM approvals WHERE id IN (
        SELECT id FROM approvals WHERE state <> 'waiting' AND expires_at < $1 LIMIT $2
    )
    """,
    """
    DELETE FROM attention_notes WHERE id IN (
        SELECT id FROM attention_notes WHERE noted_at < $1 LIMIT $2
    )
    """,
)
"""Ended orders of whose deliveries none is left, decided approvals, old notes: as ``Past``."""

VACUUM: Final = """
VACUUM payloads, applications, deliveries, feedback, webhooks, replay_items, replays, approvals,
    attention_notes
"""
# What holds anything of an application. A column that is in no index is written as it was, and
# with it the table: ``VACUUM FULL`` would keep deleted rows for any session's older snapshot.
REWRITE: Final = (
    "ALTER TABLE payloads ALTER COLUMN sealed TYPE bytea USING sealed || ''::bytea",
    "ALTER TABLE applications ALTER COLUMN commitment TYPE bytea USING commitment || ''::bytea",
    "ALTER TABLE deliveries ALTER COLUMN pointer TYPE text USING pointer || ''",
    "ALTER TABLE feedback ALTER COLUMN reference TYPE text USING reference || ''",
    "ALTER TABLE webhooks ALTER COLUMN code TYPE text USING code || ''",
    "ALTER TABLE replay_items ALTER COLUMN attempt TYPE integer USING attempt + 0",
    "ALTER TABLE replays ALTER COLUMN reason TYPE text USING reason || ''",
    "ALTER TABLE approvals ALTER COLUMN subject TYPE text USING subject || ''",
    "ALTER TABLE attention_notes ALTER COLUMN words TYPE text USING words || ''",
)
