"""法人番号: thirteen digits, the first one a check digit.

Source: 法人番号の指定等に関する省令 (平成26年財務省令第70号), 第2条.
"""

import re
from typing import Final

_FORM: Final = re.compile(r"[0-9]{13}")
_BODY_DIGITS: Final = 12
_WEIGHTS: Final = (2, 1) * (_BODY_DIGITS // 2)
"""Qn, written from the left: from the right, odd n weigh 1 and even n weigh 2."""


def check_digit(body: str) -> str:
    """Return the check digit of twelve digits: ``9 - (Σ Pn·Qn mod 9)``, so 1 to 9.

    Args:
        body: 基礎番号, the twelve ASCII digits after the check digit.
    """
    total = sum(weight * int(digit) for weight, digit in zip(_WEIGHTS, body, strict=True))
    return str(9 - total % 9)


def fault(value: str) -> str | None:
    """Return ``corporate_number.format``, ``corporate_number.check_digit`` or ``None``."""
    if _FORM.fullmatch(value) is None:
        return "corporate_number.format"
    return None if check_digit(value[1:]) == value[0] else "corporate_number.check_digit"
