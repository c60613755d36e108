"""Accounts, sessions and tokens of people."""

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from typing import Final, TypeVar

from asyncpg import Connection, Record

from gateway.domain.account import Account, Role, Session, Token
from gateway.domain.entry import Entry
from gateway.drivers.journal_postgres import account_queries, queries
from gateway.drivers.journal_postgres.transaction import Transaction
from gateway.ports.accounts import AccountDecision, SessionEntry, SessionFilter

T = TypeVar("T")

_LOCK_CLASS: Final = 0x61636374
"""``acct``: keeps these advisory locks apart from those of order keys and webhooks."""


class PostgresAccounts(ABC):
    """What the journal does with accounts; how it reads and writes, the driver says."""

    async def account(self, name: str) -> Account | None:
        """Return one account."""
        return await self._read(lambda connection: _account(connection, name))

    async def accounts(self) -> Sequence[Account]:
        """Return all accounts."""
        return await self._read(_accounts)

    async def decide_account(
        self, name: str, rule: Callable[[Account | None], AccountDecision]
    ) -> Account | None:
        """Apply ``rule``, in this task's event loop."""
        return await self._write(lambda transaction: _decide(transaction, name, rule))

    async def open_session(self, session: Session, verified: str, entry: Entry) -> bool:
        """Store a session."""
        return await self._write(lambda transaction: _open(transaction, session, verified, entry))

    async def session(self, digest: bytes) -> tuple[Session, Account] | None:
        """Return a session and its account."""
        return await self._read(lambda connection: _session(connection, digest))

    async def sessions(self, account: str | None = None) -> Sequence[Session]:
        """Return sessions."""
        return await self._read(lambda connection: _sessions(connection, account))

    async def touch_session(self, digest: bytes, at: datetime) -> None:
        """Note that a session was used."""
        await self._write(lambda transaction: _touch(transaction, digest, at))

    async def end_sessions(self, where: SessionFilter, entry: SessionEntry) -> Sequence[Session]:
        """Forget sessions."""
        return await self._write(lambda transaction: _end(transaction, where, None, entry))

    async def add_token(self, token: Token, entry: Entry) -> None:
        """Store a token."""
        await self._write(lambda transaction: _add_token(transaction, token, entry))

    async def token(self, token_id: str) -> tuple[Token, Account] | None:
        """Return a token and its account."""
        return await self._read(lambda connection: _token(connection, token_id))

    async def tokens(self, account: str | None = None) -> Sequence[Token]:
        """Return tokens."""
        return await self._read(lambda connection: _tokens(connection, account))

    async def revoke_token(
        self, token_id: str, at: datetime, entry: Entry, *, account: str | None = None
    ) -> bool:
        """Revoke a token."""
        return await self._write(
            lambda transaction: _revoke(transaction, (token_id, at, account), entry)
        )

    @abstractmethod
    async def _write(self, step: Callable[[Transaction], Awaitable[T]]) -> T: ...

    @abstractmethod
    async def _read(self, query: Callable[[Connection], Awaitable[T]]) -> T: ...


async def _account(connection: Connection, name: str) -> Account | None:
    row = await connection.fetchrow(account_queries.ACCOUNT, name)
    return None if row is None else _to_account(row)


async def _accounts(connection: Connection) -> list[Account]:
    return [_to_account(row) for row in await connection.fetch(account_queries.ACCOUNTS)]


async def _decide(
    transaction: Transaction, name: str, rule: Callable[[Account | None], AccountDecision]
) -> Account | None:
    connection = transaction.connection
    # An account that is not there has no row to lock.
    await connection.execute(queries.LOCK_KEYS, _LOCK_CLASS, [_lock(name)])
    known = await _account(connection, name)
    decision = rule(known)
    transaction.append(decision.entries)
    if decision.account is not None:
        await connection.execute(account_queries.PUT_ACCOUNT, *_from_account(decision.account))
    if decision.ended is not None:
        await _end(transaction, SessionFilter(account=name), decision.kept, decision.ended)
    return decision.account or known


def _lock(name: str) -> int:
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:4], "big", signed=True)


async def _open(transaction: Transaction, session: Session, verified: str, entry: Entry) -> bool:
    stored = await transaction.connection.fetchval(
        account_queries.OPEN_SESSION,
        session.digest,
        session.id,
        session.account,
        session.address,
        session.opened_at,
        session.seen_at,
        verified,
    )
    if stored is None:
        return False
    transaction.append((entry,))
    return True


async def _session(connection: Connection, digest: bytes) -> tuple[Session, Account] | None:
    row = await connection.fetchrow(account_queries.SESSION, digest)
    return None if row is None else (_to_session(row), _to_account(row))


async def _sessions(connection: Connection, account: str | None) -> list[Session]:
    found = await connection.fetch(account_queries.SESSIONS, account)
    return [_to_session(row) for row in found]


async def _touch(transaction: Transaction, digest: bytes, at: datetime) -> None:
    await transaction.connection.execute(account_queries.TOUCH_SESSION, digest, at)


async def _end(
    transaction: Transaction, where: SessionFilter, kept: str | None, entry: SessionEntry
) -> list[Session]:
    found = await transaction.connection.fetch(
        account_queries.END_SESSIONS,
        where.id,
        where.digest,
        where.account,
        where.seen_before,
        where.opened_before,
        kept,
    )
    ended = [_to_session(row) for row in found]
    transaction.append([entry(session) for session in ended])
    return ended


async def _add_token(transaction: Transaction, token: Token, entry: Entry) -> None:
    transaction.append((entry,))
    await transaction.connection.execute(
        account_queries.ADD_TOKEN,
        token.id,
        token.account,
        token.label,
        token.digest,
        token.created_at,
        token.expires_at,
        token.revoked_at,
    )


async def _token(connection: Connection, token_id: str) -> tuple[Token, Account] | None:
    row = await connection.fetchrow(account_queries.TOKEN, token_id)
    return None if row is None else (_to_token(row), _to_account(row))


async def _tokens(connection: Connection, account: str | None) -> list[Token]:
    found = await connection.fetch(account_queries.TOKENS, account)
    return [_to_token(row) for row in found]


async def _revoke(
    transaction: Transaction, parameters: tuple[str, datetime, str | None], entry: Entry
) -> bool:
    if await transaction.connection.fetchval(account_queries.REVOKE_TOKEN, *parameters) is None:
        return False
    transaction.append((entry,))
    return True


def _from_account(account: Account) -> tuple[object, ...]:
    return (
        account.name,
        " ".join(sorted(account.roles)),
        account.digest,
        account.created_at,
        account.changed_at,
        account.disabled_at,
    )


def _to_account(row: Record) -> Account:
    return Account(
        name=row["name"],
        roles=frozenset(Role(role) for role in row["roles"].split()),
        digest=row["digest"],
        created_at=row["created_at"],
        changed_at=row["changed_at"],
        disabled_at=row["disabled_at"],
    )


def _to_session(row: Record) -> Session:
    return Session(
        id=row["id"],
        account=row["account"],
        digest=row["secret"],
        address=row["address"],
        opened_at=row["opened_at"],
        seen_at=row["seen_at"],
    )


def _to_token(row: Record) -> Token:
    return Token(
        id=row["id"],
        account=row["account"],
        label=row["label"],
        digest=row["secret"],
        created_at=row["made_at"],
        expires_at=row["expires_at"],
        revoked_at=row["revoked_at"],
    )
