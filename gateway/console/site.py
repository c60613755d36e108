"""The console's routes: who may enter, what a page gets, and what is answered when it fails."""

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, replace
from http import HTTPStatus
from pathlib import Path
from typing import Final

import structlog
from aiohttp import web

from gateway.console.page import (
    CSRF_FIELD,
    HEADERS,
    LANGUAGE_COOKIE,
    THEME_COOKIE,
    THEMES,
    Page,
    Show,
    Visit,
)
from gateway.console.pages import overview
from gateway.console.render import Renderer
from gateway.console.words import LANGUAGES
from gateway.domain.errors import KakehashiError, TransientError
from gateway.services.operate.guard import Guard, NotPermittedError
from gateway.services.operate.refusals import NotFoundError

log = structlog.get_logger()

STATIC: Final = Path(__file__).parent / "static"
SIGN_IN: Final = "/sign-in"
_YEAR_S: Final = 31_536_000
_PAGES: Final = (overview,)
"""Each has ``ROUTES``: method, path and what shows it."""

Visitor = Callable[[web.Request], Awaitable[Visit | None]]
"""Returns who asks; ``None`` for nobody who has signed in."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Console:
    """What the console is made of.

    Attributes:
        guard: Does the operations.
        visitor: Knows who asks.
        stopping: Whether the process ends; streams end then.
    """

    guard: Guard
    visitor: Visitor
    stopping: Callable[[], bool] = lambda: False


def add_console(app: web.Application, console: Console) -> None:
    """Add the console's pages to ``app``, which may serve other things beside it."""
    renderer = Renderer()
    routes = (route for page in _PAGES for route in page.ROUTES)
    for method, path, show in routes:
        app.router.add_route(method, path, _entrance(console, renderer, show))
    app.router.add_post("/language", _choose(LANGUAGE_COOKIE, LANGUAGES))
    app.router.add_post("/theme", _choose(THEME_COOKIE, THEMES))
    app.router.add_get("/static/{name:[A-Za-z0-9./-]+}", _static)


def _entrance(
    console: Console, renderer: Renderer, show: Show
) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    """Return what lets in who has signed in, and answers what goes wrong as a page."""

    async def enter(request: web.Request) -> web.StreamResponse:
        visit = await console.visitor(request)
        if visit is None:
            raise web.HTTPSeeOther(f"{SIGN_IN}?{_then(request)}")
        page = Page(request, visit, console.guard, renderer)
        if request.method == "POST":
            form = {name: str(value) for name, value in (await request.post()).items()}
            if not is_from_here(request) or form.get(CSRF_FIELD) != visit.csrf:
                return _failed(page, HTTPStatus.FORBIDDEN, "csrf")
            page = replace(page, form=form)
        try:
            return await show(page)
        except NotPermittedError as error:
            return _failed(page, HTTPStatus.FORBIDDEN, error.code)
        except NotFoundError as error:
            return _failed(page, HTTPStatus.NOT_FOUND, str(error))
        except TransientError as error:
            log.warning("console.not_answered", code=error.code, path=request.path)
            return _failed(page, HTTPStatus.SERVICE_UNAVAILABLE, error.code)
        except KakehashiError as error:
            return _failed(page, HTTPStatus.UNPROCESSABLE_ENTITY, str(error))

    return enter


def _failed(page: Page, status: HTTPStatus, detail: str) -> web.Response:
    return page.show("error.html", {"code": int(status), "detail": detail}, status=status)


def _then(request: web.Request) -> str:
    return str(request.rel_url.with_query(then=request.path_qs).query_string)


def is_from_here(request: web.Request) -> bool:
    """Tell whether a form was posted by a page of this console, as far as the browser says.

    ``Sec-Fetch-Site`` (W3C Fetch Metadata) is of the browser itself; who sends none must
    have an ``Origin`` (RFC 6454, 7) that is this host.
    """
    site = request.headers.get("Sec-Fetch-Site")
    if site is not None:
        return site == "same-origin"
    origin = request.headers.get("Origin")
    return origin is None or origin.partition("://")[2] == request.host


def _choose(
    cookie: str, choices: Iterable[str]
) -> Callable[[web.Request], Awaitable[web.Response]]:
    known = frozenset(choices)

    async def choose(request: web.Request) -> web.Response:
        form = await request.post()
        chosen, back = str(form.get("to", "")), str(form.get("back", "/"))
        # An address of another host would begin with two slashes, or a scheme.
        is_here = back.startswith("/") and not back.startswith(("//", "/\\"))
        answer = web.Response(
            status=HTTPStatus.SEE_OTHER, headers={"Location": back if is_here else "/"}
        )
        if chosen in known and is_from_here(request):
            answer.set_cookie(cookie, chosen, max_age=_YEAR_S, samesite="Strict", httponly=True)
        return answer

    return choose


async def _static(request: web.Request) -> web.StreamResponse:
    file = (STATIC / request.match_info["name"]).resolve()
    if not file.is_relative_to(STATIC) or not file.is_file():
        raise web.HTTPNotFound
    return web.FileResponse(file, headers={**HEADERS, "Cache-Control": "no-cache"})
