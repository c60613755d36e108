"""What an attempt came to, and what a core system says later."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from gateway.domain.identifiers import CopyId, DeliveryId, DestinationName, WorkerName


class OutcomeKind(StrEnum):
    """What an attempt came to."""

    DELIVERED = "delivered"
    REJECTED = "rejected"
    DEFERRED = "deferred"
    IN_DOUBT = "in_doubt"


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """A worker's report of one attempt. Carries no free text from the core system.

    Attributes:
        delivery_id: What was attempted.
        attempt: Which attempt of it.
        copy: The copy that was claimed.
        worker: Who reports.
        kind: What it came to.
        code: Stable code, ``None`` when delivered.
        pointer: JSON pointer of the field the core system objected to, or ``None``.
        retry_at: Not before this time; ``None`` leaves it to the gateway.
        counted: Whether the attempt counts against the retry budget.
        reference: The core system's own number for it.
        defect: The adapter raised something it must not raise.
        received_at: When the worker got the copy.
        opened_at: When it opened the seal, ``None`` if it never did.
        sent_at: When the adapter was called, ``None`` if it never was.
        answered_at: When the adapter returned or raised.
        adapter: ``name version`` of the adapter that made the attempt.
    """

    delivery_id: DeliveryId
    attempt: int
    copy: CopyId
    worker: WorkerName
    kind: OutcomeKind
    received_at: datetime
    answered_at: datetime
    code: str | None = None
    pointer: str | None = None
    retry_at: datetime | None = None
    counted: bool = True
    reference: str | None = None
    defect: bool = False
    opened_at: datetime | None = None
    sent_at: datetime | None = None
    adapter: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CopyRefused:
    """A worker refused a copy before claiming it: whatever it was, it was not ours.

    It names no delivery: ids in a message that nobody vouches for prove nothing.

    Attributes:
        worker: Who refused.
        destination: In whose queue it was.
        code: Why.
        at: When.
    """

    worker: WorkerName
    destination: DestinationName
    code: str
    at: datetime


class FeedbackStatus(StrEnum):
    """The statuses a core system reports; ``JAPANESE`` has their official words."""

    ACCEPTED = "accepted"
    RETURNED = "returned"
    REJECTED = "rejected"
    WITHDRAWN = "withdrawn"
    COMPLETED = "completed"

    @property
    def japanese(self) -> str:
        """The word used in Japanese offices."""
        return _JAPANESE[self]


_JAPANESE = {
    FeedbackStatus.ACCEPTED: "受理",
    FeedbackStatus.RETURNED: "差戻し",
    FeedbackStatus.REJECTED: "却下",
    FeedbackStatus.WITHDRAWN: "取下げ",
    FeedbackStatus.COMPLETED: "完了",
}
