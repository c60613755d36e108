"""What an attempt came to, and what a core system says later."""

import re
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Final

from gateway.domain.identifiers import CopyId, DeliveryId, DestinationName, WorkerName

_CODE: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:+-]{0,99}")
_POINTER: Final = re.compile(r"#?(?:/[A-Za-z0-9_~.-]{0,64}){1,16}")
_NUMBER_OF_A_PERSON: Final = re.compile(r"[0-9]{7}|(?:[0-9][._:+-]?){9}[0-9]")
"""郵便番号 7 digits, 住民票コード 11, 個人番号 12; a telephone number 10 or 11, with hyphens."""


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


def safe_code(reason: object, otherwise: str) -> str:
    """Return ``reason`` if it is a code; free text or a number of a person is replaced."""
    is_code = isinstance(reason, str) and _CODE.fullmatch(reason) is not None
    return str(reason) if is_code and not _NUMBER_OF_A_PERSON.search(str(reason)) else otherwise


def safe_pointer(pointer: object) -> str | None:
    """Return ``pointer`` if it names a field by plain ASCII members; else it may name a person."""
    if not isinstance(pointer, str) or _NUMBER_OF_A_PERSON.search(pointer):
        return None
    return pointer if _POINTER.fullmatch(pointer) else None


def without_free_words(outcome: Outcome) -> Outcome:
    """Return what a worker reported, with nothing in it that a person may have written.

    Workers do the same before they report. The audit log keeps its entries for ever, so it
    does not depend on which version a worker has, or on who holds its key.
    """
    code = outcome.code if outcome.code is None else safe_code(outcome.code, UNUSABLE_CODE)
    return replace(outcome, code=code, pointer=safe_pointer(outcome.pointer))


UNUSABLE_CODE: Final = "outcome.code_unusable"
"""What stands for a code that is none."""


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
