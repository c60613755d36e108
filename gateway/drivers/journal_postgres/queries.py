"""Every statement that the PostgreSQL journal runs, by hand, in one place.

Those of migrations, of totals, and of the sealed log, stand where they are used. Statements
of a batch take one array a column, so that a batch costs the same few round trips however
many steps it has.
"""

from typing import Final

# Connections

SETTINGS: Final = """
SELECT name, setting FROM pg_settings
WHERE name IN ('fsync', 'full_page_writes', 'synchronous_commit', 'transaction_read_only')
"""
UNSAFE_SETTINGS: Final = frozenset(
    # With each of these a crash loses or damages what was committed
    # (PostgreSQL manual, 28.4 and 19.5.1).
    {("fsync", "off"), ("full_page_writes", "off"), ("synchronous_commit", "off")}
)
READ_ONLY: Final = ("transaction_read_only", "on")
TAKE_NAME: Final = "SELECT pg_try_advisory_lock($1)"

# The node

NOTE_OPENED: Final = """
INSERT INTO nodes (name) VALUES ($1)
ON CONFLICT (name) DO UPDATE SET opened = nodes.opened + 1
RETURNING opened
"""
PING: Final = "UPDATE nodes SET pings = pings + 1 WHERE name = $1 RETURNING clock_timestamp()"
HEAD: Final = "SELECT nseq, data FROM entries WHERE node = $1 ORDER BY nseq DESC LIMIT 1"

# Accepting

INSERT_APPLICATIONS: Final = """
INSERT INTO applications (
    id, client, municipality, procedure, version, idempotency_mac, receipt_mac, commitment,
    accepted_at, supersedes, traceparent
)
SELECT * FROM unnest(
    $1::uuid[], $2::text[], $3::text[], $4::text[], $5::integer[], $6::bytea[], $7::bytea[],
    $8::bytea[], $9::timestamptz[], $10::uuid[], $11::text[]
)
ON CONFLICT DO NOTHING
RETURNING id
"""
SUPERSEDE: Final = """
UPDATE applications SET superseded_by = $1
WHERE id = $2 AND client = $3 AND municipality = $4 AND superseded_by IS NULL
RETURNING id
"""
APPLICATIONS_BY_KEY: Final = """
SELECT a.*, e.data
FROM unnest($1::text[], $2::bytea[]) AS wanted (client, mac)
JOIN applications a ON a.client = wanted.client AND a.idempotency_mac = wanted.mac
CROSS JOIN LATERAL (
    SELECT data FROM entries
    WHERE application_id = a.id AND action = 'application.accepted' ORDER BY id LIMIT 1
) e
"""
APPLICATIONS_BY_RECEIPT: Final = """
SELECT a.id, a.client, a.municipality, a.receipt_mac
FROM unnest($1::text[], $2::text[], $3::bytea[]) AS wanted (client, municipality, mac)
JOIN applications a ON a.client = wanted.client AND a.municipality = wanted.municipality
    AND a.receipt_mac = wanted.mac AND a.superseded_by IS NULL
"""
INSERT_DELIVERIES: Final = """
INSERT INTO deliveries (
    id, application_id, municipality, destination, state, budget_since, updated_at, attempt,
    counted, resolves, copy, worker, claimed_at, due_at, code, pointer, reference, flagged,
    adapter, leased_until, order_key, behind, order_seq, leased_by, leased_in
)
SELECT *, CASE WHEN order_key IS NOT NULL THEN nextval('deliveries_order_seq') END, $23, $24
FROM unnest(
    $1::uuid[], $2::uuid[], $3::text[], $4::text[], $5::text[], $6::timestamptz[],
    $7::timestamptz[], $8::integer[], $9::integer[], $10::integer[], $11::uuid[], $12::text[],
    $13::timestamptz[], $14::timestamptz[], $15::text[], $16::text[], $17::text[],
    $18::boolean[], $19::text[], $20::timestamptz[], $21::bytea[], $22::boolean[]
) AS stored (
    id, application_id, municipality, destination, state, budget_since, updated_at, attempt,
    counted, resolves, copy, worker, claimed_at, due_at, code, pointer, reference, flagged,
    adapter, leased_until, order_key, behind
)
"""
INSERT_PAYLOADS: Final = """
INSERT INTO payloads (delivery_id, sealed, signature)
SELECT * FROM unnest($1::uuid[], $2::bytea[], $3::text[])
"""
INSERT_ENTRIES: Final = """
INSERT INTO entries (node, nseq, at, action, application_id, delivery_id, data, subject, series)
SELECT $1, *
FROM unnest(
    $2::bigint[], $3::timestamptz[], $4::text[], $5::uuid[], $6::uuid[], $7::bytea[],
    $8::bytea[], $9::integer[]
) AS appended (nseq, at, action, application_id, delivery_id, data, subject, series)
ORDER BY nseq
"""
# Waits for whoever is just adding the same; sorted, so that two never wait for each other.
ADD_SERIES: Final = """
INSERT INTO entry_series (action, municipality, actor_kind, actor)
SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::text[]) ON CONFLICT DO NOTHING
"""
SERIES: Final = """
SELECT s.* FROM unnest($1::text[], $2::text[], $3::text[], $4::text[])
    AS wanted (action, municipality, actor_kind, actor)
JOIN entry_series s USING (action, municipality, actor_kind, actor)
"""
INSERT_DETAIL_KEYS: Final = """
INSERT INTO detail_keys (node, nseq, application_id, key)
SELECT $1, * FROM unnest($2::bigint[], $3::uuid[], $4::bytea[])
"""

# Deciding

DELIVERIES_LOCKED: Final = "SELECT * FROM deliveries WHERE id = ANY($1) ORDER BY id FOR UPDATE"
UPDATE_DELIVERIES: Final = """
UPDATE deliveries d SET
    state = u.state, budget_since = u.budget_since, updated_at = u.updated_at,
    attempt = u.attempt, counted = u.counted, resolves = u.resolves, copy = u.copy,
    worker = u.worker, claimed_at = u.claimed_at, due_at = u.due_at, code = u.code,
    pointer = u.pointer, reference = u.reference, flagged = u.flagged, adapter = u.adapter,
    leased_by = CASE WHEN u.ends_lease THEN NULL ELSE d.leased_by END
FROM unnest(
    $1::uuid[], $2::text[], $3::timestamptz[], $4::timestamptz[], $5::integer[], $6::integer[],
    $7::integer[], $8::uuid[], $9::text[], $10::timestamptz[], $11::timestamptz[], $12::text[],
    $13::text[], $14::text[], $15::boolean[], $16::text[], $17::boolean[]
) AS u (
    id, state, budget_since, updated_at, attempt, counted, resolves, copy, worker, claimed_at,
    due_at, code, pointer, reference, flagged, adapter, ends_lease
)
WHERE d.id = u.id
"""
INSERT_FEEDBACK: Final = """
INSERT INTO feedback (delivery_id, id, status, at, received_at, code, reference, application_id)
SELECT reported.*, d.application_id
FROM unnest(
    $1::uuid[], $2::text[], $3::text[], $4::timestamptz[], $5::timestamptz[], $6::text[], $7::text[]
) AS reported (delivery_id, id, status, at, received_at, code, reference)
JOIN deliveries d ON d.id = reported.delivery_id
ON CONFLICT (delivery_id, id) DO NOTHING
RETURNING delivery_id, id
"""
UPDATE_REPLAY_ITEMS: Final = """
UPDATE replay_items i SET result = u.result
FROM unnest($1::uuid[], $2::integer[], $3::text[]) AS u (replay_id, position, result)
WHERE i.replay_id = u.replay_id AND i.position = u.position AND i.result IS NULL
"""

# Order

# One by one as the array is sorted. The first number keeps these locks apart from others.
LOCK_KEYS: Final = "SELECT pg_advisory_xact_lock($1, key) FROM unnest($2::integer[]) AS key"
KEYS_IN_USE: Final = """
SELECT wanted.destination, wanted.order_key
FROM unnest($1::text[], $2::bytea[]) AS wanted (destination, order_key)
CROSS JOIN LATERAL (
    SELECT FROM deliveries d
    WHERE d.destination = wanted.destination AND d.order_key = wanted.order_key
        AND d.state NOT IN ('delivered', 'cancelled')
    LIMIT 1
) unfinished
"""
# Whoever was behind when it was finished was not the first of its key: nobody's turn comes.
ADVANCE: Final = """
UPDATE deliveries d SET behind = false
FROM deliveries finished
CROSS JOIN LATERAL (
    SELECT n.id FROM deliveries n
    WHERE n.destination = finished.destination AND n.order_key = finished.order_key
        AND n.order_seq > finished.order_seq AND n.state NOT IN ('delivered', 'cancelled')
    ORDER BY n.order_seq LIMIT 1
) next
WHERE finished.id = ANY($1) AND NOT finished.behind AND d.id = next.id
"""

# The relay

LEASE: Final = """
WITH due AS MATERIALIZED (
    SELECT d.id FROM deliveries d
    WHERE d.destination = $1
        AND d.state IN ('pending', 'retrying', 'in_doubt')
        AND (NOT d.behind OR d.state = 'in_doubt')
        AND (
            d.due_at <= $2 OR d.due_at IS NULL AND d.state <> 'in_doubt'
            -- The clock was set back.
            OR d.due_at IS NOT NULL AND d.updated_at > $2::timestamptz + $7::interval
        )
        AND (d.state <> 'in_doubt' OR d.copy IS NULL)
        AND (
            d.leased_by IS NULL OR d.leased_by = $3 OR d.leased_until <= $2
            -- Nobody leases for so long: the clock was set back.
            OR d.leased_until > $5::timestamptz + interval '5 minutes'
            OR d.leased_in < (SELECT n.opened FROM nodes n WHERE n.name = d.leased_by)
        )
    ORDER BY d.id LIMIT $6
    FOR UPDATE OF d SKIP LOCKED
), leased AS (
    UPDATE deliveries d SET leased_by = $3, leased_in = $4, leased_until = $5
    -- As an array: a join is planned for the limit, and reads whole tables for one row.
    WHERE d.id = ANY(ARRAY(SELECT due.id FROM due))
    RETURNING d.*
)
SELECT leased.*, p.sealed, p.signature, a.procedure, a.version, a.traceparent
FROM leased
    JOIN payloads p ON p.delivery_id = leased.id
    JOIN applications a ON a.id = leased.application_id
ORDER BY leased.id
"""
UNCLAIMED: Final = """
SELECT d.*, p.sealed, p.signature, a.procedure, a.version, a.traceparent
FROM deliveries d
    JOIN payloads p ON p.delivery_id = d.id
    JOIN applications a ON a.id = d.application_id
WHERE d.destination = $1 AND d.state IN ('queued', 'sending', 'in_doubt')
    AND (d.state <> 'in_doubt' OR d.copy IS NOT NULL)
    AND d.id > $2
ORDER BY d.id LIMIT $3
"""

# Reading

APPLICATIONS: Final = "SELECT * FROM applications WHERE id = ANY($1) ORDER BY id DESC"
DELIVERIES_OF: Final = "SELECT * FROM deliveries WHERE application_id = ANY($1) ORDER BY id"
FEEDBACK_ON: Final = """
SELECT f.*, d.application_id FROM feedback f JOIN deliveries d ON d.id = f.delivery_id
WHERE d.application_id = ANY($1) ORDER BY f.delivery_id, f.received_at, f.id
"""
DELIVERY: Final = "SELECT * FROM deliveries WHERE id = $1"
ENTRIES_ABOUT: Final = """
SELECT node, nseq, data FROM entries WHERE application_id = $1 ORDER BY id
"""
ENTRIES_AFTER: Final = """
SELECT node, nseq, data FROM entries WHERE (node, nseq) > ($1, $2) ORDER BY node, nseq LIMIT $3
"""
LATEST: Final = "SELECT id FROM applications WHERE id < $1 ORDER BY id DESC LIMIT $2"
LATEST_IN_STATES: Final = """
SELECT DISTINCT newest.id
FROM (
    SELECT destination, state FROM delivery_counts
    WHERE state = ANY($3::text[])
        AND ($4::text IS NULL OR destination = $4)
        AND ($5::text IS NULL OR municipality = $5)
    GROUP BY destination, state HAVING sum(deliveries) > 0
) counted
CROSS JOIN LATERAL (
    SELECT DISTINCT d.application_id AS id FROM deliveries d
    WHERE d.destination COLLATE "C" = counted.destination AND d.state COLLATE "C" = counted.state
        AND d.application_id < $1
        AND ($5::text IS NULL OR d.municipality = $5)
    ORDER BY d.application_id DESC LIMIT $2
) newest
ORDER BY newest.id DESC LIMIT $2
"""
LATEST_OF_RECEIPT: Final = """
SELECT a.id
FROM (
    SELECT id, municipality FROM applications
    WHERE receipt_mac = ANY($6::bytea[]) AND superseded_by IS NULL
    UNION ALL
    SELECT id, municipality FROM applications
    WHERE receipt_mac = ANY($6::bytea[]) AND superseded_by IS NOT NULL
) a
WHERE a.id < $1
    AND ($5::text IS NULL OR a.municipality = $5)
    AND EXISTS (
        SELECT 1 FROM deliveries d WHERE d.application_id = a.id
            AND d.state = ANY($3::text[]) AND ($4::text IS NULL OR d.destination = $4)
    )
ORDER BY a.id DESC LIMIT $2
"""

# Client keys and workers

INSERT_CLIENT_KEY: Final = """
INSERT INTO client_keys (id, client, digest, created_at, revoked_at) VALUES ($1, $2, $3, $4, $5)
"""
REVOKE_CLIENT_KEY: Final = """
UPDATE client_keys SET revoked_at = $2 WHERE id = $1 AND revoked_at IS NULL RETURNING id
"""
CLIENT_KEYS: Final = "SELECT * FROM client_keys ORDER BY created_at, id"
PUT_HEARTBEAT: Final = """
INSERT INTO heartbeats (
    worker, destination, version, adapter, in_flight, healthy, checked_at, at, breaker, unclaimed,
    heard_at, answers, said, down_s, trial_in_s, host
) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)
ON CONFLICT (worker, destination) DO UPDATE SET
    version = excluded.version, adapter = excluded.adapter, in_flight = excluded.in_flight,
    healthy = excluded.healthy, checked_at = excluded.checked_at, at = excluded.at,
    breaker = excluded.breaker, unclaimed = excluded.unclaimed, heard_at = excluded.heard_at,
    answers = excluded.answers, said = excluded.said, down_s = excluded.down_s,
    trial_in_s = excluded.trial_in_s, host = excluded.host
WHERE excluded.at > heartbeats.at
"""
FORGET_HEARTBEATS: Final = """
DELETE FROM heartbeats WHERE destination = $1
    AND coalesce(heard_at, at) < $2::timestamptz - interval '1 day'
"""
HEARTBEATS: Final = "SELECT * FROM heartbeats ORDER BY worker, destination"

# What operators set

CONTROLS: Final = "SELECT * FROM controls ORDER BY destination"
# What nobody has set is at version 0.
PUT_CONTROL: Final = """
INSERT INTO controls (destination, version, settings, changed_by, changed_at, reason)
SELECT $1::text, $2::integer, $3::text, $4::text, $5::timestamptz, $6::text
WHERE $2 = 1 OR EXISTS (SELECT FROM controls WHERE destination = $1)
ON CONFLICT (destination) DO UPDATE SET
    version = excluded.version, settings = excluded.settings, changed_by = excluded.changed_by,
    changed_at = excluded.changed_at, reason = excluded.reason
WHERE controls.version = excluded.version - 1
RETURNING version
"""

# What waits for a person

_WAITING: Final = """
    (d.state = 'parked' OR d.state = 'in_doubt' AND d.due_at IS NULL AND d.copy IS NULL)
    AND d.state = ANY($1::text[])
    AND ($2::text IS NULL OR d.destination = $2)
    AND ($3::text IS NULL OR d.municipality = $3)
    AND ($4::text IS NULL OR COALESCE(d.code, '') = $4)
    AND ($5::text IS NULL OR COALESCE(d.adapter, '') = $5)
    AND ($6::timestamptz IS NULL OR d.updated_at >= $6)
    AND ($7::timestamptz IS NULL OR d.updated_at < $7)
    AND ($8::uuid[] IS NULL OR d.id = ANY($8))
"""
WAITING_GROUPS: Final = f"""
SELECT d.state, d.destination, d.code, d.adapter, count(*) AS deliveries,
    min(d.updated_at) AS first_at, max(d.updated_at) AS last_at
FROM deliveries d WHERE {_WAITING}
GROUP BY d.state, d.destination, d.code, d.adapter
ORDER BY deliveries DESC, d.state, d.destination, d.code, d.adapter
"""  # noqa: S608 - put together from constants
ORDER_REPLAY: Final = f"""
WITH items AS (
    INSERT INTO replay_items (replay_id, position, delivery_id, attempt)
    SELECT $9, row_number() OVER (ORDER BY d.id), d.id, d.attempt
    FROM deliveries d WHERE {_WAITING}
    RETURNING 1
)
INSERT INTO replays (
    id, ordered_by, ordered_at, reason, selection, canary, rate_per_s, state, updated_at, total
)
SELECT $9::uuid, $10::text, $11::timestamptz, $12::text, $13::text, $14::integer,
    $15::double precision, $16::text, $17::timestamptz, selected.total
FROM (SELECT count(*) AS total FROM items) selected WHERE selected.total > 0
RETURNING total
"""  # noqa: S608 - put together from constants
REPLAYS: Final = "SELECT * FROM replays ORDER BY ordered_at DESC, id DESC LIMIT $1"
REPLAY: Final = "SELECT * FROM replays WHERE id = $1"
LEASE_REPLAYS: Final = """
WITH open AS MATERIALIZED (
    SELECT r.id FROM replays r
    WHERE r.state = 'running' AND (
        r.leased_by IS NULL OR r.leased_by = $1 OR r.leased_until <= $3
        OR r.leased_until > $4::timestamptz + interval '5 minutes'
        OR r.leased_in < (SELECT n.opened FROM nodes n WHERE n.name = r.leased_by)
    )
    FOR UPDATE OF r SKIP LOCKED
), leased AS (
    UPDATE replays r SET leased_by = $1, leased_in = $2, leased_until = $4
    FROM open WHERE r.id = open.id
    RETURNING r.*
)
SELECT * FROM leased ORDER BY ordered_at, id
"""
REPLAY_ITEMS: Final = """
SELECT * FROM replay_items WHERE replay_id = $1 AND result IS NULL ORDER BY position LIMIT $2
"""
REPLAY_TALLY: Final = """
SELECT i.result, d.state, i.position <= r.canary AS is_canary,
    d.state = 'parked' OR d.state = 'in_doubt' AND d.due_at IS NULL AND d.copy IS NULL AS waits,
    count(*) AS deliveries
FROM replays r
    JOIN replay_items i ON i.replay_id = r.id
    JOIN deliveries d ON d.id = i.delivery_id
WHERE r.id = $1
GROUP BY i.result, d.state, is_canary, waits
ORDER BY is_canary DESC, i.result, d.state
"""
CHANGE_REPLAY: Final = """
UPDATE replays SET state = $3, updated_at = $4, canary = COALESCE($5, canary)
WHERE id = $1 AND state = ANY($2)
RETURNING id
"""
