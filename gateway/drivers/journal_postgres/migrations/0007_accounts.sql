-- People who operate the gateway. An account is never deleted: its name stands in the audit log.
CREATE TABLE accounts (
    name text PRIMARY KEY,
    -- With spaces between them.
    roles text NOT NULL,
    -- The password under Argon2id, as a PHC string.
    digest text NOT NULL,
    created_at timestamptz NOT NULL,
    changed_at timestamptz NOT NULL,
    disabled_at timestamptz
);

-- Browsers in which they have signed in; a session that ends is deleted.
CREATE TABLE account_sessions (
    -- SHA-256 of the secret that the browser holds.
    digest bytea PRIMARY KEY,
    id text NOT NULL UNIQUE,
    account text NOT NULL REFERENCES accounts (name),
    address text NOT NULL,
    opened_at timestamptz NOT NULL,
    seen_at timestamptz NOT NULL
);

CREATE INDEX account_sessions_of ON account_sessions (account);

-- What their programs show instead of a password.
CREATE TABLE account_tokens (
    id text PRIMARY KEY,
    account text NOT NULL REFERENCES accounts (name),
    label text NOT NULL,
    -- SHA-256 of the whole token.
    digest bytea NOT NULL,
    created_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    revoked_at timestamptz
);

CREATE INDEX account_tokens_of ON account_tokens (account);
