"""Note every hour how large the journal is: how fast it grows is known only so."""

import asyncio
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

import structlog

from gateway.domain.errors import JournalUnavailableError
from gateway.domain.measured import JournalSize
from gateway.ports.clock import Clock
from gateway.ports.journal import Journal

log = structlog.get_logger()

LOOK_S: Final = 300.0
KEPT: Final = timedelta(days=8)
LEAST: Final = timedelta(hours=1)
"""What grew in less than an hour tells nothing of a day."""
_DAY: Final = timedelta(days=1)
_WEEK: Final = timedelta(days=7)


class WatchGrowth:
    """Looks every few minutes; the first look of an hour is kept."""

    def __init__(self, *, journal: Journal, clock: Clock) -> None:
        """Keep what it works with; opens nothing."""
        self._journal = journal
        self._clock = clock

    async def run(self) -> None:
        """Look until cancelled."""
        while True:
            try:
                await self.look()
            except JournalUnavailableError as error:
                log.debug("journal.not_measured", code=error.code)
            await asyncio.sleep(LOOK_S)

    async def look(self) -> None:
        """Note the size, unless somebody has in this hour.

        Raises:
            JournalUnavailableError: It is not noted.
        """
        now = self._clock.now()
        hour = now.replace(minute=0, second=0, microsecond=0)
        if all(each.at < hour for each in await self._journal.sizes()):
            size = JournalSize(now, await self._journal.size_bytes())
            await self._journal.put_size(size, forget_before=now - KEPT)


def bytes_a_day(sizes: Sequence[JournalSize], now: datetime, size: int) -> float | None:
    """Return how fast a journal grows: as in the last day or the last week, whichever was more.

    A day alone would say on a Monday morning that nothing comes; a week alone would see too late
    that a term ends.

    Args:
        sizes: What is known, the oldest first.
        now: The time by which ``size`` is.
        size: How large it is.

    Returns:
        Bytes, 0 if it did not grow; ``None`` if nothing is known of more than an hour ago.
    """
    found = []
    for span in (_DAY, _WEEK):
        first = next((each for each in sizes if each.at >= now - span), None)
        if first is not None and now - first.at >= LEAST:
            found.append((size - first.bytes) / ((now - first.at) / _DAY))
    return max(0.0, *found) if found else None
