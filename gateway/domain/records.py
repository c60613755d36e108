"""What the journal keeps of an application and of each of its deliveries."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from gateway.domain.identifiers import (
    ApplicationId,
    ClientName,
    CopyId,
    DeliveryId,
    DestinationName,
    MunicipalityCode,
    ProcedureName,
    WorkerName,
)
from gateway.domain.lifecycle import ApplicationState, State, application_state
from gateway.domain.outcome import FeedbackStatus


@dataclass(frozen=True, slots=True, kw_only=True)
class ApplicationRecord:
    """One accepted application, immutable but for ``superseded_by``. Holds no plaintext.

    Attributes:
        id: UUIDv7 assigned at acceptance.
        client: The front-end system that sent it.
        municipality: The tenant it is for.
        procedure: ``area/procedure``.
        version: The procedure's major version, from 1.
        idempotency_mac: 32 bytes, HMAC-SHA-256 of the client's ``Idempotency-Key``.
        receipt_mac: 32 bytes, HMAC-SHA-256 of the 受付番号 under the municipality's pseudonym key.
        commitment: 32 bytes, HMAC-SHA-256 of the raw body under the application's own key.
        accepted_at: Aware UTC, milliseconds.
        supersedes: The application this one replaces (補正, 再提出), of the same client.
        superseded_by: The application that replaced this one.
        traceparent: W3C trace context the front end sent, or ``None``.
    """

    id: ApplicationId
    client: ClientName
    municipality: MunicipalityCode
    procedure: ProcedureName
    version: int
    idempotency_mac: bytes
    receipt_mac: bytes
    commitment: bytes
    accepted_at: datetime
    supersedes: ApplicationId | None = None
    superseded_by: ApplicationId | None = None
    traceparent: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryRecord:
    """One application on its way to one destination.

    Attributes:
        id: UUIDv7; as a string it is the idempotency key the core system sees, for life.
        application_id: The application it carries.
        municipality: As in the application.
        destination: The configured adapter instance it goes to.
        state: See ``gateway.domain.lifecycle``.
        attempt: Number of the current attempt, from 1. A copy carries the attempt it belongs to.
        counted: How many attempts were counted against the retry budget since ``budget_since``.
        resolves: How often the current attempt was looked up or resent while in doubt.
        copy: The copy a worker has claimed for this attempt, ``None`` while unclaimed.
        worker: Who claimed it.
        claimed_at: When this attempt was first claimed; aware UTC.
        due_at: Not published before; ``None`` in ``in_doubt`` means a person must decide.
        budget_since: Start of the retry budget's time: the first counted failure since
            acceptance or the last replay; before it, that moment itself.
        updated_at: The last change of this row.
        code: Stable code of the last outcome, ``None`` before the first.
        pointer: JSON pointer the core system objected to, if any.
        reference: The core system's own number for it (整理番号), once delivered.
        flagged: It was delivered although it had been cancelled.
        order_key: 32 bytes, HMAC-SHA-256 of what its destination is ordered by, or ``None``.
            Never changed. A delivery is published only when none of its destination that was
            accepted earlier with the same key is unfinished.
        adapter: ``name version`` of what made the last attempt, ``None`` before the first.
    """

    id: DeliveryId
    application_id: ApplicationId
    municipality: MunicipalityCode
    destination: DestinationName
    state: State
    budget_since: datetime
    updated_at: datetime
    attempt: int = 1
    counted: int = 0
    resolves: int = 0
    copy: CopyId | None = None
    worker: WorkerName | None = None
    claimed_at: datetime | None = None
    due_at: datetime | None = None
    code: str | None = None
    pointer: str | None = None
    reference: str | None = None
    flagged: bool = False
    order_key: bytes | None = None
    adapter: str | None = None

    def budget_after(self, waited: timedelta) -> datetime:
        """Return ``budget_since`` without a time in which nobody could fail.

        So much of the budget's age was spent waiting: for a destination to open, for a core
        system to come back, for room in its queue.
        """
        return self.budget_since + max(waited, timedelta())

    @property
    def idempotency_key(self) -> str:
        """The key the core system can deduplicate by; the same for every attempt."""
        return str(self.id)


@dataclass(frozen=True, slots=True, kw_only=True)
class SealedDelivery:
    """A delivery with what is published of it.

    Attributes:
        record: Its row.
        sealed: JWE compact serialisation, ASCII.
        signature: The gateway's detached JWS over ``sealed``.
        procedure: ``area/procedure``, for the message's ``ce-subject``.
        version: The procedure's version.
        traceparent: W3C trace context or ``None``.
    """

    record: DeliveryRecord
    sealed: bytes
    signature: str
    procedure: ProcedureName
    version: int
    traceparent: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedbackRecord:
    """A status that came back from the core system after delivery.

    Attributes:
        id: The adapter's stable id of this status: the same file or call gives the same one.
        delivery_id: What it is about.
        status: 受理, 差戻し, 却下, 取下げ or 完了.
        code: The core system's reason code, or ``None``; never free text.
        reference: The core system's own number (整理番号), or ``None``.
        at: When the core system decided; aware UTC.
        received_at: When the gateway recorded it.
        destination: Whose adapter reports it, on the way to the gateway; not kept.
    """

    id: str
    delivery_id: DeliveryId
    status: FeedbackStatus
    at: datetime
    received_at: datetime
    code: str | None = None
    reference: str | None = None
    destination: DestinationName | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Dossier:
    """Everything the journal knows of one application but the payload."""

    application: ApplicationRecord
    deliveries: tuple[DeliveryRecord, ...]
    feedback: tuple[FeedbackRecord, ...]

    @property
    def state(self) -> ApplicationState:
        """The application's state, derived from its deliveries."""
        return application_state(delivery.state for delivery in self.deliveries)
