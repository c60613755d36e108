"""What keys are called in the key store."""

from typing import Final

GATEWAY_KEY: Final = "gateway/signing"
PSEUDONYM_KEY: Final = "gateway/pseudonym"


def destination_key(name: str) -> str:
    """Return the name of a destination's key pair."""
    return f"destination/{name}"


def worker_key(name: str) -> str:
    """Return the name of a worker's key pair."""
    return f"worker/{name}"
