"""The port over OpenTelemetry's SDK, exporting OTLP over HTTP (extra ``otel``)."""

import asyncio
import logging
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import SpanLimits, TracerProvider
from opentelemetry.sdk.trace.export import SpanExporter
from opentelemetry.sdk.trace.sampling import ParentBased, TraceIdRatioBased

from gateway.domain.trace import TraceContext
from gateway.drivers.telemetry.export import BoundedExport
from gateway.ports.telemetry import Attribute, Span, SpanKind

MOST_WAITING: Final = 8_192
"""Spans; about 1 kB each. At 10 spans an application, 10 s of 80 applications a second."""
_EXPORT_S: Final = 5.0
_CLOSE_S: Final = 0.4
"""Within what a process that ends waits for (``bootstrap.ending.CLOSE_S``)."""
_LONGEST_VALUE: Final = 256
_NANOSECONDS: Final = 1_000_000_000

_KINDS: Final[Mapping[SpanKind, trace.SpanKind]] = {
    SpanKind.SERVER: trace.SpanKind.SERVER,
    SpanKind.CLIENT: trace.SpanKind.CLIENT,
    SpanKind.PRODUCER: trace.SpanKind.PRODUCER,
    SpanKind.CONSUMER: trace.SpanKind.CONSUMER,
    SpanKind.INTERNAL: trace.SpanKind.INTERNAL,
}


@dataclass(frozen=True, slots=True)
class _Allowed:
    """Keeps the attributes whose keys are known; of others it drops the value, or raises."""

    keys: Collection[str]
    strict: bool

    def __call__(self, attributes: Mapping[str, Attribute | None]) -> dict[str, Attribute]:
        if self.strict and not set(attributes) <= set(self.keys):
            raise KeyError(*(set(attributes) - set(self.keys)))
        return {
            key: value
            for key, value in attributes.items()
            if value is not None and key in self.keys
        }


class OTelSpan:
    """A span of the SDK."""

    def __init__(self, span: trace.Span, kept: _Allowed) -> None:
        """Take an SDK's span that has begun."""
        self._span = span
        self._kept = kept
        place = span.get_span_context()
        self._context = TraceContext(
            trace.format_trace_id(place.trace_id),
            trace.format_span_id(place.span_id),
            place.trace_flags.sampled,
        )

    @property
    def context(self) -> TraceContext:
        """Its place."""
        return self._context

    def note(self, attributes: Mapping[str, Attribute | None]) -> None:
        """Add what may be kept."""
        self._span.set_attributes(self._kept(attributes))

    def end(self, *, error: str | None = None) -> None:
        """End it; the code of what went wrong is an attribute, too (``error.type``)."""
        if error is not None:
            self._span.set_attributes(self._kept({"error.type": error}))
            self._span.set_status(trace.StatusCode.ERROR)
        self._span.end()


class OTelTelemetry:
    """Makes spans with the SDK; each is sampled as its parent was, or by chance."""

    def __init__(
        self,
        exporter: SpanExporter,
        *,
        allowed: Collection[str],
        resource: Mapping[str, str],
        sample_ratio: float = 1.0,
        most_waiting: int = MOST_WAITING,
        every_s: float = 1.0,
        strict: bool = False,
    ) -> None:
        """Start the export's thread.

        Args:
            exporter: Where spans go.
            allowed: The attributes' keys that are kept; no other leaves the process.
            resource: What this process is (``service.name`` and so on).
            sample_ratio: Share of the traces without a parent that are recorded, 0 to 1.
            most_waiting: How many spans may wait for the collector.
            every_s: How long a span waits for others.
            strict: Raise ``KeyError`` for a key that is not allowed, as tests want it.
        """
        # Of a collector that is away our own words are said once, instead of for each batch.
        logging.getLogger("opentelemetry").setLevel(logging.CRITICAL)
        self._kept = _Allowed(allowed, strict)
        self._export = BoundedExport(exporter, most_waiting=most_waiting, every_s=every_s)
        provider = TracerProvider(
            sampler=ParentBased(TraceIdRatioBased(sample_ratio)),
            # Not Resource.create: that adds what the environment says.
            resource=Resource(dict(resource)),
            span_limits=SpanLimits(max_attribute_length=_LONGEST_VALUE),
            shutdown_on_exit=False,
        )
        provider.add_span_processor(self._export)
        self._tracer = provider.get_tracer("kakehashi")

    @property
    def dropped(self) -> int:
        """How many spans were lost so far."""
        return self._export.dropped

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
        """Begin a span of the SDK."""
        # Without a context of ours the SDK would take the task's; nobody sets that.
        context = trace.set_span_in_context(
            trace.INVALID_SPAN if parent is None else trace.NonRecordingSpan(_place(parent))
        )
        span = self._tracer.start_span(
            name,
            context=context,
            kind=_KINDS[kind],
            attributes=self._kept(attributes or {}),
            links=[trace.Link(_place(link)) for link in links],
            start_time=None if since is None else int(since.timestamp() * _NANOSECONDS),
        )
        return OTelSpan(span, self._kept)

    async def close(self) -> None:
        """Hand on what waits; what takes longer is lost with the process."""
        await asyncio.to_thread(self._export.finish, _CLOSE_S)


def over_http(endpoint: str, headers: Mapping[str, str]) -> SpanExporter:
    """Return what posts spans as OTLP in protobuf.

    Args:
        endpoint: The whole URL, such as ``http://127.0.0.1:4318/v1/traces``.
        headers: Sent with each post.
    """
    return OTLPSpanExporter(
        endpoint=endpoint,
        headers=dict(headers),
        timeout=_EXPORT_S,
        compression=Compression.Gzip,
    )


def _place(context: TraceContext) -> trace.SpanContext:
    return trace.SpanContext(
        trace_id=int(context.trace_id, 16),
        span_id=int(context.span_id, 16),
        is_remote=True,
        trace_flags=trace.TraceFlags(
            trace.TraceFlags.SAMPLED if context.sampled else trace.TraceFlags.DEFAULT
        ),
    )
