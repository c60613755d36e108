"""What is looked for among applications, and by which index a journal finds it."""

from dataclasses import dataclass, replace
from datetime import datetime
from enum import Enum, auto
from fnmatch import fnmatchcase
from typing import Final
from uuid import UUID

from gateway.domain.identifiers import (
    ApplicationId,
    ClientName,
    DestinationName,
    MunicipalityCode,
)
from gateway.domain.lifecycle import ApplicationState, State, requirement
from gateway.domain.outcome import FeedbackStatus

FEW: Final = 10_000
"""So many deliveries are looked through one by one before anything is."""
FEW_SORTED: Final = 5_000
"""So many candidates are sorted by their last change; where there are more, all applications are
looked through in that order: of a million, one in two hundred is one of them, if not more."""

_SELDOM: Final = frozenset(
    {FeedbackStatus.RETURNED, FeedbackStatus.REJECTED, FeedbackStatus.WITHDRAWN}
)
"""What comes back of few applications; most are taken on and completed."""
_LAST: Final = (1 << 128) - 1
_RANDOM_BITS: Final = 80
"""Of a UUIDv7, below its 48 bits of milliseconds (RFC 9562, 5.7)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ApplicationFilter:
    """Which applications are looked for; ``None``, or nothing, means any.

    Attributes:
        applications: Only these.
        receipt_macs: Only these 受付番号, as keyed hashes, one for each municipality.
        municipality: Only this tenant's.
        procedure: ``area/name``, or a pattern: ``*`` stands for anything, ``?`` for one character.
        client: Only this front end's.
        destination: Only those with a delivery to it.
        states: Only those with a delivery in one of them.
        code: Only those with a delivery whose last outcome had this code.
        status: Only those that stand so as a whole.
        feedback: Only those of which this status has ever come back.
        since: Accepted at this time or later, by the time in their ids.
        until: Accepted before it.

    ``destination``, ``states`` and ``code`` are of one and the same delivery.
    """

    applications: tuple[ApplicationId, ...] = ()
    receipt_macs: tuple[bytes, ...] = ()
    municipality: MunicipalityCode | None = None
    procedure: str | None = None
    client: ClientName | None = None
    destination: DestinationName | None = None
    states: frozenset[State] = frozenset()
    code: str | None = None
    status: ApplicationState | None = None
    feedback: FeedbackStatus | None = None
    since: datetime | None = None
    until: datetime | None = None

    @property
    def is_of_groups(self) -> bool:
        """Whether it names what never changes of an application."""
        return (self.municipality, self.procedure, self.client) != (None, None, None)

    @property
    def is_of_places(self) -> bool:
        """Whether it names where deliveries are."""
        return bool(self.states) or self.destination is not None or self.status is not None

    def takes_group(self, municipality: str, procedure: str, client: str) -> bool:
        """Tell whether applications that agree in these three may be it."""
        return (
            self.municipality in (None, municipality)
            and self.client in (None, client)
            and (self.procedure is None or fnmatchcase(procedure, self.procedure))
        )


@dataclass(frozen=True, slots=True)
class Span:
    """Ids between two others, both excluded, and the direction to read them in."""

    low: int
    high: int
    descending: bool

    def beyond(self, reached: UUID) -> "Span":
        """Return what is left of it behind ``reached``."""
        if self.descending:
            return replace(self, high=min(self.high, reached.int))
        return replace(self, low=max(self.low, reached.int))

    def short_of(self, reached: UUID) -> "Span":
        """Return what of it comes before ``reached``."""
        if self.descending:
            return replace(self, low=max(self.low, reached.int))
        return replace(self, high=min(self.high, reached.int))

    @property
    def ends(self) -> tuple[UUID, UUID]:
        """The two ids that bound it."""
        return UUID(int=max(0, self.low)), UUID(int=min(_LAST, self.high))


def span_of(where: ApplicationFilter, *, descending: bool, beyond: ApplicationId | None) -> Span:
    """Return between which ids everything is that ``where`` names."""
    low = 0 if where.since is None else _first_id(where.since) - 1
    high = _LAST if where.until is None else _first_id(where.until)
    span = Span(max(0, low), max(0, min(_LAST, high)), descending)
    return span if beyond is None else span.beyond(beyond)


def _first_id(at: datetime) -> int:
    return int(at.timestamp() * 1000) << _RANDOM_BITS


class Drive(Enum):
    """By what a journal finds candidates, newest or oldest first."""

    DIRECT = auto()
    """By id or by 受付番号: a few at most."""
    CODES = auto()
    """By the code of a delivery's last outcome."""
    PLACES = auto()
    """By destination and state."""
    FEEDBACK = auto()
    """By a status that came back."""
    GROUPS = auto()
    """By municipality, procedure and client, one group after another."""
    ALL = auto()
    """By nothing: all of them."""


def choose(where: ApplicationFilter, in_places: int) -> Drive:
    """Return what is probably the rarest of what is looked for.

    Args:
        where: What is looked for.
        in_places: How many deliveries are where it names; looked at only if it names any.
    """
    if where.applications or where.receipt_macs:
        return Drive.DIRECT
    if where.code is not None:
        return Drive.CODES
    if where.is_of_places and (in_places <= FEW or not (where.is_of_groups or where.feedback)):
        return Drive.PLACES
    if where.feedback in _SELDOM:
        return Drive.FEEDBACK
    if where.is_of_groups:
        return Drive.GROUPS
    return Drive.ALL if where.feedback is None else Drive.FEEDBACK


def left_to_check(where: ApplicationFilter, drive: Drive) -> ApplicationFilter | None:
    """Return what candidates that were found by ``drive`` may still lack; ``None`` if nothing."""
    rest = replace(where, since=None, until=None)
    match drive:
        case Drive.DIRECT:
            rest = replace(rest, applications=(), receipt_macs=())
        case Drive.CODES if not where.states and where.destination is None:
            # Otherwise all three are of one delivery.
            rest = replace(rest, code=None)
        case Drive.PLACES:
            rest = replace(rest, states=frozenset(), destination=None, municipality=None)
        case Drive.FEEDBACK:
            rest = replace(rest, feedback=None)
        case Drive.GROUPS:
            rest = replace(rest, municipality=None, procedure=None, client=None)
        case _:
            pass
    return None if rest == ApplicationFilter() else rest


def places_of(where: ApplicationFilter) -> frozenset[State]:
    """Return in which states deliveries are looked for by ``Drive.PLACES``."""
    if where.states or where.status is None:
        return where.states or frozenset(State)
    return requirement(where.status)[0] if where.destination is None else frozenset(State)
