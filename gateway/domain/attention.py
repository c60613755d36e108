"""What people make of a group that waits: acknowledged, resolved, open again, with notes."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from gateway.domain.identifiers import DestinationName
from gateway.domain.lifecycle import State


class AttentionState(StrEnum):
    """How a group stands with the people who look after it."""

    OPEN = "open"
    """Somebody should look at it."""
    ACKNOWLEDGED = "acknowledged"
    """Somebody does."""
    RESOLVED = "resolved"
    """Nothing waits in it any more; the gateway finds that out by itself."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AttentionGroup:
    """A group of ``WaitingGroup``'s kind, as people have dealt with it.

    Attributes:
        id: Eight hexadecimal digits that follow from its cause (``operate.selection``).
        version: Of this row, from 1; every change is the next.
        waits: ``parked`` or ``in_doubt``.
        destination: Where its deliveries were to go.
        code: Why they wait.
        adapter: What made their last attempt.
        state: How it stands.
        since: Since when it stands so, aware UTC.
        acknowledged_by: Who looks after it, while it is acknowledged.
        acknowledged_until: When it is open again if something still waits; ``None`` for as soon
            as something new does.
        reopened_at: When it was open again by itself, the last time.
        notes: How many notes there are; counted, not stored.
    """

    id: str
    version: int
    waits: State
    destination: DestinationName
    code: str | None
    adapter: str | None
    state: AttentionState
    since: datetime
    acknowledged_by: str | None = None
    acknowledged_until: datetime | None = None
    reopened_at: datetime | None = None
    notes: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class AttentionNote:
    """What somebody wrote about a group.

    Attributes:
        id: UUIDv7.
        group: Which group.
        at: When, aware UTC.
        by: The operator's name.
        text: The words, as ``crypto.at_rest`` stores them.
    """

    id: UUID
    group: str
    at: datetime
    by: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitingHour:
    """How many of a group began to wait within one hour, and wait now.

    Attributes:
        state: ``parked`` or ``in_doubt``.
        destination: Where they were to go.
        code: Why they wait.
        adapter: What made their last attempt.
        hour: The hour's begin, aware UTC.
        deliveries: How many.
    """

    state: State
    destination: DestinationName
    code: str | None
    adapter: str | None
    hour: datetime
    deliveries: int
