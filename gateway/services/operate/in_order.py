"""Pages of applications in either order, and their places in it as words that go into addresses."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from gateway.domain.identifiers import ApplicationId
from gateway.domain.records import Dossier
from gateway.domain.search import ApplicationFilter
from gateway.ports.applications import LastChange
from gateway.ports.journal import Journal
from gateway.services.operate.refusals import NotFoundError, parse_id

_CURSOR: Final = "~"
_EPOCH: Final = datetime.fromisoformat("1970-01-01T00:00:00+00:00")
_YEARS: Final = range(1970, 9999)


@dataclass(frozen=True, slots=True, kw_only=True)
class PageRead:
    """A page as it was read.

    Attributes:
        dossiers: In the order in which they were read.
        place_of: Returns the place of one of them in that order.
        reached: The place to go on from.
        reached_at: The time that it is sorted by, there.
    """

    dossiers: Sequence[Dossier]
    place_of: Callable[[Dossier], str]
    reached: str | None
    reached_at: str | None


@dataclass(frozen=True, slots=True)
class InOrder:
    """Reads pages by either time."""

    journal: Journal
    descending: bool
    limit: int

    async def accepted(self, where: ApplicationFilter, edge: str | None) -> PageRead:
        """Return the page behind ``edge``, by the time of acceptance.

        Raises:
            NotFoundError: No page begins there.
        """
        beyond = None if edge is None else ApplicationId(parse_id(edge))
        page = await self.journal.find_applications(
            where, beyond=beyond, descending=self.descending, limit=self.limit
        )
        return PageRead(
            dossiers=page.dossiers,
            place_of=lambda dossier: str(dossier.application.id),
            reached=None if page.reached is None else str(page.reached),
            reached_at=None if page.reached is None else _time_of(page.reached),
        )

    async def changed(self, where: ApplicationFilter, edge: str | None) -> PageRead:
        """Return the page behind ``edge``, by the time of the last change; as ``accepted``."""
        beyond = None if edge is None else _change(edge)
        page = await self.journal.find_changed_applications(
            where, beyond=beyond, descending=self.descending, limit=self.limit
        )
        reached = page.reached
        return PageRead(
            dossiers=page.dossiers,
            place_of=lambda dossier: _place(
                LastChange(changed_at(dossier), dossier.application.id)
            ),
            reached=None if reached is None else _place(reached),
            reached_at=None if reached is None else reached.at.isoformat(timespec="seconds"),
        )


def changed_at(dossier: Dossier) -> datetime:
    """Return when something last happened to a delivery of an application."""
    return max(each.updated_at for each in dossier.deliveries)


def _place(change: LastChange) -> str:
    return f"{change.at.isoformat()}{_CURSOR}{change.application}"


def _change(place: str) -> LastChange:
    at, _, application = place.partition(_CURSOR)
    try:
        moment = datetime.fromisoformat(at)
    except ValueError:
        raise NotFoundError("no page of this order begins there") from None
    if moment.tzinfo is None or moment.year not in _YEARS:
        raise NotFoundError("no page of this order begins there")
    return LastChange(moment, ApplicationId(parse_id(application)))


def _time_of(application: ApplicationId) -> str:
    """Return when the application with this id was accepted, by the id (RFC 9562, 5.7)."""
    return (_EPOCH + timedelta(milliseconds=application.int >> 80)).isoformat(timespec="seconds")
