"""Who is asking: the sessions and tokens of people."""

import asyncio
import hashlib
import hmac
import secrets
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

import structlog

from gateway.domain.account import Account, Person, Session, SessionLimits, Token
from gateway.domain.entry import Action, Actor, ActorKind, Entry
from gateway.domain.errors import JournalUnavailableError
from gateway.ports.accounts import SessionEntry, SessionFilter
from gateway.ports.clock import Clock
from gateway.ports.journal import Journal
from gateway.services.accept import Refusal

log = structlog.get_logger()

_PREFIX: Final = "kko"
_ID_LENGTH: Final = 12
_SECRET_BYTES: Final = 32
_LONGEST: Final = 200
_TOUCH: Final = timedelta(minutes=1)
"""A session is written at most so often, however much its person does."""
_SWEEP_S: Final = 60.0


class Ended(StrEnum):
    """Why a session ended, as its entry says."""

    SIGNED_OUT = "signed_out"
    SIGNED_IN_AGAIN = "signed_in_again"
    BY_HAND = "by_hand"
    PASSWORD = "password"  # noqa: S105 - a reason
    DISABLED = "disabled"
    UNUSED = "unused"
    TOO_OLD = "too_old"


def digest_of(secret: str) -> bytes:
    """Return what is kept of a session's secret or a token: SHA-256; it has 256 random bits."""
    return hashlib.sha256(secret.encode("utf-8", "replace")).digest()


def session_id(secret: str) -> str:
    """Return the public part of a session: 48 bits of the digest, which do not lead back."""
    return digest_of(secret).hex()[:_ID_LENGTH]


def new_token(account: str, label: str, *, now: datetime, lasts: timedelta) -> tuple[str, Token]:
    """Return a new token in clear, to be shown once, and what the journal keeps of it.

    ``kko_ID_SECRET``: 12 characters that name it, and 256 random bits in base64url.
    """
    token_id = secrets.token_hex(_ID_LENGTH // 2)
    text = f"{_PREFIX}_{token_id}_{secrets.token_urlsafe(_SECRET_BYTES)}"
    token = Token(
        id=token_id,
        account=account,
        label=label,
        digest=digest_of(text),
        created_at=now,
        expires_at=now + lasts,
    )
    return text, token


def ended(at: datetime, actor: Actor, why: Ended) -> SessionEntry:
    """Return what makes the entry of a session that ends."""

    def entry(session: Session) -> Entry:
        facts = {"account": session.account, "code": why.value}
        return Entry(action=Action.SESSION_CLOSED, at=at, actor=actor, facts=facts)

    return entry


class Sessions:
    """Opens and ends sessions, and recognises whoever shows a session's secret or a token.

    Nothing is remembered between two requests: roles, ends and disabled accounts count at
    once, whichever gateway process changed them. Only a passing account, which no journal
    knows, and its sessions live here.
    """

    def __init__(self, *, journal: Journal, clock: Clock, limits: SessionLimits) -> None:
        """Keep what it works with; opens nothing."""
        self._journal = journal
        self._clock = clock
        self._limits = limits
        self._passing: dict[str, Account] = {}
        self._held: dict[bytes, Session] = {}

    def admit(self, account: Account) -> None:
        """Know ``account`` as long as this process lives; it is stored nowhere."""
        self._passing[account.name] = account

    async def account(self, name: str) -> Account | None:
        """Return an account by its name, disabled or not."""
        return self._passing.get(name) or await self._journal.account(name)

    async def open(self, account: Account, *, address: str) -> str | None:
        """Begin a session and return its secret, for one browser alone.

        Args:
            account: Whose password was right; as it was when it was compared.
            address: Where the request came from.

        Returns:
            ``None`` if the account was disabled or got another password meanwhile.
        """
        secret, now = secrets.token_urlsafe(_SECRET_BYTES), self._clock.now()
        session = Session(
            id=session_id(secret),
            account=account.name,
            digest=digest_of(secret),
            address=address[:_LONGEST],
            opened_at=now,
            seen_at=now,
        )
        entry = Entry(
            action=Action.SESSION_OPENED,
            at=now,
            actor=Actor(ActorKind.OPERATOR, account.name),
            facts={"account": account.name},
        )
        if account.name in self._passing:
            await self._journal.record([entry])
            self._held[session.digest] = session
        elif not await self._journal.open_session(session, account.digest, entry):
            return None
        return secret

    async def person_of_session(self, secret: str, *, is_use: bool = True) -> Person | None:
        """Return who signed in with a session that still lasts.

        Args:
            secret: What the browser shows.
            is_use: Whether its person does something; a page that renews itself is no use.
        """
        if not secret or len(secret) > _LONGEST:
            return None
        found = await self._find(digest_of(secret))
        if found is None:
            return None
        session, account = found
        now = self._clock.now()
        if (why := self._why_over(session, account, now)) is not None:
            await self._end(session.digest, Actor(ActorKind.GATEWAY, "sessions"), why)
            return None
        if is_use and now - session.seen_at >= min(_TOUCH, self._limits.unused / 10):
            await self._touch(session, now)
        return Person(account.name, account.roles)

    async def person_of_token(self, presented: str | None) -> Person | Refusal:
        """Return who acts by the ``Authorization`` header's value, or a 401."""
        scheme, _, token = (presented or "").partition(" ")
        token = token.strip()
        if scheme.lower() != "bearer" or not token:
            return Refusal(status=401, code="operator.unauthenticated")
        parts = token.split("_", 2)
        is_one = token.isascii() and len(token) <= _LONGEST
        if not is_one or len(parts) != 3 or parts[0] != _PREFIX:  # noqa: PLR2004 - see new_token
            return Refusal(status=401, code="operator.token_unknown")
        found = await self._journal.token(parts[1])
        if found is None or not hmac.compare_digest(found[0].digest, digest_of(token)):
            return Refusal(status=401, code="operator.token_unknown")
        known, account = found
        if known.revoked_at is not None or account.disabled_at is not None:
            return Refusal(status=401, code="operator.token_revoked")
        if known.expires_at <= self._clock.now():
            return Refusal(status=401, code="operator.token_expired")
        return Person(account.name, account.roles)

    async def sign_out(self, secret: str, *, why: Ended = Ended.SIGNED_OUT) -> None:
        """End a session, if there is one; whoever shows its secret again is nobody."""
        found = await self._find(digest_of(secret))
        if found is not None:
            actor = Actor(ActorKind.OPERATOR, found[1].name)
            await self._end(found[0].digest, actor, why)

    async def sweep(self) -> None:
        """End every session that has lasted too long."""
        now = self._clock.now()
        actor = Actor(ActorKind.GATEWAY, "sessions")
        unused = SessionFilter(seen_before=now - self._limits.unused)
        old = SessionFilter(opened_before=now - self._limits.longest)
        await self._journal.end_sessions(unused, ended(now, actor, Ended.UNUSED))
        await self._journal.end_sessions(old, ended(now, actor, Ended.TOO_OLD))

    async def run(self) -> None:
        """Sweep until cancelled."""
        while True:
            await asyncio.sleep(_SWEEP_S)
            try:
                await self.sweep()
            except JournalUnavailableError as error:
                log.warning("sessions.not_swept", code=error.code)

    async def _find(self, digest: bytes) -> tuple[Session, Account] | None:
        held = self._held.get(digest)
        if held is not None:
            return held, self._passing[held.account]
        return await self._journal.session(digest)

    async def _end(self, digest: bytes, actor: Actor, why: Ended) -> None:
        entry = ended(self._clock.now(), actor, why)
        held = self._held.pop(digest, None)
        if held is not None:
            await self._journal.record([entry(held)])
        else:
            await self._journal.end_sessions(SessionFilter(digest=digest), entry)

    async def _touch(self, session: Session, now: datetime) -> None:
        if session.digest in self._held:
            self._held[session.digest] = replace(session, seen_at=now)
        else:
            await self._journal.touch_session(session.digest, now)

    def _why_over(self, session: Session, account: Account, now: datetime) -> Ended | None:
        over: list[tuple[Callable[[], bool], Ended]] = [
            (lambda: account.disabled_at is not None, Ended.DISABLED),
            (lambda: now - session.opened_at > self._limits.longest, Ended.TOO_OLD),
            (lambda: now - session.seen_at > self._limits.unused, Ended.UNUSED),
        ]
        return next((why for is_over, why in over if is_over()), None)
