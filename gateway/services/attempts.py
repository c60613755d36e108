"""What a worker's attempts came to since it began: counted for whoever scrapes it."""

from collections import Counter
from typing import Final

from gateway.domain.outcome import Outcome
from gateway.services.tally import WAY_S, Capped, Histogram

MOST_CODES: Final = 50
"""Codes counted apart, of one destination: a core system chooses its own."""
OTHER: Final = "other"


class Attempts:
    """One destination's, in this process.

    Attributes:
        outcomes: By outcome.
        errors: Those that were not delivered, by code; past ``MOST_CODES`` codes as ``other``.
        send_s: From calling the core system to its answer.
    """

    def __init__(self) -> None:
        """Start at zero."""
        self.outcomes: Counter[str] = Counter()
        self.errors: Capped[str] = Capped(MOST_CODES, OTHER)
        self.send_s = Histogram(WAY_S)

    def note(self, outcome: Outcome) -> None:
        """Count what is about to be reported."""
        self.outcomes[outcome.kind.value] += 1
        if outcome.code is not None:
            self.errors.add(outcome.code)
        if outcome.sent_at is not None:
            self.send_s.observe((outcome.answered_at - outcome.sent_at).total_seconds())
