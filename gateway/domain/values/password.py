"""What a password must be: long, and not what everybody guesses first (NIST SP 800-63B, 5.1.1.2).

There are no rules of composition, as the same section advises: they make passwords worse.
"""

import re
import unicodedata
from enum import StrEnum
from typing import Final

MIN_LENGTH: Final = 12
"""Characters. NIST asks for 8, and for 15 where the password is all there is; we lie between,
since guessing is slowed down and every guess is written down."""
MAX_LENGTH: Final = 256
_FEWEST_DIFFERENT: Final = 4

_COMMONEST: Final = frozenset(
    [
        "123456789012",
        "administrator",
        "administrator1",
        "adminpassword",
        "changemechangeme",
        "changeme1234",
        "correcthorsebatterystaple",
        "iloveyou1234",
        "kakehashi1234",
        "kakehashikakehashi",
        "letmeinletmein",
        "p@ssw0rd1234",
        "passw0rd1234",
        "password1234",
        "password12345",
        "password123456",
        "passwordpassword",
        "qwerty123456",
        "qwertyuiop12",
        "qwertyuiop123",
        "sakurasakura",
        "thisisapassword",
        "welcome12345",
        "yakusho12345",
        "shiyakusho123",
        "kanrisha1234",
    ]
)
_ROWS: Final = (
    "0123456789" * 3,
    "abcdefghijklmnopqrstuvwxyz" * 2,
    "qwertyuiopasdfghjklzxcvbnm",
    "1qaz2wsx3edc4rfv5tgb6yhn7ujm8ik9ol",
    "1234567890qwertyuiop",
)
"""Who takes a piece of these chose nothing."""


class PasswordFault(StrEnum):
    """Why a password is not taken."""

    TOO_SHORT = "too_short"
    TOO_LONG = "too_long"
    HAS_NAME = "has_name"
    TOO_COMMON = "too_common"
    WRONG = "wrong"


def normalised(password: str) -> str:
    """Return the form that is compared (NFKC): the same letters typed full or half width."""
    return unicodedata.normalize("NFKC", password)


def password_fault(password: str, account: str) -> PasswordFault | None:
    """Return why ``password`` is not taken for ``account``; ``None`` if it is.

    Args:
        password: As it was typed.
        account: The account's name, which must not be most of it.
    """
    text = normalised(password)
    plain = text.casefold()
    if len(text) < MIN_LENGTH:
        return PasswordFault.TOO_SHORT
    if len(text) > MAX_LENGTH:
        return PasswordFault.TOO_LONG
    if len(re.sub(re.escape(account.casefold()), "", plain)) < MIN_LENGTH // 2:
        return PasswordFault.HAS_NAME
    if plain in _COMMONEST or len(set(plain)) < _FEWEST_DIFFERENT:
        return PasswordFault.TOO_COMMON
    if any(plain in row or plain in row[::-1] for row in _ROWS):
        return PasswordFault.TOO_COMMON
    return None
