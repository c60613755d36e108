"""By which names the operations door is asked for: a page of another site has another one.

Against DNS rebinding: somebody's page, open in a browser of the town hall, has its own name lead
to the gateway's address, and is from then on one site with it, for the browser. Only the name
that the browser asks for, ``Host`` (RFC 9110, 7.2), still tells it apart. An address instead of a
name can be believed: no other site has it.
"""

import re
from collections.abc import Callable, Iterable
from ipaddress import ip_address
from typing import Final

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from gateway.http.problems import CODE, refused

_HOST: Final = re.compile(r"(?:\[([0-9A-Fa-f:.]{2,45})\]|([^:\[\]/@]{1,253}))(?::[0-9]{0,5})?")
_HEALTH: Final = frozenset({"/livez", "/readyz"})
"""Asked by probes, under whatever name; they tell nothing of anybody."""


_MISDIRECTED: Final = "request.misdirected"


def answering_to(
    names: Iterable[str],
    page: Callable[[web.Request], web.Response | None] = lambda _request: None,
) -> Middleware:
    """Return a middleware that refuses requests to names that are not the door's (421).

    Args:
        names: Further names, beside addresses and those of this machine.
        page: Tells people so; ``None`` for a program, which gets a problem.
    """
    ours = frozenset(name.lower().rstrip(".") for name in names)

    @web.middleware
    async def answer(request: web.Request, handler: Handler) -> web.StreamResponse:
        said = request.headers.getall("Host", ())
        if request.path not in _HEALTH and not all(is_ours(each, ours) for each in said):
            if (told := page(request)) is None:
                raise refused(_MISDIRECTED)
            told[CODE] = _MISDIRECTED
            return told
        return await handler(request)

    return answer


def is_ours(host: str, names: frozenset[str]) -> bool:
    """Tell whether a ``Host`` stands for this gateway.

    Args:
        host: The header's value, with a port or without.
        names: What it is called, lower-case.
    """
    match = _HOST.fullmatch(host.strip())
    if match is None:
        return False
    name = (match[1] or match[2]).lower().rstrip(".")
    # RFC 6761, 6.3: these lead to the machine itself, whatever a name server says.
    if name in names or name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        ip_address(name)
    except ValueError:
        return False
    return True
