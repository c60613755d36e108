"""How far is this process's clock from the database's, by which other gateways can be compared?"""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final

import structlog

from gateway.drivers.journal_postgres import queries
from gateway.drivers.journal_postgres.transaction import Transaction
from gateway.ports.clock import APART

log = structlog.get_logger()

_FAR_OFF: Final = APART / 2
"""Two gateways that are no further than this from the database are no further apart."""


def utc_now() -> datetime:
    """Return what this machine's clock says."""
    return datetime.now(UTC)


class CompareClocks:
    """Pings, and says once that the clocks differ; again when they have agreed meanwhile."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        """Have compared nothing yet. ``now`` tells the time of day."""
        self._now = now
        self._is_far_off = False

    async def ping(self, transaction: Transaction) -> None:
        """Change a row, so that the commit has something to write, and take the time."""
        before = self._now()
        told = await transaction.connection.fetchval(queries.PING, transaction.head.node)
        # It was told some time between: what the answer took is no difference.
        off = min(max(told, before), self._now()) - told
        was_far_off, self._is_far_off = self._is_far_off, abs(off) > _FAR_OFF
        if self._is_far_off and not was_far_off:
            log.warning("clock.differs_from_database", off_s=round(off.total_seconds(), 1))
