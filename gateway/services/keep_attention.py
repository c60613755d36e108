"""Once a minute: end requests that nobody decided, and let groups stand as what waits says.

Both happen whenever somebody looks, too; this is for the time in which nobody does, so that
the log, alerts and programs that read do not depend on who has a page open. Every gateway does
it: the journal takes each change once.
"""

import asyncio
from typing import Final

import structlog

from gateway.domain.errors import JournalUnavailableError
from gateway.services.operate.attention import Attend
from gateway.services.operate.four_eyes import FourEyes

log = structlog.get_logger()

EVERY_S: Final = 60.0


class KeepAttention:
    """Keeps groups of what waits, and requests for a second person, as they are by now."""

    def __init__(self, *, attend: Attend, four_eyes: FourEyes) -> None:
        """Keep what does it."""
        self._attend = attend
        self._four_eyes = four_eyes

    async def run(self) -> None:
        """Do it every minute until cancelled."""
        while True:
            await asyncio.sleep(EVERY_S)
            try:
                await self.keep()
            except JournalUnavailableError as error:
                log.warning("attention.not_kept", code=error.code)

    async def keep(self) -> None:
        """Do it now.

        Raises:
            JournalUnavailableError: Perhaps not all of it was done; the next time does the rest.
        """
        await self._four_eyes.expire()
        await self._attend.settle()
