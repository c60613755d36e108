"""The configuration as it may be shown: without secrets."""

import hashlib
import json
import re
from typing import Any, Final
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from gateway.settings.model import Settings

REDACTED: Final = "**********"
_SECRET_NAME: Final = re.compile(
    r"password|passwd|secret|token(?!_file)|credential|api_?key", re.IGNORECASE
)
_FILE_NAME: Final = re.compile(r"_(?:file|path|header)$", re.IGNORECASE)


def redacted(settings: Settings) -> dict[str, Any]:
    """Return every setting as JSON values, with what may be secret replaced."""
    document: dict[str, Any] = _replaced(settings.model_dump(mode="json"))
    document["journal"]["url"] = without_password(settings.journal.url)
    document["broker"]["url"] = without_password(settings.broker.url)
    return document


def digest(settings: Settings) -> str:
    """Return the SHA-256 of what ``redacted`` returns, to compare processes by."""
    text = json.dumps(redacted(settings), sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()


def without_password(url: str) -> str:
    """Return ``url`` with its password, and passwords among its parameters, replaced."""
    parts = urlsplit(url)
    if not parts.netloc and not parts.query:
        return url
    userinfo, at, host = parts.netloc.rpartition("@")
    user, colon, _ = userinfo.partition(":")
    netloc = f"{user}{colon}{REDACTED if colon else ''}{at}{host}"
    query = urlencode(
        [
            (name, REDACTED if _is_secret(name) else value)
            for name, value in parse_qsl(parts.query, keep_blank_values=True)
        ],
        safe="*/:",
    )
    return urlunsplit((parts.scheme, netloc, parts.path, query, parts.fragment))


def _replaced(value: Any) -> Any:
    if isinstance(value, dict):
        return {
            name: REDACTED if _is_secret(name) and inner not in (None, "") else _replaced(inner)
            for name, inner in value.items()
        }
    if isinstance(value, list):
        return [_replaced(inner) for inner in value]
    return without_password(value) if isinstance(value, str) and "://" in value else value


def _is_secret(name: str) -> bool:
    return bool(_SECRET_NAME.search(name)) and not _FILE_NAME.search(name)
