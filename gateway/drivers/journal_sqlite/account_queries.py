"""The SQL of accounts, sessions and tokens."""
# ruff: noqa: S105 - statements, no secrets

from typing import Final

ACCOUNT: Final = "SELECT * FROM accounts WHERE name = ?"
ACCOUNTS: Final = "SELECT * FROM accounts ORDER BY name"
PUT_ACCOUNT: Final = """
INSERT INTO accounts (name, roles, digest, created_at, changed_at, disabled_at)
VALUES (?, ?, ?, ?, ?, ?)
ON CONFLICT (name) DO UPDATE SET
    roles = excluded.roles, digest = excluded.digest, changed_at = excluded.changed_at,
    disabled_at = excluded.disabled_at
"""
OPEN_SESSION: Final = """
INSERT INTO account_sessions (digest, id, account, address, opened_at, seen_at)
SELECT :digest, :id, a.name, :address, :opened_at, :seen_at
FROM accounts a
WHERE a.name = :account AND a.digest = :verified AND a.disabled_at IS NULL
"""
SESSION: Final = """
SELECT s.id, s.account, s.digest AS secret, s.address, s.opened_at, s.seen_at,
    a.name, a.roles, a.digest, a.created_at, a.changed_at, a.disabled_at
FROM account_sessions s JOIN accounts a ON a.name = s.account
WHERE s.digest = ?
"""
SESSIONS: Final = """
SELECT s.id, s.account, s.digest AS secret, s.address, s.opened_at, s.seen_at
FROM account_sessions s
WHERE :account IS NULL OR s.account = :account
ORDER BY s.opened_at DESC, s.id
"""
TOUCH_SESSION: Final = "UPDATE account_sessions SET seen_at = max(seen_at, ?) WHERE digest = ?"
END_SESSIONS: Final = """
DELETE FROM account_sessions
WHERE (:id IS NULL OR id = :id) AND (:digest IS NULL OR digest = :digest)
    AND (:account IS NULL OR account = :account)
    AND (:seen_before IS NULL OR seen_at < :seen_before)
    AND (:opened_before IS NULL OR opened_at < :opened_before)
    AND (:kept IS NULL OR id <> :kept)
RETURNING id, account, digest AS secret, address, opened_at, seen_at
"""
ADD_TOKEN: Final = """
INSERT INTO account_tokens (id, account, label, digest, created_at, expires_at, revoked_at)
VALUES (?, ?, ?, ?, ?, ?, ?)
"""
TOKEN: Final = """
SELECT t.id, t.account, t.label, t.digest AS secret, t.created_at AS made_at, t.expires_at,
    t.revoked_at, a.name, a.roles, a.digest, a.created_at, a.changed_at, a.disabled_at
FROM account_tokens t JOIN accounts a ON a.name = t.account
WHERE t.id = ?
"""
TOKENS: Final = """
SELECT t.id, t.account, t.label, t.digest AS secret, t.created_at AS made_at, t.expires_at,
    t.revoked_at
FROM account_tokens t
WHERE :account IS NULL OR t.account = :account
ORDER BY t.created_at DESC, t.id
"""
REVOKE_TOKEN: Final = """
UPDATE account_tokens SET revoked_at = :at
WHERE id = :id AND revoked_at IS NULL AND (:account IS NULL OR account = :account)
"""
