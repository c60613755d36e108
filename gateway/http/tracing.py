"""A span for each request of a front end."""

from collections.abc import Awaitable, Callable
from http import HTTPStatus

from aiohttp import web
from aiohttp.typedefs import Middleware

from gateway.domain.errors import JournalUnavailableError
from gateway.domain.trace import parse
from gateway.http import headers
from gateway.http.problems import RefusedError
from gateway.http.protocol import APPLICATION_ID, BODY_BYTES, CLIENT, ROUTE, TRACEPARENT
from gateway.services import spans as names
from gateway.services.spans import Spans

_Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def traced(spans: Spans) -> Middleware:
    """Return a middleware that begins a span and leaves its context in the request.

    It stands behind ``naming_its_route``: a span says the route, never the path.
    """

    @web.middleware
    async def middleware(request: web.Request, handler: _Handler) -> web.StreamResponse:
        parent = parse(headers.traceparent(request.headers))
        span = spans.answer(request.method, request[ROUTE], parent)
        request[TRACEPARENT] = span.context.traceparent
        status, code = int(HTTPStatus.INTERNAL_SERVER_ERROR), None
        try:
            response = await handler(request)
            status = response.status
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
                }
            )
            # What the client did wrong is no error of this server (HTTP spans, "Status").
            is_ours = status >= HTTPStatus.INTERNAL_SERVER_ERROR
            span.end(error=code or str(status) if is_ours else None)
        return response

    return middleware
