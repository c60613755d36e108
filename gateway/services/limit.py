"""How many requests a client may make: one token bucket each."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from gateway.domain.identifiers import ClientName
from gateway.services.accept import Refusal

DEFAULT_RATE_PER_S: Final = 50.0
DEFAULT_BURST: Final = 200
"""A portal's evening peak with room to spare, and far below what one process accepts."""


@dataclass(slots=True)
class _Bucket:
    tokens: float
    filled_at: float


class Limit:
    """Allows each client ``burst`` requests at once and ``rate_per_s`` in the long run.

    Keeps one bucket per authenticated client, in this process only: with several
    gateway processes a client gets the rate of each.
    """

    def __init__(
        self,
        *,
        rate_per_s: float = DEFAULT_RATE_PER_S,
        burst: int = DEFAULT_BURST,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """Start with full buckets.

        Args:
            rate_per_s: Requests per second that a bucket is refilled with, above 0.
            burst: How much a bucket holds, at least 1.
            monotonic: Seconds that never go backwards.

        Raises:
            ValueError: ``rate_per_s`` or ``burst`` would let nobody in.
        """
        if rate_per_s <= 0 or burst < 1:
            raise ValueError(rate_per_s, burst)
        self._rate_per_s = rate_per_s
        self._burst = burst
        self._monotonic = monotonic
        self._buckets: dict[ClientName, _Bucket] = {}

    def __call__(self, client: ClientName) -> Refusal | None:
        """Take one request out of the client's bucket, or refuse it with 429.

        Returns:
            ``None``, or a refusal whose ``retry_after_s`` is when the next request fits.
            A refused request takes nothing.
        """
        now = self._monotonic()
        bucket = self._buckets.get(client)
        if bucket is None:
            bucket = self._buckets[client] = _Bucket(float(self._burst), now)
        refilled = bucket.tokens + (now - bucket.filled_at) * self._rate_per_s
        bucket.tokens = min(float(self._burst), refilled)
        bucket.filled_at = now
        if bucket.tokens >= 1.0:
            bucket.tokens -= 1.0
            return None
        wait_s = (1.0 - bucket.tokens) / self._rate_per_s
        return Refusal(status=429, code="client.rate_exceeded", retry_after_s=wait_s)
