"""The operations API's door: who may enter, what they ask, and how it is answered."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from functools import cached_property, partial
from typing import Any, Final

import structlog
from aiohttp import web
from pydantic import TypeAdapter
from yarl import URL

from gateway.domain.errors import KakehashiError
from gateway.http.body import Bodies, BodyLimits, expectation
from gateway.http.headers import language
from gateway.http.ops import cursor
from gateway.http.ops.answers import Me
from gateway.http.ops.caller import Caller, Identify, admit
from gateway.http.ops.openapi import SESSION_COOKIE, document
from gateway.http.ops.problems import OpsProblem, OpsRefusedError, answer, problem_of
from gateway.http.ops.reading import read
from gateway.http.ops.route import PREFIX, First, Items, Pages, Route
from gateway.http.ops.table import ROUTES
from gateway.http.problems import RefusedError
from gateway.http.whole_log import WHOLE_LOG, OneAtATime
from gateway.services.operate.four_eyes import WaitsForApprovalError
from gateway.services.operate.guard import Guard
from gateway.services.operate.identities import HalfOfPasswordError

log = structlog.get_logger()

_JSON: Final = TypeAdapter(object)
_LIMIT: Final = "limit"

Handler = Callable[[web.Request], Awaitable[web.Response]]


@dataclass(frozen=True, slots=True, kw_only=True)
class OperationsAPI:
    """What the operations API is made of.

    Attributes:
        guard: Does the operations.
        identify: Knows who calls.
        cookie: What the cookie of the console's session is called.
        whole_log: Keeps callers from reading the whole log at the same time.
    """

    guard: Guard
    identify: Identify
    cookie: str = SESSION_COOKIE
    whole_log: OneAtATime = field(default_factory=OneAtATime)


def add_operations_api(app: web.Application, api: OperationsAPI) -> None:
    """Add ``/ops/v1`` to ``app``, which may serve other things beside it; see ``FrontRunner``."""
    door = _Door(api)
    app.router.add_get(f"{PREFIX}/openapi.json", door.openapi)
    app.router.add_get(f"{PREFIX}/me", door.entrance(door.me), expect_handler=expectation)
    for route in ROUTES:
        handler = door.entrance(partial(door.operate, route))
        # Where something can be read, HEAD can be asked (RFC 9110, 9.1).
        methods = ("GET", "HEAD") if route.method == "GET" else (route.method,)
        for method in methods:
            app.router.add_route(
                method, PREFIX + route.pattern, handler, expect_handler=expectation
            )


class _Door:
    def __init__(self, api: OperationsAPI) -> None:
        self._api = api
        self._guard = api.guard
        self._bodies = Bodies(BodyLimits())

    def entrance(self, then: Callable[[web.Request, Caller], Awaitable[web.Response]]) -> Handler:
        """Return what lets in who is known, and answers what goes wrong as a problem."""

        async def enter(request: web.Request) -> web.Response:
            try:
                return await then(request, await admit(request, self._api.identify))
            except OpsRefusedError as error:
                problem = error.problem
            except RefusedError as error:
                refusal = error.refusal
                problem = OpsProblem(
                    refusal.status, refusal.code, retry_after_s=refusal.retry_after_s
                )
            except WaitsForApprovalError as error:
                return _waits(error)
            except KakehashiError as error:
                problem = problem_of(error, conditional="If-Match" in request.headers)
                log.info("operation.not_done", code=error.code)
            refused = answer(problem, language(request.headers))
            # A refused body is not read to its end; the connection is of no further use.
            if request.can_read_body and not request.content.is_eof():
                refused.force_close()
            return refused

        return enter

    async def openapi(self, _request: web.Request) -> web.Response:
        return web.json_response(self._document)

    @cached_property
    def _document(self) -> dict[str, object]:
        return document(self._api.cookie)

    async def me(self, _request: web.Request, caller: Caller) -> web.Response:
        may = [route.id for route in ROUTES if self._guard.may(caller.person, route.operation)]
        me = Me(
            name=caller.person.name,
            roles=sorted(caller.person.roles),
            operations=may,
            csrf=caller.csrf,
        )
        return _json(me.model_dump(mode="json"))

    async def operate(self, route: Route, request: web.Request, caller: Caller) -> web.Response:
        person, operation = caller.person, route.operation
        if not self._guard.may(person, operation):
            # Who may not is told that, whatever else is wrong; the guard writes it down.
            await self._guard.perform(person, operation)
        arguments = await read(request, route, self._bodies)
        work = partial(self._guard.perform, person, operation, **arguments)
        is_long = operation in WHOLE_LOG
        found: Any = await (self._api.whole_log.run(request, work) if is_long else work())
        response = _json(_shaped(route, found, arguments), status=route.status)
        if route.version is not None:
            response.headers["ETag"] = f'"{route.version(found)}"'
        if (more := _next(route, found, arguments)) is not None and request.method != "POST":
            there = request.rel_url.update_query({cursor.PARAMETER: cursor.written(more)})
            response.headers["Link"] = f'<{_relative(there)}>; rel="next"'
        if route.created:
            response.headers["Location"] = PREFIX + route.created.format(**found)
        return response


def _waits(error: WaitsForApprovalError) -> web.Response:
    """Return that nothing was done yet: the request waits for a second person."""
    told = {"half": error.half} if isinstance(error, HalfOfPasswordError) else {}
    response = _json({"code": error.code, "approval": error.approval, **told}, status=202)
    response.headers["Location"] = f"{PREFIX}/approvals/{error.approval}"
    return response


def _shaped(route: Route, found: Any, arguments: dict[str, object]) -> object:
    match route.shape:
        case First():
            return found[0]
        case Items(at=at, more=beside):
            return {
                **{name: found[name] for name in beside},
                "items": found if at is None else found[at],
                "next": None,
            }
        case Pages(at=at, more=beside):
            more = _next(route, found, arguments)
            return {
                **{name: found[name] for name in beside},
                "items": found if at is None else found[at],
                "next": None if more is None else cursor.written(more),
            }
        case _:
            return found


def _next(route: Route, found: Any, arguments: dict[str, object]) -> str | int | None:
    """Return where the next page begins, ``None`` after the last."""
    if not isinstance(route.shape, Pages):
        return None
    if route.shape.told is not None:
        told = found[route.shape.told]
        return told if isinstance(told, str | int) else None
    items = found if route.shape.at is None else found[route.shape.at]
    limit = arguments.get(_LIMIT, route.default_limit)
    is_full = isinstance(limit, int) and len(items) >= limit
    return str(items[-1][route.shape.by]) if is_full else None


def _relative(url: URL) -> str:
    return str(url.relative()) if url.is_absolute() else str(url)


def _json(body: object, *, status: int = 200) -> web.Response:
    return web.Response(status=status, body=_JSON.dump_json(body), content_type="application/json")
