"""What one look comes to."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from gateway.cli import words


class Level(StrEnum):
    """How bad something is."""

    OK = "ok"
    WARN = "warn"
    BAD = "bad"


Said = tuple[str, str]
"""Japanese, English."""

_WORST_FIRST: Final = (Level.BAD, Level.WARN, Level.OK)


@dataclass(frozen=True, slots=True)
class Line:
    """One thing that was looked at.

    Attributes:
        subject: What: ``configuration``, ``clock``, ``disk``, ``broker`` and so on.
        level: How bad it is.
        said: What was found.
        action: What to do; ``None`` where nothing is to be done.
    """

    subject: str
    level: Level
    said: str
    action: str | None = None


def line(subject: str, level: Level, said: Said, action: Said | None = None) -> Line:
    """Return a line in the language that the environment asks for."""
    return Line(subject, level, words.of(said), None if action is None else words.of(action))


def verdict(lines: Sequence[Line]) -> Level:
    """Return the worst of them."""
    levels = {each.level for each in lines}
    return next((level for level in _WORST_FIRST if level in levels), Level.OK)
