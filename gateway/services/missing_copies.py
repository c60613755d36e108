"""How is a copy known to be missing on the broker? Two signs, and none of them guesses."""

from collections import deque
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from gateway.domain.claim import Heartbeat
from gateway.domain.lifecycle import State
from gateway.domain.records import DeliveryRecord

LOST_AFTER_S: Final = 60.0
"""Nothing is looked for earlier than this after it was first seen queued."""
OVERTAKEN_BY: Final = timedelta(minutes=10)
"""Queues are first in, first out: what came so much later has been behind it."""
_IN_HAND_S: Final = 11 * 60.0
"""A worker holds a copy for ten minutes at most before it claims or declines it."""


class Signs:
    """What was seen of one destination's queue and workers, look by look.

    First sign: the queue was empty at the look before and is empty now, and no living
    worker holds a copy that is unclaimed: what was seen queued before that, and is neither
    claimed nor anywhere, is missing. A copy in a worker's hands at the earlier look has
    been claimed or declined since, or its worker says that it still holds one.

    Second sign, for queues that are never empty: a copy published ten minutes later was
    claimed, and that long enough ago for any worker to have let go of the earlier one.

    Looks are at seconds that nobody sets (``time.monotonic``). Only who was overtaken is
    told by the time of day at which copies were published: a clock that is set may hide this
    sign for as long, or show it to no purpose, which claims make harmless.
    """

    def __init__(self) -> None:
        """Have seen nothing."""
        self._at = 0.0
        self._empty_since: float | None = None
        self._empty_before: float | None = None
        self._claimed: datetime | None = None
        self._claims: deque[tuple[float, datetime]] = deque()
        self._overtaken: datetime | None = None

    def note_claimed(self, published_at: datetime) -> None:
        """Note that a copy published at this time was claimed."""
        self._claimed = max(published_at, self._claimed or published_at)

    def note_look(self, at: float, *, is_empty: bool, workers: Sequence[Heartbeat]) -> None:
        """Note what is seen now.

        Args:
            at: When.
            is_empty: Whether no copy is ready in the queue.
            workers: The last heartbeats of those that live.
        """
        is_idle = not any(beat.unclaimed for beat in workers)
        self._empty_before = self._empty_since if is_empty and is_idle else None
        self._at, self._empty_since = at, at if is_empty else None
        if self._claimed is not None:
            self._claims.append((at, self._claimed))
        while self._claims and self._claims[0][0] <= at - _IN_HAND_S:
            self._overtaken = self._claims.popleft()[1] - OVERTAKEN_BY

    def is_missing(self, record: DeliveryRecord, since: float) -> bool:
        """Tell whether the copy of a queued delivery is neither on the broker nor in a hand.

        Args:
            record: The delivery, as seen at the look that was noted last.
            since: When it was first seen so.
        """
        if record.state != State.QUEUED or self._at - since < LOST_AFTER_S:
            return False
        was_seen_empty = self._empty_before is not None and since < self._empty_before
        was_overtaken = self._overtaken is not None and record.updated_at <= self._overtaken
        return was_seen_empty or was_overtaken
