"""Where gateways keep what they count and measure for those who watch; part of the journal."""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from gateway.domain.identifiers import DestinationName
from gateway.domain.measured import CodeCount, FlowMinute, JournalSize


class Measured(Protocol):
    """The part of the journal that nothing depends on. Errors are the journal's.

    Nothing of it is an audited step, and none of it is personal.
    """

    async def put_flow(
        self, minutes: Sequence[FlowMinute], *, at: datetime, forget_before: int | None = None
    ) -> None:
        """Store ``minutes``, each in place of what its series said of it before.

        Args:
            minutes: All of one series; none is as good as some.
            at: The time now, by which ``flow`` finds them.
            forget_before: Minutes before this one are deleted, of every series, 1,000 at most.
        """

    async def flow(self, *, since: datetime, but: str = "") -> Sequence[FlowMinute]:
        """Return what was stored ``at`` that time or later, but of the series ``but``."""

    async def put_size(self, size: JournalSize, *, forget_before: datetime) -> None:
        """Store how large the journal was, and forget what was before that time."""

    async def sizes(self) -> Sequence[JournalSize]:
        """Return all that is stored, the oldest first."""

    async def retrying_codes(
        self, destination: DestinationName, *, at_most: int
    ) -> Sequence[CodeCount]:
        """Count a destination's ``retrying`` deliveries by code, the largest count first.

        Args:
            destination: Whose.
            at_most: Only so many are looked at, those accepted last.
        """
