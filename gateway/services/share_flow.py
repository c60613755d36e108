"""Tell other gateways what flowed through this one, and hear it of them: by way of the journal.

Each process writes a row for each destination and minute in which it counted something, and reads
what others wrote. So every gateway shows what all did, at most ``2 * SHARE_S`` late, and one that
was started anew shows what was before. What a killed process counted in its last ``SHARE_S``
seconds is not in the charts; the journal's states and the audit log have it, as they have
everything.
"""

import asyncio
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

import structlog

from gateway.domain.errors import JournalUnavailableError
from gateway.domain.measured import FlowMinute
from gateway.ports.clock import APART, Clock
from gateway.ports.journal import Journal
from gateway.services.flow import Flow
from gateway.services.flow_ring import MINUTES, minute_of

log = structlog.get_logger()

SHARE_S: Final = 5.0
_LATEST: Final = 2 * APART + timedelta(seconds=60)
"""What was stored by a clock that is behind, in a commit that took long, is found all the same."""
_DAY: Final = timedelta(minutes=MINUTES)
_AT_ONCE: Final = 500
"""Rows that are added up at once: others have their turn between."""


class ShareFlow:
    """Writes and reads every few seconds."""

    def __init__(self, *, flow: Flow, journal: Journal, clock: Clock) -> None:
        """Keep what it works with; opens nothing."""
        self._flow = flow
        self._journal = journal
        self._clock = clock
        began_ms = int(flow.began_at.timestamp() * 1000)
        self._series = f"{journal.node}/{began_ms:012x}"
        self._read_since: datetime | None = None
        self._forgot = 0
        self._is_failing = False

    async def run(self) -> None:
        """Share until cancelled."""
        while True:
            try:
                await self.once()
            except JournalUnavailableError as error:
                if not self._is_failing:
                    log.warning("flow.not_shared", code=error.code)
                self._is_failing = True
            else:
                self._is_failing = False
            await asyncio.sleep(SHARE_S)

    async def once(self) -> None:
        """Say what is new here, and hear what is new elsewhere.

        Raises:
            JournalUnavailableError: The next time says and hears the rest.
        """
        await self._tell(self._flow.untold(self._series))
        await self._hear()

    async def finish(self) -> None:
        """Say the last: nothing will be counted here any more.

        Raises:
            JournalUnavailableError: The last seconds are in nobody's charts.
        """
        await self._tell(self._flow.untold(self._series, is_last=True))

    async def _tell(self, said: Sequence[FlowMinute]) -> None:
        now = self._clock.now()
        oldest = minute_of(now - _DAY)
        forget = oldest if oldest != self._forgot else None
        if not said and forget is None:
            return
        try:
            await self._journal.put_flow(said, at=now, forget_before=forget)
        except BaseException:
            self._flow.not_told(said)
            raise
        self._forgot = oldest

    async def _hear(self) -> None:
        now = self._clock.now()
        since = now - _DAY if self._read_since is None else self._read_since
        said = await self._journal.flow(since=since, but=self._series)
        for begin in range(0, len(said), _AT_ONCE):
            self._flow.learn(said[begin : begin + _AT_ONCE])
            await asyncio.sleep(0)
        self._flow.forget(said)
        # Never further back than before: what has ended would be counted twice.
        self._read_since = max(since, now - _LATEST)
