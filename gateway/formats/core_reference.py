"""What a core system calls its own number: free text, which must not name a person.

It is kept in the journal and told to front ends, so that names, and whatever else clerks
write beside a number, have no place in it.
"""

import re
import unicodedata
from typing import Final

from gateway.domain.values import my_number

LONGEST_REFERENCE: Final = 200
"""In characters."""

_TWELVE_DIGITS: Final = re.compile(
    r"(?<![0-9])[0-9]{12}(?![0-9])"
    r"|(?<![0-9A-Za-z-])[0-9]{4}[-\u2010.][0-9]{4}[-\u2010.][0-9]{4}(?![0-9A-Za-z-])"
)
_UUID: Final = re.compile(r"(?i)[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
"""Its last twelve characters may all be digits."""

_NO_DIGIT: Final = re.compile(r"[^0-9]")


def is_reference(text: str) -> bool:
    """Tell whether ``text`` may be a core system's number, such as ``整理-000123``.

    It has a digit, no space and no control character, and no 個人番号: twelve digits in a
    row or by fours, whose last is the check digit. By chance one in ten numbers of twelve
    digits looks like that.
    """
    plain = unicodedata.normalize("NFKC", text)  # only looked at: full-width digits are digits
    return (
        len(text) <= LONGEST_REFERENCE
        and text.isprintable()
        and not any(character.isspace() for character in text)
        and any(character in "0123456789" for character in plain)
        and not has_my_number(plain)
    )


def has_my_number(plain: str) -> bool:
    """Tell whether a 個人番号 may stand in a text whose digits are ASCII."""
    found = (_NO_DIGIT.sub("", match) for match in _TWELVE_DIGITS.findall(_UUID.sub("", plain)))
    return any(my_number.fault(digits) is None for digits in found)
