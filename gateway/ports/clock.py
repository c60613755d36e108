"""What time it is."""

from datetime import datetime
from typing import Protocol


class Clock(Protocol):
    """Tells the time of day; a test may set it back and forward."""

    def now(self) -> datetime:
        """Return the current time, aware UTC. May go backwards."""
