"""Exact days as ``YYYY-MM-DD``, the interchange form.

Source: デジタル庁 GIF 行政基本情報データ連携モデル「日付及び時刻」; RFC 3339, 5.6 (full-date).
"""

import re
from datetime import date
from typing import Final

_FORM: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


def parse(value: str) -> date | None:
    """Return the day that ``value`` names, ``None`` if it names none; years 1 to 9999."""
    if _FORM.fullmatch(value) is None:
        return None
    try:
        return date.fromisoformat(value)
    except ValueError:
        return None


def fault(value: str) -> str | None:
    """Return ``date.format``, ``date.not_in_calendar`` or ``None``."""
    if _FORM.fullmatch(value) is None:
        return "date.format"
    return None if parse(value) else "date.not_in_calendar"
