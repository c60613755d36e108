"""Who may operate a gateway: people's accounts and what each role is for."""

from dataclasses import dataclass
from datetime import datetime
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
