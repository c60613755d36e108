-- Order: the HMAC of what a destination is ordered by, and the place in the order in which
-- such deliveries were committed, whichever process accepted them.
ALTER TABLE deliveries ADD COLUMN order_key bytea;
ALTER TABLE deliveries ADD COLUMN order_seq bigint;
CREATE SEQUENCE deliveries_order_seq OWNED BY deliveries.order_seq;
-- Who made the last attempt.
ALTER TABLE deliveries ADD COLUMN adapter text;

CREATE INDEX deliveries_order ON deliveries (destination, order_key, order_seq)
    WHERE order_key IS NOT NULL;
-- For what waits for a person, grouped by its cause.
CREATE INDEX deliveries_waiting ON deliveries (destination, state, code, adapter, updated_at)
    WHERE state IN ('parked', 'in_doubt');

ALTER TABLE heartbeats ADD COLUMN breaker text NOT NULL DEFAULT 'closed';
ALTER TABLE heartbeats ADD COLUMN unclaimed integer NOT NULL DEFAULT 0;

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

CREATE TABLE replay_items (
    replay_id uuid NOT NULL REFERENCES replays (id),
    position integer NOT NULL,
    delivery_id uuid NOT NULL REFERENCES deliveries (id),
    attempt integer NOT NULL,
    result text,
    PRIMARY KEY (replay_id, position)
);

CREATE INDEX replay_items_open ON replay_items (replay_id, position) WHERE result IS NULL;
