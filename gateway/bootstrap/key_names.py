"""What keys are called in the key store."""

import re
from collections.abc import Iterable
from typing import Final

GATEWAY_KEY: Final = "gateway/signing"
PSEUDONYM_KEY: Final = "gateway/pseudonym"


def is_gateway_key(name: str) -> bool:
    """Tell whether a gateway signs by this key, or did: then with ``-`` and more behind it."""
    return name == GATEWAY_KEY or name.startswith(f"{GATEWAY_KEY}-")


LOG_KEYS: Final = "log"
"""The keys that sign the audit log's head: ``log/1``, ``log/2``, …"""

_LOG_KEY: Final = re.compile(rf"{LOG_KEYS}/([1-9][0-9]{{0,5}})")


def log_key(number: int) -> str:
    """Return the name of the log's key with this number, from 1."""
    return f"{LOG_KEYS}/{number}"


def log_key_numbers(names: Iterable[str]) -> list[int]:
    """Return the numbers of the log's keys among ``names``, lowest first."""
    found = (_LOG_KEY.fullmatch(name) for name in names)
    return sorted(int(match[1]) for match in found if match)


def destination_key(name: str) -> str:
    """Return the name of a destination's key pair."""
    return f"destination/{name}"


def webhook_key(name: str) -> str:
    """Return the name of a key that signs a client's webhooks."""
    return f"webhook/{name}"


def worker_key(name: str) -> str:
    """Return the name of a worker's key pair."""
    return f"worker/{name}"
