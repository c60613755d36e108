"""Every span's name and attributes: the one place that says what traces tell.

Names and keys are those of OpenTelemetry's semantic conventions, release 1.4x: messaging
("Semantic conventions for messaging spans", with RabbitMQ's for the destination's name) and
HTTP; our own begin with ``kakehashi.``. No attribute holds what a resident or a client wrote:
so ``url.path`` and ``url.full`` are missing, which the conventions want, and ``http.route``
stands for them. ``ATTRIBUTES`` is the whole list; a driver keeps no other key.

A span ends when its step does. What follows soon after an acceptance is its child, so that an
application is one trace; what follows later than ``LONG_GAP_S`` (a retry at night, a delivery
that was parked, feedback days later) begins a trace of its own that is linked to it, as
collectors close a trace after minutes.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from time import time
from typing import Final
from uuid import UUID

from gateway.domain.identifiers import ApplicationId, CopyId, DeliveryId, DestinationName
from gateway.domain.trace import TraceContext, parse
from gateway.ports.telemetry import Attribute, NullTelemetry, Span, SpanKind, Telemetry

LONG_GAP_S: Final = 600.0

APPLICATION: Final = "kakehashi.application.id"
DELIVERY: Final = "kakehashi.delivery.id"
DELIVERIES: Final = "kakehashi.deliveries"
DESTINATION: Final = "kakehashi.destination"
ATTEMPT: Final = "kakehashi.attempt"
OUTCOME: Final = "kakehashi.outcome"
VERDICT: Final = "kakehashi.verdict"
STATE: Final = "kakehashi.state"
STATUS: Final = "kakehashi.feedback.status"
CLIENT: Final = "kakehashi.client"
ERROR: Final = "error.type"
METHOD: Final = "http.request.method"
ROUTE: Final = "http.route"
HTTP_STATUS: Final = "http.response.status_code"
RESENDS: Final = "http.request.resend_count"
BODY_BYTES: Final = "http.request.body.size"
SERVER: Final = "server.address"
PORT: Final = "server.port"
SYSTEM: Final = "messaging.system"
QUEUE: Final = "messaging.destination.name"
OPERATION: Final = "messaging.operation.name"
OPERATION_TYPE: Final = "messaging.operation.type"
MESSAGE: Final = "messaging.message.id"
MESSAGE_BYTES: Final = "messaging.message.body.size"

ATTRIBUTES: Final = frozenset(
    {
        *(APPLICATION, DELIVERY, DELIVERIES, DESTINATION, ATTEMPT, OUTCOME, VERDICT, STATE),
        *(STATUS, CLIENT, ERROR, METHOD, ROUTE, HTTP_STATUS, RESENDS, BODY_BYTES, SERVER, PORT),
        *(SYSTEM, QUEUE, OPERATION, OPERATION_TYPE, MESSAGE, MESSAGE_BYTES),
    }
)
"""Every key that a span may have."""

_UNIX_MS_SHIFT: Final = 80
"""Of a UUIDv7 the first 48 of 128 bits are milliseconds since 1970 (RFC 9562, 5.7)."""
_METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH"})
"""Any other is ``_OTHER``: a client could write anything (HTTP spans, "Name")."""
_OPERATION_TYPES: Final = {"send": "send", "process": "process", "ack": "settle"}


@dataclass(frozen=True, slots=True)
class BrokerAddress:
    """What carries messages, as ``messaging.system`` and ``server.*`` say it."""

    system: str = "kakehashi-memory"
    host: str | None = None
    port: int | None = None


@dataclass(frozen=True, slots=True)
class Carried:
    """Which copy of which delivery a span is about."""

    application: ApplicationId
    delivery: DeliveryId
    copy: CopyId
    destination: DestinationName
    attempt: int


class Spans:
    """Begins the spans of every hop."""

    def __init__(
        self,
        telemetry: Telemetry | None = None,
        broker: BrokerAddress | None = None,
        unix_s: Callable[[], float] = time,
    ) -> None:
        """Keep where spans go; without ``telemetry``, nowhere."""
        self.telemetry = telemetry or NullTelemetry()
        # Then nobody reads attributes: they are not put together.
        self._is_off = isinstance(self.telemetry, NullTelemetry)
        self._broker = broker or BrokerAddress()
        self._unix_s = unix_s

    def answer(self, method: str, route: str, parent: TraceContext | None) -> Span:
        """Begin the answer to a front end's request; ``route`` is the template, never the path."""
        known = method if method in _METHODS else "_OTHER"
        return self.telemetry.begin(
            f"{'HTTP' if known == '_OTHER' else known} {route}",
            SpanKind.SERVER,
            parent=parent,
            attributes={METHOD: known, ROUTE: route},
        )

    def commit(
        self, parent: TraceContext | None, application: ApplicationId, deliveries: int
    ) -> Span:
        """Begin the commit of an acceptance."""
        attributes: dict[str, Attribute | None] = {
            APPLICATION: str(application),
            DELIVERIES: deliveries,
        }
        return self.telemetry.begin(
            "commit acceptance", SpanKind.INTERNAL, parent=parent, attributes=attributes
        )

    def send_copy(self, queue: str, carried: Carried, origin: str | None, size: int) -> Span:
        """Begin the publishing of a copy; ``origin`` is the acceptance's ``traceparent``."""
        return self._after(
            origin,
            carried.application,
            f"send {queue}",
            SpanKind.PRODUCER,
            {**self._messaging("send", queue), **self._of(carried), MESSAGE_BYTES: size},
        )

    def process_copy(self, queue: str, carried: Carried, cause: str | None, size: int) -> Span:
        """Begin what a worker does with a copy; ``cause`` is the copy's ``traceparent``."""
        return self.telemetry.begin(
            f"process {queue}",
            SpanKind.CONSUMER,
            parent=parse(cause),
            attributes={
                **self._messaging("process", queue),
                **self._of(carried),
                MESSAGE_BYTES: size,
            },
        )

    def claim(self, parent: TraceContext | None, carried: Carried) -> Span:
        """Begin to ask for the right to open a copy."""
        return self.telemetry.begin(
            "claim", SpanKind.CLIENT, parent=parent, attributes=self._of(carried)
        )

    def open_copy(self, parent: TraceContext | None, carried: Carried) -> Span:
        """Begin to break a copy's seal."""
        return self.telemetry.begin(
            "open", SpanKind.INTERNAL, parent=parent, attributes=self._of(carried)
        )

    def deliver(self, parent: TraceContext | None, carried: Carried) -> Span:
        """Begin the call of the adapter: what the core system is told to be part of."""
        return self.telemetry.begin(
            f"deliver {carried.destination}",
            SpanKind.CLIENT,
            parent=parent,
            attributes=self._of(carried),
        )

    def look_up(self, parent: TraceContext | None, carried: Carried) -> Span:
        """Begin to ask the core system whether it has a delivery."""
        return self.telemetry.begin(
            f"look up {carried.destination}",
            SpanKind.CLIENT,
            parent=parent,
            attributes=self._of(carried),
        )

    def settle(self, queue: str, parent: TraceContext, carried: Carried) -> Span:
        """Begin to give a copy up."""
        return self.telemetry.begin(
            f"ack {queue}",
            SpanKind.CLIENT,
            parent=parent,
            attributes={**self._messaging("ack", queue), **self._of(carried)},
        )

    def send_report(self, queue: str, parent: TraceContext | None, delivery: UUID) -> Span:
        """Begin to report an outcome, or a status, which nothing here has caused."""
        return self.telemetry.begin(
            f"send {queue}",
            SpanKind.PRODUCER,
            parent=parent,
            attributes={**self._messaging("send", queue), DELIVERY: str(delivery)},
        )

    def process_report(
        self, queue: str, cause: str | None, delivery: UUID, *, since: datetime | None = None
    ) -> Span:
        """Begin to write down what was reported; ``cause`` is the report's ``traceparent``."""
        return self.telemetry.begin(
            f"process {queue}",
            SpanKind.CONSUMER,
            parent=parse(cause),
            attributes={**self._messaging("process", queue), DELIVERY: str(delivery)},
            since=since,
        )

    def process_feedback(
        self,
        queue: str,
        application: ApplicationId,
        origin: str | None,
        cause: str | None,
        *,
        since: datetime | None = None,
    ) -> Span:
        """Begin to write down a status: part of its application's trace, linked to the report."""
        reported = parse(cause)
        return self._after(
            origin,
            application,
            f"process {queue}",
            SpanKind.CONSUMER,
            {**self._messaging("process", queue), APPLICATION: str(application)},
            links=() if reported is None else (reported,),
            since=since,
        )

    def post_webhook(
        self,
        application: ApplicationId,
        origin: str | None,
        client: str,
        host: str | None,
        resends: int,
    ) -> Span:
        """Begin to tell a front end of a status."""
        attributes: dict[str, Attribute | None] = {
            METHOD: "POST",
            SERVER: host,
            RESENDS: resends or None,
            APPLICATION: str(application),
            CLIENT: client,
        }
        return self._after(origin, application, "POST", SpanKind.CLIENT, attributes)

    def _after(
        self,
        origin: str | None,
        application: ApplicationId,
        name: str,
        kind: SpanKind,
        attributes: dict[str, Attribute | None],
        *,
        links: tuple[TraceContext, ...] = (),
        since: datetime | None = None,
    ) -> Span:
        """Begin what an acceptance caused: its child, or linked to it if that is long ago."""
        cause = parse(origin)
        is_child = cause is not None and self.age_ms(application) < LONG_GAP_S * 1000
        return self.telemetry.begin(
            name,
            kind,
            parent=cause if is_child else None,
            links=links if is_child or cause is None else (cause, *links),
            attributes=attributes,
            since=since,
        )

    def age_ms(self, application: ApplicationId) -> float:
        """Return how long ago an application was accepted, by its own id."""
        accepted_ms = application.int >> _UNIX_MS_SHIFT
        return max(0.0, round(self._unix_s() * 1000 - accepted_ms, 1))

    def _messaging(self, operation: str, queue: str) -> dict[str, Attribute | None]:
        if self._is_off:
            return {}
        return {
            SYSTEM: self._broker.system,
            QUEUE: queue,
            OPERATION: operation,
            OPERATION_TYPE: _OPERATION_TYPES[operation],
            SERVER: self._broker.host,
            PORT: self._broker.port,
        }

    def _of(self, carried: Carried) -> dict[str, Attribute | None]:
        if self._is_off:
            return {}
        return {
            APPLICATION: str(carried.application),
            DELIVERY: str(carried.delivery),
            MESSAGE: str(carried.copy),
            DESTINATION: carried.destination,
            ATTEMPT: carried.attempt,
        }
