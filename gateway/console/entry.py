"""How somebody comes in, and how a browser shows from then on who it is.

The cookie is ``SameSite=Lax`` and not ``Strict``, on purpose: a link in a mail, a ticket or an
alert leads straight to its page, where ``Strict`` would ask everybody to sign in first. What
``Strict`` would refuse beyond that are GET requests from other sites' links, and these change
nothing here; what changes something is a POST, which ``Lax`` sends without the cookie from
elsewhere, and which needs the session's CSRF token and an origin that is ours.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import Final

from aiohttp import web

from gateway.console.page import Visit
from gateway.services.sessions import Sessions
from gateway.services.sign_in import SignIn

_NAME: Final = "kakehashi_session"


@dataclass(frozen=True, slots=True)
class SessionCookie:
    """The cookie that holds a session's secret.

    Attributes:
        is_secure: Whether browsers reach the console by https. Then it also has the prefix
            ``__Host-`` (RFC 6265bis, 4.1.3.2): no other host of the domain can set it.
    """

    is_secure: bool

    @property
    def name(self) -> str:
        """What it is called."""
        return f"__Host-{_NAME}" if self.is_secure else _NAME

    def read(self, request: web.Request) -> str | None:
        """Return the secret that a browser shows."""
        return request.cookies.get(self.name)

    def give(self, answer: web.Response, secret: str) -> None:
        """Have the browser keep a secret until it is closed; how long it counts, we say."""
        answer.set_cookie(
            self.name, secret, path="/", secure=self.is_secure, httponly=True, samesite="Lax"
        )

    def take_back(self, answer: web.Response) -> None:
        """Have the browser forget it."""
        answer.del_cookie(self.name, path="/", secure=self.is_secure, httponly=True, samesite="Lax")


Network = IPv4Network | IPv6Network


def address_of(remote: str | None, forwarded: Sequence[str], proxies: Collection[Network]) -> str:
    """Return where a request came from: whoever the nearest proxy of ours did not know as one.

    Args:
        remote: The other end of the connection.
        forwarded: The values of ``X-Forwarded-For``; of what stands there, only what our own
            proxies have put at its end is believed.
        proxies: Where these are.
    """
    address = remote or ""
    said = [each.strip() for value in forwarded for each in value.split(",")]
    while said and _is_of(address, proxies) and _parsed(said[-1]) is not None:
        address = said.pop()
    return address


def _is_of(address: str, proxies: Collection[Network]) -> bool:
    host = _parsed(address)
    return host is not None and any(host in network for network in proxies)


def _parsed(address: str) -> IPv4Address | IPv6Address | None:
    try:
        host = ip_address(address)
    except ValueError:
        return None
    mapped = host.ipv4_mapped if isinstance(host, IPv6Address) else None
    return mapped or host


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """Where people come in and go out.

    Attributes:
        proxies: From where ``X-Forwarded-For`` is believed.
        sign_in: Compares names and passwords.
        sessions: Knows who shows a secret.
        cookie: Where the secret is.
    """

    sign_in: SignIn
    sessions: Sessions
    cookie: SessionCookie
    proxies: Collection[Network] = ()

    def address(self, request: web.Request) -> str:
        """Return where a request came from."""
        forwarded = request.headers.getall("X-Forwarded-For", [])
        return address_of(request.remote, forwarded, self.proxies)

    async def visitor(self, request: web.Request) -> Visit | None:
        """Return who asks; ``None`` for nobody who has signed in."""
        secret = self.cookie.read(request)
        if secret is None:
            return None
        person = await self.sessions.person_of_session(secret, is_use=not _renews_itself(request))
        if person is None:
            return None
        self.sign_in.recognise(self.address(request))
        return Visit(person, secret)


def _renews_itself(request: web.Request) -> bool:
    """Tell whether a page asks that stands open; its person may have left long ago."""
    is_stream = "text/event-stream" in request.headers.get("Accept", "")
    return is_stream or request.path.startswith("/live/")


def is_local(path: str) -> bool:
    """Tell whether a path leads to a page of this host, as every browser reads it."""
    # Two slashes, or a backslash that browsers take for one, would begin the name of a host.
    return path.startswith("/") and not path.startswith(("//", "/\\")) and path.isprintable()
