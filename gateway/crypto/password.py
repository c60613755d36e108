"""Passwords under Argon2id (RFC 9106)."""

from typing import Final

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from argon2.profiles import RFC_9106_LOW_MEMORY

from gateway.domain.values.password import normalised

_ARGON2: Final = PasswordHasher.from_parameters(RFC_9106_LOW_MEMORY)
"""RFC 9106, 4: three passes over 64 MiB with four lanes, a salt of 128 and a tag of 256 bits."""


def digest_of(password: str) -> str:
    """Return the PHC string to keep of a password; takes 64 MiB, and a tenth of a second."""
    return _ARGON2.hash(normalised(password))


def is_right(digest: str, password: str) -> bool:
    """Tell whether ``digest`` is of ``password``; as costly as ``digest_of``."""
    try:
        return _ARGON2.verify(digest, normalised(password))
    except (VerificationError, InvalidHashError):
        return False


def is_outdated(digest: str) -> bool:
    """Tell whether a password would be kept otherwise today."""
    return _ARGON2.check_needs_rehash(digest)
