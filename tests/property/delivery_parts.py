"""What takes part in a delivery's history beside the rules: copies, hands, a core system."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import Enum, auto
from typing import Any, Final

from gateway.domain.identifiers import CopyId, DeliveryId, WorkerName
from gateway.domain.lifecycle import FINAL, TRANSITIONS, State
from gateway.domain.outcome import Outcome
from gateway.domain.records import DeliveryRecord, SealedDelivery
from gateway.ports.journal import Decision, Journal
from gateway.sdk import Idempotency

KEY_MEMORY: Final = timedelta(hours=1)
"""How long the core system deduplicates by a key, where it does."""
SETTLE: Final = timedelta(seconds=120)
"""How long what was sent may be on its way before a lookup's "no" counts."""

_LEGAL: Final = {(state, following) for (state, _), following in TRANSITIONS.items()}


@dataclass(frozen=True)
class Copy:
    """What the broker carries."""

    id: CopyId
    delivery: DeliveryId
    attempt: int


class Step(Enum):
    """What somebody does next: between any two of these they may die."""

    READY = auto()
    PUBLISH = auto()
    MARK = auto()
    CLAIM = auto()
    SEND = auto()
    RESOLVE = auto()
    REPORT = auto()
    ACK = auto()


@dataclass
class Publishing:
    """A relay with one delivery; ``copy`` is an old one that is put back, or the new one."""

    node: int
    delivery: SealedDelivery
    step: Step
    copy: CopyId | None = None


@dataclass
class Hand:
    """A worker with one copy; it may have lost the connection that the copy came by."""

    copy: Copy
    worker: WorkerName
    step: Step = Step.CLAIM
    is_late: bool = False
    is_slow: bool = False
    asked_at: datetime | None = None
    age_s: float = 0.0
    outcome: Outcome | None = None
    is_connected: bool = True


class CoreSystem:
    """Counts what reaches it; forgets nothing, and deduplicates only if it is native."""

    def __init__(self, idempotency: Idempotency) -> None:
        """Hold nothing."""
        self._idempotency = idempotency
        self._taken: dict[DeliveryId, list[datetime]] = {}

    def take(self, delivery: DeliveryId, now: datetime) -> None:
        """Have an effect, unless the key is known and remembered."""
        taken = self._taken.setdefault(delivery, [])
        # A key that was forgotten and came again is remembered from then on.
        knows = self._idempotency == Idempotency.NATIVE and taken and now < taken[-1] + KEY_MEMORY
        if not knows:
            taken.append(now)

    def effects(self, delivery: DeliveryId) -> int:
        """Return how often it took the delivery for a new one."""
        return len(self._taken.get(delivery, ()))

    def order(self) -> list[DeliveryId]:
        """Return the deliveries in the order of their first effects."""
        return list(self._taken)


class WatchedJournal:
    """A journal whose every decision is held against what was committed before it.

    Attributes:
        known: Every delivery as the last decision about it left it.
        entries: How many audit entries the decisions about each delivery brought.
    """

    def __init__(self) -> None:
        """Know nothing."""
        self.known: dict[DeliveryId, DeliveryRecord] = {}
        self.entries: Counter[DeliveryId] = Counter()

    def on(self, journal: Journal) -> Any:
        """Return what services take for ``journal`` when they only decide."""
        watched = self

        class OneJournal:
            async def decide(
                self, delivery_id: DeliveryId, rule: Callable[[DeliveryRecord], Decision[Any]]
            ) -> Any:
                return await watched.decide(journal, delivery_id, rule)

        return OneJournal()

    async def decide(
        self,
        journal: Journal,
        delivery_id: DeliveryId,
        rule: Callable[[DeliveryRecord], Decision[Any]],
    ) -> Any:
        """Decide, and check what it changes."""
        made: list[Decision[Any]] = []

        def watched(record: DeliveryRecord) -> Decision[Any]:
            assert record == self.known[delivery_id], "not what was committed last"
            made.append(rule(record))
            return made[-1]

        answer = await journal.decide(delivery_id, watched)
        self._note(delivery_id, made[-1])
        return answer

    def _note(self, delivery_id: DeliveryId, decision: Decision[Any]) -> None:
        self.entries[delivery_id] += len(decision.entries)
        before, after = self.known[delivery_id], decision.record
        if after is None or after == before:
            return
        is_bookkeeping = after == replace(before, due_at=after.due_at)
        assert decision.entries or is_bookkeeping, "a change without an audit entry"
        assert after.state == before.state or (before.state, after.state) in _LEGAL
        assert before.state not in FINAL or after.state == State.DELIVERED, "final, and changed"
        assert after.attempt >= before.attempt
        self.known[delivery_id] = after
