-- When an operator last asked a destination's workers to check their core system.
CREATE TABLE destination_checks (
    destination text PRIMARY KEY,
    asked_at timestamptz NOT NULL,
    asked_by text NOT NULL
);

-- What a worker answers: to which request, and in its adapter's words.
ALTER TABLE heartbeats
    ADD COLUMN answers timestamptz,
    ADD COLUMN said text NOT NULL DEFAULT '';
