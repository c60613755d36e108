"""One request of a browser: who asks, in which language, what they may do, what is answered."""

import asyncio
import hashlib
import hmac
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any, Final

from aiohttp import web
from multidict import MultiDict, MultiMapping

from gateway.console.navigation import MENU
from gateway.console.render import Renderer
from gateway.console.room import Rooms
from gateway.console.words import LANGUAGES, Language
from gateway.domain.account import Person
from gateway.services.operate.guard import Guard
from gateway.services.operate.in_japanese import in_japanese
from gateway.services.operate.refusals import NotFoundError, OperationError

LANGUAGE_COOKIE: Final = "kakehashi_language"
THEME_COOKIE: Final = "kakehashi_theme"
THEMES: Final = ("auto", "light", "dark")
CSRF_FIELD: Final = "csrf"

CONTENT_SECURITY_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
    "connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)
HEADERS: Final = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "Cross-Origin-Opener-Policy": "same-origin",
    "X-Frame-Options": "DENY",
    # With no-referrer browsers would post every form with ``Origin: null`` (Fetch, 3.2).
    "Referrer-Policy": "same-origin",
}
"""On every page, beside those of ``http.protocol``."""


@dataclass(frozen=True, slots=True)
class Visit:
    """What a browser's cookie stands for.

    Attributes:
        person: Who has signed in.
        token: What the browser holds; the session's secret, never shown or logged.
    """

    person: Person
    token: str

    @property
    def csrf(self) -> str:
        """What a form of this session must carry: follows from the secret, and does not tell it."""
        return hmac.new(self.token.encode(), b"csrf", hashlib.sha256).hexdigest()


@dataclass(frozen=True, slots=True)
class Page:
    """One request, with everything that a page needs.

    Attributes:
        request: As it came.
        visit: Who asks.
        guard: Does what they may.
        renderer: Writes the answer.
        still: Asks again who asks, while a page stands open; ``None`` once that is nobody.
        stopping: Set when the process ends.
        rooms: How much of what lasts may go on at once.
        form: What a posted form says; empty for other requests.
    """

    request: web.Request
    visit: Visit
    guard: Guard
    renderer: Renderer
    still: Callable[[], Awaitable[Visit | None]]
    stopping: asyncio.Event
    rooms: Rooms
    form: MultiMapping[str] = field(default_factory=MultiDict)

    @property
    def person(self) -> Person:
        """Who asks."""
        return self.visit.person

    @property
    def language(self) -> Language:
        """The language to answer in."""
        return language_of(self.request)

    @property
    def query(self) -> MultiMapping[str]:
        """What the address asks for."""
        return self.request.query

    async def ask(self, operation: str, **arguments: object) -> Any:
        """Do an operation in this person's name (``Guard.perform``)."""
        return await self.guard.perform(self.person, operation, **arguments)

    def may(self, operation: str) -> bool:
        """Tell whether this person may ask for it, to show what they can do."""
        return self.guard.may(self.person, operation)

    def say(self, name: str, /, **values: object) -> str:
        """Return a text in the language of this request."""
        return self.renderer.words.say(self.language, name, **values)

    def why_not(self, error: Exception) -> str:
        """Return why an operation was refused, in the language of this request."""
        return why_not(error, self.language)

    def html(self, template: str, values: Mapping[str, object]) -> str:
        """Return ``template`` filled in; for fragments, which have no frame of their own."""
        frame = {
            "person": self.person,
            "path": self.request.path,
            "address": self.request.path_qs,
            "menu": [place for place in MENU if self.may(place.operation)],
            "csrf": self.visit.csrf,
            "theme": theme_of(self.request),
            "shown_at": datetime.now(UTC),
            "may": self.may,
            "needs": self._needs,
        }
        return self.renderer(template, self.language, {**frame, **values})

    def show(
        self, template: str, values: Mapping[str, object], *, status: int = 200
    ) -> web.Response:
        """Return a page made of ``template``."""
        return html_response(self.html(template, values), status)

    def _needs(self, operation: str) -> str:
        roles = ", ".join(self.say(f"site.role.{role}") for role in self.guard.needs(operation))
        return self.say("site.needs_role", roles=roles)


Show = Callable[[Page], Awaitable[web.StreamResponse]]


def html_response(text: str, status: int = 200) -> web.Response:
    """Return HTML with the console's headers."""
    return web.Response(text=text, status=status, content_type="text/html", headers=HEADERS)


def frame_for_nobody(request: web.Request, address: str) -> dict[str, object]:
    """Return what ``base.html`` needs while nobody is known to have signed in.

    Args:
        request: As it came.
        address: Where the choice of language and colours leads back to.
    """
    return {
        "person": None,
        "path": request.path,
        "address": address,
        "menu": [],
        "csrf": "",
        "theme": theme_of(request),
        "shown_at": datetime.now(UTC),
    }


def see_other(path: str) -> web.Response:
    """Send a browser on to a page of this host (303)."""
    return web.Response(status=HTTPStatus.SEE_OTHER, headers={"Location": path})


def language_of(request: web.Request) -> Language:
    """Return what was chosen by hand, or else what the browser prefers; Japanese if neither."""
    chosen = request.cookies.get(LANGUAGE_COOKIE)
    for language in LANGUAGES:
        if chosen == language:
            return language
    preferred = request.headers.get("Accept-Language", "").lower()
    return "en" if preferred.startswith("en") else "ja"


def why_not(error: Exception, language: Language) -> str:
    """Return an operation's refusal in a language, in English if it has no Japanese twin.

    What else goes wrong is told by its code.
    """
    if not isinstance(error, NotFoundError | OperationError):
        return str(error)
    said = " ".join(map(str, error.args))
    return (in_japanese(said) if language == "ja" else None) or said


def theme_of(request: web.Request) -> str:
    """Return which colours were chosen by hand; ``auto`` follows the device."""
    chosen = request.cookies.get(THEME_COOKIE, "")
    return chosen if chosen in THEMES else "auto"


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
