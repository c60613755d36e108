"""What is seen from outside of every destination: how much waits, how long, and why."""

from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

from gateway.domain.claim import BreakerState
from gateway.domain.errors import JournalUnavailableError
from gateway.domain.identifiers import DestinationName
from gateway.domain.lifecycle import State
from gateway.ports.clock import Clock
from gateway.ports.journal import Journal
from gateway.services.destinations import Destinations
from gateway.services.seal_log import LogStanding

HOLDS: Final = ("destination.paused", "destination.closed", "destination.unavailable")
"""Why nothing may be published for a destination (``Destinations.hold``)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Observed:
    """Everything at one instant, by destination; what could not be read is missing.

    Attributes:
        deliveries: How many are in each state, if any.
        oldest_s: How long ago the oldest in each state that is not final was accepted.
        halted_keys: Order keys that stand still behind a parked delivery or one in doubt.
        workers: How many live, by what their breaker lets through.
        holds: The code of why nothing is published now, ``None`` if it is.
        log: The sealed audit log.
    """

    deliveries: Mapping[DestinationName, Mapping[State, int]] = field(default_factory=dict)
    oldest_s: Mapping[DestinationName, Mapping[State, float]] = field(default_factory=dict)
    halted_keys: Mapping[DestinationName, int] = field(default_factory=dict)
    workers: Mapping[DestinationName, Mapping[BreakerState, int]] = field(default_factory=dict)
    holds: Mapping[DestinationName, str | None] = field(default_factory=dict)
    log: LogStanding | None = None


class Observe:
    """Looks at the journal's totals, and at destinations as this process knows them."""

    def __init__(
        self,
        *,
        journal: Journal,
        destinations: Destinations,
        clock: Clock,
        log: Callable[[], Awaitable[LogStanding]] | None = None,
    ) -> None:
        """Keep what it works with; opens nothing. ``log`` tells how the audit log stands."""
        self._log = log
        self._journal = journal
        self._destinations = destinations
        self._clock = clock

    async def __call__(self) -> Observed:
        """Look once. Costs the same however many deliveries there are."""
        names = list(self._destinations)
        workers = {
            name: Counter(beat.breaker for beat in self._destinations.alive(name)) for name in names
        }
        holds = {name: self._destinations.hold(name) for name in names}
        log = None if self._log is None else await self._log()
        codes = {name: None if hold is None else hold.code for name, hold in holds.items()}
        try:
            deliveries = await self._journal.counts()
            oldest = await self._journal.oldest()
            halted = await self._journal.halted_keys()
        except JournalUnavailableError:
            # What this process knows by itself matters most when the journal is down.
            return Observed(workers=workers, holds=codes, log=log)
        now = self._clock.now()
        return Observed(
            deliveries={**{name: {} for name in names}, **deliveries},
            oldest_s={
                # Who accepted it may have a clock that is ahead of ours.
                name: {state: max(0.0, (now - at).total_seconds()) for state, at in states.items()}
                for name, states in oldest.items()
            },
            halted_keys={**dict.fromkeys(names, 0), **halted},
            workers=workers,
            holds=codes,
            log=log,
        )
