"""The configuration as it may be shown: without secrets."""

import hashlib
import json
import re
from typing import Any, Final

from gateway.settings.model import Settings

REDACTED: Final = "**********"
_SECRET_NAME: Final = re.compile(
    r"passw|passphrase|secret|token|credential|authorization|api[-_]?key", re.IGNORECASE
)
_FILE_NAME: Final = re.compile(r"_(?:file|path|header)$", re.IGNORECASE)
_USERINFO: Final = re.compile(r"(://[^/?#@:]*:)[^/?#]*(@)")
_PARAMETER: Final = re.compile(r"(?<=[?&])([^=&#]+)=[^&#]*")


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
    """Return ``url`` with its password, and secrets among its parameters, replaced."""
    shown = _USERINFO.sub(rf"\1{REDACTED}\2", url)
    return _PARAMETER.sub(
        lambda match: f"{match[1]}={REDACTED}" if _is_secret(match[1]) else match[0], shown
    )


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
