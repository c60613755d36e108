"""Write down how the clock stands: once a minute, so that no time in the log stands alone."""

import asyncio
from collections.abc import Callable
from datetime import datetime
from typing import Final

import structlog

from gateway.domain.entry import Action, Actor, ActorKind, Entry
from gateway.domain.errors import JournalUnavailableError
from gateway.ports.clock import Clock
from gateway.ports.journal import Journal

log = structlog.get_logger()

EVERY_S: Final = 60.0
JUMP_MS: Final = 1_000
"""NTP slews by half a millisecond a second at most, 30 ms a minute (RFC 5905, 11.3): more than
this was set by somebody."""


class ObserveClock:
    """Compares the time of day with a clock that nobody sets."""

    def __init__(
        self,
        *,
        journal: Journal,
        clock: Clock,
        steady: Callable[[], float],
        synchronised: Callable[[], bool | None],
        sealed: Callable[[], tuple[int, int | None]],
    ) -> None:
        """Start with how both clocks stand now.

        Args:
            journal: Where it is written down.
            clock: The time of day.
            steady: Seconds since some time or other.
            synchronised: Whether the system says that its clock is kept by another one;
                ``None`` if it says nothing.
            sealed: How many entries are sealed, and how many seconds ago that was signed:
                two of these entries show whoever comes later how long nothing was sealed.
        """
        self._journal = journal
        self._clock = clock
        self._steady = steady
        self._synchronised = synchronised
        self._sealed = sealed
        self._last = self._now()

    async def run(self) -> None:
        """Write every minute until cancelled."""
        while True:
            await asyncio.sleep(EVERY_S)
            try:
                await self.write()
            except JournalUnavailableError as error:
                log.warning("clock.not_recorded", code=error.code)

    async def write(self) -> None:
        """Write how far the clock moved since the last time that this was written.

        Raises:
            JournalUnavailableError: Nothing was written; the next time covers this one.
        """
        at, steady = now = self._now()
        passed = (at - self._last[0]).total_seconds() - (steady - self._last[1])
        moved_ms = round(passed * 1_000)
        synchronised = self._synchronised()
        size, age_s = self._sealed()
        entry = Entry(
            action=Action.CLOCK_OBSERVED,
            at=at,
            actor=Actor(ActorKind.GATEWAY, "clock"),
            facts={
                "moved_ms": moved_ms,
                "synchronised": synchronised,
                "sealed_size": size,
                "sealed_age_s": age_s,
            },
        )
        await self._journal.record([entry])
        self._last = now
        if abs(moved_ms) > JUMP_MS:
            log.warning("clock.jumped", moved_ms=moved_ms, synchronised=synchronised)

    def _now(self) -> tuple[datetime, float]:
        return self._clock.now(), self._steady()
