-- When an operator last asked a destination's workers to check their core system.
CREATE TABLE destination_checks (
    destination TEXT PRIMARY KEY,
    asked_at INTEGER NOT NULL,
    asked_by TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- What a worker answers: to which request, and in its adapter's words.
ALTER TABLE heartbeats ADD COLUMN answers INTEGER;
ALTER TABLE heartbeats ADD COLUMN said TEXT NOT NULL DEFAULT '';
