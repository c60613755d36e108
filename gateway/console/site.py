"""The console's routes: who may enter, what a page gets, and what is answered when it fails."""

import asyncio
import hmac
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field, replace
from http import HTTPStatus
from pathlib import Path
from typing import Final

import structlog
from aiohttp import web

from gateway.console.entry import Entry, is_local
from gateway.console.form import posted
from gateway.console.page import (
    CSRF_FIELD,
    HEADERS,
    LANGUAGE_COOKIE,
    THEME_COOKIE,
    THEMES,
    Page,
    Show,
    Visit,
    frame_for_nobody,
    html_response,
    is_from_here,
    language_of,
    see_other,
)
from gateway.console.pages import (
    accounts,
    adapters,
    application,
    applications,
    attention,
    attention_group,
    audit,
    audit_log,
    destination,
    destinations,
    keys,
    me,
    nowhere,
    overview,
    procedures,
    replays,
    workers,
)
from gateway.console.pages.sign_in import SIGN_IN, SignInPage
from gateway.console.render import Renderer
from gateway.console.room import Rooms
from gateway.console.words import LANGUAGES
from gateway.domain.errors import KakehashiError, TransientError
from gateway.services.operate.guard import Guard, NotPermittedError
from gateway.services.operate.refusals import NotFoundError

log = structlog.get_logger()

STATIC: Final = Path(__file__).parent / "static"
_YEAR_S: Final = 31_536_000
_PAGES: Final = (
    overview,
    accounts,
    me,
    application,
    applications,
    adapters,
    destination,
    destinations,
    attention,
    attention_group,
    replays,
    workers,
    procedures,
    audit,
    audit_log,
    keys,
    nowhere,
)
"""Each has ``ROUTES``: method, path and what shows it."""

Visitor = Callable[[web.Request], Awaitable[Visit | None]]
"""Returns who asks; ``None`` for nobody who has signed in."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Console:
    """What the console is made of.

    Attributes:
        guard: Does the operations.
        visitor: Knows who asks.
        entry: Where people sign in; ``None`` where everybody is somebody already.
        stopping: Set when the process ends; streams end then.
        refused: Told the code when a form was not one of our own pages'.
        rooms: How much of what lasts may go on at once.
    """

    guard: Guard
    visitor: Visitor
    entry: Entry | None = None
    stopping: asyncio.Event = field(default_factory=asyncio.Event)
    refused: Callable[[str], None] = lambda _code: None
    rooms: Rooms = field(default_factory=Rooms)


def add_console(app: web.Application, console: Console) -> None:
    """Add the console's pages to ``app``, which may serve other things beside it."""
    renderer = Renderer()
    routes = (route for page in _PAGES for route in page.ROUTES)
    for method, path, show in routes:
        app.router.add_route(method, path, _entrance(console, renderer, show))
    if console.entry is not None:
        sign_in = SignInPage(console.entry, renderer, console.refused)
        app.router.add_get(SIGN_IN, sign_in.show)
        app.router.add_post(SIGN_IN, sign_in.take)
        app.router.add_post("/sign-out", _entrance(console, renderer, sign_in.sign_out))
    app.router.add_post("/language", _choose(LANGUAGE_COOKIE, LANGUAGES))
    app.router.add_post("/theme", _choose(THEME_COOKIE, THEMES))
    app.router.add_get("/static/{name:[A-Za-z0-9./-]+}", _static)


def _entrance(
    console: Console, renderer: Renderer, show: Show
) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    """Return what lets in who has signed in, and answers what goes wrong as a page."""

    async def enter(request: web.Request) -> web.StreamResponse:
        try:
            visit = await console.visitor(request)
        except TransientError as error:
            return _unknown(request, renderer, error)
        if visit is None:
            return see_other(f"{SIGN_IN}?{_then(request)}")

        async def still() -> Visit | None:
            return await console.visitor(request)

        page = Page(
            request,
            visit,
            console.guard,
            renderer,
            still=still,
            stopping=console.stopping,
            rooms=console.rooms,
        )
        if request.method == "POST":
            form = await posted(request)
            if not is_from_here(request) or not _is_same(form.get(CSRF_FIELD, ""), visit.csrf):
                console.refused("operator.csrf")
                return _failed(page, HTTPStatus.FORBIDDEN, "csrf")
            page = replace(page, form=form)
        return await _answered(page, show)

    return enter


async def _answered(page: Page, show: Show) -> web.StreamResponse:
    """Return what a page shows, or what went wrong as a page."""
    try:
        return await show(page)
    except NotPermittedError as error:
        return _failed(page, HTTPStatus.FORBIDDEN, error.code)
    except NotFoundError as error:
        return _failed(page, HTTPStatus.NOT_FOUND, str(error))
    except TransientError as error:
        log.warning("console.not_answered", code=error.code, route=_route(page.request))
        return _failed(page, HTTPStatus.SERVICE_UNAVAILABLE, error.code)
    except KakehashiError as error:
        return _failed(page, HTTPStatus.UNPROCESSABLE_ENTITY, str(error))


def _unknown(request: web.Request, renderer: Renderer, error: TransientError) -> web.Response:
    """Answer whoever cannot be recognised now, since the journal does not answer."""
    log.warning("console.not_answered", code=error.code, route=_route(request))
    frame = frame_for_nobody(request, request.path_qs)
    shown = {"code": int(HTTPStatus.SERVICE_UNAVAILABLE), "detail": error.code}
    text = renderer("error.html", language_of(request), {**frame, **shown})
    return html_response(text, HTTPStatus.SERVICE_UNAVAILABLE)


def _route(request: web.Request) -> str:
    """Return the path's template for the log: a path may hold what somebody pasted into it."""
    resource = request.match_info.route.resource
    return "-" if resource is None else resource.canonical


def _is_same(sent: str, ours: str) -> bool:
    return hmac.compare_digest(sent.encode("utf-8", "replace"), ours.encode())


def _failed(page: Page, status: HTTPStatus, detail: str) -> web.Response:
    return page.show("error.html", {"code": int(status), "detail": detail}, status=status)


def _then(request: web.Request) -> str:
    # What a form would have done is not done later: whoever signs in sees the page first.
    then = request.path_qs if request.method == "GET" else "/"
    return request.rel_url.with_query(then=then).raw_query_string


def _choose(
    cookie: str, choices: Iterable[str]
) -> Callable[[web.Request], Awaitable[web.Response]]:
    known = frozenset(choices)

    async def choose(request: web.Request) -> web.Response:
        form = await posted(request)
        chosen, back = form.get("to", ""), form.get("back", "/")
        answer = see_other(back if is_local(back) else "/")
        if chosen in known and is_from_here(request):
            answer.set_cookie(cookie, chosen, max_age=_YEAR_S, samesite="Strict", httponly=True)
        return answer

    return choose


async def _static(request: web.Request) -> web.StreamResponse:
    file = (STATIC / request.match_info["name"]).resolve()
    try:
        is_ours = file.is_relative_to(STATIC) and file.is_file()
    except OSError:  # a name that is too long
        is_ours = False
    if not is_ours:
        raise web.HTTPNotFound
    return web.FileResponse(file, headers={**HEADERS, "Cache-Control": "no-cache"})
