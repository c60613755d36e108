"""The life of a delivery, as one table.

Everything that changes a delivery's state is in ``TRANSITIONS``: the services
apply it, the console draws it, and ``docs/reference/lifecycle.md`` is generated
from it. A pair that is not in the table cannot happen: ``following`` raises,
and the step that asked is rolled back with its audit entry.
"""

from collections.abc import Iterable
from enum import StrEnum
from typing import Final

from gateway.domain.errors import IllegalTransitionError


class State(StrEnum):
    """Where a delivery stands."""

    PENDING = "pending"
    QUEUED = "queued"
    SENDING = "sending"
    RETRYING = "retrying"
    IN_DOUBT = "in_doubt"
    PARKED = "parked"
    DELIVERED = "delivered"
    CANCELLED = "cancelled"


class Event(StrEnum):
    """What can happen to a delivery."""

    PUBLISHED = "published"
    """The broker confirmed a copy."""
    CLAIMED = "claimed"
    """A worker was given the right to open a copy and send it."""
    HELD = "held"
    """A worker was told to wait; the journal schedules the next attempt."""
    RESOLVING = "resolving"
    """A worker was given the right to find out what became of an attempt."""
    DELIVERED = "delivered"
    """The core system has it."""
    REJECTED = "rejected"
    """The core system refused it for good."""
    DEFERRED = "deferred"
    """It had no effect; try again later."""
    EXHAUSTED = "exhausted"
    """It had no effect, and the retry budget is spent."""
    DOUBTED = "doubted"
    """Nobody knows whether it had an effect."""
    UNRESOLVED = "unresolved"
    """It was looked up or resent as often as is allowed, without an answer."""
    CRASH_LOOPED = "crash_looped"
    """The broker gave the copy up: it kept killing its workers."""
    ABANDONED = "abandoned"
    """Whoever claimed it has not been heard of for longer than a send may take."""
    RESTORED = "restored"
    """The journal was put back to a time before it was, perhaps, sent."""
    DUE = "due"
    """The wait is over; a new attempt begins."""
    REPLAYED = "replayed"
    """A person asked for a new attempt."""
    VOUCHED = "vouched"
    """A person confirmed that the core system has it."""
    CANCELLED = "cancelled"
    """A person took it back."""


FINAL: Final = frozenset({State.DELIVERED, State.CANCELLED})
NEEDS_A_PERSON: Final = frozenset({State.PARKED, State.IN_DOUBT})
UNFINISHED: Final = frozenset(State) - FINAL

TRANSITIONS: Final[dict[tuple[State, Event], State]] = {
    (State.PENDING, Event.PUBLISHED): State.QUEUED,
    (State.PENDING, Event.CLAIMED): State.SENDING,
    (State.QUEUED, Event.CLAIMED): State.SENDING,
    (State.PENDING, Event.HELD): State.RETRYING,
    (State.QUEUED, Event.HELD): State.RETRYING,
    # Claimed before: what became of it is asked once the core system may be asked again.
    (State.SENDING, Event.HELD): State.IN_DOUBT,
    (State.IN_DOUBT, Event.HELD): State.IN_DOUBT,
    (State.SENDING, Event.RESOLVING): State.SENDING,
    (State.IN_DOUBT, Event.PUBLISHED): State.IN_DOUBT,
    (State.IN_DOUBT, Event.RESOLVING): State.IN_DOUBT,
    (State.SENDING, Event.REJECTED): State.PARKED,
    (State.IN_DOUBT, Event.REJECTED): State.PARKED,
    (State.SENDING, Event.DEFERRED): State.RETRYING,
    (State.IN_DOUBT, Event.DEFERRED): State.RETRYING,
    (State.SENDING, Event.EXHAUSTED): State.PARKED,
    (State.IN_DOUBT, Event.EXHAUSTED): State.PARKED,
    (State.RETRYING, Event.EXHAUSTED): State.PARKED,
    (State.SENDING, Event.DOUBTED): State.IN_DOUBT,
    (State.IN_DOUBT, Event.DOUBTED): State.IN_DOUBT,
    (State.IN_DOUBT, Event.UNRESOLVED): State.PARKED,
    (State.SENDING, Event.UNRESOLVED): State.PARKED,
    (State.SENDING, Event.ABANDONED): State.IN_DOUBT,
    (State.IN_DOUBT, Event.ABANDONED): State.IN_DOUBT,
    (State.PENDING, Event.RESTORED): State.IN_DOUBT,
    (State.QUEUED, Event.RESTORED): State.IN_DOUBT,
    (State.RETRYING, Event.RESTORED): State.IN_DOUBT,
    (State.PENDING, Event.CRASH_LOOPED): State.PARKED,
    (State.QUEUED, Event.CRASH_LOOPED): State.PARKED,
    (State.SENDING, Event.CRASH_LOOPED): State.IN_DOUBT,
    (State.IN_DOUBT, Event.CRASH_LOOPED): State.IN_DOUBT,
    (State.RETRYING, Event.DUE): State.PENDING,
    (State.PARKED, Event.REPLAYED): State.PENDING,
    (State.IN_DOUBT, Event.REPLAYED): State.PENDING,
    (State.PARKED, Event.VOUCHED): State.DELIVERED,
    (State.IN_DOUBT, Event.VOUCHED): State.DELIVERED,
    # Delivered wins from any state, cancelled included: it is what happened.
    **{(state, Event.DELIVERED): State.DELIVERED for state in State if state != State.DELIVERED},
    **{(state, Event.CANCELLED): State.CANCELLED for state in UNFINISHED},
}


def following(state: State, event: Event) -> State:
    """Return the state after ``event``.

    Raises:
        IllegalTransitionError: The table has no such pair.
    """
    try:
        return TRANSITIONS[state, event]
    except KeyError:
        raise IllegalTransitionError(state, event) from None


class ApplicationState(StrEnum):
    """What the front end is told of an application."""

    ACCEPTED = "accepted"
    NEEDS_ATTENTION = "needs_attention"
    DELIVERED = "delivered"
    CANCELLED = "cancelled"


def application_state(deliveries: Iterable[State]) -> ApplicationState:
    """Return an application's state, which follows from its deliveries' states alone."""
    states = set(deliveries)
    if states & NEEDS_A_PERSON:
        return ApplicationState.NEEDS_ATTENTION
    if states and states <= FINAL:
        return (
            ApplicationState.DELIVERED if State.DELIVERED in states else ApplicationState.CANCELLED
        )
    return ApplicationState.ACCEPTED


def requirement(status: ApplicationState) -> tuple[frozenset[State], frozenset[State]]:
    """Return how to find applications of a status by their deliveries, without reading all.

    Returns:
        One of its deliveries is in one of the first states, and none in one of the second.
    """
    on_the_way = UNFINISHED - NEEDS_A_PERSON
    match status:
        case ApplicationState.NEEDS_ATTENTION:
            return NEEDS_A_PERSON, frozenset()
        case ApplicationState.DELIVERED:
            return frozenset({State.DELIVERED}), UNFINISHED
        case ApplicationState.CANCELLED:
            return frozenset({State.CANCELLED}), UNFINISHED | {State.DELIVERED}
        case ApplicationState.ACCEPTED:
            return on_the_way, NEEDS_A_PERSON
