"""What everybody may do with their own account."""

import time
from dataclasses import replace
from math import ceil

from gateway.domain.account import Account
from gateway.domain.entry import Actor
from gateway.domain.values.password import PasswordFault
from gateway.ports.accounts import AccountDecision
from gateway.ports.clock import Clock
from gateway.ports.journal import Journal
from gateway.services.operate.account_access import DEFAULT_DAYS, AccountAccess, Days
from gateway.services.operate.accounts import PasswordRefusedError, account_entry, require_good
from gateway.services.operate.refusals import NotFoundError, OperationError
from gateway.services.passwords import Passwords
from gateway.services.sessions import Ended, ended
from gateway.services.throttle import OF_ACCOUNT, Patience, Throttle


class OwnAccount:
    """Changes the password, and lists and takes back sessions and tokens, of whoever asks."""

    def __init__(
        self,
        *,
        journal: Journal,
        access: AccountAccess,
        passwords: Passwords,
        clock: Clock,
        patience: Patience = OF_ACCOUNT,
    ) -> None:
        """Keep what it works with; opens nothing."""
        self._journal = journal
        self._access = access
        self._passwords = passwords
        self._clock = clock
        # A session that somebody else got hold of must not lead to the password.
        self._guesses = Throttle(patience, time.monotonic)

    async def password(
        self, current: str, password: str, keep: str | None = None, *, actor: Actor
    ) -> dict[str, object]:
        """Change one's own password; one's other sessions end.

        Args:
            current: The one until now.
            password: The one from now on.
            keep: Id of the session that stays.
            actor: Who asks.

        Raises:
            NotFoundError: Whoever asks has no account.
            PasswordRefusedError: The current one is wrong, or the new one not taken.
            OperationError: The current one was wrong too often.
        """
        name = actor.name
        if (wait_s := self._guesses.wait_s(name)) > 0:
            raise OperationError(f"too many tries; again in {ceil(wait_s)} s")
        self._guesses.note(name)
        account = await self._journal.account(name)
        digest = None if account is None else account.digest
        is_right = await self._passwords.is_right(digest, current)
        if account is None:
            raise NotFoundError(f"no account {name!r}")
        if not is_right:
            raise PasswordRefusedError(PasswordFault.WRONG)
        self._guesses.forgive(name)
        require_good(password, name)
        new, now = await self._passwords.digest_of(password), self._clock.now()

        def rule(known: Account | None) -> AccountDecision:
            if known is None or known.digest != digest:
                raise OperationError("the password was changed meanwhile")
            changed = replace(known, digest=new, changed_at=now)
            return AccountDecision(
                account=changed,
                entries=(account_entry(self._clock, actor, changed, "password"),),
                ended=ended(now, actor, Ended.PASSWORD),
                kept=keep,
            )

        await self._journal.decide_account(name, rule)
        return {"account": name, "changed": True}

    async def sessions(self, *, actor: Actor) -> list[dict[str, object]]:
        """Return where one has signed in, the latest first."""
        return await self._access.sessions(actor.name)

    async def end_session(self, session: str, *, actor: Actor) -> dict[str, object]:
        """End one of one's own sessions.

        Raises:
            NotFoundError: One has no such session.
        """
        return await self._access.end_session(session, actor=actor, account=actor.name)

    async def tokens(self, *, actor: Actor) -> list[dict[str, object]]:
        """Return one's tokens, without their secrets, the latest first."""
        return await self._access.tokens(actor.name)

    async def add_token(
        self, label: str, days: Days = DEFAULT_DAYS, *, actor: Actor
    ) -> dict[str, object]:
        """Make a token that acts in one's own name; the only time that it is shown.

        Raises:
            NotFoundError: Whoever asks has no account.
            OperationError: The label is not taken.
        """
        return await self._access.add_token(actor.name, label, days, actor=actor)

    async def revoke_token(self, token: str, *, actor: Actor) -> dict[str, object]:
        """Refuse one of one's own tokens from now on.

        Raises:
            NotFoundError: One has no such token that is not revoked.
        """
        return await self._access.revoke_token(token, actor=actor, account=actor.name)
