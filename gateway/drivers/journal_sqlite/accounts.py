"""Accounts, sessions and tokens of people."""

import sqlite3
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import TypeVar

from gateway.audit.head import Head
from gateway.domain.account import Account, Role, Session, Token
from gateway.domain.entry import Entry
from gateway.drivers.journal_sqlite import account_queries, rows, steps
from gateway.drivers.journal_sqlite.writer import Step
from gateway.ports.accounts import AccountDecision, SessionEntry, SessionFilter

T = TypeVar("T")


class SQLiteAccounts(ABC):
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
        """Apply ``rule``, in the writer's thread."""
        return await self._write(lambda connection, head: _decide(connection, head, name, rule))

    async def open_session(self, session: Session, verified: str, entry: Entry) -> bool:
        """Store a session."""
        return await self._write(
            lambda connection, head: _open(connection, head, session, verified, entry)
        )

    async def session(self, digest: bytes) -> tuple[Session, Account] | None:
        """Return a session and its account."""
        return await self._read(lambda connection: _session(connection, digest))

    async def sessions(self, account: str | None = None) -> Sequence[Session]:
        """Return sessions."""
        return await self._read(lambda connection: _sessions(connection, account))

    async def touch_session(self, digest: bytes, at: datetime) -> None:
        """Note that a session was used."""
        await self._write(lambda connection, _: _touch(connection, digest, at))

    async def end_sessions(self, where: SessionFilter, entry: SessionEntry) -> Sequence[Session]:
        """Forget sessions; ``entry`` is called in the writer's thread."""
        return await self._write(
            lambda connection, head: _end(connection, head, where, None, entry)
        )

    async def add_token(self, token: Token, entry: Entry) -> None:
        """Store a token."""
        await self._write(lambda connection, head: _add_token(connection, head, token, entry))

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
        parameters: dict[str, rows.Value] = {
            "id": token_id,
            "at": rows.from_time(at),
            "account": account,
        }
        return await self._write(
            lambda connection, head: _revoke(connection, head, parameters, entry)
        )

    @abstractmethod
    async def _write(self, step: Step[T]) -> T: ...

    @abstractmethod
    async def _read(self, query: Callable[[sqlite3.Connection], T]) -> T: ...


def _account(connection: sqlite3.Connection, name: str) -> Account | None:
    row = connection.execute(account_queries.ACCOUNT, (name,)).fetchone()
    return None if row is None else _to_account(row)


def _accounts(connection: sqlite3.Connection) -> list[Account]:
    return [_to_account(row) for row in connection.execute(account_queries.ACCOUNTS)]


def _decide(
    connection: sqlite3.Connection,
    head: Head,
    name: str,
    rule: Callable[[Account | None], AccountDecision],
) -> Account | None:
    known = _account(connection, name)
    decision = rule(known)
    if decision.account is not None:
        connection.execute(account_queries.PUT_ACCOUNT, _from_account(decision.account))
    steps.append(connection, head, decision.entries)
    if decision.ended is not None:
        _end(connection, head, SessionFilter(account=name), decision.kept, decision.ended)
    return decision.account or known


def _open(
    connection: sqlite3.Connection, head: Head, session: Session, verified: str, entry: Entry
) -> bool:
    parameters = {
        "digest": session.digest,
        "id": session.id,
        "account": session.account,
        "address": session.address,
        "opened_at": rows.from_time(session.opened_at),
        "seen_at": rows.from_time(session.seen_at),
        "verified": verified,
    }
    if connection.execute(account_queries.OPEN_SESSION, parameters).rowcount == 0:
        return False
    steps.append(connection, head, (entry,))
    return True


def _session(connection: sqlite3.Connection, digest: bytes) -> tuple[Session, Account] | None:
    row = connection.execute(account_queries.SESSION, (digest,)).fetchone()
    return None if row is None else (_to_session(row), _to_account(row))


def _sessions(connection: sqlite3.Connection, account: str | None) -> list[Session]:
    found = connection.execute(account_queries.SESSIONS, {"account": account})
    return [_to_session(row) for row in found]


def _touch(connection: sqlite3.Connection, digest: bytes, at: datetime) -> None:
    connection.execute(account_queries.TOUCH_SESSION, (rows.from_time(at), digest))


def _end(
    connection: sqlite3.Connection,
    head: Head,
    where: SessionFilter,
    kept: str | None,
    entry: SessionEntry,
) -> list[Session]:
    parameters = {
        "id": where.id,
        "digest": where.digest,
        "account": where.account,
        "seen_before": rows.from_optional_time(where.seen_before),
        "opened_before": rows.from_optional_time(where.opened_before),
        "kept": kept,
    }
    found = connection.execute(account_queries.END_SESSIONS, parameters).fetchall()
    ended = [_to_session(row) for row in found]
    steps.append(connection, head, [entry(session) for session in ended])
    return ended


def _add_token(connection: sqlite3.Connection, head: Head, token: Token, entry: Entry) -> None:
    parameters = (
        token.id,
        token.account,
        token.label,
        token.digest,
        rows.from_time(token.created_at),
        rows.from_time(token.expires_at),
        rows.from_optional_time(token.revoked_at),
    )
    connection.execute(account_queries.ADD_TOKEN, parameters)
    steps.append(connection, head, (entry,))


def _token(connection: sqlite3.Connection, token_id: str) -> tuple[Token, Account] | None:
    row = connection.execute(account_queries.TOKEN, (token_id,)).fetchone()
    return None if row is None else (_to_token(row), _to_account(row))


def _tokens(connection: sqlite3.Connection, account: str | None) -> list[Token]:
    found = connection.execute(account_queries.TOKENS, {"account": account})
    return [_to_token(row) for row in found]


def _revoke(
    connection: sqlite3.Connection, head: Head, parameters: dict[str, rows.Value], entry: Entry
) -> bool:
    if connection.execute(account_queries.REVOKE_TOKEN, parameters).rowcount == 0:
        return False
    steps.append(connection, head, (entry,))
    return True


def _from_account(account: Account) -> tuple[rows.Value, ...]:
    return (
        account.name,
        " ".join(sorted(account.roles)),
        account.digest,
        rows.from_time(account.created_at),
        rows.from_time(account.changed_at),
        rows.from_optional_time(account.disabled_at),
    )


def _to_account(row: sqlite3.Row) -> Account:
    return Account(
        name=row["name"],
        roles=frozenset(Role(role) for role in row["roles"].split()),
        digest=row["digest"],
        created_at=rows.to_time(row["created_at"]),
        changed_at=rows.to_time(row["changed_at"]),
        disabled_at=rows.to_optional_time(row["disabled_at"]),
    )


def _to_session(row: sqlite3.Row) -> Session:
    return Session(
        id=row["id"],
        account=row["account"],
        digest=row["secret"],
        address=row["address"],
        opened_at=rows.to_time(row["opened_at"]),
        seen_at=rows.to_time(row["seen_at"]),
    )


def _to_token(row: sqlite3.Row) -> Token:
    return Token(
        id=row["id"],
        account=row["account"],
        label=row["label"],
        digest=row["secret"],
        created_at=rows.to_time(row["made_at"]),
        expires_at=rows.to_time(row["expires_at"]),
        revoked_at=rows.to_optional_time(row["revoked_at"]),
    )
