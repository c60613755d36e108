"""What is asked of a token endpoint, and what its answer means. Pure.

=========================================  ============  =================================
answer                                     raised        code
=========================================  ============  =================================
200 with a bearer token                    –
429; 503 with ``Retry-After``              throttled     ``oauth.STATUS``
an error of RFC 6749, 5.2                  unavailable   ``oauth.invalid_client`` and so on
any other                                  unavailable   ``oauth.STATUS``
200 that is no answer of RFC 6749, 5.1     unavailable   ``oauth.answer_malformed``
200 with a token of another type           unavailable   ``oauth.token_type``
=========================================  ============  =================================

All of it happens before an application is sent, so nothing is ever in doubt.
"""

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final
from urllib.parse import quote_plus, urlencode

from joserfc import jwt
from joserfc.jwk import OctKey

from adapters.http.answer import Answer, retry_after_s
from adapters.http.oauth_config import OAuthConfig
from gateway.sdk import DestinationUnavailableError, ThrottledError

ASSERTION_TYPE: Final = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
"""RFC 7523, 2.2."""

CONFIGURATION_FAULTS: Final[Mapping[str, str]] = {
    "oauth.invalid_request": "the token endpoint does not understand the request",
    "oauth.unauthorized_client": "oauth.client_id may not use client credentials",
    "oauth.unsupported_grant_type": "oauth.token_url does not offer client credentials",
    "oauth.invalid_scope": "oauth.scope is refused",
}
"""Codes that no waiting mends, in words. A refused secret (``invalid_client``) is none of
them: it is being exchanged, perhaps, and a secret's file is read again."""

_ERRORS: Final = frozenset({"oauth.invalid_client", "oauth.invalid_grant", *CONFIGURATION_FAULTS})

_LONGEST_LIFETIME_S: Final = 86_400.0
"""Nobody is helped by a token that is kept for longer than a day."""


@dataclass(frozen=True, slots=True)
class AccessToken:
    """A bearer token.

    Attributes:
        value: As it stands in ``Authorization``.
        lifetime_s: For how long it was granted, in seconds.
    """

    value: str = field(repr=False)
    lifetime_s: float


@dataclass(frozen=True, slots=True)
class TokenRequest:
    """One request to the token endpoint.

    Attributes:
        body: A form (RFC 6749, 4.4.2).
        headers: Beside the body's type.
    """

    body: bytes = field(repr=False)
    headers: Mapping[str, str] = field(repr=False)


def token_request(config: OAuthConfig, secret: str, now: datetime, number: str) -> TokenRequest:
    """Return the request.

    Args:
        config: Who asks, where and how.
        secret: The client's; HS256's key with ``client_secret_jwt``.
        now: Aware.
        number: ``jti``: never used before (OpenID Connect Core, 9).
    """
    form = {"grant_type": "client_credentials"}
    headers: dict[str, str] = {}
    if config.scope is not None:
        form["scope"] = config.scope
    match config.client_authentication:
        case "client_secret_basic":
            # Encoded as in a form before they are joined (RFC 6749, 2.3.1).
            pair = f"{quote_plus(config.client_id)}:{quote_plus(secret)}"
            headers["Authorization"] = f"Basic {base64.b64encode(pair.encode()).decode()}"
        case "client_secret_post":
            form |= {"client_id": config.client_id, "client_secret": secret}
        case "client_secret_jwt":
            assertion = _assertion(config, secret, now, number)
            form |= {"client_assertion_type": ASSERTION_TYPE, "client_assertion": assertion}
    return TokenRequest(urlencode(form).encode(), headers)


def token_of(answer: Answer, config: OAuthConfig, now: datetime) -> AccessToken:
    """Return the token that the answer brings.

    Raises:
        ThrottledError: Come back later.
        DestinationUnavailableError: There is none, and why.
    """
    document = _object(answer.body)
    if answer.status != 200:  # noqa: PLR2004 - the only success (RFC 6749, 5.1)
        raise _refusal(answer, document, now)
    token = document.get("access_token")
    if not isinstance(token, str) or not is_token(token):
        raise DestinationUnavailableError("oauth.answer_malformed")
    if str(document.get("token_type", "")).lower() != "bearer":
        raise DestinationUnavailableError("oauth.token_type")
    return AccessToken(token, _lifetime_s(document.get("expires_in"), config))


def is_token(text: str) -> bool:
    """Tell whether ``text`` can stand in ``Authorization`` (RFC 6750, 2.1)."""
    return bool(text) and text.isascii() and text.isprintable() and " " not in text


def _assertion(config: OAuthConfig, secret: str, now: datetime, number: str) -> str:
    issued_at = int(now.timestamp())
    claims = {
        "iss": config.client_id,
        "sub": config.client_id,
        "aud": config.audience or str(config.token_url),
        "jti": number,
        "iat": issued_at,
        "exp": issued_at + config.assertion_lifetime_s,
    }
    return jwt.encode({"alg": "HS256", "typ": "JWT"}, claims, OctKey.import_key(secret))


def _refusal(
    answer: Answer, document: Mapping[str, object], now: datetime
) -> DestinationUnavailableError | ThrottledError:
    wait_s = retry_after_s(answer.retry_after, now)
    if answer.status == 429 or (answer.status == 503 and wait_s is not None):  # noqa: PLR2004 - RFC 6585, 4; RFC 9110, 15.6.4
        return ThrottledError(f"oauth.{answer.status}", wait_s)
    # Only a code that the specification knows: an error's text could hold what we sent.
    code = f"oauth.{document.get('error')}"
    return DestinationUnavailableError(code if code in _ERRORS else f"oauth.{answer.status}")


def _object(body: bytes | None) -> Mapping[str, object]:
    try:
        document = json.loads(body or b"")
    except (ValueError, RecursionError):
        return {}
    return document if isinstance(document, dict) else {}


def _lifetime_s(said: object, config: OAuthConfig) -> float:
    """Return ``expires_in``; some servers write the number as a text."""
    if isinstance(said, bool) or not isinstance(said, int | float | str):
        return config.lifetime_s
    try:
        seconds = float(said)
    except (ValueError, OverflowError):
        return config.lifetime_s
    # Not a number compares with nothing.
    return min(seconds, _LONGEST_LIFETIME_S) if seconds >= 0 else config.lifetime_s
