-- Identifiers are UUIDs as 16 bytes, which sort as they were made (UUIDv7).
-- Times are microseconds since 1970-01-01 UTC.

CREATE TABLE applications (
    id BLOB PRIMARY KEY,
    client TEXT NOT NULL,
    municipality TEXT NOT NULL,
    procedure TEXT NOT NULL,
    version INTEGER NOT NULL,
    idempotency_mac BLOB NOT NULL,
    receipt_mac BLOB NOT NULL,
    commitment BLOB NOT NULL,
    accepted_at INTEGER NOT NULL,
    supersedes BLOB REFERENCES applications (id),
    -- Set before the application that supersedes this one is inserted, since that one
    -- needs the receipt number; so the reference is checked at commit.
    superseded_by BLOB REFERENCES applications (id) DEFERRABLE INITIALLY DEFERRED,
    traceparent TEXT,
    UNIQUE (client, idempotency_mac)
) STRICT, WITHOUT ROWID;

-- Keyed hashes come in no order, and each index of them costs a page per row: so one for
-- those that hold their number, and one for the few that held it once.
CREATE UNIQUE INDEX applications_receipt_holder
    ON applications (receipt_mac, client, municipality) WHERE superseded_by IS NULL;
CREATE INDEX applications_receipt_superseded
    ON applications (receipt_mac) WHERE superseded_by IS NOT NULL;
CREATE INDEX applications_municipality ON applications (municipality, id);

CREATE TABLE deliveries (
    id BLOB PRIMARY KEY,
    application_id BLOB NOT NULL REFERENCES applications (id),
    municipality TEXT NOT NULL,
    destination TEXT NOT NULL,
    state TEXT NOT NULL,
    budget_since INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    attempt INTEGER NOT NULL,
    counted INTEGER NOT NULL,
    resolves INTEGER NOT NULL,
    copy BLOB,
    worker TEXT,
    claimed_at INTEGER,
    due_at INTEGER,
    code TEXT,
    pointer TEXT,
    reference TEXT,
    flagged INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX deliveries_application ON deliveries (application_id);
-- For lists by state and for counts, which read nothing but this index.
CREATE INDEX deliveries_state ON deliveries (state, application_id, destination, municipality);
-- For the relay: finished deliveries are in neither index.
CREATE INDEX deliveries_publishable ON deliveries (destination, id, due_at)
    WHERE state IN ('pending', 'retrying', 'in_doubt');
CREATE INDEX deliveries_unclaimed ON deliveries (destination, id)
    WHERE state IN ('queued', 'sending', 'in_doubt');

-- Apart from the hot rows, so that a change of state rewrites no sealed payload.
CREATE TABLE payloads (
    delivery_id BLOB PRIMARY KEY REFERENCES deliveries (id),
    sealed BLOB NOT NULL,
    signature TEXT NOT NULL
) STRICT;

CREATE TABLE entries (
    seq INTEGER PRIMARY KEY,
    node TEXT NOT NULL,
    nseq INTEGER NOT NULL,
    at INTEGER NOT NULL,
    action TEXT NOT NULL,
    application_id BLOB,
    delivery_id BLOB,
    data BLOB NOT NULL,
    UNIQUE (node, nseq)
) STRICT;

CREATE INDEX entries_application ON entries (application_id) WHERE application_id IS NOT NULL;

CREATE TABLE feedback (
    delivery_id BLOB NOT NULL REFERENCES deliveries (id),
    id TEXT NOT NULL,
    status TEXT NOT NULL,
    at INTEGER NOT NULL,
    received_at INTEGER NOT NULL,
    code TEXT,
    reference TEXT,
    PRIMARY KEY (delivery_id, id)
) STRICT, WITHOUT ROWID;

CREATE TABLE client_keys (
    id TEXT PRIMARY KEY,
    client TEXT NOT NULL,
    digest BLOB NOT NULL,
    created_at INTEGER NOT NULL,
    revoked_at INTEGER
) STRICT, WITHOUT ROWID;

CREATE TABLE heartbeats (
    worker TEXT NOT NULL,
    destination TEXT NOT NULL,
    version TEXT NOT NULL,
    adapter TEXT NOT NULL,
    in_flight INTEGER NOT NULL,
    healthy INTEGER NOT NULL,
    checked_at INTEGER NOT NULL,
    at INTEGER NOT NULL,
    PRIMARY KEY (worker, destination)
) STRICT, WITHOUT ROWID;

-- Who ever wrote here; written to at each ping, to know that a commit would succeed.
CREATE TABLE nodes (
    name TEXT PRIMARY KEY,
    opened INTEGER NOT NULL DEFAULT 0,
    pings INTEGER NOT NULL DEFAULT 0
) STRICT, WITHOUT ROWID;
