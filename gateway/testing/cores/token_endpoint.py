"""An authorization server as far as client credentials need one (RFC 6749, 4.4).

It holds a client to what 共通機能標準仕様書 asks: no refresh token, tokens of ten minutes at
most, ``client_secret_jwt`` with HS256; the other two ways can be allowed. Every assertion is
taken once.
"""

import asyncio
import base64
import binascii
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import unquote_plus
from uuid import uuid4

from aiohttp import web
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import OctKey
from joserfc.jwt import JWTClaimsRegistry

ASSERTION_TYPE: Final = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
_CLIENT_ID_LENGTH: Final = 32

Answering = Callable[[web.Request], web.StreamResponse]


@dataclass(slots=True)
class Grant:
    """One token.

    Attributes:
        value: As it stands in ``Authorization``.
        scope: Granted.
        expires_at: By the monotonic clock.
    """

    value: str = field(repr=False)
    scope: str
    expires_at: float


class TokenEndpoint:
    """Grants tokens to one client.

    Attributes:
        secret: The client's; change it to exchange it.
        lifetime_s: Of the tokens that are granted from now on.
        audience: What an assertion must name; any without it.
        scopes: What may be asked for.
        pause_s: How long each answer takes.
        seen: How each request proved itself: the way's name, or ``none``.
        assertions: Claims of those that were good, in order.
    """

    def __init__(self, client_id: str, secret: str) -> None:
        """Know the client."""
        if not (
            len(client_id) == _CLIENT_ID_LENGTH and client_id.isascii() and client_id.isalnum()
        ):
            raise ValueError("client_id: 32 characters of 0-9A-Za-z (共通機能標準仕様書)")
        self._client_id = client_id
        self.secret = secret
        self.lifetime_s = 600
        self.audience: str | None = None
        self.scopes: frozenset[str] = frozenset()
        self.pause_s = 0.0
        self.seen: list[str] = []
        self.assertions: list[Mapping[str, object]] = []
        self._grants: dict[str, Grant] = {}
        self._numbers: set[str] = set()
        self._answering: Answering | None = None

    @property
    def granted(self) -> int:
        """How many tokens it gave out."""
        return len(self._grants)

    def answer_with(self, answering: Answering | None) -> None:
        """Give this answer to every request, until ``None`` is told."""
        self._answering = answering

    def revoke_all(self) -> None:
        """Let no token be good any more."""
        for grant in self._grants.values():
            grant.expires_at = 0.0

    def accepts(self, authorization: str | None, scope: str | None = None) -> bool:
        """Tell whether a request's ``Authorization`` header is good for ``scope``."""
        kind, _, value = (authorization or "").partition(" ")
        grant = self._grants.get(value)
        if kind.lower() != "bearer" or grant is None or time.monotonic() >= grant.expires_at:
            return False
        return scope is None or scope in grant.scope.split()

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Answer one ``POST``."""
        form = {name: str(value) for name, value in (await request.post()).items()}
        way = self._way(request, form)
        self.seen.append(way or "none")
        await asyncio.sleep(self.pause_s)
        if self._answering is not None:
            return self._answering(request)
        if way is None:
            # RFC 6749, 5.2: 401 if the client used the Authorization header.
            status = 401 if "Authorization" in request.headers else 400
            return web.json_response({"error": "invalid_client"}, status=status)
        if form.get("grant_type") != "client_credentials":
            return web.json_response({"error": "unsupported_grant_type"}, status=400)
        scope = form.get("scope", "")
        if not set(scope.split()) <= self.scopes:
            return web.json_response({"error": "invalid_scope"}, status=400)
        grant = Grant(uuid4().hex, scope, time.monotonic() + self.lifetime_s)
        self._grants[grant.value] = grant
        return web.json_response(
            {"access_token": grant.value, "token_type": "Bearer", "expires_in": self.lifetime_s},
            headers={"Cache-Control": "no-store"},
        )

    def _way(self, request: web.Request, form: Mapping[str, str]) -> str | None:
        """Return how the client proved itself, if it did, in one way only."""
        ways = {
            "client_secret_basic": "Authorization" in request.headers,
            "client_secret_post": "client_secret" in form,
            "client_secret_jwt": "client_assertion" in form,
        }
        tried = [way for way, is_there in ways.items() if is_there]
        proofs: Mapping[str, Callable[[], bool]] = {
            "client_secret_basic": lambda: self._is_basic(request.headers["Authorization"]),
            "client_secret_post": lambda: self._is_client(form.get("client_id"), form),
            "client_secret_jwt": lambda: self._is_assertion(form),
        }
        return tried[0] if len(tried) == 1 and proofs[tried[0]]() else None

    def _is_basic(self, header: str) -> bool:
        try:
            pair = base64.b64decode(header.removeprefix("Basic "), validate=True).decode("ascii")
        except (binascii.Error, UnicodeDecodeError):
            return False
        name, _, secret = pair.partition(":")
        return (unquote_plus(name), unquote_plus(secret)) == (self._client_id, self.secret)

    def _is_client(self, name: str | None, form: Mapping[str, str]) -> bool:
        return (name, form["client_secret"]) == (self._client_id, self.secret)

    def _is_assertion(self, form: Mapping[str, str]) -> bool:
        """Tell whether the assertion is good (RFC 7523, 3; OpenID Connect Core, 9)."""
        if form.get("client_assertion_type") != ASSERTION_TYPE:
            return False
        try:
            token = jwt.decode(
                form["client_assertion"], OctKey.import_key(self.secret), algorithms=["HS256"]
            )
            JWTClaimsRegistry(
                iss={"essential": True, "value": self._client_id},
                sub={"essential": True, "value": self._client_id},
                aud={"essential": True},
                exp={"essential": True},
                jti={"essential": True},
            ).validate(token.claims)
        except JoseError:
            return False
        number = str(token.claims["jti"])
        is_meant = self.audience in {None, token.claims["aud"]}
        if number in self._numbers or not is_meant:
            return False
        self._numbers.add(number)
        self.assertions.append(token.claims)
        return True
