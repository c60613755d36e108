"""Which log lines a process writes; can be changed while it runs, and goes back by itself."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Literal

Level = Literal["debug", "info", "warning", "error"]

SEVERITY: Final = {"debug": 10, "info": 20, "warning": 30, "error": 40, "critical": 50}
"""As in the standard library's ``logging``."""


@dataclass(frozen=True, slots=True)
class About:
    """Which lines a change is about.

    Attributes:
        destination: Those of one destination; ``None`` for all.
        events: Those whose event begins with this, such as ``journal.``; empty for all.
    """

    destination: str | None = None
    events: str = ""


@dataclass(frozen=True, slots=True)
class Changed:
    """A change that is in force.

    Attributes:
        about: Which lines.
        level: The least severe that is written of them.
        until: When it ends, by the process's steady clock; ``None`` for the process's life.
    """

    about: About
    level: Level
    until: float | None


class LogLevels:
    """The level of a process and what differs from it, the narrowest first."""

    def __init__(self, configured: Level, monotonic: Callable[[], float] = time.monotonic) -> None:
        """Begin as configured."""
        self.configured: Level = configured
        self._monotonic = monotonic
        self._changes: dict[About, Changed] = {}
        self.unknown_fields = 0
        """How many fields were met so far that no table names; they are not written."""

    @property
    def is_as_configured(self) -> bool:
        """Whether nothing is in force but what is configured: then severity alone decides."""
        return not self._changes

    def note_unknown(self, fields: int) -> None:
        """Count fields of a line that no table names."""
        self.unknown_fields += fields

    def change(self, about: About, level: Level | None, *, for_s: float | None = None) -> None:
        """Put ``level`` in force for ``for_s`` seconds; ``None`` goes back."""
        self._changes.pop(about, None)
        if level is not None:
            until = None if for_s is None else self._monotonic() + for_s
            self._changes[about] = Changed(about, level, until)

    def changes(self) -> list[tuple[Changed, float | None]]:
        """Return what is in force, and for how many seconds yet."""
        self._forget_old()
        now = self._monotonic()
        return [
            (each, None if each.until is None else round(each.until - now, 1))
            for each in self._changes.values()
        ]

    def lets_through(self, severity: str, event: object, destination: object) -> bool:
        """Tell whether a line is written."""
        level = self._level(str(event), destination) if self._changes else self.configured
        return SEVERITY[severity] >= SEVERITY[level]

    def _level(self, event: str, destination: object) -> Level:
        self._forget_old()
        fitting = [
            each
            for each in self._changes.values()
            if each.about.destination in (None, destination) and event.startswith(each.about.events)
        ]
        if not fitting:
            return self.configured
        narrowest = max(
            fitting,
            key=lambda each: (each.about.destination is not None, len(each.about.events)),
        )
        return narrowest.level

    def _forget_old(self) -> None:
        now = self._monotonic()
        for about, each in list(self._changes.items()):
            if each.until is not None and each.until <= now:
                self._changes.pop(about, None)
