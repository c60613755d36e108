-- What people make of what waits for them; the words of notes are sealed.
CREATE TABLE attention_groups (
    id text PRIMARY KEY,
    version integer NOT NULL,
    waits text NOT NULL,
    destination text NOT NULL,
    code text,
    adapter text,
    state text NOT NULL,
    since timestamptz NOT NULL,
    acknowledged_by text,
    acknowledged_until timestamptz,
    reopened_at timestamptz
);

CREATE TABLE attention_notes (
    id uuid PRIMARY KEY,
    group_id text NOT NULL REFERENCES attention_groups (id),
    noted_at timestamptz NOT NULL,
    noted_by text NOT NULL,
    words text NOT NULL
);

CREATE INDEX attention_notes_group ON attention_notes (group_id, id);

-- What waits for a second person; arguments and reasons are sealed.
CREATE TABLE approvals (
    id uuid PRIMARY KEY,
    operation text NOT NULL,
    arguments text NOT NULL,
    subject text NOT NULL,
    fingerprint text NOT NULL,
    deliveries integer,
    requested_by text NOT NULL,
    requested_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    state text NOT NULL,
    decided_by text,
    decided_at timestamptz,
    decided_reason text,
    result text
);

-- One thing is asked for once at a time, whichever process is asked.
CREATE UNIQUE INDEX approvals_waiting ON approvals (fingerprint) WHERE state = 'waiting';
