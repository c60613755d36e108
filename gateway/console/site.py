"""The console's routes: who may enter, what a page gets, and what is answered when it fails."""

import asyncio
import hmac
from collections.abc import Awaitable, Callable, Collection, Iterable
from dataclasses import dataclass, field, replace
from http import HTTPStatus
from typing import Final

from aiohttp import web

from gateway.console import files
from gateway.console.entry import Entry, is_local
from gateway.console.failing import (
    Failure,
    came_from,
    failure_of,
    failures_as_pages,
    told,
    told_nobody,
    typed_in,
)
from gateway.console.form import posted
from gateway.console.navigation import MENU
from gateway.console.page import (
    CSRF_FIELD,
    LANGUAGE_COOKIE,
    THEME_COOKIE,
    THEMES,
    Page,
    Show,
    Visit,
    is_from_here,
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
from gateway.services.operate.four_eyes import WaitsForApprovalError
from gateway.services.operate.guard import Guard

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
ROUTES: Final = tuple(route for page in _PAGES for route in page.ROUTES)
"""Method, path and what shows it, of every page but those for whoever has not signed in."""

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
        renderer: Writes the pages.
    """

    guard: Guard
    visitor: Visitor
    entry: Entry | None = None
    stopping: asyncio.Event = field(default_factory=asyncio.Event)
    refused: Callable[[str], None] = lambda _code: None
    rooms: Rooms = field(default_factory=Rooms)
    renderer: Renderer = field(default_factory=Renderer)


def add_console(app: web.Application, console: Console) -> None:
    """Add the console's pages to ``app``, which may serve other things beside it."""
    renderer = console.renderer
    app.middlewares.append(failures_as_pages(renderer))
    sign_in = None
    if console.entry is not None:
        sign_in = SignInPage(console.entry, renderer, console.refused)
        app.router.add_get(SIGN_IN, sign_in.show)
        app.router.add_post(SIGN_IN, sign_in.take)
    entrance = _Entrance(console, renderer, sign_in)
    if sign_in is not None:
        app.router.add_post("/sign-out", entrance.to(sign_in.sign_out))
    shown = {path for method, path, _ in ROUTES if method == "GET"}
    for method, path, show in ROUTES:
        app.router.add_route(method, path, entrance.to(show))
        if method == "POST" and path not in shown:
            app.router.add_get(path, _lead_up(path, shown))
    app.router.add_post("/language", _choose(LANGUAGE_COOKIE, LANGUAGES))
    app.router.add_post("/theme", _choose(THEME_COOKIE, THEMES))
    app.router.add_get(files.ROUTE, files.serve)


@dataclass(frozen=True, slots=True)
class _Entrance:
    """Lets in who has signed in, and answers what goes wrong as a page.

    Attributes:
        console: Whose entrance it is.
        renderer: Writes the pages.
        sign_in: Where people are sent who have not signed in; ``None`` where all are somebody.
    """

    console: Console
    renderer: Renderer
    sign_in: SignInPage | None

    def to(self, show: Show) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
        """Return the way in to one page."""

        async def enter(request: web.Request) -> web.StreamResponse:
            try:
                visit = await self.console.visitor(request)
            except Exception as error:  # noqa: BLE001 - whatever it is, people are told
                return told_nobody(request, self.renderer, failure_of(error, request))
            if visit is None:
                return await self._unknown(request)
            page = self._page(request, visit)
            try:
                return await self._answered(page, show)
            except WaitsForApprovalError as error:
                return attention.asked(error)
            except Exception as error:  # noqa: BLE001 - whatever it is, people are told
                if request.writer.output_size:
                    return _broken_off(error, request)
                return told(page, failure_of(error, request))

        return enter

    async def _answered(self, page: Page, show: Show) -> web.StreamResponse:
        request = page.request
        if request.method == "POST":
            form = await posted(request)
            is_ours = is_from_here(request)
            if not is_ours or not _is_same(form.get(CSRF_FIELD, ""), page.visit.csrf):
                self.console.refused("operator.csrf")
                typed = typed_in(form) if is_ours else ()
                failure = Failure(status=HTTPStatus.FORBIDDEN, detail="csrf", typed=typed)
                return told(page, failure)
            page = replace(page, form=form)
        return await show(page)

    async def _unknown(self, request: web.Request) -> web.StreamResponse:
        """Answer whoever has not signed in, or was signed out while a form stood open."""
        if request.method == "POST" and self.sign_in is not None and is_from_here(request):
            typed = typed_in(await posted(request))
            return self.sign_in.once_more(request, came_from(request) or "/", typed)
        # What a form would have done is not done later: whoever signs in sees a page first.
        then = request.path_qs if request.method == "GET" else "/"
        query = request.rel_url.with_query(then=then).raw_query_string
        return see_other(f"{SIGN_IN}?{query}")

    def _page(self, request: web.Request, visit: Visit) -> Page:
        async def still() -> Visit | None:
            return await self.console.visitor(request)

        return Page(
            request,
            visit,
            self.console.guard,
            self.renderer,
            still=still,
            stopping=self.console.stopping,
            rooms=self.console.rooms,
        )


def _lead_up(
    path: str, shown: Collection[str]
) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    """Return what leads from an address that only takes forms to the page that they stand on.

    Whoever loads such a page anew, or goes back to it, comes there.
    """
    depth = path.count("/")
    above = path
    while above and above not in shown:
        above, depth = above.rpartition("/")[0], depth - 1

    async def lead(request: web.Request) -> web.StreamResponse:
        if above:
            return see_other("/".join(request.rel_url.raw_path.split("/")[: depth + 1]))
        return see_other(next((place.path for place in MENU if place.has(request.path)), "/"))

    return lead


def _broken_off(error: Exception, request: web.Request) -> web.StreamResponse:
    """End an answer that has begun: a page in the midst of a file would be a part of it."""
    if not isinstance(error, ConnectionError):  # else whoever asked has gone
        failure_of(error, request)
    if request.transport is not None:
        # Without the end of its last chunk the file is no whole one for the browser.
        request.transport.abort()
    return web.Response()


def _is_same(sent: str, ours: str) -> bool:
    return hmac.compare_digest(sent.encode("utf-8", "replace"), ours.encode())


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
