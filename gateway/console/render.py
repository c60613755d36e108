"""Turns values into HTML: templates, words, and how times and durations are written."""

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from gateway.console.files import address_of
from gateway.console.words import Language, Words, load_words

_FOLDER: Final = Path(__file__).parent
_JAPAN: Final = ZoneInfo("Asia/Tokyo")
_MINUTE_S: Final = 60
_HOUR_S: Final = 3600
_DAY_S: Final = 86_400
_THOUSAND: Final = 1000


class Renderer:
    """Renders templates of this package; every text comes from ``words``."""

    def __init__(self, words: Words | None = None) -> None:
        """Load all words, this once; templates are compiled when they are used first, or anew."""
        self.words = words or load_words()
        self._environment = Environment(
            loader=FileSystemLoader(_FOLDER / "templates"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._environment.globals["static"] = address_of
        self._environment.filters["jst"] = jst
        self._environment.filters["number"] = number
        self._environment.filters["seconds"] = seconds
        self._environment.filters["size"] = size

    def __call__(self, template: str, language: Language, values: Mapping[str, object], /) -> str:
        """Return ``template`` filled in; ``t(NAME, …)`` says a text in ``language``."""

        def say(name: str, /, **filled: object) -> str:
            return self.words.say(language, name, **filled)

        return self._environment.get_template(template).render(
            values, t=say, language=language, has_words=self.words.__contains__
        )


def jst(moment: datetime | str | None) -> str:
    """Return a time as ``2026-11-23 18:30:05`` in Japan; ``–`` for none.

    Args:
        moment: Aware, or ISO 8601 with its zone.
    """
    if moment is None or moment == "":
        return "–"
    when = datetime.fromisoformat(moment) if isinstance(moment, str) else moment
    return when.astimezone(_JAPAN).strftime("%Y-%m-%d %H:%M:%S")


def number(value: float | None) -> str:
    """Return a number with commas; ``–`` for none."""
    return "–" if value is None else f"{value:,}"


def seconds(value: float | None) -> str:
    """Return a duration in the unit that fits: ``12 ms``, ``3.4 s``, ``5 min``, ``2 h``."""
    if value is None:
        return "–"
    if value < 1:
        return f"{value * 1000:.0f} ms"
    if value < _MINUTE_S:
        return f"{value:.1f} s"
    if value < _HOUR_S:
        return f"{value / _MINUTE_S:.0f} min"
    if value < _DAY_S:
        return f"{value / _HOUR_S:.1f} h"
    return f"{value / _DAY_S:.1f} d"


def size(value: float | None) -> str:
    """Return a number of bytes in the unit that fits, of 1,000 each: ``3.4 GB``; ``–`` for none."""
    if value is None:
        return "–"
    for unit in ("B", "kB", "MB", "GB"):
        if value < _THOUSAND:
            return f"{value:.0f} {unit}" if unit in ("B", "kB") else f"{value:.1f} {unit}"
        value /= _THOUSAND
    return f"{value:.1f} TB"
