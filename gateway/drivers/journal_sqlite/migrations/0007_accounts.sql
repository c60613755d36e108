-- People who operate the gateway. An account is never deleted: its name stands in the audit log.
CREATE TABLE accounts (
    name TEXT PRIMARY KEY,
    -- With spaces between them.
    roles TEXT NOT NULL,
    -- The password under Argon2id, as a PHC string.
    digest TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    changed_at INTEGER NOT NULL,
    disabled_at INTEGER
) STRICT, WITHOUT ROWID;

-- Browsers in which they have signed in; a session that ends is deleted.
CREATE TABLE account_sessions (
    -- SHA-256 of the secret that the browser holds.
    digest BLOB PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    account TEXT NOT NULL REFERENCES accounts (name),
    address TEXT NOT NULL,
    opened_at INTEGER NOT NULL,
    seen_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX account_sessions_of ON account_sessions (account);

-- What their programs show instead of a password.
CREATE TABLE account_tokens (
    id TEXT PRIMARY KEY,
    account TEXT NOT NULL REFERENCES accounts (name),
    label TEXT NOT NULL,
    -- SHA-256 of the whole token.
    digest BLOB NOT NULL,
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    revoked_at INTEGER
) STRICT, WITHOUT ROWID;

CREATE INDEX account_tokens_of ON account_tokens (account);
