"""A collector of traces for tests: takes OTLP over HTTP and keeps what came."""

import gzip
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

from aiohttp import web
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span as WireSpan


@dataclass(frozen=True, slots=True)
class Collected:
    """One span as it was exported.

    Attributes:
        name: What happened.
        trace_id: 32 hexadecimal digits.
        span_id: 16 hexadecimal digits.
        parent_id: The parent's; empty for the first of a trace.
        kind: As OTLP numbers it: 1 internal, 2 server, 3 client, 4 producer, 5 consumer.
        attributes: Key to value, as text.
        links: The traces that it is linked to.
        instance: The process that told it (``service.instance.id``), empty if it does not say.
    """

    name: str
    trace_id: str
    span_id: str
    parent_id: str
    kind: int
    attributes: dict[str, str]
    links: tuple[str, ...]
    instance: str = ""


class Collector:
    """Listens on a free port of this machine."""

    def __init__(self) -> None:
        """Open nothing."""
        self.raw = b""
        self.spans: list[Collected] = []
        self.url = ""
        app = web.Application()
        app.router.add_post("/v1/traces", self._take)
        self._runner = web.AppRunner(app)

    async def __aenter__(self) -> Self:
        """Listen."""
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}/v1/traces"
        return self

    async def __aexit__(self, *_error: object) -> None:
        """Listen no more."""
        await self._runner.cleanup()

    def named(self, name: str) -> Collected:
        """Return the one span of this name.

        Raises:
            LookupError: There is none, or there are several.
        """
        found = [span for span in self.spans if span.name == name]
        if len(found) != 1:
            raise LookupError(name, [span.name for span in self.spans])
        return found[0]

    async def _take(self, request: web.Request) -> web.Response:
        body = await request.read()
        if request.headers.get("Content-Encoding") == "gzip" and body[:2] == b"\x1f\x8b":
            body = gzip.decompress(body)
        self.raw += body
        export = ExportTraceServiceRequest.FromString(body)
        for told in export.resource_spans:
            names = {each.key: each.value.string_value for each in told.resource.attributes}
            for scope in told.scope_spans:
                self.spans += _collected(scope.spans, names.get("service.instance.id", ""))
        return web.Response(content_type="application/x-protobuf")


def _collected(spans: Sequence[WireSpan], instance: str) -> list[Collected]:
    return [
        Collected(
            name=span.name,
            trace_id=span.trace_id.hex(),
            span_id=span.span_id.hex(),
            parent_id=span.parent_span_id.hex(),
            kind=span.kind,
            attributes={
                each.key: each.value.string_value or str(each.value.int_value)
                for each in span.attributes
            },
            links=tuple(link.trace_id.hex() for link in span.links),
            instance=instance,
        )
        for span in spans
    ]
