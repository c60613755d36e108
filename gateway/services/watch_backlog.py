"""Say early when too much is unfinished to accept more."""

import asyncio
from typing import Final

import structlog

from gateway.domain.errors import JournalUnavailableError
from gateway.ports.journal import Journal

log = structlog.get_logger()

_LOOK_S: Final = 5.0


class WatchBacklog:
    """Counts unfinished deliveries every five seconds."""

    def __init__(self, *, journal: Journal, most: int) -> None:
        """Start with room."""
        self._journal = journal
        self._most = most
        self._unfinished = 0

    def has_room(self) -> bool:
        """Tell whether fewer than the configured bound were unfinished at the last look."""
        return self._unfinished < self._most

    async def run(self) -> None:
        """Look until cancelled."""
        while True:
            await self.look()
            await asyncio.sleep(_LOOK_S)

    async def look(self) -> None:
        """Count now."""
        had_room = self.has_room()
        try:
            self._unfinished = await self._journal.unfinished()
        except JournalUnavailableError:
            return
        if had_room != self.has_room():
            event = "backlog.drained" if self.has_room() else "backlog.full"
            log.warning(event, unfinished=self._unfinished, most=self._most)
