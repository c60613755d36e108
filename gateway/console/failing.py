"""What somebody is told whose page cannot be shown: what happened, what to do, and where to.

Programs (``/ops/``, and whoever does not take HTML) are told in their own way, by
``http.protocol``.
"""

import secrets
import traceback
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import PurePath
from typing import Final

import structlog
from aiohttp import web
from multidict import MultiMapping
from yarl import URL

from gateway.console.entry import is_local
from gateway.console.page import Page, frame_for_nobody, html_response, language_of, why_not
from gateway.console.render import Renderer
from gateway.domain.errors import KakehashiError, TransientError
from gateway.services.operate.guard import NotPermittedError
from gateway.services.operate.refusals import NotFoundError

log = structlog.get_logger()

KEPT: Final[Mapping[str, str]] = {
    "reason": "site.reason",
    "note": "attention.note",
    "reference": "application.confirm_reference",
}
"""Field to the word for it: what of a form that was not taken is shown again to whoever typed it.
Never a password, and never what somebody was looked for by."""

_FOR_PROGRAMS: Final = ("/ops/", "/static/")
_WITH_WORDS: Final = frozenset({400, 403, 404, 405, 408, 413, 415, 422, 500, 503})
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """Why a page is not shown.

    Attributes:
        status: HTTP status.
        detail: A code, or what an operation said.
        reference: By which the log's line of it is found; only of what we did not expect.
        typed: What somebody had typed, by the word for its field.
    """

    status: int
    detail: str = ""
    reference: str | None = None
    typed: tuple[tuple[str, str], ...] = ()


def failure_of(error: Exception, request: web.Request) -> Failure:
    """Return what an error is told as; what is a fault is logged.

    Args:
        error: What was raised while a page was made.
        request: Whose page it is.
    """
    match error:
        case NotPermittedError():
            return Failure(status=HTTPStatus.FORBIDDEN, detail=error.code)
        case NotFoundError():
            return Failure(status=HTTPStatus.NOT_FOUND, detail=why_not(error, language_of(request)))
        case TransientError():
            log.warning("console.not_answered", code=error.code, route=_route(request))
            return Failure(status=HTTPStatus.SERVICE_UNAVAILABLE, detail=error.code)
        case KakehashiError():
            return Failure(
                status=HTTPStatus.UNPROCESSABLE_ENTITY, detail=why_not(error, language_of(request))
            )
        case web.HTTPException():
            return Failure(status=error.status)
        case _:
            return _fault(error, request)


def _fault(error: Exception, request: web.Request) -> Failure:
    reference = secrets.token_hex(4)
    last = traceback.extract_tb(error.__traceback__)[-1]
    log.error(
        "console.failed",
        error=type(error).__name__,
        place=f"{PurePath(last.filename).name}:{last.lineno}",
        failure_id=reference,
        route=_route(request),
    )
    return Failure(status=HTTPStatus.INTERNAL_SERVER_ERROR, detail="internal", reference=reference)


def told(page: Page, failure: Failure) -> web.Response:
    """Return the page that tells somebody who has signed in."""
    values = _values(page.renderer, page.request, failure)
    return _finished(page.html("error.html", values), page.request, failure)


def told_nobody(request: web.Request, renderer: Renderer, failure: Failure) -> web.Response:
    """Return the page that tells somebody of whom nothing is known."""
    frame = frame_for_nobody(request, request.path_qs if request.method == "GET" else "/")
    values = {**frame, **_values(renderer, request, failure)}
    return _finished(renderer("error.html", language_of(request), values), request, failure)


def misdirected(renderer: Renderer, request: web.Request) -> web.Response | None:
    """Return the page for people who ask for a name that is not the console's (421).

    It has no form, file or link of ours, which would all be refused under that name, and names
    neither that name nor one of ours: another site's page may read it.

    Returns:
        ``None`` for a program.
    """
    if not _is_person(request):
        return None
    language = language_of(request)
    text = renderer("misdirected.html", language, {})
    return _finished(text, request, Failure(status=HTTPStatus.MISDIRECTED_REQUEST))


def failures_as_pages(renderer: Renderer) -> Callable[..., Awaitable[web.StreamResponse]]:
    """Return a middleware that tells people of what goes wrong outside of every page."""

    @web.middleware
    async def telling(request: web.Request, handler: Handler) -> web.StreamResponse:
        try:
            return await handler(request)
        except Exception as error:
            is_answer = (
                isinstance(error, web.HTTPException) and error.status < HTTPStatus.BAD_REQUEST
            )
            if is_answer or not _is_person(request):
                raise
            answer = told_nobody(request, renderer, failure_of(error, request))
            if isinstance(error, web.HTTPMethodNotAllowed):
                answer.headers["Allow"] = error.headers["Allow"]
            return answer

    return telling


def typed_in(form: MultiMapping[str]) -> tuple[tuple[str, str], ...]:
    """Return what somebody had typed that may be shown to them again, by the word for it."""
    said = ((word, form.get(name, "").strip()) for name, word in KEPT.items())
    return tuple((word, text) for word, text in said if text)


def came_from(request: web.Request) -> str | None:
    """Return the page of this console that led here (``Referer``, RFC 9110, 10.1.3)."""
    try:
        url = URL(request.headers.get("Referer", ""))
        authority = url.authority  # read only now, and no name of a host in some
    except ValueError:
        return None
    there = url.raw_path_qs
    is_ours = authority == request.host and is_local(there) and there != request.path_qs
    return there if is_ours else None


def _is_person(request: web.Request) -> bool:
    takes_html = "text/html" in request.headers.get("Accept", "")
    return takes_html and not request.path.startswith(_FOR_PROGRAMS)


def _values(renderer: Renderer, request: web.Request, failure: Failure) -> dict[str, object]:
    of_status = failure.status if failure.status in _WITH_WORDS else 400
    # Codes that people meet have words of their own; the others are told by their status.
    has_own = f"site.error_{failure.detail}" in renderer.words
    return {
        "why": failure.detail if has_own else of_status,
        "detail": failure.detail,
        "reference": failure.reference,
        "typed": failure.typed,
        "back": came_from(request),
    }


def _finished(text: str, request: web.Request, failure: Failure) -> web.Response:
    answer = html_response(text, failure.status)
    if request.can_read_body and not request.content.is_eof():
        # A refused body is not read to its end; the connection is of no further use.
        answer.force_close()
    return answer


def _route(request: web.Request) -> str:
    """Return the path's template for the log: a path may hold what somebody pasted into it."""
    resource = request.match_info.route.resource
    return "-" if resource is None else resource.canonical
