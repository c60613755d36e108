"""A span for each request of a front end, and of an operator."""

from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import Final

from aiohttp import web
from aiohttp.typedefs import Middleware

from gateway.domain.errors import JournalUnavailableError
from gateway.domain.trace import parse
from gateway.http import headers
from gateway.http.problems import CODE, RefusedError
from gateway.http.protocol import (
    APPLICATION_ID,
    BODY_BYTES,
    CLIENT,
    OPERATED,
    ROUTE,
    STATIC,
    TRACEPARENT,
)
from gateway.ports.telemetry import Span
from gateway.services import spans as names
from gateway.services.spans import Spans, asked_by

_UNTRACED: Final = frozenset({"/livez", "/readyz", "/metrics", "-"})

_Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def traced(spans: Spans) -> Middleware:
    """Return a middleware that begins a span and leaves its context in the request.

    It stands behind ``naming_its_route``: a span says the route, never the path.
    """

    @web.middleware
    async def middleware(request: web.Request, handler: _Handler) -> web.StreamResponse:
        parent = parse(headers.traceparent(request.headers))
        span = spans.answer(request.method, request[ROUTE], parent, request.scheme)
        return await _within(span, request, handler)

    return middleware


def traced_for_operators(spans: Spans) -> Middleware:
    """Return the same for the operations door; what is decided meanwhile is part of it.

    Probes, scrapes, a page's files and streams that last as long as somebody looks on are
    left out: they would be all that one sees.
    """

    @web.middleware
    async def middleware(request: web.Request, handler: _Handler) -> web.StreamResponse:
        route = request[ROUTE]
        if route in _UNTRACED or route.startswith(STATIC) or _is_stream(request):
            return await handler(request)
        parent = parse(headers.traceparent(request.headers))
        span = spans.answer(request.method, route, parent, request.scheme)
        with asked_by(span.context):
            return await _within(span, request, handler)

    return middleware


def _is_stream(request: web.Request) -> bool:
    return "text/event-stream" in request.headers.get("Accept", "")


async def _within(span: Span, request: web.Request, handler: _Handler) -> web.StreamResponse:
    """Answer within ``span``, and end it with what became of it."""
    request[TRACEPARENT] = span.context.traceparent
    status, code = int(HTTPStatus.INTERNAL_SERVER_ERROR), None
    try:
        response = await handler(request)
        status, code = response.status, response.get(CODE)
    except RefusedError as error:
        status, code = error.refusal.status, error.refusal.code
        raise
    except JournalUnavailableError as error:
        status, code = int(HTTPStatus.SERVICE_UNAVAILABLE), error.code
        raise
    except web.HTTPException as error:
        status = error.status
        raise
    finally:
        span.note(
            {
                names.HTTP_STATUS: status,
                names.CLIENT: request.get(CLIENT),
                names.APPLICATION: request.get(APPLICATION_ID),
                names.BODY_BYTES: request.get(BODY_BYTES),
                names.OPERATED: request.get(OPERATED),
            }
        )
        # What the client did wrong is no error of this server (HTTP spans, "Status").
        is_ours = status >= HTTPStatus.INTERNAL_SERVER_ERROR
        span.end(error=code or str(status) if is_ours else None)
    return response
