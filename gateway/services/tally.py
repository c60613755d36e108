"""Counts and times of this process, kept so that whoever scrapes can read them at any moment.

Services and drivers know nothing of Prometheus: they tally, ``http.metrics`` tells.
"""

from array import array
from bisect import bisect_left
from collections import Counter
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Final, TypeVar

K = TypeVar("K", bound=Hashable)

HOP_S: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""Buckets of what should take milliseconds: one hop inside the gateway."""

WAY_S: Final = (
    *(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0),
    *(300.0, 1800.0, 3600.0, 21600.0, 86400.0),
)
"""Buckets of a whole way: from what a file takes to a day behind a closed window."""

STEPS: Final = (1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 512.0)
"""Buckets of how many steps share a commit; no journal commits more than 512 at once."""


@dataclass(frozen=True, slots=True)
class Exemplar:
    """One in a bucket that can be looked up.

    Attributes:
        trace_id: 32 lower-case hexadecimal digits, of the front end's trace context.
        value: What that one was.
    """

    trace_id: str
    value: float


class Histogram:
    """How long something took each time, or how much it was: counted in buckets that are fixed.

    Written by one thread at a time; whoever reads meanwhile may miss the last one.

    Attributes:
        bounds: Upper bounds, ascending, each included (as ``le`` is); what is more than the last
            is counted behind it. Seconds, unless whoever makes it says otherwise.
        counts: How many fell into each bucket, one more than there are bounds.
        sum: All of them together.
        exemplars: The last one of each bucket that was traced.
    """

    __slots__ = ("bounds", "counts", "exemplars", "sum")

    def __init__(self, bounds: Sequence[float] = HOP_S) -> None:
        """Start at zero."""
        self.bounds = bounds
        self.counts = array("Q", [0]) * (len(bounds) + 1)
        self.sum = 0.0
        self.exemplars: dict[int, Exemplar] = {}

    def observe(self, value: float, traceparent: str | None = None) -> None:
        """Count one.

        Args:
            value: How long it took; below 0 (a clock was set back) counts as 0.
            traceparent: W3C trace context, well-formed, or ``None``.
        """
        value = max(0.0, value)
        bucket = bisect_left(self.bounds, value)
        self.counts[bucket] += 1
        self.sum += value
        if traceparent is not None:
            # version-traceid-parentid-flags (W3C Trace Context, 3.2).
            self.exemplars[bucket] = Exemplar(traceparent[3:35], value)

    def cumulative(self) -> list[int]:
        """Return how many took at most each bound, and at last how many there are."""
        return list(accumulate(self.counts))


def quantile(bounds: Sequence[float], counts: Sequence[int], share: float) -> float | None:
    """Return the time that ``share`` of those counted did not exceed, as well as buckets tell.

    Within its bucket it is placed in proportion, as Prometheus' ``histogram_quantile`` does; what
    lies behind the last bound is taken for that bound.

    Args:
        bounds: Upper bounds in seconds, ascending.
        counts: How many in each bucket, one more than there are bounds.
        share: 0 to 1.

    Returns:
        Seconds; ``None`` where nothing was counted.
    """
    total = sum(counts)
    if not total:
        return None
    rank, before, lower = share * total, 0, 0.0
    for bound, count in zip(bounds, counts, strict=False):
        if count and before + count >= rank:
            return lower + (bound - lower) * (rank - before) / count
        before, lower = before + count, bound
    return bounds[-1]


class Capped(Counter[K]):
    """Counts by names that others choose: of the first ``most`` apart, of the rest together.

    A core system's reason codes are its own. Whatever it sends, as many series as this come
    of it and one more.
    """

    def __init__(self, most: int, rest: K) -> None:
        """Start at zero; ``rest`` stands for all that there is no room for."""
        super().__init__()
        self._most = most
        self._rest = rest

    def add(self, name: K) -> None:
        """Count one."""
        is_known = name in self or len(self) < self._most
        self[name if is_known else self._rest] += 1


class Commits:
    """What a journal's writer commits at once, and how long that takes.

    Attributes:
        steps: How many steps shared a transaction.
        seconds: From its begin until it was durable.
        failed: Transactions that came to nothing.
    """

    def __init__(self) -> None:
        """Start at zero."""
        self.steps = Histogram(STEPS)
        self.seconds = Histogram(HOP_S)
        self.failed = 0

    def note(self, steps: int, seconds: float | None) -> None:
        """Note one transaction, as ``ports.journal.CommitNoted`` says."""
        if seconds is None:
            self.failed += 1
        else:
            self.steps.observe(steps)
            self.seconds.observe(seconds)
