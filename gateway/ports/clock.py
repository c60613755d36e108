"""What time it is."""

from datetime import datetime, timedelta
from typing import Final, Protocol

APART: Final = timedelta(seconds=30)
"""Clocks of one landscape differ by less. What was written later than that after now, was
written before a clock was set back: its times say nothing about how long something lasts."""


class Clock(Protocol):
    """Tells the time of day; a test may set it back and forward."""

    def now(self) -> datetime:
        """Return the current time, aware UTC. May go backwards."""
