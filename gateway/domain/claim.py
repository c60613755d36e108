"""The right to open one copy: what a worker asks and what the gateway answers."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from gateway.domain.identifiers import CopyId, DeliveryId, DestinationName, WorkerName


class Verdict(StrEnum):
    """The gateway's answer to a claim."""

    GO = "go"
    """Claimed and recorded: open it and send it."""
    DROP = "drop"
    """Final, cancelled, stale or claimed by another copy: acknowledge and forget."""
    RESOLVE = "resolve"
    """It may have been sent before: look it up, resend only if the core system deduplicates."""
    WAIT = "wait"
    """Not now, already rescheduled in the journal: acknowledge and forget."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """A worker asks for one copy of one attempt.

    Attributes:
        delivery_id: From the sealed message's protected header, never from AMQP headers.
        destination: From the same header.
        attempt: As the copy's headers say; a hint that the gateway checks.
        copy: As the copy's headers say; fresh for every publish.
        worker: Who asks: ``NAME/INSTANCE``, a new instance for every start of the process.
        opened: Whether this instance has opened the copy already. If it has not and
            the claim is its own, its first answer was lost and it may go ahead.
    """

    delivery_id: DeliveryId
    destination: DestinationName
    attempt: int
    copy: CopyId
    worker: WorkerName
    opened: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimAnswer:
    """The gateway's committed answer to one claim.

    Attributes:
        delivery_id: As asked.
        copy: As asked; an answer for another copy is worth nothing.
        verdict: What the worker may do.
        attempt: The attempt the verdict is for.
        age_s: How long ago this attempt was first claimed when the gateway answered.
            ``settle_s`` and ``key_memory_s`` count from there: clocks need not agree.
    """

    delivery_id: DeliveryId
    copy: CopyId
    verdict: Verdict
    attempt: int
    age_s: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Heartbeat:
    """A worker's sign of life, sent every 5 s.

    Attributes:
        worker: Its name.
        destination: What it serves.
        version: The gateway's version it runs.
        adapter: ``name version`` of the adapter.
        in_flight: Copies it holds that are not acknowledged.
        healthy: What the adapter's last ``check`` said.
        checked_at: When that was.
        at: When this was sent.
    """

    worker: WorkerName
    destination: DestinationName
    version: str
    adapter: str
    in_flight: int
    healthy: bool
    checked_at: datetime
    at: datetime
