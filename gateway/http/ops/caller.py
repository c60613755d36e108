"""Who calls, and whether a browser was made to call by somebody else's page."""

import hmac
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

from aiohttp import web

from gateway.domain.account import Person
from gateway.http.ops.problems import OpsProblem, OpsRefusedError, refuse
from gateway.services.accept import Refusal

CSRF_HEADER: Final = "X-CSRF-Token"
_SAFE: Final = frozenset({"GET", "HEAD"})
"""Of the methods that are served, those that change nothing (RFC 9110, 9.2.1)."""


@dataclass(frozen=True, slots=True)
class Caller:
    """Somebody who is known.

    Attributes:
        person: Who it is.
        csrf: What ``X-CSRF-Token`` must be where something changes; ``None`` for whoever
            showed a token, which no browser sends by itself.
    """

    person: Person
    csrf: str | None = None


Identify = Callable[[web.Request], Awaitable[Caller | Refusal]]
"""Returns who calls, or why it is nobody who is known (401)."""


async def admit(request: web.Request, identify: Identify) -> Caller:
    """Return who calls.

    Raises:
        OpsRefusedError: Nobody who is known (401), or a browser's session was used by
            something else than our own pages (403).
    """
    caller = await identify(request)
    if isinstance(caller, Refusal):
        raise OpsRefusedError(OpsProblem(caller.status, caller.code))
    if caller.csrf is not None and request.method not in _SAFE:
        sent = request.headers.get(CSRF_HEADER, "")
        is_ours = hmac.compare_digest(sent.encode("utf-8", "replace"), caller.csrf.encode())
        if not is_ours or not _is_from_here(request):
            raise refuse("operator.csrf")
    return caller


def _is_from_here(request: web.Request) -> bool:
    """Tell whether a page of this host asks, as far as the browser says.

    By ``Sec-Fetch-Site`` (W3C Fetch Metadata), or else by ``Origin`` (RFC 6454, 7). Who
    sends neither is no browser of today, and has the token all the same.
    """
    site = request.headers.get("Sec-Fetch-Site")
    if site is not None:
        return site == "same-origin"
    origin = request.headers.get("Origin")
    return origin is None or origin.partition("://")[2] == request.host
