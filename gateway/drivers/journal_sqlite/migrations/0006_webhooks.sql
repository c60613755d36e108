-- What clients are told of feedback, until their endpoints have taken it; kept afterwards.
CREATE TABLE webhooks (
    id BLOB PRIMARY KEY,
    client TEXT NOT NULL,
    application_id BLOB NOT NULL REFERENCES applications (id),
    -- The order in which an application's feedback was recorded, from 1.
    sequence INTEGER NOT NULL,
    delivery_id BLOB NOT NULL,
    feedback_id TEXT NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0,
    due_at INTEGER NOT NULL,
    sent_at INTEGER,
    code TEXT,
    FOREIGN KEY (delivery_id, feedback_id) REFERENCES feedback (delivery_id, id)
) STRICT, WITHOUT ROWID;

CREATE UNIQUE INDEX webhooks_order ON webhooks (application_id, sequence);
CREATE INDEX webhooks_waiting ON webhooks (client, due_at) WHERE sent_at IS NULL;

-- Endpoints that failed since they last took something, or are disabled.
CREATE TABLE webhook_endpoints (
    client TEXT PRIMARY KEY,
    failing_since INTEGER,
    disabled_at INTEGER,
    code TEXT
) STRICT, WITHOUT ROWID;
