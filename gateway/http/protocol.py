"""The server under the routes: no answer, log line or banner of aiohttp's own gets out.

aiohttp answers what it cannot parse with the offending bytes, and logs them. Here
such requests get a problem like all others, and one log line without them.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

import structlog
from aiohttp import web
from aiohttp.abc import AbstractAccessLogger

from gateway.domain.errors import JournalUnavailableError
from gateway.http.headers import language
from gateway.http.problems import CODE, RefusedError, problem
from gateway.services.accept import Refusal

log = structlog.get_logger()

ROUTE: Final = web.RequestKey("route", str)
CLIENT: Final = web.RequestKey("client", str)
BODY_BYTES: Final = web.RequestKey("body_bytes", int)
APPLICATION_ID: Final = web.RequestKey("application_id", str)
OPERATED: Final = web.RequestKey("operated", str)
TRACEPARENT: Final = web.RequestKey("traceparent", str)
"""What a request came to be known by, for its log line."""

SECURITY_HEADERS: Final = {
    "Server": "kakehashi",  # without a version; aiohttp would name itself and Python's
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}
"""On every answer that does not say otherwise itself."""

_CODES: Final = {
    404: "resource.unknown",
    405: "request.method",
    408: "request.timeout",
    413: "request.too_large",
    417: "request.expectation",
}
"""Status of an ``HTTPException`` that aiohttp raises itself, to our code."""

_JOURNAL_RETRY_S: Final = 5.0
STATIC: Final = "/static/"
"""Where the console's files are."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """One request and what was answered, without anything the client wrote freely.

    Attributes:
        method: One of HTTP's, ``UNKNOWN`` when it could not be parsed.
        route: The template, such as ``/v1/applications/{id}``; ``-`` when none matched.
        status: HTTP status.
        code: Problem code, ``None`` for a success.
        client: Who sent it, once authenticated.
        application_id: The application it was about, if it is known.
        body_bytes: Length of the body that was read.
        duration_s: From the parsed headers to the last byte of the answer.
        replayed: The answer repeats an earlier 202.
        traceparent: W3C trace context, well-formed, or ``None``.
    """

    method: str
    route: str
    status: int
    code: str | None
    client: str | None
    application_id: str | None
    body_bytes: int
    duration_s: float
    replayed: bool = False
    traceparent: str | None = None


Observe = Callable[[Answered], None]
Handler = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]


class FrontRunner(web.AppRunner):
    """Serves an application whose every answer, error and log line is ours."""

    def __init__(
        self,
        app: web.Application,
        *,
        observe: Observe = lambda _answered: None,
        keepalive_timeout_s: float = 75.0,
        lingering_s: float = 2.0,
        shutdown_timeout_s: float = 15.0,
    ) -> None:
        """Prepare to serve ``app``; opens nothing.

        Args:
            app: Made by ``front_app`` or ``operations_app``.
            observe: Called once for every answer; must not raise.
            keepalive_timeout_s: How long a connection may be idle or take to send its
                first headers; longer than the 60 s of common reverse proxies.
            lingering_s: How long the rest of a refused body is read and thrown away, so
                that the client gets to read the answer.
            shutdown_timeout_s: How long requests may take to finish when stopping.
        """
        super().__init__(
            app,
            access_log_class=_access_log_class(observe),
            keepalive_timeout=keepalive_timeout_s,
            lingering_time=lingering_s,
            shutdown_timeout=shutdown_timeout_s,
            # A compressed body is refused, so nothing is ever decompressed.
            auto_decompress=False,
        )

    async def _make_server(self) -> web.Server:
        application = await super()._make_server()
        return _Server(
            _guarded(application.request_handler),
            request_factory=application.request_factory,
            **self._kwargs,
        )


class _Server(web.Server):
    def __call__(self) -> web.RequestHandler:
        return _Protocol(self, loop=self._loop, **self._kwargs)


class _Protocol(web.RequestHandler):
    __slots__ = ()

    def data_received(self, data: bytes) -> None:
        """Take bytes; end a body whose rest cannot be parsed, which aiohttp leaves waiting."""
        super().data_received(data)
        request = self._current_request
        if request is None or not self._messages or request.content.is_eof():
            return
        # A request behind an unfinished body can only be the parser's error about that body.
        self._messages.clear()
        request.content.set_exception(web.RequestPayloadError())
        request.content.feed_eof()
        self.close()

    def handle_error(
        self,
        request: web.BaseRequest,  # noqa: ARG002 - not one of ours: nothing of it is known
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,  # noqa: ARG002 - it holds what the client sent
    ) -> web.StreamResponse:
        """Answer what could not be parsed; what goes wrong later is answered by the guard."""
        if status >= web.HTTPInternalServerError.status_code:
            log.error("http.failed", error=type(exc).__name__)
            refusal = Refusal(status=500, code="internal")
        else:
            refusal = Refusal(status=400, code="request.malformed")
        return _finished(problem(refusal, "ja"), close=True)

    def log_exception(self, *_args: object, **kw: object) -> None:
        """Log the class of what went wrong and nothing of its text."""
        log.error("http.failed", error=type(kw.get("exc_info")).__name__)


def _guarded(handler: Handler) -> Handler:
    """Return ``handler`` with every way out of it turned into an answer of ours."""

    async def guarded(request: web.BaseRequest) -> web.StreamResponse:
        try:
            return _finished(await handler(request))
        except RefusedError as error:
            refusal, allow = error.refusal, None
        except JournalUnavailableError as error:
            refusal = Refusal(status=503, code=error.code, retry_after_s=_JOURNAL_RETRY_S)
            allow = None
        except web.HTTPException as error:
            code = _CODES.get(error.status, "request.malformed")
            refusal, allow = Refusal(status=error.status, code=code), error.headers.get("Allow")
        except Exception as error:  # noqa: BLE001 - the last stop: nothing may answer but us
            traceparent = request.get(TRACEPARENT)
            log.error(  # noqa: TRY400 - never its text
                "http.failed",
                error=type(error).__name__,
                route=request.get(ROUTE, "-"),
                trace_id=traceparent and traceparent[3:35],
            )
            refusal, allow = Refusal(status=500, code="internal"), None
        # A refused body is not read to its end; the connection is of no further use.
        close = request.can_read_body and not request.content.is_eof()
        return _finished(problem(refusal, language(request.headers), allow=allow), close=close)

    return guarded


def _finished(response: web.StreamResponse, *, close: bool = False) -> web.StreamResponse:
    for name, value in SECURITY_HEADERS.items():
        response.headers.setdefault(name, value)
    if close:
        response.force_close()
    return response


@web.middleware
async def naming_its_route(
    request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
) -> web.StreamResponse:
    """Keep the route's template for the log line: the path itself may hold anything."""
    resource = request.match_info.route.resource
    request[ROUTE] = "-" if resource is None else resource.canonical
    return await handler(request)


def _access_log_class(observe: Observe) -> type[AbstractAccessLogger]:
    """Return the class that aiohttp calls for every answer: it logs, counts and no more."""

    class CanonicalLine(AbstractAccessLogger):
        def log(self, request: web.BaseRequest, response: web.StreamResponse, time: float) -> None:
            answered = Answered(
                method=request.method,
                route=request.get(ROUTE, "-"),
                status=response.status,
                code=response.get(CODE),
                client=request.get(CLIENT),
                application_id=request.get(APPLICATION_ID),
                body_bytes=request.get(BODY_BYTES, 0),
                duration_s=time,
                replayed="Idempotency-Replayed" in response.headers,
                traceparent=request.get(TRACEPARENT),
            )
            # A page of the console asks for a dozen files; nobody looks for these.
            say = log.debug if answered.route.startswith(STATIC) else log.info
            say(
                "http.answered",
                method=answered.method,
                route=answered.route,
                status=answered.status,
                code=answered.code,
                client=answered.client,
                application_id=answered.application_id,
                trace_id=answered.traceparent and answered.traceparent[3:35],
                body_bytes=answered.body_bytes,
                duration_ms=round(time * 1000, 1),
            )
            observe(answered)

    return CanonicalLine
