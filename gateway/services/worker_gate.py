"""Whether a worker takes copies now, how many at once, and whose turn it is.

Everything that decides it comes together here: the breaker, the gateway's terms, and
the rate. Copies wait for their turn before they are claimed, for what is not claimed
can be declined: the journal then schedules it anew, and nothing goes back to the broker.
"""

import asyncio
import random
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, replace
from typing import Final

import structlog

from gateway.domain.breaker import Breaker, BreakerPolicy, Sign
from gateway.domain.claim import BreakerState, Terms
from gateway.services.delivery_settings import DeliverySettings

log = structlog.get_logger()

MOST_COPIES: Final = 2_000
"""Largest prefetch of a quorum queue (RabbitMQ, quorum queues: prefetch limit)."""
LONGEST_IN_HAND_S: Final = 600.0
"""Longest wait for a turn: a third of the broker's consumer timeout of 30 minutes."""

UNAVAILABLE: Final = "destination.unavailable"
PAUSED: Final = "destination.paused"
RATE_LIMITED: Final = "destination.rate_limited"
STANDING_BY: Final = "worker.standing_by"
STOPPING: Final = "worker.stopping"


class _Bucket:
    """Holds a second's worth of sends, and at least one; starts full."""

    def __init__(self) -> None:
        self._tokens: float | None = None
        self._filled_at = 0.0

    def take(self, rate_per_s: float | None, now: float) -> float:
        """Take one send out and return 0, or return how many seconds it takes to get one."""
        if rate_per_s is None:
            self._tokens = None
            return 0.0
        size = max(1.0, rate_per_s)
        filled = size if self._tokens is None else self._tokens
        filled = min(size, filled + (now - self._filled_at) * rate_per_s)
        self._tokens, self._filled_at = filled, now
        if filled < 1.0:
            return (1.0 - filled) / rate_per_s
        self._tokens = filled - 1.0
        return 0.0


@dataclass(frozen=True, slots=True)
class Turn:
    """One copy's turn.

    Attributes:
        epoch: Counts the changes of the breaker's state until it came.
        declined: Why it did not come, as a stable code; ``None`` if it did.
    """

    epoch: int
    declined: str | None = None


class WorkerGate:
    """Lets a destination's copies through: all, one, or none."""

    def __init__(
        self,
        *,
        settings: DeliverySettings,
        terms: Terms,
        most_in_flight: int,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """Start shut: nobody knows yet whether the core system is there.

        Args:
            settings: Of the destination.
            terms: What holds until the gateway says otherwise.
            most_in_flight: What the adapter can take at once at most.
            monotonic: Seconds that never go backwards.
        """
        self._settings = settings
        self._terms = terms
        self._most_in_flight = min(most_in_flight, MOST_COPIES)
        self._monotonic = monotonic
        self._breaker = Breaker(state=BreakerState.OPEN)
        self._down_since: float | None = monotonic()
        self._epoch = 0
        self._bucket = _Bucket()
        self._through = 0
        self._is_stopping = False
        self._line = asyncio.Lock()
        self._moved = asyncio.Event()
        self._changed = asyncio.Event()

    @property
    def breaker(self) -> Breaker:
        """The breaker as it stands."""
        return self._breaker

    @property
    def epoch(self) -> int:
        """Counts the changes of the breaker's state."""
        return self._epoch

    @property
    def down_s(self) -> float | None:
        """How long nothing, or only one to try, was let through by the breaker; ``None`` if all."""
        if self._down_since is None:
            return None
        return max(0.0, self._monotonic() - self._down_since)

    @property
    def trial_in_s(self) -> float | None:
        """In how many seconds an open breaker asks the core system; ``None`` if nobody knows."""
        at = self._breaker.probe_at
        return None if at is None else max(0.0, at - self._monotonic())

    @property
    def closed_by(self) -> str | None:
        """Why nothing may be sent now, as a stable code; ``None`` if something may."""
        if self._breaker.state == BreakerState.OPEN:
            return UNAVAILABLE
        if not self._terms.open or self._terms.rate_per_s == 0:
            return PAUSED
        return STANDING_BY if self._terms.max_in_flight == 0 else None

    @property
    def width(self) -> int:
        """How many copies may be in hand at once: 0 if none is to be taken.

        Never so many that the last one would wait for its turn for too long.
        """
        if self._is_stopping:
            return 0
        width, rate_per_s = self._at_once, self._terms.rate_per_s
        if rate_per_s is None:
            return width
        return min(width, max(1, int(rate_per_s * LONGEST_IN_HAND_S)))

    @property
    def _at_once(self) -> int:
        if self.closed_by is not None:
            return 0
        if self._breaker.state == BreakerState.HALF_OPEN:
            return 1
        return min(self._terms.max_in_flight, self._most_in_flight)

    async def until(self, condition: Callable[[], bool]) -> None:
        """Return once ``condition`` holds; it is looked at after every change of this gate."""
        while not condition():
            await self._changed.wait()

    def nudge(self) -> None:
        """Have everybody look who waits for a condition: something beside the gate is new."""
        self._announce()

    def agree(self, terms: Terms) -> None:
        """Do as the gateway says from now on."""
        if replace(terms, heard_at=self._terms.heard_at) != self._terms:
            log.info(
                "worker.terms_changed",
                destination=terms.destination,
                open=terms.open,
                max_in_flight=terms.max_in_flight,
                rate_per_s=terms.rate_per_s,
            )
            self._terms = terms
            self._announce()

    def open(self) -> None:
        """Let copies through: the adapter is open and its core system is there."""
        self._breaker, self._epoch = Breaker(), self._epoch + 1
        self._down_since = None
        self._announce()

    def learn(self, sign: Sign, *, epoch: int, code: str | None = None) -> None:
        """Take note of what was learned of the core system.

        Args:
            sign: What.
            epoch: When the sending or asking began. What began before the breaker's last
                change tells nothing about it.
            code: Why, for the log.
        """
        if epoch != self._epoch:
            return
        terms = self._terms
        policy = BreakerPolicy(
            failures=terms.failures, probe_s=terms.probe_s, probe_cap_s=terms.probe_cap_s
        )
        fraction = random.random()  # noqa: S311 - jitter, not a secret
        breaker = self._breaker.after(sign, policy, now=self._monotonic(), fraction=fraction)
        self._set(breaker, code=code)

    def stop(self) -> None:
        """Take nothing more; whoever would have to wait for a turn is declined."""
        self._is_stopping = True
        self._announce()

    def may_send(self, turn: Turn) -> bool:
        """Tell whether what is claimed may still be opened and sent.

        The answer to a claim takes its time: the breaker may have opened meanwhile, and
        what it lets through half open is what had its turn since.
        """
        is_recent = turn.epoch == self._epoch or self._breaker.state == BreakerState.CLOSED
        return turn.declined is None and is_recent and self.closed_by is None

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[Turn]:
        """Wait for a turn, first come first served, and hold it while in the context."""
        waits_until = self._monotonic() + LONGEST_IN_HAND_S
        async with self._line:
            declined = await self._wait_for_turn(waits_until)
        try:
            yield Turn(self._epoch, declined)
        finally:
            if declined is None:
                self._through -= 1
                self._moved.set()

    async def _wait_for_turn(self, waits_until: float) -> str | None:
        """Return once the first in the line may go; else why it may not."""
        while (declined := self.closed_by) is None:
            now = self._monotonic()
            wait_s: float | None = None
            if self._through < self._at_once:
                wait_s = self._bucket.take(self._terms.rate_per_s, now)
                if wait_s == 0.0:
                    self._through += 1
                    return None
            if self._is_stopping:
                return STOPPING
            left_s = waits_until - now
            if left_s <= 0:
                return RATE_LIMITED
            self._moved.clear()
            with suppress(TimeoutError):
                async with asyncio.timeout(left_s if wait_s is None else min(wait_s, left_s)):
                    await self._moved.wait()
        return declined

    def _set(self, breaker: Breaker, *, code: str | None) -> None:
        before, self._breaker = self._breaker.state, breaker
        if breaker.state == before:
            return
        self._epoch += 1
        if breaker.state == BreakerState.CLOSED:
            self._down_since = None
        elif before == BreakerState.CLOSED:
            self._down_since = self._monotonic()
        destination = self._settings.destination
        match breaker.state:
            case BreakerState.OPEN:
                log.warning("breaker.opened", destination=destination, code=code)
            case BreakerState.HALF_OPEN:
                log.info("breaker.half_opened", destination=destination, code=code)
            case BreakerState.CLOSED:
                log.info("breaker.closed", destination=destination, code=code)
        self._announce()

    def _announce(self) -> None:
        self._moved.set()
        self._changed.set()
        self._changed = asyncio.Event()
