"""Where it is kept what people make of what waits for them."""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from gateway.domain.attention import AttentionGroup, AttentionNote, WaitingHour
from gateway.domain.entry import Entry
from gateway.domain.identifiers import DeliveryId
from gateway.domain.records import DeliveryRecord
from gateway.domain.repair import WaitingFilter


class Attention(Protocol):
    """The part of the journal that keeps how groups stand. Errors are the journal's."""

    async def attention(self) -> Sequence[AttentionGroup]:
        """Return every group that was ever seen, by id, with the number of its notes."""

    async def put_attention(
        self,
        group: AttentionGroup,
        *,
        note: AttentionNote | None = None,
        entry: Entry | None = None,
    ) -> bool:
        """Store ``group``, with a note and an entry, if it is the next version of its row.

        Returns:
            ``False``, and nothing is written, when it is not: somebody else changed it.
        """

    async def attention_notes(self, group: str, *, limit: int = 100) -> Sequence[AttentionNote]:
        """Return a group's notes, newest first."""

    async def waiting_hours(self, *, since: datetime) -> Sequence[WaitingHour]:
        """Return how many began to wait in which hour since then, of what waits now.

        Reads only what waits; groups in no order, hours without any left out.
        """

    async def waiting_deliveries(
        self,
        where: WaitingFilter,
        *,
        after: tuple[datetime, DeliveryId] | None = None,
        limit: int = 50,
    ) -> Sequence[DeliveryRecord]:
        """Return deliveries that wait, those that came last first (keyset paging).

        Args:
            where: Of which; ``states`` names exactly one, ``ids`` is not read.
            after: Only those before this one in that order: its ``updated_at`` and id.
            limit: So many at most.
        """
