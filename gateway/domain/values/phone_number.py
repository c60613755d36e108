"""電話番号 within Japan, digits only.

Source: 総務省 電気通信番号計画 (令和元年総務省告示第6号): numbers begin with 0 and have ten
digits (geographic, 0120, 0570), or eleven (050, 060, 070, 080, 090, 0800).
"""

import re
from typing import Final

_FORM: Final = re.compile(r"0[0-9]{9,10}")


def fault(value: str) -> str | None:
    """Return ``phone_number.format`` or ``None``."""
    return None if _FORM.fullmatch(value) else "phone_number.format"
