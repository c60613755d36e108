"""The circuit breaker of one core system, as one table (Nygard, Release It!, chapter 5).

``TRANSITIONS`` says what each sign does in each state. A sign says what a worker
learned of its core system: from a delivery, or from asking it by ``check``. Only
deliveries open a closed breaker and close an open one, for a check may look at
something else than what a delivery needs; a check only ends a wait.
"""

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

from gateway.domain.claim import BreakerState


class Sign(StrEnum):
    """What a worker can learn of its core system."""

    ANSWERED = "answered"
    """It took a delivery, or refused one: it does its work."""
    FAILED = "failed"
    """A delivery failed, or nobody knows; that happens."""
    TRIPPED = "tripped"
    """A delivery failed, once too often in a row."""
    UNREACHABLE = "unreachable"
    """A delivery could not even begin: it cannot be reached at all."""
    THROTTLED = "throttled"
    """A delivery was put off: it asks to slow down."""
    CHECKED = "checked"
    """Asked how it is, it said that it is well."""
    NOT_WELL = "not_well"
    """Asked how it is, it said nothing good, or nothing."""


TRANSITIONS: Final[dict[tuple[BreakerState, Sign], BreakerState]] = {
    (BreakerState.CLOSED, Sign.ANSWERED): BreakerState.CLOSED,
    (BreakerState.CLOSED, Sign.FAILED): BreakerState.CLOSED,
    (BreakerState.CLOSED, Sign.TRIPPED): BreakerState.OPEN,
    (BreakerState.CLOSED, Sign.UNREACHABLE): BreakerState.OPEN,
    (BreakerState.CLOSED, Sign.THROTTLED): BreakerState.CLOSED,
    (BreakerState.CLOSED, Sign.CHECKED): BreakerState.CLOSED,
    (BreakerState.CLOSED, Sign.NOT_WELL): BreakerState.CLOSED,
    # What was under way when it opened says nothing about now.
    (BreakerState.OPEN, Sign.ANSWERED): BreakerState.OPEN,
    (BreakerState.OPEN, Sign.FAILED): BreakerState.OPEN,
    (BreakerState.OPEN, Sign.TRIPPED): BreakerState.OPEN,
    (BreakerState.OPEN, Sign.UNREACHABLE): BreakerState.OPEN,
    (BreakerState.OPEN, Sign.THROTTLED): BreakerState.OPEN,
    (BreakerState.OPEN, Sign.CHECKED): BreakerState.HALF_OPEN,
    (BreakerState.OPEN, Sign.NOT_WELL): BreakerState.OPEN,
    (BreakerState.HALF_OPEN, Sign.ANSWERED): BreakerState.CLOSED,
    (BreakerState.HALF_OPEN, Sign.FAILED): BreakerState.OPEN,
    (BreakerState.HALF_OPEN, Sign.TRIPPED): BreakerState.OPEN,
    (BreakerState.HALF_OPEN, Sign.UNREACHABLE): BreakerState.OPEN,
    (BreakerState.HALF_OPEN, Sign.THROTTLED): BreakerState.OPEN,
    (BreakerState.HALF_OPEN, Sign.CHECKED): BreakerState.HALF_OPEN,
    (BreakerState.HALF_OPEN, Sign.NOT_WELL): BreakerState.OPEN,
}

_MOST_DOUBLINGS: Final = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class BreakerPolicy:
    """When a worker stops sending, and how it tries again.

    Attributes:
        failures: So many failures in a row open the breaker, at least 1.
        probe_s: First wait before an open breaker asks the core system; it doubles.
        probe_cap_s: Longest such wait.
    """

    failures: int = 5
    probe_s: float = 5.0
    probe_cap_s: float = 60.0

    def wait_s(self, waits: int, fraction: float) -> float:
        """Return the next wait: exponential with equal jitter, as for a delivery's retries.

        Args:
            waits: How many waits there were since the core system last answered.
            fraction: A random number in [0, 1).
        """
        bound = min(self.probe_cap_s, self.probe_s * 2.0 ** min(waits, _MOST_DOUBLINGS))
        return bound * (0.5 + 0.5 * fraction)


@dataclass(frozen=True, slots=True, kw_only=True)
class Breaker:
    """A breaker as it stands; a new one is closed.

    Attributes:
        state: Whether its worker sends.
        failures: How many deliveries in a row failed.
        waits: How many waits have begun since the core system last answered.
        probe_at: When the core system is asked next, in the caller's seconds; ``None``
            unless open.
    """

    state: BreakerState = BreakerState.CLOSED
    failures: int = 0
    waits: int = 0
    probe_at: float | None = None

    def after(self, sign: Sign, policy: BreakerPolicy, *, now: float, fraction: float) -> "Breaker":
        """Return how it stands after ``sign``.

        Args:
            sign: What was learned. ``FAILED`` is taken for ``TRIPPED`` when it is due.
            policy: As it is in force now.
            now: Seconds on a clock that only goes forward.
            fraction: A random number in [0, 1), for the wait.
        """
        failures = self.failures + (sign in (Sign.FAILED, Sign.TRIPPED))
        if sign == Sign.FAILED and failures >= policy.failures:
            sign = Sign.TRIPPED
        state = TRANSITIONS[self.state, sign]
        waits_anew = sign == Sign.NOT_WELL or state != self.state
        match state:
            case BreakerState.OPEN if waits_anew:
                wait_s = policy.wait_s(self.waits, fraction)
                return Breaker(state=state, waits=self.waits + 1, probe_at=now + wait_s)
            case BreakerState.OPEN:
                return self
            case BreakerState.HALF_OPEN:
                return Breaker(state=state, waits=self.waits)
            case BreakerState.CLOSED:
                return Breaker() if sign == Sign.ANSWERED else replace(self, failures=failures)
