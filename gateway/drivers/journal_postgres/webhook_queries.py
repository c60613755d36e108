"""The outbox's SQL."""

from typing import Final

# Two deliveries of one application may be told of in two processes at the same instant: who
# counts its webhooks holds its lock (``queries.LOCK_KEYS``).
ANNOUNCE: Final = """
INSERT INTO webhooks (id, client, application_id, sequence, delivery_id, feedback_id, due_at)
SELECT $1, a.client, a.id,
    1 + (SELECT coalesce(max(w.sequence), 0) FROM webhooks w WHERE w.application_id = a.id),
    d.id, $3, $4
FROM deliveries d JOIN applications a ON a.id = d.application_id
WHERE d.id = $2 AND a.client = ANY($5)
"""
LEASE: Final = """
WITH due AS MATERIALIZED (
    SELECT w.id FROM webhooks w
    WHERE w.client = $1 AND w.sent_at IS NULL
        -- Nobody waits for so long: the clock was set back.
        AND (w.due_at <= $2 OR w.due_at > $7)
        AND (
            w.leased_by IS NULL OR w.leased_by = $3 OR w.leased_until <= $2
            OR w.leased_until > $5::timestamptz + interval '5 minutes'
            OR w.leased_in < (SELECT n.opened FROM nodes n WHERE n.name = w.leased_by)
        )
        AND NOT EXISTS (
            SELECT FROM webhooks e
            WHERE e.application_id = w.application_id AND e.sequence < w.sequence
                AND e.sent_at IS NULL
        )
        AND NOT EXISTS (
            SELECT FROM webhook_endpoints p
            WHERE p.client = w.client AND p.disabled_at IS NOT NULL
        )
    ORDER BY w.due_at, w.id LIMIT $6
    FOR UPDATE OF w SKIP LOCKED
), leased AS (
    UPDATE webhooks w SET leased_by = $3, leased_in = $4, leased_until = $5
    WHERE w.id = ANY(ARRAY(SELECT due.id FROM due))
    RETURNING w.*
)
SELECT leased.id AS webhook_id, leased.client, leased.application_id, leased.sequence,
    leased.attempts, a.municipality, a.procedure, a.traceparent, f.*
FROM leased
    JOIN applications a ON a.id = leased.application_id
    JOIN feedback f ON f.delivery_id = leased.delivery_id AND f.id = leased.feedback_id
ORDER BY leased.due_at, leased.id
"""
# So that there is a row to lock.
ADD_ENDPOINT: Final = """
INSERT INTO webhook_endpoints (client) VALUES ($1) ON CONFLICT (client) DO NOTHING
"""
ENDPOINT_LOCKED: Final = "SELECT * FROM webhook_endpoints WHERE client = $1 FOR UPDATE"
PUT_ENDPOINT: Final = """
UPDATE webhook_endpoints SET failing_since = $2, disabled_at = $3, code = $4 WHERE client = $1
"""
ATTEMPTED: Final = """
UPDATE webhooks SET attempts = attempts + 1, due_at = $2, sent_at = $3, code = $4,
    leased_by = NULL
WHERE id = $1 AND sent_at IS NULL
"""
HURRY: Final = """
UPDATE webhooks SET due_at = 'epoch' WHERE client = $1 AND sent_at IS NULL AND leased_by IS NULL
"""
STANDINGS: Final = """
SELECT c.client, p.failing_since, p.disabled_at, p.code,
    coalesce(w.waiting, 0) AS waiting, w.oldest
FROM (
    SELECT client FROM webhook_endpoints
    WHERE failing_since IS NOT NULL OR disabled_at IS NOT NULL
    UNION SELECT client FROM webhooks WHERE sent_at IS NULL
) c
    LEFT JOIN webhook_endpoints p ON p.client = c.client
    LEFT JOIN (
        SELECT w.client, count(*) AS waiting, min(f.received_at) AS oldest
        FROM webhooks w
            JOIN feedback f ON f.delivery_id = w.delivery_id AND f.id = w.feedback_id
        WHERE w.sent_at IS NULL GROUP BY w.client
    ) w ON w.client = c.client
ORDER BY c.client
"""
