"""The right to open one copy: what a worker asks and what the gateway answers."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Literal

from gateway.domain.identifiers import CopyId, DeliveryId, DestinationName, WorkerName


class BreakerState(StrEnum):
    """Whether a worker sends to its core system (Nygard, Release It!: circuit breaker)."""

    CLOSED = "closed"
    """It sends."""
    OPEN = "open"
    """The core system is down: nothing is taken; it is asked now and then."""
    HALF_OPEN = "half_open"
    """It answers again: one delivery is tried."""


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
        declined: Why the worker does not want it now (its breaker is open, its destination
            closed): the journal reschedules it, and the copy is spent. ``None`` to be sent.
    """

    delivery_id: DeliveryId
    destination: DestinationName
    attempt: int
    copy: CopyId
    worker: WorkerName
    opened: bool = False
    declined: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimAnswer:
    """The gateway's committed answer to one claim.

    Attributes:
        delivery_id: As asked.
        copy: As asked; an answer for another copy is worth nothing.
        verdict: What the worker may do.
        attempt: The attempt the verdict is for.
        age_s: How long ago at most this attempt was first claimed when the gateway answered;
            too much if its clock was set forward. ``key_memory_s`` counts from there: clocks
            need not agree.
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
        breaker: Whether the worker sends at all.
        unclaimed: Copies it holds whose claim was not answered yet.
        heard_at: When the gateway heard it, by the gateway's clock; a worker does not say it.
        answers: The last request for a check (``Terms.check``) that ``healthy`` answers.
        said: What the adapter said of its core system then: one line, at most 200 characters,
            no secrets.
        down_s: How long ago the breaker stopped sending, and has not sent freely since; ``None``
            while it sends, and from workers that do not say it. A span: clocks need not agree.
        trial_in_s: When an open breaker asks the core system next, in seconds from then;
            ``None`` if it is not open, or asks at this moment.
        host: The machine or pod it runs on, as that names itself (POSIX ``gethostname``); empty
            from workers that do not say it.
    """

    worker: WorkerName
    destination: DestinationName
    version: str
    adapter: str
    in_flight: int
    healthy: bool
    checked_at: datetime
    at: datetime
    breaker: BreakerState = BreakerState.CLOSED
    unclaimed: int = 0
    heard_at: datetime | None = None
    answers: datetime | None = None
    said: str = ""
    down_s: float | None = None
    trial_in_s: float | None = None
    host: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What the gateway wants of a worker now; the signed answer to its heartbeat.

    Attributes:
        worker: Whom it is for.
        destination: What it is about.
        heard_at: ``at`` of the heartbeat it answers: an older answer is worth nothing.
        open: Whether copies may be taken: not paused, and within the maintenance window.
        max_in_flight: This worker's share of what its core system takes at once; 0 stands by.
        rate_per_s: Its share of the sends a second, or ``None`` for no limit.
        failures: So many failures in a row open the breaker.
        probe_s: First wait before an open breaker asks the core system; doubles up to
            ``probe_cap_s``.
        probe_cap_s: Longest such wait.
        check: A person wants the core system checked now: when they asked, by the gateway's
            clock, which tells one request from another. ``None`` if nobody does.
        log_level: The least severe lines of the destination that the worker writes for the next
            ``log_for_s`` seconds; ``None`` changes nothing.
        log_for_s: For how long.
    """

    worker: WorkerName
    destination: DestinationName
    heard_at: datetime
    open: bool
    max_in_flight: int
    rate_per_s: float | None
    failures: int
    probe_s: float
    probe_cap_s: float
    check: datetime | None = None
    log_level: Literal["debug", "info", "warning", "error"] | None = None
    log_for_s: float = 0.0
