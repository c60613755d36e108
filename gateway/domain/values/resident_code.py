"""住民票コード: eleven digits, the last one a check digit.

Source: 住民基本台帳法施行規則第1条第2号, 平成14年総務省告示第436号. The notice's own text
was not at hand; the rule is the one published by implementers who cite it: that of
the My Number with ten digits. Some of them give 1 for a remainder of 0, so a number
whose remainder is 0 is taken with either digit (``doubtful`` tells them apart).
"""

import re
from typing import Final

_FORM: Final = re.compile(r"[0-9]{11}")
_WEIGHTS: Final = (5, 4, 3, 2, 7, 6, 5, 4, 3, 2)
"""From the left: n + 1 for n = 1 to 6 and n - 5 for n = 7 to 10, n counting from the right."""


def check_digit(body: str) -> str:
    """Return the check digit of ten ASCII digits; 0 when the remainder is 0 or 1."""
    remainder = _remainder(body)
    return "0" if remainder <= 1 else str(11 - remainder)


def fault(value: str) -> str | None:
    """Return ``resident_code.format``, ``resident_code.check_digit`` or ``None``."""
    if _FORM.fullmatch(value) is None:
        return "resident_code.format"
    if check_digit(value[:-1]) == value[-1] or doubtful(value):
        return None
    return "resident_code.check_digit"


def doubtful(value: str) -> bool:
    """Tell whether eleven digits are right only if a remainder of 0 gives 1."""
    return _remainder(value[:-1]) == 0 and value[-1] == "1"


def _remainder(body: str) -> int:
    return sum(weight * int(digit) for weight, digit in zip(_WEIGHTS, body, strict=True)) % 11
