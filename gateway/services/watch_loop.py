"""How late the event loop is: what blocks it holds up everything in this process."""

import asyncio
from typing import Final

from gateway.services.tally import HOP_S, Histogram

_PAUSE_S: Final = 0.25


class WatchLoop:
    """Sleeps four times a second, and notes how much too long.

    Attributes:
        late_s: How late each waking was, in seconds.
    """

    def __init__(self) -> None:
        """Start at zero."""
        self.late_s = Histogram(HOP_S)

    async def run(self) -> None:
        """Watch until cancelled."""
        loop = asyncio.get_running_loop()
        while True:
            due_at = loop.time() + _PAUSE_S
            await asyncio.sleep(_PAUSE_S)
            self.late_s.observe(loop.time() - due_at)
