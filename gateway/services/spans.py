"""Every span's name and attributes: the one place that says what traces tell.

Names and keys are those of OpenTelemetry's semantic conventions, release 1.4x: messaging
("Semantic conventions for messaging spans", with RabbitMQ's for the destination's name:
exchange and routing key, which is our queue's name) and HTTP; our own begin with
``kakehashi.``. No attribute holds what a resident or a client wrote: so ``url.path`` and
``url.full`` are missing, which the conventions want, and ``http.route`` stands for them.
``ATTRIBUTES`` is the whole list; a driver keeps no other key.

A span ends when its step does. What follows soon after an acceptance is its child, so that an
application is one trace; what follows later than ``LONG_GAP_S`` (a retry at night, a delivery
that was parked, feedback days later) begins a trace of its own that is linked to it, as
collectors close a trace after minutes.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import datetime
from time import time
from typing import Final, NamedTuple
from uuid import UUID

from gateway.domain.identifiers import ApplicationId, CopyId, DeliveryId, DestinationName
from gateway.domain.trace import TraceContext, parse
from gateway.ports.telemetry import (
    Attribute,
    NullTelemetry,
    Span,
    SpanKind,
    Telemetry,
    passed,
)

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
DECISION: Final = "kakehashi.decision"
OPERATED: Final = "kakehashi.operation"
ERROR: Final = "error.type"
METHOD: Final = "http.request.method"
ROUTE: Final = "http.route"
HTTP_STATUS: Final = "http.response.status_code"
RESENDS: Final = "http.request.resend_count"
BODY_BYTES: Final = "http.request.body.size"
SCHEME: Final = "url.scheme"
SERVER: Final = "server.address"
PORT: Final = "server.port"
SYSTEM: Final = "messaging.system"
QUEUE: Final = "messaging.destination.name"
ROUTING_KEY: Final = "messaging.rabbitmq.destination.routing_key"
OPERATION: Final = "messaging.operation.name"
OPERATION_TYPE: Final = "messaging.operation.type"
MESSAGE: Final = "messaging.message.id"
MESSAGE_BYTES: Final = "messaging.message.body.size"

ATTRIBUTES: Final = frozenset(
    {
        *(APPLICATION, DELIVERY, DELIVERIES, DESTINATION, ATTEMPT, OUTCOME, VERDICT, STATE),
        *(STATUS, CLIENT, DECISION, OPERATED, ERROR, METHOD, ROUTE, HTTP_STATUS, RESENDS),
        *(BODY_BYTES, SCHEME, SERVER, PORT),
        *(SYSTEM, QUEUE, ROUTING_KEY, OPERATION, OPERATION_TYPE, MESSAGE, MESSAGE_BYTES),
    }
)
"""Every key that a span may have."""

_UNIX_MS_SHIFT: Final = 80
"""Of a UUIDv7 the first 48 of 128 bits are milliseconds since 1970 (RFC 9562, 5.7)."""
_METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH"})
"""Any other is ``_OTHER``: a client could write anything (HTTP spans, "Name")."""
_OPERATION_TYPES: Final = {"send": "send", "process": "process", "ack": "settle"}
_asked: Final[ContextVar[TraceContext | None]] = ContextVar("kakehashi_asked", default=None)
"""The request of an operator that this task answers: operations are called by many ways."""


@contextmanager
def asked_by(request: TraceContext) -> Iterator[None]:
    """Take what this task decides meanwhile as asked for by ``request``."""
    token = _asked.set(request)
    try:
        yield
    finally:
        _asked.reset(token)


@dataclass(frozen=True, slots=True)
class BrokerAddress:
    """What carries messages, as ``messaging.system``, ``server.*`` and destinations say it."""

    system: str = "kakehashi-memory"
    host: str | None = None
    port: int | None = None
    exchange_of: Callable[[str], str] | None = field(default=None, compare=False)
    """Returns through which exchange a queue is fed, where there are exchanges."""


class Carried(NamedTuple):
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
        # Then nobody reads names and attributes: they are not put together.
        self._is_off = isinstance(self.telemetry, NullTelemetry)
        self._broker = broker or BrokerAddress()
        self._unix_s = unix_s

    @property
    def is_off(self) -> bool:
        """Whether nobody keeps what is begun: nothing need be read for it."""
        return self._is_off

    def answer(
        self, method: str, route: str, parent: TraceContext | None, scheme: str = "http"
    ) -> Span:
        """Begin the answer to a request; ``route`` is the template, never the path."""
        if self._is_off:
            return passed(parent)
        known = method if method in _METHODS else "_OTHER"
        return self.telemetry.begin(
            f"{'HTTP' if known == '_OTHER' else known} {route}",
            SpanKind.SERVER,
            parent=parent,
            attributes={METHOD: known, ROUTE: route, SCHEME: scheme},
        )

    def decide(
        self,
        application: ApplicationId,
        delivery: UUID,
        origin: str | None,
        decision: str,
        *,
        since: datetime | None = None,
    ) -> Span:
        """Begin what a person decided of a delivery: linked to its application's trace.

        Args:
            application: Its application.
            delivery: Which.
            origin: The acceptance's ``traceparent``.
            decision: ``replayed``, ``vouched`` or ``cancelled``.
            since: When it began, if not now.
        """
        cause, asked = parse(origin), _asked.get()
        if self._is_off:
            return passed(asked or cause)
        return self.telemetry.begin(
            f"decide {decision}",
            SpanKind.INTERNAL,
            parent=asked,
            links=() if cause is None else (cause,),
            attributes={
                APPLICATION: str(application),
                DELIVERY: str(delivery),
                DECISION: decision,
            },
            since=since,
        )

    def commit(
        self, parent: TraceContext | None, application: ApplicationId, deliveries: int
    ) -> Span:
        """Begin the commit of an acceptance."""
        if self._is_off:
            return passed(parent)
        attributes: dict[str, Attribute | None] = {
            APPLICATION: str(application),
            DELIVERIES: deliveries,
        }
        return self.telemetry.begin(
            "commit acceptance", SpanKind.INTERNAL, parent=parent, attributes=attributes
        )

    def send_copy(self, queue: str, carried: Carried, origin: str | None, size: int) -> Span:
        """Begin the publishing of a copy; ``origin`` is the acceptance's ``traceparent``."""
        if self._is_off:
            return passed(parse(origin))
        return self._after(
            origin,
            carried.application,
            self._named("send", queue),
            SpanKind.PRODUCER,
            {**self._messaging("send", queue), **_of(carried), MESSAGE_BYTES: size},
        )

    def process_copy(self, queue: str, carried: Carried, cause: str | None, size: int) -> Span:
        """Begin what a worker does with a copy; ``cause`` is the copy's ``traceparent``."""
        if self._is_off:
            return passed(parse(cause))
        return self.telemetry.begin(
            self._named("process", queue),
            SpanKind.CONSUMER,
            parent=parse(cause),
            attributes={
                **self._messaging("process", queue),
                **_of(carried),
                MESSAGE_BYTES: size,
            },
        )

    def claim(self, parent: TraceContext | None, carried: Carried) -> Span:
        """Begin to ask for the right to open a copy."""
        return self._step("claim", SpanKind.CLIENT, parent, carried)

    def open_copy(self, parent: TraceContext | None, carried: Carried) -> Span:
        """Begin to break a copy's seal."""
        return self._step("open", SpanKind.INTERNAL, parent, carried)

    def deliver(self, parent: TraceContext | None, carried: Carried) -> Span:
        """Begin the call of the adapter: what the core system is told to be part of."""
        return self._step(f"deliver {carried.destination}", SpanKind.CLIENT, parent, carried)

    def look_up(self, parent: TraceContext | None, carried: Carried) -> Span:
        """Begin to ask the core system whether it has a delivery."""
        return self._step(f"look up {carried.destination}", SpanKind.CLIENT, parent, carried)

    def settle(self, queue: str, parent: TraceContext, carried: Carried) -> Span:
        """Begin to give a copy up."""
        if self._is_off:
            return passed(parent)
        return self.telemetry.begin(
            self._named("ack", queue),
            SpanKind.CLIENT,
            parent=parent,
            attributes={**self._messaging("ack", queue), **_of(carried)},
        )

    def send_report(self, queue: str, parent: TraceContext | None, delivery: UUID) -> Span:
        """Begin to report an outcome, or a status, which nothing here has caused."""
        if self._is_off:
            return passed(parent)
        return self.telemetry.begin(
            self._named("send", queue),
            SpanKind.PRODUCER,
            parent=parent,
            attributes={**self._messaging("send", queue), DELIVERY: str(delivery)},
        )

    def process_report(
        self, queue: str, cause: str | None, delivery: UUID, *, since: datetime | None = None
    ) -> Span:
        """Begin to write down what was reported; ``cause`` is the report's ``traceparent``."""
        if self._is_off:
            return passed(parse(cause))
        return self.telemetry.begin(
            self._named("process", queue),
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
        if self._is_off:
            return passed(parse(origin) or reported)
        return self._after(
            origin,
            application,
            self._named("process", queue),
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
        server: tuple[str | None, int | None],
        resends: int,
    ) -> Span:
        """Begin to tell a front end of a status; ``server`` is its host and port."""
        if self._is_off:
            return passed(parse(origin))
        host, port = server
        attributes: dict[str, Attribute | None] = {
            METHOD: "POST",
            SERVER: host,
            PORT: port,
            RESENDS: resends or None,
            APPLICATION: str(application),
            CLIENT: client,
        }
        return self._after(origin, application, "POST", SpanKind.CLIENT, attributes)

    def _step(
        self, name: str, kind: SpanKind, parent: TraceContext | None, carried: Carried
    ) -> Span:
        """Begin a step of a worker's."""
        if self._is_off:
            return passed(parent)
        return self.telemetry.begin(name, kind, parent=parent, attributes=_of(carried))

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

    def _destination(self, queue: str) -> str:
        """Return a queue's name as RabbitMQ's conventions have it; ours is its routing key."""
        exchange_of = self._broker.exchange_of
        return queue if exchange_of is None else f"{exchange_of(queue)}:{queue}"

    def _named(self, operation: str, queue: str) -> str:
        return f"{operation} {self._destination(queue)}"

    def _messaging(self, operation: str, queue: str) -> dict[str, Attribute | None]:
        return {
            SYSTEM: self._broker.system,
            QUEUE: self._destination(queue),
            ROUTING_KEY: None if self._broker.exchange_of is None else queue,
            OPERATION: operation,
            OPERATION_TYPE: _OPERATION_TYPES[operation],
            SERVER: self._broker.host,
            PORT: self._broker.port,
        }


def _of(carried: Carried) -> dict[str, Attribute | None]:
    return {
        APPLICATION: str(carried.application),
        DELIVERY: str(carried.delivery),
        MESSAGE: str(carried.copy),
        DESTINATION: carried.destination,
        ATTEMPT: carried.attempt,
    }
