"""Where the gateway tells how long what took, and what caused it: spans of a trace."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import Protocol

from gateway.domain.trace import ENTROPY_BYTES, TraceContext, new_trace

Attribute = str | int | float | bool


class SpanKind(Enum):
    """What a span stands for (OpenTelemetry specification, trace API, SpanKind)."""

    SERVER = "server"
    """The answer to a request from outside."""
    CLIENT = "client"
    """A request to another system, which is waited for."""
    PRODUCER = "producer"
    """A message that is sent, and not waited for."""
    CONSUMER = "consumer"
    """What a message leads to."""
    INTERNAL = "internal"
    """Something within the process."""


class Span(Protocol):
    """Something that has begun, in one trace."""

    @property
    def context(self) -> TraceContext:
        """Its place: the parent of what it causes."""

    def note(self, attributes: Mapping[str, Attribute | None]) -> None:
        """Add what is known of it; ``None`` says nothing. Not after ``end``."""

    def end(self, *, error: str | None = None) -> None:
        """Say that it is over; ``error`` is a stable code, if it failed. Once."""


class Telemetry(Protocol):
    """Takes spans. Nothing of it waits, raises or grows without limit, whatever it hands on to."""

    @property
    def dropped(self) -> int:
        """How many spans were lost so far: there was no room, or nobody took them."""

    def begin(
        self,
        name: str,
        kind: SpanKind,
        *,
        parent: TraceContext | None,
        links: Sequence[TraceContext] = (),
        attributes: Mapping[str, Attribute | None] | None = None,
        since: datetime | None = None,
    ) -> Span:
        """Begin a span.

        Args:
            name: What happens; one of few.
            kind: What it stands for.
            parent: What caused it; ``None`` begins a trace.
            links: What it also has to do with, such as what caused it long ago.
            attributes: What is known of it already; ``None`` says nothing. Never personal data.
            since: When it began, aware, if not now.
        """

    async def close(self) -> None:
        """Hand on what can be handed on within half a second; idempotent."""


@dataclass(frozen=True, slots=True)
class _Passed:
    """A span that nobody keeps: what it causes has the cause that it has itself."""

    context: TraceContext

    def note(self, attributes: Mapping[str, Attribute | None]) -> None:
        """Keep nothing."""

    def end(self, *, error: str | None = None) -> None:
        """Tell nobody."""


def passed(cause: TraceContext | None) -> Span:
    """Return a span that nobody keeps, in the place of its cause or of a trace of its own.

    A new trace says that nothing is recorded: log lines have a trace all the same.
    """
    return _Passed(new_trace(os.urandom(ENTROPY_BYTES)) if cause is None else cause)


class NullTelemetry:
    """Keeps nothing, and hands trace contexts on as they came (W3C Trace Context, 4.3)."""

    dropped = 0

    def begin(
        self,
        name: str,  # noqa: ARG002 - nobody keeps it
        kind: SpanKind,  # noqa: ARG002
        *,
        parent: TraceContext | None,
        links: Sequence[TraceContext] = (),
        attributes: Mapping[str, Attribute | None] | None = None,  # noqa: ARG002
        since: datetime | None = None,  # noqa: ARG002
    ) -> Span:
        """Return the cause: its parent, or what it is linked to, or a new one."""
        return passed(parent if parent is not None or not links else links[0])

    async def close(self) -> None:
        """Hold nothing."""
