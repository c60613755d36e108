CREATE TABLE applications (
    id uuid PRIMARY KEY,
    client text NOT NULL,
    municipality text NOT NULL,
    procedure text NOT NULL,
    version integer NOT NULL,
    idempotency_mac bytea NOT NULL,
    receipt_mac bytea NOT NULL,
    commitment bytea NOT NULL,
    accepted_at timestamptz NOT NULL,
    supersedes uuid REFERENCES applications (id),
    -- Set before the application that supersedes this one is inserted, since that one
    -- needs the receipt number; so the reference is checked at commit.
    superseded_by uuid REFERENCES applications (id) DEFERRABLE INITIALLY DEFERRED,
    traceparent text,
    UNIQUE (client, idempotency_mac)
);

-- Keyed hashes come in no order, and each index of them costs a page per row: so one for
-- those that hold their number, and one for the few that held it once.
CREATE UNIQUE INDEX applications_receipt_holder
    ON applications (receipt_mac, client, municipality) WHERE superseded_by IS NULL;
CREATE INDEX applications_receipt_superseded
    ON applications (receipt_mac) WHERE superseded_by IS NOT NULL;
CREATE INDEX applications_municipality ON applications (municipality, id);

CREATE TABLE deliveries (
    id uuid PRIMARY KEY,
    application_id uuid NOT NULL REFERENCES applications (id),
    municipality text NOT NULL,
    destination text NOT NULL,
    state text NOT NULL,
    budget_since timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    attempt integer NOT NULL,
    counted integer NOT NULL,
    resolves integer NOT NULL,
    copy uuid,
    worker text,
    claimed_at timestamptz,
    due_at timestamptz,
    code text,
    pointer text,
    reference text,
    flagged boolean NOT NULL,
    -- Who publishes it, since which opening of that node's journal, and until when.
    leased_by text,
    leased_in integer,
    leased_until timestamptz
) WITH (autovacuum_vacuum_scale_factor = 0.02); -- Every row is rewritten some four times.

CREATE INDEX deliveries_application ON deliveries (application_id);
-- For lists by state and for counts, which read nothing but this index.
CREATE INDEX deliveries_state ON deliveries (state, application_id, destination, municipality);
-- For the relay: finished deliveries are in neither index.
CREATE INDEX deliveries_publishable ON deliveries (destination, id)
    WHERE state IN ('pending', 'retrying', 'in_doubt');
CREATE INDEX deliveries_unclaimed ON deliveries (destination, id)
    WHERE state IN ('queued', 'sending', 'in_doubt');

-- Apart from the hot rows, so that a change of state rewrites no sealed payload.
CREATE TABLE payloads (
    delivery_id uuid PRIMARY KEY REFERENCES deliveries (id),
    sealed bytea NOT NULL,
    signature text NOT NULL
);
-- Ciphertext does not compress.
ALTER TABLE payloads ALTER COLUMN sealed SET STORAGE EXTERNAL;

CREATE TABLE entries (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    -- Ordered as bytes, so that reading by node is the same under every locale.
    node text COLLATE "C" NOT NULL,
    nseq bigint NOT NULL,
    at timestamptz NOT NULL,
    action text NOT NULL,
    application_id uuid,
    delivery_id uuid,
    data bytea NOT NULL,
    UNIQUE (node, nseq)
);

CREATE INDEX entries_application ON entries (application_id, id) WHERE application_id IS NOT NULL;

CREATE TABLE feedback (
    delivery_id uuid NOT NULL REFERENCES deliveries (id),
    id text NOT NULL,
    status text NOT NULL,
    at timestamptz NOT NULL,
    received_at timestamptz NOT NULL,
    code text,
    reference text,
    PRIMARY KEY (delivery_id, id)
);

CREATE TABLE client_keys (
    id text PRIMARY KEY,
    client text NOT NULL,
    digest bytea NOT NULL,
    created_at timestamptz NOT NULL,
    revoked_at timestamptz
);

CREATE TABLE heartbeats (
    worker text NOT NULL,
    destination text NOT NULL,
    version text NOT NULL,
    adapter text NOT NULL,
    in_flight integer NOT NULL,
    healthy boolean NOT NULL,
    checked_at timestamptz NOT NULL,
    at timestamptz NOT NULL,
    PRIMARY KEY (worker, destination)
);

-- Who ever wrote here. A lease of an earlier opening is void. Pings tell that commits succeed.
CREATE TABLE nodes (
    name text PRIMARY KEY,
    opened integer NOT NULL DEFAULT 1,
    pings bigint NOT NULL DEFAULT 0
);
