-- Order: the HMAC of what a destination is ordered by, and the place in the order in which
-- such deliveries were committed.
ALTER TABLE deliveries ADD COLUMN order_key BLOB;
ALTER TABLE deliveries ADD COLUMN order_seq INTEGER;
-- Who made the last attempt.
ALTER TABLE deliveries ADD COLUMN adapter TEXT;

CREATE INDEX deliveries_order ON deliveries (destination, order_key, order_seq)
    WHERE order_key IS NOT NULL;
-- For what waits for a person, grouped by its cause.
CREATE INDEX deliveries_waiting ON deliveries (destination, state, code, adapter, updated_at)
    WHERE state IN ('parked', 'in_doubt');

ALTER TABLE heartbeats ADD COLUMN breaker TEXT NOT NULL DEFAULT 'closed';
ALTER TABLE heartbeats ADD COLUMN unclaimed INTEGER NOT NULL DEFAULT 0;

-- What operators have set for destinations; settings as JSON.
CREATE TABLE controls (
    destination TEXT PRIMARY KEY,
    version INTEGER NOT NULL,
    settings TEXT NOT NULL,
    changed_by TEXT NOT NULL,
    changed_at INTEGER NOT NULL,
    reason TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE replays (
    id BLOB PRIMARY KEY,
    ordered_by TEXT NOT NULL,
    ordered_at INTEGER NOT NULL,
    reason TEXT NOT NULL,
    selection TEXT NOT NULL,
    canary INTEGER NOT NULL,
    rate_per_s REAL NOT NULL,
    state TEXT NOT NULL,
    updated_at INTEGER NOT NULL,
    total INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE replay_items (
    replay_id BLOB NOT NULL REFERENCES replays (id),
    position INTEGER NOT NULL,
    delivery_id BLOB NOT NULL REFERENCES deliveries (id),
    attempt INTEGER NOT NULL,
    result TEXT,
    PRIMARY KEY (replay_id, position)
) STRICT, WITHOUT ROWID;

CREATE INDEX replay_items_open ON replay_items (replay_id, position) WHERE result IS NULL;
