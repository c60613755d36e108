"""When to try again, and when to stop trying."""

from dataclasses import dataclass
from datetime import datetime, timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryPolicy:
    """A destination's retry budget and waiting times.

    Attributes:
        max_attempts: Counted attempts before the delivery is parked.
        max_age_s: Seconds since its first counted failure after which it is parked.
        base_s: Upper bound of the first wait.
        cap_s: Upper bound of every wait.
    """

    max_attempts: int = 12
    max_age_s: float = 86_400.0
    base_s: float = 1.0
    cap_s: float = 900.0

    def wait_s(self, failures: int, fraction: float) -> float:
        """Return the wait after ``failures`` failures: exponential with equal jitter.

        At least half of the bound, so that a restart of many does not find them
        all at zero; the other half is spread by ``fraction``.

        Args:
            failures: How often it failed so far, from 1.
            fraction: A random number in [0, 1).
        """
        bound = min(self.cap_s, self.base_s * 2.0 ** min(failures - 1, 32))
        return bound * (0.5 + 0.5 * fraction)

    def is_spent(self, *, counted: int, since: datetime, now: datetime) -> bool:
        """Tell whether the budget allows no further attempt."""
        return counted >= self.max_attempts or now - since >= timedelta(seconds=self.max_age_s)
