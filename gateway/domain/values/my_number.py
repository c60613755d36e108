"""個人番号 (My Number): twelve digits, the last one a check digit.

Source: 平成26年総務省令第85号, 第5条.
"""

import re
from typing import Final

_FORM: Final = re.compile(r"[0-9]{12}")
_WEIGHTS: Final = (6, 5, 4, 3, 2, 7, 6, 5, 4, 3, 2)
"""Qn of 第5条, written from the left: n + 1 for n = 1 to 6 and n - 5 for n = 7 to 11,
where n counts from the right of the eleven digits."""


def check_digit(body: str) -> str:
    """Return the check digit of eleven digits.

    ``11 - (Σ Pn·Qn mod 11)``, and 0 when the remainder is 0 or 1. That is not the rule of
    全国地方公共団体コード, where a remainder of 0 gives 1.

    Args:
        body: The first eleven digits of a My Number, ASCII.
    """
    total = sum(weight * int(digit) for weight, digit in zip(_WEIGHTS, body, strict=True))
    remainder = total % 11
    return "0" if remainder <= 1 else str(11 - remainder)


def fault(value: str) -> str | None:
    """Return ``my_number.format``, ``my_number.check_digit`` or ``None``."""
    if _FORM.fullmatch(value) is None:
        return "my_number.format"
    return None if check_digit(value[:-1]) == value[-1] else "my_number.check_digit"
