"""The outbox's SQL."""

from typing import Final

ANNOUNCE: Final = """
INSERT INTO webhooks (id, client, application_id, sequence, delivery_id, feedback_id, due_at)
SELECT :id, a.client, a.id,
    1 + (SELECT coalesce(max(w.sequence), 0) FROM webhooks w WHERE w.application_id = a.id),
    d.id, :feedback, :due_at
FROM deliveries d JOIN applications a ON a.id = d.application_id
WHERE d.id = :delivery AND a.client IN (SELECT value FROM json_each(:clients))
"""
DUE: Final = """
SELECT w.id AS webhook_id, w.client, w.application_id, w.sequence, w.attempts,
    a.municipality, a.procedure, a.traceparent, f.*
FROM webhooks w
    JOIN applications a ON a.id = w.application_id
    JOIN feedback f ON f.delivery_id = w.delivery_id AND f.id = w.feedback_id
WHERE w.client = :client AND w.sent_at IS NULL
    -- Nobody waits for so long: the clock was set back.
    AND (w.due_at <= :now OR w.due_at > :unheard_of)
    AND NOT EXISTS (
        SELECT 1 FROM webhooks e
        WHERE e.application_id = w.application_id AND e.sequence < w.sequence
            AND e.sent_at IS NULL
    )
    AND NOT EXISTS (
        SELECT 1 FROM webhook_endpoints p
        WHERE p.client = w.client AND p.disabled_at IS NOT NULL
    )
ORDER BY w.due_at, w.id LIMIT :limit
"""
ENDPOINT: Final = "SELECT * FROM webhook_endpoints WHERE client = ?"
PUT_ENDPOINT: Final = """
INSERT INTO webhook_endpoints (client, failing_since, disabled_at, code) VALUES (?, ?, ?, ?)
ON CONFLICT (client) DO UPDATE SET
    failing_since = excluded.failing_since, disabled_at = excluded.disabled_at,
    code = excluded.code
"""
ATTEMPTED: Final = """
UPDATE webhooks SET attempts = attempts + 1, due_at = :due_at, sent_at = :sent_at, code = :code
WHERE id = :id AND sent_at IS NULL
"""
HURRY: Final = "UPDATE webhooks SET due_at = 0 WHERE client = ? AND sent_at IS NULL"
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
