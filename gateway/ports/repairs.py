"""Where the deliveries that wait for a person are grouped, selected and sent again from."""

from collections.abc import Callable, Sequence
from collections.abc import Set as AbstractSet
from datetime import datetime
from typing import Protocol

from gateway.domain.entry import Entry
from gateway.domain.repair import (
    ReplayId,
    ReplayItem,
    ReplayOrder,
    ReplayState,
    ReplayTally,
    WaitingFilter,
    WaitingGroup,
)


class Repairs(Protocol):
    """The part of the journal that knows what waits for a person. Errors are the journal's."""

    async def waiting_groups(self, where: WaitingFilter) -> Sequence[WaitingGroup]:
        """Return what waits, grouped by state, destination, code and adapter; largest first.

        Reads only what waits.
        """

    async def order_replay(
        self, order: ReplayOrder, where: WaitingFilter, entry: Callable[[int], Entry]
    ) -> ReplayOrder:
        """Freeze what ``where`` selects now, and store the order with it.

        One transaction: what begins to wait afterwards is not in it. The order is stored
        with its ``total``; nothing is stored if that is 0.

        Args:
            order: The new order; its ``total`` is not read.
            where: The selection.
            entry: Makes the order's audit entry from the total; not called for 0.

        Returns:
            The order with its ``total``.
        """

    async def replay_orders(self, *, limit: int = 50) -> Sequence[ReplayOrder]:
        """Return the latest orders, newest first."""

    async def replay_order(self, order: ReplayId) -> ReplayOrder | None:
        """Return one order."""

    async def lease_replays(self, *, now: datetime, until: datetime) -> Sequence[ReplayOrder]:
        """Take the running orders for this node alone until ``until``, oldest first.

        Orders leased to another living node are not returned; those leased to this one are.
        """

    async def replay_items(self, order: ReplayId, *, limit: int) -> Sequence[ReplayItem]:
        """Return the order's next items that nothing was done with, by position."""

    async def replay_tally(self, order: ReplayId) -> Sequence[ReplayTally]:
        """Return how many of the order's deliveries stand where now."""

    async def change_replay(
        self,
        order: ReplayId,
        *,
        was: AbstractSet[ReplayState],
        becomes: ReplayState,
        at: datetime,
        entry: Entry,
        canary: int | None = None,
    ) -> bool:
        """Change an order's state (and its canary, if given) if it is in one of ``was``.

        Returns:
            ``False``, and nothing is written, when it is not.
        """
