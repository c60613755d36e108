"""Let somebody in who knows an account's password."""

import time
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

from gateway.domain.account import ACCOUNT_NAME, Account
from gateway.ports.accounts import AccountDecision
from gateway.ports.journal import Journal
from gateway.services.count_denials import CountDenials
from gateway.services.passwords import Passwords
from gateway.services.sessions import Ended, Sessions
from gateway.services.sign_in_line import RETRY_S, NetworkBusyError, SignInLine
from gateway.services.throttle import OF_ACCOUNT, OF_ADDRESS, Patience, Throttle, network_of

_LONGEST: Final = 1000
"""Characters that are looked at: nobody's password is longer, and hashing more only takes time."""


class WhyNot(StrEnum):
    """Why somebody was not let in; the same for known and unknown names."""

    WRONG = "sign_in.wrong"
    WAIT = "sign_in.wait"


@dataclass(frozen=True, slots=True)
class SignedIn:
    """Somebody is let in.

    Attributes:
        secret: What their browser shows from now on; never logged.
    """

    secret: str


@dataclass(frozen=True, slots=True)
class NotSignedIn:
    """Somebody is not.

    Attributes:
        why: What they are told.
        retry_after_s: How long they have to wait, if that is why.
    """

    why: WhyNot
    retry_after_s: float = 0.0


class SignIn:
    """Compares names and passwords; knows in this process who guesses."""

    def __init__(
        self,
        *,
        journal: Journal,
        sessions: Sessions,
        passwords: Passwords,
        denials: CountDenials,
        patience: Patience = OF_ACCOUNT,
    ) -> None:
        """Keep what it works with; opens nothing."""
        self._journal = journal
        self._sessions = sessions
        self._passwords = passwords
        self._denials = denials
        self._accounts = Throttle(patience, time.monotonic)
        self._addresses = Throttle(OF_ADDRESS, time.monotonic)
        self._line = SignInLine()

    def recognise(self, address: str) -> None:
        """Know where somebody comes from who has signed in: there they come first."""
        self._line.know(network_of(address))

    async def __call__(
        self, name: str, password: str, *, address: str, before: str | None = None
    ) -> SignedIn | NotSignedIn:
        """Begin a session for ``name`` if the password is right.

        Known and unknown names take the same way: one read, one comparison, one answer.

        Args:
            name: As it was typed.
            password: As it was typed.
            address: Where the request came from.
            before: The secret that the browser showed already; its session ends.

        Raises:
            BusyError: Too many sign in at this instant.
        """
        name = name.strip().lower()
        is_name = ACCOUNT_NAME.fullmatch(name) is not None
        account = await self._sessions.account(name) if is_name else None
        where = network_of(address)
        # Strangers who guess make an account wait for strangers, not where its people sign in
        # (OWASP, "Slow Down Online Guessing Attacks with Device Cookies").
        who = f"{name[:_LONGEST]} {where if self._line.knows(where) else ''}"
        wait_s = max(self._accounts.wait_s(who), self._addresses.wait_s(where))
        if wait_s > 0:
            return self._refused(account, NotSignedIn(WhyNot.WAIT, wait_s))
        try:
            async with self._line.turn(where):
                # Others may have guessed while this one waited.
                wait_s = max(self._accounts.wait_s(who), self._addresses.wait_s(where))
                if wait_s > 0:
                    return self._refused(account, NotSignedIn(WhyNot.WAIT, wait_s))
                self._accounts.note(who)
                self._addresses.note(where)
                secret = await self._let_in(account, password[:_LONGEST], address)
        except NetworkBusyError:
            return self._refused(account, NotSignedIn(WhyNot.WAIT, RETRY_S))
        if secret is None:
            return self._refused(account, NotSignedIn(WhyNot.WRONG))
        self._line.know(where)
        self._accounts.forgive(who)
        self._addresses.take_back(where)
        if before:
            await self._sessions.sign_out(before, why=Ended.SIGNED_IN_AGAIN)
        return SignedIn(secret)

    async def _let_in(self, account: Account | None, password: str, address: str) -> str | None:
        digest = None if account is None else account.digest
        is_right = await self._passwords.is_right(digest, password)
        if account is None or not is_right or account.disabled_at is not None:
            return None
        if self._passwords.is_outdated(account.digest):
            account = await self._kept_anew(account, password)
        return await self._sessions.open(account, address=address)

    async def _kept_anew(self, account: Account, password: str) -> Account:
        """Keep the same password as passwords are kept today."""
        digest = await self._passwords.digest_of(password)

        def rule(known: Account | None) -> AccountDecision:
            if known is None or known.digest != account.digest:
                return AccountDecision()
            return AccountDecision(account=replace(known, digest=digest))

        return await self._journal.decide_account(account.name, rule) or account

    def _refused(self, account: Account | None, answer: NotSignedIn) -> NotSignedIn:
        name = None if account is None else account.name
        self._denials.count_sign_in(answer.why.value, name)
        return answer
