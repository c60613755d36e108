"""Which key may stand under which name, wherever keys are kept."""

import re
from collections.abc import Iterable
from typing import Final

from gateway.crypto import keys
from gateway.domain.errors import KeyUnusableError
from gateway.domain.identifiers import NAME_PATTERN

_KEY_NAME: Final = re.compile(rf"{NAME_PATTERN.pattern}(?:/{NAME_PATTERN.pattern}){{0,2}}")


def is_key_name(name: str) -> bool:
    """Return whether keys may be called so: one to three names joined by ``/``."""
    return _KEY_NAME.fullmatch(name) is not None


def admit(name: str, jwk: bytes, *, private: bool, present: Iterable[bytes]) -> None:
    """Return if ``jwk`` may be stored under ``name``.

    Args:
        name: What it shall be called.
        jwk: The key.
        private: Whether it shall be kept as a private key. A private key is never kept
            as a public one: public ones are readable, and exported.
        present: What stands under the name already; must be halves of the same key.

    Raises:
        KeyUnusableError: It may not; the arguments are the name and the reason.
    """
    if not is_key_name(name):
        raise KeyUnusableError(name, "not a name for a key")
    if keys.is_private(jwk) is not private:
        raise KeyUnusableError(name, "a private key is not a public one")
    thumbprint = keys.thumbprint(jwk)
    if any(keys.thumbprint(other) != thumbprint for other in present):
        raise KeyUnusableError(name, "taken by a different key")


def checked(name: str, jwk: bytes, *, private: bool) -> bytes:
    """Return ``jwk`` as it was read from where keys are kept.

    Raises:
        KeyUnusableError: Damaged, or not of the half it is kept as.
    """
    admit(name, jwk, private=private, present=())
    return jwk
