"""Where the accounts, sessions and tokens of people are kept."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from gateway.domain.account import Account, Session, Token
from gateway.domain.entry import Entry

SessionEntry = Callable[[Session], Entry]
"""Returns the audit entry of a session that ends; quick, pure, and perhaps called again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountDecision:
    """What a rule wants done with one account, in one transaction.

    Attributes:
        account: As it shall be, or ``None`` to leave it as it is.
        entries: Audit entries to append, in order.
        ended: Ends the account's sessions and returns the entry of each; ``None`` ends none.
        kept: Id of the session that stays nevertheless.
    """

    account: Account | None = None
    entries: tuple[Entry, ...] = ()
    ended: SessionEntry | None = None
    kept: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionFilter:
    """Which sessions to end: those that fit everything that is not ``None``.

    Attributes:
        id: The one of this public part.
        digest: The one of this secret.
        account: This person's.
        seen_before: Nobody has used them since.
        opened_before: Opened before this, used or not.
    """

    id: str | None = None
    digest: bytes | None = None
    account: str | None = None
    seen_before: datetime | None = None
    opened_before: datetime | None = None


class Accounts(Protocol):
    """The journal's accounts. Errors are the journal's.

    What one gateway process changes, every other one reads at its next call: nothing is
    kept in between.
    """

    async def account(self, name: str) -> Account | None:
        """Return one account."""

    async def accounts(self) -> Sequence[Account]:
        """Return all accounts, disabled ones too, by name."""

    async def decide_account(
        self, name: str, rule: Callable[[Account | None], AccountDecision]
    ) -> Account | None:
        """Apply ``rule`` to the account as it is now, and commit what it decides.

        As ``Journal.decide``: the account is locked (also one that is not there yet), the rule
        quick and pure, and perhaps called again. What it raises comes back; nothing is done.

        Returns:
            The account as it is now.
        """

    async def open_session(self, session: Session, verified: str, entry: Entry) -> bool:
        """Store a session and its entry, if the account's password still is what was verified.

        Args:
            session: The new one.
            verified: The account's ``digest`` that the given password was compared with.
            entry: Its audit entry.

        Returns:
            Whether it was stored; not if the account is disabled, gone or has another password.
        """

    async def session(self, digest: bytes) -> tuple[Session, Account] | None:
        """Return the session of a secret and its account as it is now, disabled or not."""

    async def sessions(self, account: str | None = None) -> Sequence[Session]:
        """Return one account's sessions, or all, the latest first."""

    async def touch_session(self, digest: bytes, at: datetime) -> None:
        """Note that a session was used; no entry, and nothing if there is none."""

    async def end_sessions(self, where: SessionFilter, entry: SessionEntry) -> Sequence[Session]:
        """Forget sessions, each with its entry, and return them; each is returned only once."""

    async def add_token(self, token: Token, entry: Entry) -> None:
        """Store a token and its entry."""

    async def token(self, token_id: str) -> tuple[Token, Account] | None:
        """Return a token, revoked or not, and its account as it is now."""

    async def tokens(self, account: str | None = None) -> Sequence[Token]:
        """Return one account's tokens, or all, revoked ones too, the latest first."""

    async def revoke_token(
        self, token_id: str, at: datetime, entry: Entry, *, account: str | None = None
    ) -> bool:
        """Revoke a token, of ``account`` alone if given.

        Returns:
            Whether it was done; ``False`` (and no entry) when there is none that is not revoked.
        """
