"""By what people are recognised: their sessions and tokens, seen and taken back."""

from datetime import timedelta
from typing import Annotated

from pydantic import Field

from gateway.domain.account import Session, Token
from gateway.domain.entry import Actor
from gateway.ports.accounts import SessionFilter
from gateway.ports.clock import Clock
from gateway.ports.journal import Journal
from gateway.services.operate.accounts import account_entry
from gateway.services.operate.refusals import NotFoundError, OperationError, printable
from gateway.services.sessions import Ended, ended, new_token

Days = Annotated[int, Field(ge=1, le=366)]
DEFAULT_DAYS = 90


class AccountAccess:
    """Lists and ends sessions; makes, lists and revokes tokens, of anybody."""

    def __init__(self, *, journal: Journal, clock: Clock) -> None:
        """Keep what it works with; opens nothing."""
        self._journal = journal
        self._clock = clock

    async def sessions(self, account: str | None = None) -> list[dict[str, object]]:
        """Return where people have signed in, the latest first."""
        return [_shown_session(session) for session in await self._journal.sessions(account)]

    async def end_session(
        self, session: str, *, actor: Actor, account: str | None = None
    ) -> dict[str, object]:
        """End a session: whoever is in it has to sign in again.

        Raises:
            NotFoundError: There is no such session, or not of ``account``.
        """
        where = SessionFilter(id=session, account=account)
        entry = ended(self._clock.now(), actor, Ended.BY_HAND)
        if not await self._journal.end_sessions(where, entry):
            raise NotFoundError(f"no session {session!r}")
        return {"session": session, "ended": True}

    async def tokens(self, account: str | None = None) -> list[dict[str, object]]:
        """Return every token's public part and state, the latest first."""
        return [_shown_token(token) for token in await self._journal.tokens(account)]

    async def add_token(
        self, account: str, label: str, days: Days = DEFAULT_DAYS, *, actor: Actor
    ) -> dict[str, object]:
        """Make a token that acts in somebody's name; the only time that it is shown.

        Args:
            account: In whose.
            label: What it is for, 1 to 200 characters.
            days: How long it lasts.
            actor: Who asks.

        Raises:
            NotFoundError: There is no such account.
            OperationError: It is disabled.
        """
        words = printable(label, "label")
        known = await self._journal.account(account)
        if known is None:
            raise NotFoundError(f"no account {account!r}")
        if known.disabled_at is not None:
            raise OperationError(f"{account} is disabled")
        lasts = timedelta(days=days)
        text, token = new_token(account, words, now=self._clock.now(), lasts=lasts)
        entry = account_entry(self._clock, actor, known, "token_added", token=token.id)
        await self._journal.add_token(token, entry)
        return {**_shown_token(token), "token": text}

    async def revoke_token(
        self, token: str, *, actor: Actor, account: str | None = None
    ) -> dict[str, object]:
        """Refuse a token from now on.

        Raises:
            NotFoundError: There is none that is not revoked, or not of ``account``.
        """
        found = await self._journal.token(token)
        if found is None or account not in (None, found[1].name):
            raise NotFoundError(f"no unrevoked token {token!r}")
        now = self._clock.now()
        entry = account_entry(self._clock, actor, found[1], "token_revoked", token=token)
        if not await self._journal.revoke_token(token, now, entry, account=account):
            raise NotFoundError(f"no unrevoked token {token!r}")
        return {"id": token, "revoked": True}


def _shown_session(session: Session) -> dict[str, object]:
    return {
        "session": session.id,
        "account": session.account,
        "address": session.address,
        "opened_at": session.opened_at.isoformat(timespec="seconds"),
        "seen_at": session.seen_at.isoformat(timespec="seconds"),
    }


def _shown_token(token: Token) -> dict[str, object]:
    return {
        "id": token.id,
        "account": token.account,
        "label": token.label,
        "created_at": token.created_at.isoformat(timespec="seconds"),
        "expires_at": token.expires_at.isoformat(timespec="seconds"),
        "revoked_at": None
        if token.revoked_at is None
        else token.revoked_at.isoformat(timespec="seconds"),
    }
