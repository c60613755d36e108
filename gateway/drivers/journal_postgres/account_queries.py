"""The SQL of accounts, sessions and tokens."""
# ruff: noqa: S105 - statements, no secrets

from typing import Final

ACCOUNT: Final = "SELECT * FROM accounts WHERE name = $1"
ACCOUNTS: Final = 'SELECT * FROM accounts ORDER BY name COLLATE "C"'
PUT_ACCOUNT: Final = """
INSERT INTO accounts (name, roles, digest, created_at, changed_at, disabled_at)
VALUES ($1, $2, $3, $4, $5, $6)
ON CONFLICT (name) DO UPDATE SET
    roles = excluded.roles, digest = excluded.digest, changed_at = excluded.changed_at,
    disabled_at = excluded.disabled_at
"""
OPEN_SESSION: Final = """
INSERT INTO account_sessions (digest, id, account, address, opened_at, seen_at)
SELECT $1, $2, a.name, $4, $5, $6
FROM accounts a
WHERE a.name = $3 AND a.digest = $7 AND a.disabled_at IS NULL
FOR SHARE OF a
RETURNING id
"""
SESSION: Final = """
SELECT s.id, s.account, s.digest AS secret, s.address, s.opened_at, s.seen_at,
    a.name, a.roles, a.digest, a.created_at, a.changed_at, a.disabled_at
FROM account_sessions s JOIN accounts a ON a.name = s.account
WHERE s.digest = $1
"""
SESSIONS: Final = """
SELECT s.id, s.account, s.digest AS secret, s.address, s.opened_at, s.seen_at
FROM account_sessions s
WHERE $1::text IS NULL OR s.account = $1
ORDER BY s.opened_at DESC, s.id
"""
TOUCH_SESSION: Final = """
UPDATE account_sessions SET seen_at = greatest(seen_at, $2) WHERE digest = $1
"""
END_SESSIONS: Final = """
DELETE FROM account_sessions
WHERE ($1::text IS NULL OR id = $1) AND ($2::bytea IS NULL OR digest = $2)
    AND ($3::text IS NULL OR account = $3)
    AND ($4::timestamptz IS NULL OR seen_at < $4)
    AND ($5::timestamptz IS NULL OR opened_at < $5)
    AND ($6::text IS NULL OR id <> $6)
RETURNING id, account, digest AS secret, address, opened_at, seen_at
"""
ADD_TOKEN: Final = """
INSERT INTO account_tokens (id, account, label, digest, created_at, expires_at, revoked_at)
VALUES ($1, $2, $3, $4, $5, $6, $7)
"""
TOKEN: Final = """
SELECT t.id, t.account, t.label, t.digest AS secret, t.created_at AS made_at, t.expires_at,
    t.revoked_at, a.name, a.roles, a.digest, a.created_at, a.changed_at, a.disabled_at
FROM account_tokens t JOIN accounts a ON a.name = t.account
WHERE t.id = $1
"""
TOKENS: Final = """
SELECT t.id, t.account, t.label, t.digest AS secret, t.created_at AS made_at, t.expires_at,
    t.revoked_at
FROM account_tokens t
WHERE $1::text IS NULL OR t.account = $1
ORDER BY t.created_at DESC, t.id
"""
REVOKE_TOKEN: Final = """
UPDATE account_tokens SET revoked_at = $2
WHERE id = $1 AND revoked_at IS NULL AND ($3::text IS NULL OR account = $3)
RETURNING id
"""
