-- Order: the HMAC of what a destination is ordered by, and the place of such a delivery among
-- the unfinished ones of its destination and key, in the order in which they were committed.
-- Places are only ever compared among these; they count from 1 again once there is none.
ALTER TABLE deliveries ADD COLUMN order_key BLOB;
ALTER TABLE deliveries ADD COLUMN order_seq INTEGER;
-- 1 as long as an earlier one with its key is unfinished: the step that finishes the first
-- one frees the next, so that the relay never reads what it may not publish.
ALTER TABLE deliveries ADD COLUMN behind INTEGER NOT NULL DEFAULT 0;
-- Who made the last attempt.
ALTER TABLE deliveries ADD COLUMN adapter TEXT;

CREATE INDEX deliveries_order ON deliveries (destination, order_key, order_seq)
    WHERE order_key IS NOT NULL
        AND state IN ('pending', 'queued', 'sending', 'retrying', 'in_doubt', 'parked');
DROP INDEX deliveries_publishable;
CREATE INDEX deliveries_publishable ON deliveries (destination, id, due_at)
    WHERE state IN ('pending', 'retrying', 'in_doubt') AND (behind = 0 OR state = 'in_doubt');
-- For what waits for a person, grouped by its cause; groups read nothing but this index.
CREATE INDEX deliveries_waiting
    ON deliveries (destination, state, code, adapter, updated_at, municipality, due_at, copy)
    WHERE state = 'parked' OR state = 'in_doubt' AND due_at IS NULL AND copy IS NULL;

ALTER TABLE heartbeats ADD COLUMN breaker TEXT NOT NULL DEFAULT 'closed';
ALTER TABLE heartbeats ADD COLUMN unclaimed INTEGER NOT NULL DEFAULT 0;
-- By the gateway's clock: that of the worker may be wrong.
ALTER TABLE heartbeats ADD COLUMN heard_at INTEGER;

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
