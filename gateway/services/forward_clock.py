"""What time is it at the latest? A clock that nobody sets back."""

from collections.abc import Callable
from datetime import datetime, timedelta
from time import monotonic

import structlog

from gateway.ports.clock import APART, Clock

log = structlog.get_logger()


class ForwardClock:
    """Follows another clock forward; while that one is set back, it goes on by itself.

    A time that this process took from the other clock is never later than what this one
    tells, so that an age counted by it is never too small, and times in a row never fall.
    It does not come down to a clock that was set forward by mistake and back again: what was
    stamped meanwhile may live as long as the process. It says so once.
    """

    def __init__(self, clock: Clock, *, monotonic: Callable[[], float] = monotonic) -> None:
        """Start with what ``clock`` tells; ``monotonic`` counts seconds that nobody sets."""
        self._clock = clock
        self._monotonic = monotonic
        self._latest, self._at = clock.now(), monotonic()
        self._is_ahead = False

    def now(self) -> datetime:
        """Return the current time, aware UTC. Never goes backwards."""
        at = self._monotonic()
        gone_on = self._latest + timedelta(seconds=at - self._at)
        told = self._clock.now()
        self._latest, self._at = max(told, gone_on), at
        self._compare(self._latest - told)
        return self._latest

    def _compare(self, ahead: timedelta) -> None:
        was_ahead, self._is_ahead = self._is_ahead, ahead > APART
        if self._is_ahead and not was_ahead:
            log.warning(
                "clock.set_back",
                by_s=round(ahead.total_seconds()),
                remedy="set the clock right, then restart this process: ages count too long",
            )
