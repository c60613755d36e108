"""What a worker process remembers of the copies it had, on a clock that nobody sets.

Nothing of it outlives the process: what it does not know any more it takes for the worse.
Times are seconds of one monotonic clock.
"""

from collections import OrderedDict
from typing import Final

from gateway.domain.identifiers import CopyId, DeliveryId

FRESH_S: Final = 10.0
"""How long an answer to a claim may be under way: twice as long as is waited for one."""
_COPIES_REMEMBERED: Final = 10_000
_DOUBTS_REMEMBERED: Final = 50_000

Attempt = tuple[DeliveryId, int]
"""One attempt of a delivery, by its number."""


class WorkerMemory:
    """Decides what a worker may still do with an answer, and what it may believe."""

    def __init__(self, *, settle_s: float, key_memory_s: float) -> None:
        """Remember nothing yet.

        Args:
            settle_s: How long after a send its effect may still come to be seen.
            key_memory_s: How long the core system remembers an idempotency key.
        """
        self._settle_s = settle_s
        self._key_memory_s = key_memory_s
        self._opened: OrderedDict[CopyId, None] = OrderedDict()
        self._doubted: OrderedDict[Attempt, float] = OrderedDict()

    @staticmethod
    def is_fresh(asked_at: float, now: float) -> bool:
        """Tell whether an answer to what was asked then may be acted on now."""
        return now - asked_at <= FRESH_S

    def note_opened(self, copy: CopyId) -> None:
        """Note that a copy is being opened."""
        self._opened[copy] = None
        if len(self._opened) > _COPIES_REMEMBERED:
            self._opened.popitem(last=False)

    def has_opened(self, copy: CopyId) -> bool:
        """Tell whether this process opened the copy."""
        return copy in self._opened

    def settles_at(self, attempt: Attempt, now: float) -> float:
        """Return from when on a lookup's "no" about an attempt in doubt is believed.

        It counts from when this process first met the attempt in doubt. No send of it began
        later: whoever had a "go" had asked before somebody was told to resolve it. How long
        ago the claim was nobody can tell by clocks that are set.
        """
        return self._first_doubted_at(attempt, now) + self._settle_s

    def key_is_remembered(
        self, attempt: Attempt, *, asked_at: float, age_s: float, now: float
    ) -> bool:
        """Tell whether the core system still knows the key that an attempt in doubt was sent with.

        Args:
            attempt: Which one.
            asked_at: When the gateway was asked.
            age_s: How old the claim was then, as the gateway answered.
            now: This moment.
        """
        # Whichever of the two is longer: either clock knows only what it has seen.
        since = min(asked_at - age_s, self._first_doubted_at(attempt, now))
        return now < since + self._key_memory_s

    def settle(self, attempt: Attempt) -> None:
        """Forget an attempt that is in doubt no more."""
        self._doubted.pop(attempt, None)

    def _first_doubted_at(self, attempt: Attempt, now: float) -> float:
        first_at = self._doubted.setdefault(attempt, now)
        if len(self._doubted) > _DOUBTS_REMEMBERED:
            self._doubted.popitem(last=False)
        return first_at
