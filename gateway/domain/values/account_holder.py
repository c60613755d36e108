"""口座名義人 as banks write it: half width, in the characters of a transfer file.

Source: 全国銀行協会「全銀協規定フォーマット」 (総合振込): kana without small ones (ｬ is written ﾔ),
capital letters, digits, the space and ``( ) - . /`` and ``｢ ｣``; the field has 30 of them.
"""

import re
from typing import Final

from gateway.domain.values import kana

_FORM: Final = re.compile(r"[A-Zｱ-ﾝｦﾞﾟ][A-Z0-9ｱ-ﾝｦﾞﾟ ()\-./｢｣]{0,29}")


def fault(value: str) -> str | None:
    """Return ``account_holder.format``, ``kana.mark_without_base`` or ``None``."""
    if _FORM.fullmatch(value) is None:
        return "account_holder.format"
    return "kana.mark_without_base" if kana.has_stray_mark(value) else None
