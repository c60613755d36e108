"""What passes between the runtime and an adapter; ``gateway.sdk`` is where it is imported from."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from enum import StrEnum
from pathlib import Path
from typing import Final

from pydantic import BaseModel, ConfigDict

from gateway.domain.outcome import FeedbackStatus

JST: Final = timezone(timedelta(hours=9), "JST")
"""Japan Standard Time, for what core systems read; it has had no summer time since 1951."""


class AdapterConfig(BaseModel):
    """Base of every adapter's ``Config``: frozen, unknown keys refused.

    What is wrong with a configuration is said without its values: one may be a secret.

    It is read when the worker starts; a change needs a restart. A secret that is exchanged
    without one stands in a file: the configuration has its path, and the adapter reads it again
    at each ``check`` and when the core system refuses it. When the certificate expires that
    a setting ending with ``certificate_file`` or ``ca_file`` names, the metrics tell.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


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
        max_batch: How many applications one ``send_batch`` takes at most; 1 unless it
            implements ``SendsBatch``.
    """

    name: str
    version: str
    config: type[AdapterConfig]
    idempotency: Idempotency = Idempotency.NONE
    max_in_flight: int = 1
    feedback: bool = False
    settle_s: float | None = None
    max_batch: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Application:
    """One application in clear. Keep it no longer than ``send`` lasts; never log it.

    Attachments do not come: the front-end API does not take them yet
    (``request.attachments_not_yet``). They will be an attribute of their own.

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
        deadline: Aware UTC, by this machine's clock, for what the core system is told. The
            runtime cancels ``send`` after the same time on a clock that nobody sets, and the
            delivery is in doubt; so measure limits of your own with ``asyncio.timeout``.
        dry_run: Do everything but the effect.
        traceparent: W3C trace context to hand on, or ``None``.
    """

    idempotency_key: str
    attempt: int
    deadline: datetime
    dry_run: bool = False
    traceparent: str | None = None


@dataclass(frozen=True, slots=True)
class FieldSpan:
    """Where one field of a preview lies.

    Attributes:
        name: As the core system's documents call it (項目名).
        start: Offset of its first byte, from 0.
        end: Offset after its last byte.
    """

    name: str
    start: int
    end: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Preview:
    """What a dry run would have sent, byte for byte. It is an application in clear.

    Attributes:
        content: The bytes as they would go over the wire or into the file.
        charset: The Python codec by which people read them; ``None`` shows them in hex.
        spans: Its fields, ascending and not overlapping; with any, it is shown in hex by field.
    """

    content: bytes = field(repr=False)
    charset: str | None = None
    spans: tuple[FieldSpan, ...] = field(default=(), repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """The core system has it, durably.

    Attributes:
        reference: The core system's own number (整理番号), file name, …; at most 200
            characters, no personal data.
        preview: With ``dry_run``: what would have been sent, for the author's eyes; text, or
            bytes and their fields.
    """

    reference: str | None = None
    preview: str | Preview | None = field(default=None, repr=False)


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
        idempotency_key: Of the delivery it is about, as ``send`` had it.
        status: 受理, 差戻し, 却下, 取下げ or 完了.
        at: When the core system decided, aware: clocks of core systems are often naive, and in
            ``JST``. A test gives the mapping such a time; the kit has no clock of its own.
        code: Its reason code, or ``None``; never free text. The limits are those of a reason
            (``gateway.sdk``).
        reference: Its own number, or ``None``; printable, at most 200 characters.
    """

    id: str
    idempotency_key: str
    status: FeedbackStatus
    at: datetime
    code: str | None = None
    reference: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Incoming:
    """One application that a source took from a front end that does not speak our API.

    Attributes:
        id: Stable: receiving the same application twice gives the same id; 1 to 255 visible
            ASCII characters. It is the ``Idempotency-Key`` of its acceptance.
        municipality: Six-digit 全国地方公共団体コード.
        body: The request body of the front-end API, JSON in UTF-8, at most 1 MiB.
    """

    id: str
    municipality: str
    body: bytes = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Accepted:
    """The gateway has an incoming application, durably.

    Attributes:
        application_id: Its UUIDv7.
    """

    application_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """The gateway will never take an incoming application as it is.

    Attributes:
        code: A code of the front-end API (docs/reference/errors.md).
        errors: JSON pointer and code of each wrong field; no values.
    """

    code: str
    errors: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """What the runtime gives an adapter at ``open``.

    Attributes:
        destination: The configured name.
        municipality: Whose core system it is.
        folder: A durable folder of the destination's own on this machine, which exists, mode
            0700, e.g. for cursors. Every process of the destination with the same ``home`` has the
            same one, at the same time and of whichever version; workers on other machines have
            others. So replace files in one step, read what older versions wrote, and keep
            nothing there that cannot be lost. The gateway sets no limit of size and never
            removes it; ``kakehashi adapter run`` gives an empty one.
    """

    destination: str
    municipality: str
    folder: Path
