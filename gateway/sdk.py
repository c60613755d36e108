"""All that an adapter author imports.

An adapter is a class with a ``spec`` and four methods; the runtime constructs it
from its validated ``Config``, opens it once, calls ``send`` for one delivery after
another (up to ``max_in_flight`` at once), and closes it. Version 1 of the contract.
"""

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from enum import StrEnum
from pathlib import Path
from typing import ClassVar, Final, Protocol, runtime_checkable

from pydantic import BaseModel, ConfigDict

from gateway.domain.errors import (
    ConfigError,
    DestinationTransientError,
    DestinationUnavailableError,
    RejectedError,
    ThrottledError,
    UnknownOutcomeError,
)
from gateway.domain.outcome import FeedbackStatus

__all__ = [
    "JST",
    "AdapterConfig",
    "AdapterSpec",
    "Application",
    "ConfigError",
    "Context",
    "Delivery",
    "Destination",
    "DestinationUnavailableError",
    "Feedback",
    "FeedbackStatus",
    "GivesFeedback",
    "Health",
    "Idempotency",
    "LooksUp",
    "Receipt",
    "RejectedError",
    "ThrottledError",
    "TransientError",
    "UnknownOutcomeError",
]

TransientError = DestinationTransientError

JST: Final = timezone(timedelta(hours=9), "JST")
"""Japan Standard Time, for what core systems read; it has had no summer time since 1951."""


class AdapterConfig(BaseModel):
    """Base of every adapter's ``Config``: frozen, unknown keys refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Idempotency(StrEnum):
    """What the core system offers against doubles; configured per destination.

    ``NONE`` and ``LOOKUP`` and ``NATIVE`` are ordered: an adapter that supports
    one supports those before it.
    """

    NONE = "none"
    """Nothing: a delivery in doubt waits for a person."""
    LOOKUP = "lookup"
    """It can be asked whether it has a key: ``lookup`` is called when in doubt."""
    NATIVE = "native"
    """It ignores a key it has seen and answers as before: ``send`` is repeated when in doubt."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AdapterSpec:
    """What the runtime knows of an adapter without opening it.

    Attributes:
        name: As in the manifest and the configuration's ``adapter:``.
        version: The adapter's own version.
        config: The pydantic model of the destination's ``config:``.
        idempotency: The most it can support.
        max_in_flight: How many sends it can take at once at most.
        feedback: Whether it implements ``GivesFeedback``.
        settle_s: After the end of a send, how long its ``lookup`` may still wrongly say
            "no"; ``None`` when only the operator can know, for each core system.
    """

    name: str
    version: str
    config: type[AdapterConfig]
    idempotency: Idempotency = Idempotency.NONE
    max_in_flight: int = 1
    feedback: bool = False
    settle_s: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Application:
    """One application in clear. Keep it no longer than ``send`` lasts; never log it.

    Attributes:
        id: The gateway's UUIDv7.
        municipality: Six-digit 全国地方公共団体コード.
        procedure: ``area/procedure``.
        version: The procedure's version, which says how ``applicant`` and ``content`` look.
        receipt_number: 受付番号 of the front end.
        supersedes: Id of the application it replaces, or ``None``.
        submitted_at: When the resident submitted it, aware.
        accepted_at: When the gateway accepted it, aware UTC.
        applicant: A票, as JSON values.
        content: B票, as JSON values.
    """

    id: str
    municipality: str
    procedure: str
    version: int
    receipt_number: str
    supersedes: str | None
    submitted_at: datetime
    accepted_at: datetime
    applicant: Mapping[str, object] = field(repr=False)
    content: Mapping[str, object] = field(repr=False)

    def document(self, idempotency_key: str) -> dict[str, object]:
        """Return it as one JSON object, named as in the front-end API.

        JSON pointers into it are those of the front end's body, where both have
        the field. Times are ISO 8601 in JST, to the second (行政基本情報データ連携モデル
        日付及び時刻).
        """
        return {
            "idempotency_key": idempotency_key,
            "id": self.id,
            "municipality": self.municipality,
            "procedure": self.procedure,
            "version": self.version,
            "receipt_number": self.receipt_number,
            "supersedes": self.supersedes,
            "submitted_at": self.submitted_at.astimezone(JST).isoformat(timespec="seconds"),
            "accepted_at": self.accepted_at.astimezone(JST).isoformat(timespec="seconds"),
            "applicant": self.applicant,
            "content": self.content,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """One attempt to hand an application over.

    Attributes:
        idempotency_key: The same for every attempt of this delivery, unique for ever;
            36 characters of ``[0-9a-f-]``.
        attempt: From 1.
        deadline: Aware UTC; after it the runtime cancels ``send`` and the delivery is in doubt.
        dry_run: Do everything but the effect.
        traceparent: W3C trace context to hand on, or ``None``.
    """

    idempotency_key: str
    attempt: int
    deadline: datetime
    dry_run: bool = False
    traceparent: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """The core system has it, durably.

    Attributes:
        reference: The core system's own number (整理番号), file name, …; at most 200
            characters, no personal data.
        preview: With ``dry_run``: what would have been sent, for the author's eyes.
    """

    reference: str | None = None
    preview: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """What ``check`` found.

    Attributes:
        ok: Whether ``send`` can be expected to work.
        detail: One line for an operator; no secrets.
    """

    ok: bool
    detail: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Feedback:
    """A status that the core system gave out after delivery.

    Attributes:
        id: Stable: reading the same result twice gives the same id; at most 200 characters.
        idempotency_key: Of the delivery it is about.
        status: 受理, 差戻し, 却下, 取下げ or 完了.
        at: When the core system decided, aware.
        code: Its reason code, or ``None``; never free text.
        reference: Its own number, or ``None``.
    """

    id: str
    idempotency_key: str
    status: FeedbackStatus
    at: datetime
    code: str | None = None
    reference: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """What the runtime gives an adapter at ``open``.

    Attributes:
        destination: The configured name.
        municipality: Whose core system it is.
        folder: A durable folder of its own, which exists, e.g. for cursors.
    """

    destination: str
    municipality: str
    folder: Path


class Destination(Protocol):
    """Sends applications to one core system.

    ``__init__(config)`` has no side effect. After ``open`` the methods are called
    from one event loop, ``send`` by at most ``max_in_flight`` tasks at once.
    """

    spec: ClassVar[AdapterSpec]

    async def open(self, context: Context) -> None:
        """Get ready: connections, folders.

        Raises:
            ConfigError: It can never work as configured.
            DestinationUnavailableError: It cannot be reached now; called again later.
        """

    async def check(self) -> Health:
        """Tell whether the core system is there, without any effect on it."""

    async def send(self, application: Application, delivery: Delivery) -> Receipt:
        """Hand ``application`` over; return only when the core system has it durably.

        Cancellation means that the deadline has passed or the worker stops: stop,
        leave nothing open, let it propagate; the delivery is then in doubt.

        Raises:
            RejectedError: The core system, or the mapping, refuses it for good.
            TransientError: It certainly had no effect; try again (counted).
            ThrottledError: The same, because of a limit (not counted).
            DestinationUnavailableError: The same, because nothing can be reached (not counted).
            UnknownOutcomeError: It may have had an effect. So does any other error.
        """

    async def close(self) -> None:
        """Give everything back. Idempotent; safe after a failed ``open``."""


@runtime_checkable
class LooksUp(Protocol):
    """An adapter that can find out whether a delivery has arrived."""

    async def lookup(self, idempotency_key: str) -> Receipt | None:
        """Return the receipt of the delivery, or ``None`` if it never had an effect.

        Raises:
            TransientError: Cannot tell now.
        """


@runtime_checkable
class GivesFeedback(Protocol):
    """An adapter whose core system gives out statuses."""

    def feedback(self) -> AsyncIterator[Feedback]:
        """Yield statuses as they come, without end, waiting in between.

        Asking for the next one tells that the one before is durable in the gateway:
        only then may it be taken away from the core system. After a crash the
        same one comes again, with the same id.
        """
