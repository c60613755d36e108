"""What waits for a person, grouped by its cause, and orders to send many again."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final, NewType
from uuid import UUID

from gateway.domain.identifiers import DeliveryId, DestinationName, MunicipalityCode
from gateway.domain.lifecycle import State
from gateway.domain.records import DeliveryRecord

ReplayId = NewType("ReplayId", UUID)


def waits_for_a_person(record: DeliveryRecord) -> bool:
    """Tell whether nothing more happens with a delivery unless a person decides."""
    is_looked_up = record.due_at is not None or record.copy is not None
    return record.state == State.PARKED or (record.state == State.IN_DOUBT and not is_looked_up)


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitingFilter:
    """Which of the deliveries that wait for a person; ``None`` means any.

    Attributes:
        states: ``parked``, ``in_doubt`` or both; never empty. An ``in_doubt`` delivery that
            is still looked up by itself (it has a ``due_at``, or a copy is claimed) waits for
            no person and is in no selection.
        destination: Only those for it.
        municipality: Only this tenant's.
        code: Only those with exactly this code; empty means those without one.
        adapter: Only those whose last attempt was made by it, ``name version``; empty means
            those without one.
        since: Only those that have waited since this time or a later one.
        until: Only those that began to wait before this time.
        ids: Only these; empty means any. At most 1,000.
    """

    states: frozenset[State] = frozenset({State.PARKED})
    destination: DestinationName | None = None
    municipality: MunicipalityCode | None = None
    code: str | None = None
    adapter: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    ids: tuple[DeliveryId, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitingGroup:
    """Deliveries that wait for a person and have their cause in common.

    Attributes:
        state: ``parked`` or ``in_doubt``.
        destination: Where they were to go.
        code: Why they wait; ``None`` if nothing says so.
        adapter: ``name version`` of what made the last attempt; ``None`` before the first.
        deliveries: How many.
        first_at: Since when the one that has waited longest has waited.
        last_at: Since when the one that came last has.
    """

    state: State
    destination: DestinationName
    code: str | None
    adapter: str | None
    deliveries: int
    first_at: datetime
    last_at: datetime


class ReplayState(StrEnum):
    """How far an order is."""

    RUNNING = "running"
    """Its deliveries are sent again, the canary first."""
    HALTED = "halted"
    """The canary did not arrive: a person looks, then resumes or cancels."""
    FINISHED = "finished"
    """Every delivery of the selection was sent again or left alone."""
    CANCELLED = "cancelled"
    """A person stopped it; what was not begun yet waits as before."""


OPEN_REPLAYS: Final = frozenset({ReplayState.RUNNING, ReplayState.HALTED})


class ReplayResult(StrEnum):
    """What an order did with one delivery of its selection."""

    REPLAYED = "replayed"
    """A new attempt began."""
    LEFT_ALONE = "left_alone"
    """It had been delivered, cancelled or sent again meanwhile."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplayOrder:
    """A person's order to send a selection again, frozen at the moment of the request.

    Attributes:
        id: UUIDv7.
        ordered_by: The operator's name.
        ordered_at: When, aware UTC.
        reason: Why, as ``crypto.at_rest`` stores it.
        selection: What was asked for, in words, for screens and the log; no personal data.
        canary: So many are sent first; the rest follows only once they have arrived. 0: none.
        rate_per_s: At most so many new attempts a second.
        state: How far it is.
        updated_at: When ``state`` was last changed.
        total: How many deliveries were selected.
    """

    id: ReplayId
    ordered_by: str
    ordered_at: datetime
    reason: str
    selection: str
    canary: int
    rate_per_s: float
    state: ReplayState = ReplayState.RUNNING
    updated_at: datetime
    total: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplayItem:
    """One delivery of an order's selection.

    Attributes:
        order: Which order.
        position: Its place in it, from 1, oldest delivery first.
        delivery: Which delivery.
        attempt: Its attempt when it was selected; another one now means somebody was quicker.
        result: What was done with it; ``None`` as long as nothing was.
    """

    order: ReplayId
    position: int
    delivery: DeliveryId
    attempt: int
    result: ReplayResult | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplayTally:
    """How many deliveries of an order stand where.

    Attributes:
        result: What the order did with them, ``None`` for nothing yet.
        state: Where they stand now.
        is_canary: Whether they are among the order's first ``canary``.
        waits: Whether they wait for a person (``waits_for_a_person``).
        deliveries: How many.
    """

    result: ReplayResult | None
    state: State
    is_canary: bool
    waits: bool
    deliveries: int
