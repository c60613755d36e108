-- What clients are told of feedback, until their endpoints have taken it; kept afterwards.
CREATE TABLE webhooks (
    id uuid PRIMARY KEY,
    client text NOT NULL,
    application_id uuid NOT NULL REFERENCES applications (id),
    -- The order in which an application's feedback was recorded, from 1.
    sequence integer NOT NULL,
    delivery_id uuid NOT NULL,
    feedback_id text NOT NULL,
    attempts integer NOT NULL DEFAULT 0,
    due_at timestamptz NOT NULL,
    sent_at timestamptz,
    code text,
    leased_by text,
    leased_in integer,
    leased_until timestamptz,
    FOREIGN KEY (delivery_id, feedback_id) REFERENCES feedback (delivery_id, id)
);

CREATE UNIQUE INDEX webhooks_order ON webhooks (application_id, sequence);
CREATE INDEX webhooks_waiting ON webhooks (client, due_at) WHERE sent_at IS NULL;

-- Endpoints that failed since they last took something, or are disabled.
CREATE TABLE webhook_endpoints (
    client text PRIMARY KEY,
    failing_since timestamptz,
    disabled_at timestamptz,
    code text
);
