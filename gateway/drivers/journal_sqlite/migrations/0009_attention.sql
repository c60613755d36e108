-- What people make of what waits for them; the words of notes are sealed.
CREATE TABLE attention_groups (
    id TEXT PRIMARY KEY,
    version INTEGER NOT NULL,
    waits TEXT NOT NULL,
    destination TEXT NOT NULL,
    code TEXT,
    adapter TEXT,
    state TEXT NOT NULL,
    since INTEGER NOT NULL,
    acknowledged_by TEXT,
    acknowledged_until INTEGER,
    reopened_at INTEGER
) STRICT, WITHOUT ROWID;

CREATE TABLE attention_notes (
    id BLOB PRIMARY KEY,
    group_id TEXT NOT NULL REFERENCES attention_groups (id),
    noted_at INTEGER NOT NULL,
    noted_by TEXT NOT NULL,
    words TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX attention_notes_group ON attention_notes (group_id, id);

-- What waits for a second person; arguments and reasons are sealed.
CREATE TABLE approvals (
    id BLOB PRIMARY KEY,
    operation TEXT NOT NULL,
    arguments TEXT NOT NULL,
    subject TEXT NOT NULL,
    fingerprint TEXT NOT NULL,
    deliveries INTEGER,
    requested_by TEXT NOT NULL,
    requested_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    state TEXT NOT NULL,
    decided_by TEXT,
    decided_at INTEGER,
    decided_reason TEXT,
    result TEXT
) STRICT, WITHOUT ROWID;

-- One thing is asked for once at a time, whichever process is asked.
CREATE UNIQUE INDEX approvals_waiting ON approvals (fingerprint) WHERE state = 'waiting';
