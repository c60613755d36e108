"""Signing in and out; the only page for people who have not signed in."""

from collections.abc import Callable, Sequence
from http import HTTPStatus
from math import ceil
from typing import Final

from aiohttp import web
from yarl import URL

from gateway.console.entry import Entry, is_local
from gateway.console.form import posted
from gateway.console.page import (
    Page,
    frame_for_nobody,
    html_response,
    is_from_here,
    language_of,
    see_other,
)
from gateway.console.render import Renderer
from gateway.domain.errors import TransientError
from gateway.services.sign_in import NotSignedIn, SignedIn, WhyNot
from gateway.services.sign_in_line import RETRY_S

SIGN_IN: Final = "/sign-in"
_ELSEWHERE: Final = ("/live/", SIGN_IN, "/sign-out")
"""Nobody wants to go on there."""


class SignInPage:
    """Shows the form and answers it."""

    def __init__(self, entry: Entry, renderer: Renderer, refused: Callable[[str], None]) -> None:
        """Keep what it works with; ``refused`` is told of a form that came from elsewhere."""
        self._refused = refused
        self._entry = entry
        self._renderer = renderer

    async def show(self, request: web.Request) -> web.Response:
        """Show the form; to whoever has signed in, the page that they wanted."""
        then = _then(request.query.get("then", ""))
        if await self._entry.visitor(request) is not None:
            return see_other(then)
        done = "signed_out" if request.query.get("done") == "signed_out" else None
        return self._form(request, then=then, done=done)

    async def take(self, request: web.Request) -> web.Response:
        """Let in whoever knows an account's password."""
        form = await posted(request)
        name, password = form.get("name", ""), form.get("password", "")
        then = _then(form.get("then", ""))
        if not is_from_here(request):
            self._refused("operator.csrf")
            return self._form(request, then=then, code="elsewhere", status=HTTPStatus.FORBIDDEN)
        try:
            answer = await self._entry.sign_in(
                name,
                password,
                address=self._entry.address(request),
                before=self._entry.cookie.read(request),
            )
        except TransientError:
            busy = HTTPStatus.SERVICE_UNAVAILABLE
            shown = self._form(request, then=then, name=name, code="busy", status=busy)
            shown.headers["Retry-After"] = str(ceil(RETRY_S))
            return shown
        if isinstance(answer, SignedIn):
            let_in = see_other(then)
            self._entry.cookie.give(let_in, answer.secret)
            return let_in
        return self._not_let_in(request, answer, then=then, name=name)

    def once_more(
        self, request: web.Request, then: str, typed: Sequence[tuple[str, str]]
    ) -> web.Response:
        """Show the form to whoever was signed out while another form stood open.

        Args:
            request: Posted that other form, of which nothing is done.
            then: Where that stands.
            typed: What was typed there, to be copied.
        """
        forbidden = HTTPStatus.FORBIDDEN
        return self._form(request, then=_then(then), code="ended", typed=typed, status=forbidden)

    async def sign_out(self, page: Page) -> web.Response:
        """End the session; whoever shows its cookie again is nobody."""
        await self._entry.sessions.sign_out(page.visit.token)
        left = see_other(f"{SIGN_IN}?done=signed_out")
        self._entry.cookie.take_back(left)
        # Nothing of what was shown comes back by the browser's button.
        left.headers["Clear-Site-Data"] = '"cache"'
        return left

    def _not_let_in(
        self, request: web.Request, answer: NotSignedIn, *, then: str, name: str
    ) -> web.Response:
        if answer.why is not WhyNot.WAIT:
            wrong = HTTPStatus.UNPROCESSABLE_ENTITY
            return self._form(request, then=then, name=name, code="wrong", status=wrong)
        wait_s = ceil(answer.retry_after_s)
        shown = self._form(
            request,
            then=then,
            name=name,
            code="wait",
            wait_s=wait_s,
            status=HTTPStatus.TOO_MANY_REQUESTS,
        )
        shown.headers["Retry-After"] = str(wait_s)
        return shown

    def _form(
        self, request: web.Request, *, status: HTTPStatus = HTTPStatus.OK, **values: object
    ) -> web.Response:
        address = str(URL(SIGN_IN).with_query(then=str(values["then"])))
        frame = frame_for_nobody(request, address)
        shown = {"code": None, "done": None, "name": "", "wait_s": 0, "typed": (), **values}
        text = self._renderer("sign_in.html", language_of(request), {**frame, **shown})
        return html_response(text, status)


def _then(path: str) -> str:
    return path if is_local(path) and not path.startswith(_ELSEWHERE) else "/"
