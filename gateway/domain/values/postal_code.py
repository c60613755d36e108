"""郵便番号: seven digits without a hyphen, as the standard systems store them.

Source: 日本郵便; 住登外者宛名番号付番API (``yubinbango``, seven digits). There is no check
digit; whether a code is in use only a table can tell.
"""

import re
from typing import Final

_FORM: Final = re.compile(r"[0-9]{7}")


def fault(value: str) -> str | None:
    """Return ``postal_code.format`` or ``None``."""
    return None if _FORM.fullmatch(value) else "postal_code.format"
