"""Four eyes: what one person has asked for and another one must approve."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import NewType
from uuid import UUID

ApprovalId = NewType("ApprovalId", UUID)


class ApprovalState(StrEnum):
    """How far a request is."""

    WAITING = "waiting"
    """It waits for a second person; nothing was done."""
    APPROVED = "approved"
    """A second person approved it, and it was done then, or refused by what it is about."""
    REFUSED = "refused"
    """A second person refused it."""
    WITHDRAWN = "withdrawn"
    """Who had asked took it back."""
    EXPIRED = "expired"
    """Nobody decided in time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Approval:
    """A request that another person must approve.

    Attributes:
        id: UUIDv7.
        operation: What shall be done (``services.operate.by_name``).
        arguments: Its arguments as JSON, as ``crypto.at_rest`` stores words.
        subject: What it is about, in words, for screens and the log; no personal data.
        fingerprint: 64 hexadecimal digits that are the same for the same operation on the same
            thing: only one of them waits at a time.
        deliveries: How many deliveries it concerned when it was asked for, if any.
        requested_by: The operator's name.
        requested_at: When, aware UTC.
        expires_at: When it is too late to approve it.
        state: How far it is.
        decided_by: Who approved, refused or withdrew it.
        decided_at: When.
        decided_reason: Why, as ``crypto.at_rest`` stores it.
        result: What approving came to: ``done``, a refusal's code, or an order's id; ``None``
            if that is not known.
    """

    id: ApprovalId
    operation: str
    arguments: str
    subject: str
    fingerprint: str
    deliveries: int | None
    requested_by: str
    requested_at: datetime
    expires_at: datetime
    state: ApprovalState = ApprovalState.WAITING
    decided_by: str | None = None
    decided_at: datetime | None = None
    decided_reason: str | None = None
    result: str | None = None
