"""Who may operate a gateway: people's accounts and what each role is for."""

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final


class Role(StrEnum):
    """What a person is there for; an account has one or more."""

    VIEWER = "viewer"
    """Sees how everything stands, and every application, but changes nothing."""
    OPERATOR = "operator"
    """Repairs: replays, confirms, cancels, pauses and changes destinations."""
    AUDITOR = "auditor"
    """Reads, verifies and exports the audit log."""
    ADMIN = "admin"
    """Gives out accounts and keys."""


APART: Final = frozenset({Role.OPERATOR, Role.AUDITOR})
"""Roles that no account has together by default: nobody audits what they did themselves."""


ACCOUNT_NAME: Final = re.compile(r"[a-z0-9](?:[a-z0-9.-]{0,61}[a-z0-9])?")
"""1 to 63 characters; ends with a letter or digit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """One person's account, as the journal keeps it.

    Attributes:
        name: 1 to 63 characters of ``a-z0-9.-``, for ever one person's.
        roles: What the person may do.
        digest: The password under Argon2id, as a PHC string; never leaves the journal.
        created_at: Aware UTC.
        changed_at: When the password was set last.
        disabled_at: Since when nobody signs in with it, or ``None``.
    """

    name: str
    roles: frozenset[Role]
    digest: str
    created_at: datetime
    changed_at: datetime
    disabled_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who has signed in.

    Attributes:
        name: The account's name; stands in the audit log as the actor.
        roles: As they are now, not as they were when the session began.
    """

    name: str
    roles: frozenset[Role]


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionLimits:
    """How long a session lasts.

    Attributes:
        unused: Without its person asking for anything.
        longest: In any case.
    """

    unused: timedelta = timedelta(minutes=30)
    longest: timedelta = timedelta(hours=12)


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """One browser in which a person has signed in.

    Attributes:
        id: Public part, 12 characters, shown in lists.
        account: Whose it is.
        digest: 32 bytes, SHA-256 of the secret that the browser holds (256 random bits).
        address: Where the sign-in came from, as the connection says.
        opened_at: Aware UTC.
        seen_at: When its person last asked for something, to a minute.
    """

    id: str
    account: str
    digest: bytes
    address: str
    opened_at: datetime
    seen_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """What a program of a person shows instead of a password, as the journal keeps it.

    Attributes:
        id: Public part, 12 characters, shown in lists and in the token itself.
        account: In whose name it acts.
        label: What it is for, in that person's words.
        digest: 32 bytes, SHA-256 of the whole token (it has 256 random bits: no salt needed).
        created_at: Aware UTC.
        expires_at: From when on it is refused.
        revoked_at: Since when it is refused, or ``None``.
    """

    id: str
    account: str
    label: str
    digest: bytes
    created_at: datetime
    expires_at: datetime
    revoked_at: datetime | None = None
