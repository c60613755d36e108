"""Every statement that the SQLite journal runs, by hand, in one place.

Those of totals, and of the sealed log, stand where they are used.
``?N`` and ``:name`` are SQLite's parameters; nothing is ever put into the text.
"""

from typing import Final

# Connections

WRITER_SETTINGS: Final = (
    # Commits reach the disk one by one: the WAL is synchronised before COMMIT returns.
    "PRAGMA synchronous = FULL",
    "PRAGMA fullfsync = ON",
    "PRAGMA foreign_keys = ON",
    "PRAGMA secure_delete = ON",
    "PRAGMA busy_timeout = 5000",
    # ``checkpointing`` makes checkpoints every 32 MiB; a commit makes one only from 64 MiB.
    # With that and a cache of 16 MiB, pages of the indexes on keyed hashes, which are hit at
    # random, are written to the database once for many changes.
    "PRAGMA wal_autocheckpoint = 16000",
    "PRAGMA cache_size = -16384",
    # The WAL is cut back to 64 MiB after a burst.
    "PRAGMA journal_size_limit = 67108864",
)
CHECKPOINT_SETTINGS: Final = (
    "PRAGMA synchronous = FULL",
    "PRAGMA fullfsync = ON",
    # It waits for nobody: what cannot be brought in now is next time.
    "PRAGMA busy_timeout = 0",
)
READER_SETTINGS: Final = ("PRAGMA query_only = ON", "PRAGMA busy_timeout = 5000")

# The node

NOTE_OPENED: Final = """
INSERT INTO nodes (name, opened) VALUES (?, 1)
ON CONFLICT (name) DO UPDATE SET opened = opened + 1
"""
PING: Final = "UPDATE nodes SET pings = pings + 1 WHERE name = ?"
HEAD: Final = "SELECT nseq, data FROM entries WHERE node = ? ORDER BY nseq DESC LIMIT 1"

# Accepting

INSERT_APPLICATION: Final = """
INSERT INTO applications (
    id, client, municipality, procedure, version, idempotency_mac, receipt_mac, commitment,
    accepted_at, supersedes, traceparent
) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT DO NOTHING
"""
SUPERSEDE: Final = """
UPDATE applications SET superseded_by = ?1
WHERE id = ?2 AND client = ?3 AND municipality = ?4 AND superseded_by IS NULL
"""
APPLICATION_BY_KEY: Final = """
SELECT * FROM applications WHERE client = ? AND idempotency_mac = ?
"""
APPLICATION_BY_RECEIPT: Final = """
SELECT id FROM applications
WHERE client = ? AND municipality = ? AND receipt_mac = ? AND superseded_by IS NULL
"""
ACCEPTANCE_ENTRY: Final = """
SELECT data FROM entries
WHERE application_id = ? AND action = 'application.accepted' ORDER BY seq LIMIT 1
"""
INSERT_DELIVERY: Final = """
INSERT INTO deliveries (
    id, application_id, municipality, destination, state, budget_since, updated_at, attempt,
    counted, resolves, copy, worker, claimed_at, due_at, code, pointer, reference, flagged,
    adapter, order_key, order_seq, behind
) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
"""
LAST_IN_ORDER: Final = """
SELECT max(order_seq) AS order_seq FROM deliveries
WHERE destination = ? AND order_key = ?
    AND state IN ('pending', 'queued', 'sending', 'retrying', 'in_doubt', 'parked')
"""
INSERT_PAYLOAD: Final = "INSERT INTO payloads (delivery_id, sealed, signature) VALUES (?, ?, ?)"
# Inserts nothing when the series is new.
INSERT_ENTRY: Final = """
INSERT INTO entries (
    node, nseq, at, action, application_id, delivery_id, data, subject, series
)
SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, id FROM entry_series
WHERE action = ?4 AND actor = ?9 AND municipality = ?10 AND actor_kind = ?11
"""
INSERT_SERIES: Final = """
INSERT INTO entry_series (action, actor, municipality, actor_kind) VALUES (?, ?, ?, ?)
"""
INSERT_DETAIL_KEY: Final = """
INSERT INTO detail_keys (node, nseq, application_id, key) VALUES (?, ?, ?, ?)
"""

# Deciding

DELIVERY: Final = "SELECT * FROM deliveries WHERE id = ?"
UPDATE_DELIVERY: Final = """
UPDATE deliveries SET
    state = ?2, budget_since = ?3, updated_at = ?4, attempt = ?5, counted = ?6, resolves = ?7,
    copy = ?8, worker = ?9, claimed_at = ?10, due_at = ?11, code = ?12, pointer = ?13,
    reference = ?14, flagged = ?15, adapter = ?16
WHERE id = ?1
"""
FREE_NEXT_IN_ORDER: Final = """
UPDATE deliveries SET behind = 0
WHERE behind = 1 AND id = (
    SELECT id FROM deliveries
    WHERE destination = ?1 AND order_key = ?2
        AND state IN ('pending', 'queued', 'sending', 'retrying', 'in_doubt', 'parked')
    ORDER BY order_seq LIMIT 1
)
"""
INSERT_FEEDBACK: Final = """
INSERT INTO feedback (delivery_id, id, status, at, received_at, code, reference, application_id)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, (SELECT application_id FROM deliveries WHERE id = ?1))
ON CONFLICT (delivery_id, id) DO NOTHING
"""

# The relay

PUBLISHABLE: Final = """
SELECT d.*, p.sealed, p.signature, a.procedure, a.version, a.traceparent
FROM deliveries d
    JOIN payloads p ON p.delivery_id = d.id
    JOIN applications a ON a.id = d.application_id
WHERE d.destination = :destination
    AND d.state IN ('pending', 'retrying', 'in_doubt')
    AND (d.behind = 0 OR d.state = 'in_doubt')
    AND (
        d.due_at <= :now OR d.due_at IS NULL AND d.state <> 'in_doubt'
        -- The clock was set back.
        OR d.due_at IS NOT NULL AND d.updated_at > :ahead
    )
    AND (d.state <> 'in_doubt' OR d.copy IS NULL)
ORDER BY d.id LIMIT :limit
"""
UNCLAIMED: Final = """
SELECT d.*, p.sealed, p.signature, a.procedure, a.version, a.traceparent
FROM deliveries d
    JOIN payloads p ON p.delivery_id = d.id
    JOIN applications a ON a.id = d.application_id
WHERE d.destination = ? AND d.state IN ('queued', 'sending', 'in_doubt')
    AND (d.state <> 'in_doubt' OR d.copy IS NOT NULL)
    AND d.id > ?
ORDER BY d.id LIMIT ?
"""

# Reading

APPLICATION: Final = "SELECT * FROM applications WHERE id = ?"
DELIVERIES_OF: Final = "SELECT * FROM deliveries WHERE application_id = ? ORDER BY id"
FEEDBACK_ON: Final = "SELECT * FROM feedback WHERE delivery_id = ? ORDER BY received_at, id"
ENTRIES_ABOUT: Final = """
SELECT node, nseq, data FROM entries WHERE application_id = ? ORDER BY seq
"""
ENTRIES_AFTER: Final = """
SELECT node, nseq, data FROM entries WHERE (node, nseq) > (?, ?) ORDER BY node, nseq LIMIT ?
"""
LATEST: Final = "SELECT id FROM applications WHERE id < ? ORDER BY id DESC LIMIT ?"
COUNTED: Final = """
SELECT DISTINCT destination, state FROM delivery_counts
WHERE deliveries > 0
    AND state IN (SELECT value FROM json_each(:states))
    AND (:destination IS NULL OR destination = :destination)
    AND (:municipality IS NULL OR municipality = :municipality)
"""
LATEST_IN_STATE: Final = """
SELECT DISTINCT application_id FROM deliveries INDEXED BY deliveries_listed
WHERE destination = :destination AND state = :state
    AND application_id < :before AND application_id > :after
    AND (:municipality IS NULL OR municipality = :municipality)
ORDER BY application_id DESC LIMIT :limit
"""
LATEST_OF_RECEIPT: Final = """
SELECT id FROM (
    SELECT id, municipality FROM applications
    WHERE receipt_mac = :receipt_mac AND superseded_by IS NULL
    UNION ALL
    SELECT id, municipality FROM applications
    WHERE receipt_mac = :receipt_mac AND superseded_by IS NOT NULL
) a
WHERE id < :before
    AND (:municipality IS NULL OR municipality = :municipality)
    AND EXISTS (
        SELECT 1 FROM deliveries d WHERE d.application_id = a.id
            AND (:destination IS NULL OR d.destination = :destination)
            AND d.state IN (SELECT value FROM json_each(:states))
    )
ORDER BY id DESC LIMIT :limit
"""

# Client keys and workers

INSERT_CLIENT_KEY: Final = """
INSERT INTO client_keys (id, client, digest, created_at, revoked_at) VALUES (?, ?, ?, ?, ?)
"""
REVOKE_CLIENT_KEY: Final = """
UPDATE client_keys SET revoked_at = ?2 WHERE id = ?1 AND revoked_at IS NULL
"""
CLIENT_KEYS: Final = "SELECT * FROM client_keys ORDER BY created_at, id"
PUT_HEARTBEAT: Final = """
INSERT INTO heartbeats (
    worker, destination, version, adapter, in_flight, healthy, checked_at, at, breaker, unclaimed,
    heard_at, answers, said, down_s, trial_in_s, host
) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (worker, destination) DO UPDATE SET
    version = excluded.version, adapter = excluded.adapter, in_flight = excluded.in_flight,
    healthy = excluded.healthy, checked_at = excluded.checked_at, at = excluded.at,
    breaker = excluded.breaker, unclaimed = excluded.unclaimed, heard_at = excluded.heard_at,
    answers = excluded.answers, said = excluded.said, down_s = excluded.down_s,
    trial_in_s = excluded.trial_in_s, host = excluded.host
WHERE excluded.at > heartbeats.at
"""
FORGET_HEARTBEATS: Final = """
DELETE FROM heartbeats WHERE destination = ?1
    AND coalesce(heard_at, at) < ?2 - 24 * 60 * 60 * 1000000
"""
HEARTBEATS: Final = "SELECT * FROM heartbeats ORDER BY worker, destination"

# Operators' settings

CONTROLS: Final = "SELECT * FROM controls ORDER BY destination"
PUT_CONTROL: Final = """
INSERT INTO controls (destination, version, settings, changed_by, changed_at, reason)
SELECT ?1, ?2, ?3, ?4, ?5, ?6
WHERE ?2 = 1 + coalesce((SELECT version FROM controls WHERE destination = ?1), 0)
ON CONFLICT (destination) DO UPDATE SET
    version = excluded.version, settings = excluded.settings, changed_by = excluded.changed_by,
    changed_at = excluded.changed_at, reason = excluded.reason
"""

# What waits for a person, and orders to send it again

WAITING_GROUPS: Final = """
SELECT state, destination, code, adapter, count(*) AS deliveries,
    min(updated_at) AS first_at, max(updated_at) AS last_at
FROM deliveries INDEXED BY deliveries_waiting
WHERE (state = 'parked' OR state = 'in_doubt' AND due_at IS NULL AND copy IS NULL)
    AND state IN (SELECT value FROM json_each(:states))
    AND (:destination IS NULL OR destination = :destination)
    AND (:municipality IS NULL OR municipality = :municipality)
    AND (:code IS NULL OR coalesce(code, '') = :code)
    AND (:adapter IS NULL OR coalesce(adapter, '') = :adapter)
    AND (:since IS NULL OR updated_at >= :since)
    AND (:until IS NULL OR updated_at < :until)
    AND (:ids IS NULL OR hex(id) IN (SELECT value FROM json_each(:ids)))
GROUP BY destination, state, code, adapter
ORDER BY deliveries DESC, destination, state DESC, code, adapter
"""
INSERT_REPLAY: Final = """
INSERT INTO replays (
    id, ordered_by, ordered_at, reason, selection, canary, rate_per_s, state, updated_at, total
) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, 0)
"""
SELECT_REPLAY_ITEMS: Final = """
INSERT INTO replay_items (replay_id, position, delivery_id, attempt)
SELECT :replay, row_number() OVER (ORDER BY id), id, attempt
FROM deliveries INDEXED BY deliveries_waiting
WHERE (state = 'parked' OR state = 'in_doubt' AND due_at IS NULL AND copy IS NULL)
    AND state IN (SELECT value FROM json_each(:states))
    AND (:destination IS NULL OR destination = :destination)
    AND (:municipality IS NULL OR municipality = :municipality)
    AND (:code IS NULL OR coalesce(code, '') = :code)
    AND (:adapter IS NULL OR coalesce(adapter, '') = :adapter)
    AND (:since IS NULL OR updated_at >= :since)
    AND (:until IS NULL OR updated_at < :until)
    AND (:ids IS NULL OR hex(id) IN (SELECT value FROM json_each(:ids)))
"""
SET_REPLAY_TOTAL: Final = "UPDATE replays SET total = ?2 WHERE id = ?1"
REPLAYS: Final = "SELECT * FROM replays ORDER BY ordered_at DESC, id DESC LIMIT ?"
REPLAY: Final = "SELECT * FROM replays WHERE id = ?"
RUNNING_REPLAYS: Final = "SELECT * FROM replays WHERE state = 'running' ORDER BY ordered_at, id"
OPEN_REPLAY_ITEMS: Final = """
SELECT * FROM replay_items INDEXED BY replay_items_open
WHERE replay_id = ? AND result IS NULL ORDER BY position LIMIT ?
"""
SET_REPLAY_RESULT: Final = """
UPDATE replay_items SET result = ?3 WHERE replay_id = ?1 AND position = ?2 AND result IS NULL
"""
REPLAY_TALLY: Final = """
SELECT i.result, d.state, i.position <= r.canary AS is_canary,
    d.state = 'parked' OR d.state = 'in_doubt' AND d.due_at IS NULL AND d.copy IS NULL AS waits,
    count(*) AS deliveries
FROM replays r
    JOIN replay_items i ON i.replay_id = r.id
    JOIN deliveries d ON d.id = i.delivery_id
WHERE r.id = ?
GROUP BY i.result, d.state, is_canary, waits
"""
CHANGE_REPLAY: Final = """
UPDATE replays
SET state = :becomes, updated_at = :at, canary = coalesce(:canary, canary)
WHERE id = :id AND state IN (SELECT value FROM json_each(:was))
"""
