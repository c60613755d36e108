"""What the headers of a request say, read strictly; what is not plain is refused or ignored.

A header value comes from outside: it is matched against the few forms that mean
something to us and never handed on, logged or echoed otherwise.
"""

import re
from typing import Final

from multidict import CIMultiDictProxy

from gateway.http.problems import refused
from gateway.schema.errors import Language

Headers = CIMultiDictProxy[str]

_IDEMPOTENCY_KEY: Final = re.compile(r"[\x21-\x7e]{1,255}")
_BEARER: Final = re.compile(r"bearer [A-Za-z0-9._~+/-]{1,4096}=*", re.IGNORECASE)
"""``b64token`` (RFC 6750, 2.1); the scheme's case does not matter (RFC 9110, 11.1)."""
_TRACEPARENT: Final = re.compile(r"00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")
"""Version 00 (W3C Trace Context, 3.2); ids of zeros only are invalid."""
_JSON: Final = re.compile(
    r'application/json[ \t]*(?:;[ \t]*charset[ \t]*=[ \t]*(?:"([^"]*)"|([^\s;"]+)))?[ \t]*;?',
    re.IGNORECASE,
)
_LANGUAGE_RANGE: Final = re.compile(
    r"[ \t]*(\*|[A-Za-z]{1,8})(?:-[A-Za-z0-9-]{1,35})?[ \t]*"
    r"(?:;[ \t]*q[ \t]*=[ \t]*(0(?:\.[0-9]{0,3})?|1(?:\.0{0,3})?))?[ \t]*"
)
_MOST_RANGES: Final = 16


def language(headers: Headers) -> Language:
    """Return the language to answer in: English if it is preferred, otherwise Japanese.

    Reads ``Accept-Language`` (RFC 9110, 12.5.4) by primary tags. ``*`` stands for
    Japanese; what does not parse counts for nothing.
    """
    weights: dict[str, float] = {}
    for item in ",".join(headers.getall("Accept-Language", ())).split(",", _MOST_RANGES):
        if match := _LANGUAGE_RANGE.fullmatch(item):
            tag = "ja" if match[1] == "*" else match[1].lower()
            weights[tag] = max(weights.get(tag, 0.0), float(match[2] or 1))
    return "en" if weights.get("en", 0.0) > weights.get("ja", 0.0) else "ja"


def authorization(headers: Headers) -> str | None:
    """Return the one ``Authorization: Bearer`` header, ASCII only, or ``None``."""
    values = headers.getall("Authorization", ())
    return values[0] if len(values) == 1 and _BEARER.fullmatch(values[0]) else None


def idempotency_key(headers: Headers) -> str:
    """Return the request's ``Idempotency-Key``: 1 to 255 visible ASCII characters.

    Raises:
        RefusedError: There is none, more than one, or it has another form.
    """
    values = headers.getall("Idempotency-Key", ())
    if not values:
        raise refused("idempotency.key_missing")
    if len(values) > 1 or not _IDEMPOTENCY_KEY.fullmatch(values[0]):
        raise refused("idempotency.key_invalid")
    return values[0]


def traceparent(headers: Headers) -> str | None:
    """Return the W3C trace context, or ``None``: a wrong one is no reason to refuse a form."""
    values = headers.getall("traceparent", ())
    return values[0] if len(values) == 1 and _TRACEPARENT.fullmatch(values[0]) else None


def require_json(headers: Headers) -> None:
    """Refuse what does not say that it is uncompressed JSON in UTF-8.

    Raises:
        RefusedError: Another content type, charset or content encoding, or none at all.
    """
    content_type = headers.get("Content-Type", "")
    if content_type.lower().startswith("multipart/"):
        raise refused("request.attachments_not_yet")
    match = _JSON.fullmatch(content_type)
    if not match:
        raise refused("request.media_type")
    if (match[1] or match[2] or "utf-8").lower() != "utf-8":
        raise refused("request.charset")
    if any(value.lower() != "identity" for value in headers.getall("Content-Encoding", ())):
        raise refused("request.content_encoding")
