"""What time is it at the latest? A clock that nobody sets back."""

from collections.abc import Callable
from datetime import datetime, timedelta
from time import monotonic

from gateway.ports.clock import Clock


class ForwardClock:
    """Follows another clock forward; while that one is set back, it goes on by itself.

    A time that this process took from the other clock is never later than what this one
    tells, so that an age counted by it is never too small, and times in a row never fall.
    """

    def __init__(self, clock: Clock, *, monotonic: Callable[[], float] = monotonic) -> None:
        """Start with what ``clock`` tells; ``monotonic`` counts seconds that nobody sets."""
        self._clock = clock
        self._monotonic = monotonic
        self._latest, self._at = clock.now(), monotonic()

    def now(self) -> datetime:
        """Return the current time, aware UTC. Never goes backwards."""
        at = self._monotonic()
        gone_on = self._latest + timedelta(seconds=at - self._at)
        self._latest, self._at = max(self._clock.now(), gone_on), at
        return self._latest
