-- Order: the HMAC of what a destination is ordered by, the place in the order in which such
-- deliveries were committed, whichever process accepted them, and whether one that is not
-- finished stands before it. The three go together under a lock of the key (ordering.py).
ALTER TABLE deliveries ADD COLUMN order_key bytea;
ALTER TABLE deliveries ADD COLUMN order_seq bigint;
ALTER TABLE deliveries ADD COLUMN behind boolean NOT NULL DEFAULT false;
CREATE SEQUENCE deliveries_order_seq OWNED BY deliveries.order_seq;
-- Who made the last attempt.
ALTER TABLE deliveries ADD COLUMN adapter text;

-- Who is next of a key; what is finished is not in it, however long a key has been in use.
CREATE INDEX deliveries_order ON deliveries (destination, order_key, order_seq)
    WHERE order_key IS NOT NULL AND state NOT IN ('delivered', 'cancelled');
-- For the relay: what stands behind another is not in it, so a hundred thousand behind one
-- that is parked cost nothing. In doubt is what was sent: it is asked about in any order.
DROP INDEX deliveries_publishable;
CREATE INDEX deliveries_publishable ON deliveries (destination, id)
    WHERE state IN ('pending', 'retrying', 'in_doubt') AND (NOT behind OR state = 'in_doubt');
-- What waits for a person, grouped by its cause; not what is still looked up by itself.
CREATE INDEX deliveries_waiting ON deliveries (destination, state, code, adapter, updated_at)
    WHERE state = 'parked' OR state = 'in_doubt' AND due_at IS NULL AND copy IS NULL;

ALTER TABLE heartbeats ADD COLUMN breaker text NOT NULL DEFAULT 'closed';
ALTER TABLE heartbeats ADD COLUMN unclaimed integer NOT NULL DEFAULT 0;
-- By the gateway's clock: that of the worker may be wrong.
ALTER TABLE heartbeats ADD COLUMN heard_at timestamptz;

-- What operators have set for destinations; settings as JSON.
CREATE TABLE controls (
    destination text PRIMARY KEY,
    version integer NOT NULL,
    settings text NOT NULL,
    changed_by text NOT NULL,
    changed_at timestamptz NOT NULL,
    reason text NOT NULL
);

CREATE TABLE replays (
    id uuid PRIMARY KEY,
    ordered_by text NOT NULL,
    ordered_at timestamptz NOT NULL,
    reason text NOT NULL,
    selection text NOT NULL,
    canary integer NOT NULL,
    rate_per_s double precision NOT NULL,
    state text NOT NULL,
    updated_at timestamptz NOT NULL,
    total integer NOT NULL,
    leased_by text,
    leased_in integer,
    leased_until timestamptz
);

-- A row comes into being in the statement that stores its order and finds its delivery, and
-- none of the three is ever deleted: foreign keys would check 100,000 rows twice for nothing,
-- and lock their deliveries.
CREATE TABLE replay_items (
    replay_id uuid NOT NULL,
    position integer NOT NULL,
    delivery_id uuid NOT NULL,
    attempt integer NOT NULL,
    result text,
    PRIMARY KEY (replay_id, position)
);

CREATE INDEX replay_items_open ON replay_items (replay_id, position) WHERE result IS NULL;
