"""Give accounts to people, change and take them back."""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, Final

from gateway.domain.account import ACCOUNT_NAME, APART, Account, Role
from gateway.domain.entry import Action, Actor, Entry
from gateway.domain.values.password import PasswordFault, password_fault
from gateway.ports.accounts import AccountDecision
from gateway.ports.clock import Clock
from gateway.ports.journal import Journal
from gateway.services.operate.refusals import (
    ChangedMeanwhileError,
    NotFoundError,
    OperationError,
)
from gateway.services.passwords import Passwords, new_password
from gateway.services.sessions import Ended, ended

_FAULTS: Final[Mapping[PasswordFault, str]] = {
    PasswordFault.TOO_SHORT: "a password has 12 characters at least",
    PasswordFault.TOO_LONG: "a password has 256 characters at most",
    PasswordFault.HAS_NAME: "a password is more than the account's name",
    PasswordFault.TOO_COMMON: "this password is among those that everybody guesses first",
    PasswordFault.WRONG: "the current password is wrong",
}


class PasswordRefusedError(OperationError):
    """A password is not taken.

    Attributes:
        fault: Why.
    """

    code = "account.password_refused"

    def __init__(self, fault: PasswordFault) -> None:
        """Say why."""
        super().__init__(_FAULTS[fault])
        self.fault = fault


class OperateAccounts:
    """Makes, lists, changes, disables and enables accounts."""

    def __init__(
        self,
        *,
        journal: Journal,
        passwords: Passwords,
        clock: Clock,
        operator_may_audit: bool = False,
    ) -> None:
        """Keep what it works with; opens nothing.

        Args:
            journal: Where accounts are.
            passwords: Hashes them.
            clock: For the entries.
            operator_may_audit: Whether ``APART`` may stand together.
        """
        self._journal = journal
        self._passwords = passwords
        self._clock = clock
        self._operator_may_audit = operator_may_audit

    async def show(self, account: str) -> dict[str, object]:
        """Return one account, without its password.

        Raises:
            NotFoundError: There is no such account.
        """
        known = await self._journal.account(account)
        if known is None:
            raise NotFoundError(f"no account {account!r}")
        return _shown(known)

    async def list(self) -> list[dict[str, object]]:
        """Return every account, without its password, by name."""
        return [_shown(account) for account in await self._journal.accounts()]

    async def add(
        self, account: str, roles: tuple[Role, ...], password: str | None = None, *, actor: Actor
    ) -> dict[str, object]:
        """Make an account.

        Args:
            account: Its name; who has left keeps it for ever.
            roles: One or more.
            password: ``None`` has one made.
            actor: Who asks.

        Returns:
            The account, with ``password`` if it was made here: the only time that it is shown.

        Raises:
            OperationError: The name, the roles or the password are not taken.
        """
        if ACCOUNT_NAME.fullmatch(account) is None:
            raise OperationError("an account's name is 1 to 63 characters of a-z, 0-9, . and -")
        given = self._checked_roles(roles)
        told, digest = await self._digest_of(account, password)
        now = self._clock.now()
        made = Account(name=account, roles=given, digest=digest, created_at=now, changed_at=now)

        def rule(known: Account | None) -> AccountDecision:
            if known is not None:
                raise OperationError(f"there is an account {account!r} already")
            return AccountDecision(account=made, entries=(self._entry(actor, made, "made"),))

        await self._journal.decide_account(account, rule)
        return {**_shown(made), "password": told}

    async def change(
        self, account: str, roles: tuple[Role, ...], *, actor: Actor, version: int | None = None
    ) -> dict[str, object]:
        """Give an account other roles; they count at once, also where it has signed in.

        Args:
            account: Whose.
            roles: All that it has from now on.
            actor: Who asks.
            version: Of the account as it was seen; ``None`` for whatever it is now.

        Raises:
            NotFoundError: There is no such account.
            ChangedMeanwhileError: Its ``version`` is another one, where one is given.
            OperationError: These roles do not go together, or it is one's own role of an admin.
        """
        given = self._checked_roles(roles)
        if account == actor.name and Role.ADMIN not in given:
            raise OperationError("nobody takes the role admin from themselves")

        def changed(one: Account) -> Account:
            if version is not None and version != version_of(one):
                raise ChangedMeanwhileError(f"{account}: somebody changed it meanwhile; look again")
            return replace(one, roles=given)

        return await self._changed(account, actor, "roles", changed)

    async def password(
        self,
        account: str,
        password: str | None = None,
        *,
        revoke_tokens: bool = False,
        actor: Actor,
    ) -> dict[str, object]:
        """Set somebody's password; all their sessions end.

        Args:
            account: Whose.
            password: ``None`` has one made.
            revoke_tokens: Whether its tokens are refused from now on, too.
            actor: Who asks.

        Returns:
            As ``add``.

        Raises:
            NotFoundError: There is no such account.
            OperationError: The password is not taken.
        """
        told, digest = await self._digest_of(account, password)
        now = self._clock.now()
        shown = await self._changed(
            account,
            actor,
            "password",
            lambda one: replace(one, digest=digest, changed_at=now),
            ends=Ended.PASSWORD,
        )
        revoked = await self._revoke_tokens(account, actor) if revoke_tokens else 0
        return {**shown, "password": told, "tokens_revoked": revoked}

    async def disable(self, account: str, *, actor: Actor) -> dict[str, object]:
        """Let nobody in with an account any more; its sessions end, its tokens are revoked.

        Raises:
            NotFoundError: There is no such account.
            OperationError: It is one's own.
        """
        if account == actor.name:
            raise OperationError("nobody disables their own account")
        now = self._clock.now()
        shown = await self._changed(
            account,
            actor,
            "disabled",
            lambda one: replace(one, disabled_at=one.disabled_at or now),
            ends=Ended.DISABLED,
        )
        # Refused already; but they must not come back to life with the account.
        await self._revoke_tokens(account, actor)
        return shown

    async def enable(self, account: str, *, actor: Actor) -> dict[str, object]:
        """Let somebody in again, with the password that they had; no token of before.

        Raises:
            NotFoundError: There is no such account.
        """
        known = await self._journal.account(account)
        if known is not None and known.disabled_at is not None:
            # Those that a process left which ended while it disabled the account.
            await self._revoke_tokens(account, actor)
        return await self._changed(
            account, actor, "enabled", lambda one: replace(one, disabled_at=None)
        )

    async def _revoke_tokens(self, name: str, actor: Actor) -> int:
        """Revoke what an account has, and return how many they were."""
        account = await self._journal.account(name)
        revoked = 0
        for token in await self._journal.tokens(name):
            if account is None or token.revoked_at is not None:
                continue
            now = self._clock.now()
            entry = account_entry(self._clock, actor, account, "token_revoked", token=token.id)
            revoked += await self._journal.revoke_token(token.id, now, entry, account=name)
        return revoked

    async def _changed(
        self,
        name: str,
        actor: Actor,
        change: str,
        changed: Callable[[Account], Account],
        *,
        ends: Ended | None = None,
    ) -> dict[str, Any]:
        now = self._clock.now()

        def rule(known: Account | None) -> AccountDecision:
            if known is None:
                raise NotFoundError(f"no account {name!r}")
            account = changed(known)
            return AccountDecision(
                account=account,
                entries=(self._entry(actor, account, change),),
                ended=None if ends is None else ended(now, actor, ends),
            )

        account = await self._journal.decide_account(name, rule)
        if account is None:
            raise NotFoundError(f"no account {name!r}")
        return _shown(account)

    def _checked_roles(self, roles: tuple[Role, ...]) -> frozenset[Role]:
        given = frozenset(roles)
        if not given:
            raise OperationError(f"an account has one role at least: {', '.join(Role)}")
        if given >= APART and not self._operator_may_audit:
            raise OperationError(
                "nobody is both operator and auditor, unless console.operator_may_audit says so"
            )
        return given

    async def _digest_of(self, account: str, password: str | None) -> tuple[str | None, str]:
        """Return the password if it is made here, and what is kept of it."""
        if password is None:
            made = new_password()
            return made, await self._passwords.digest_of(made)
        require_good(password, account)
        return None, await self._passwords.digest_of(password)

    def _entry(self, actor: Actor, account: Account, change: str) -> Entry:
        return account_entry(self._clock, actor, account, change)


def require_good(password: str, account: str) -> None:
    """See that a password may be taken.

    Raises:
        PasswordRefusedError: It may not.
    """
    if (fault := password_fault(password, account)) is not None:
        raise PasswordRefusedError(fault)


def account_entry(clock: Clock, actor: Actor, account: Account, change: str, **more: str) -> Entry:
    """Return the entry of a change to an account."""
    facts = {"account": account.name, "change": change, "roles": " ".join(sorted(account.roles))}
    return Entry(
        action=Action.ACCOUNT_CHANGED, at=clock.now(), actor=actor, facts={**facts, **more}
    )


def version_of(account: Account) -> int:
    """Return a number that is another one when the account is: 52 bits of a digest of it."""
    seen = (
        *sorted(account.roles),
        account.changed_at.isoformat(),
        "" if account.disabled_at is None else account.disabled_at.isoformat(),
    )
    return int(hashlib.sha256(" ".join(seen).encode()).hexdigest()[:13], 16)


def _shown(account: Account) -> dict[str, object]:
    return {
        "version": version_of(account),
        "account": account.name,
        "roles": sorted(role.value for role in account.roles),
        "created_at": account.created_at.isoformat(timespec="seconds"),
        "changed_at": account.changed_at.isoformat(timespec="seconds"),
        "disabled_at": None
        if account.disabled_at is None
        else account.disabled_at.isoformat(timespec="seconds"),
    }
