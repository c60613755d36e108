"""保険者番号 of medical insurance: the last of six or eight digits is a check digit.

Source: 厚生労働省「保険者番号等の設定要領」: 国民健康保険 has six digits (prefecture,
insurer, check digit), all others eight (法別番号, prefecture, insurer, check digit).
"""

import re
from typing import Final

_FORM: Final = re.compile(r"[0-9]{6}|[0-9]{8}")


def check_digit(body: str) -> str:
    """Return the 検証番号 of five or seven digits.

    From the right the digits weigh 2, 1, 2, 1 …; the digits of each product are added,
    and the check digit fills the sum up to a multiple of ten.

    Args:
        body: The number without its last digit, ASCII.
    """
    total = 0
    for place, digit in enumerate(reversed(body)):
        product = int(digit) * (2 - place % 2)
        total += product // 10 + product % 10
    return str(-total % 10)


def fault(value: str) -> str | None:
    """Return ``insurer_number.format``, ``insurer_number.check_digit`` or ``None``."""
    if _FORM.fullmatch(value) is None:
        return "insurer_number.format"
    return None if check_digit(value[:-1]) == value[-1] else "insurer_number.check_digit"
