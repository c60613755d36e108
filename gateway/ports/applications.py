"""Finding applications among very many, a page at a time."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final, Protocol

from gateway.domain.identifiers import ApplicationId
from gateway.domain.records import Dossier
from gateway.domain.search import FEW_SORTED, ApplicationFilter

PATIENCE_S: Final = 0.05
"""A page is answered after this time, however much is left to look through: with what it takes
to read what was found, less than 0.1 s."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ApplicationPage:
    """Some of what was found.

    Attributes:
        dossiers: In the order that was asked for.
        reached: Where to go on from; ``None`` when everything has been looked through. A page
            that is not full and has one stopped there, because there is much to look through.
    """

    dossiers: tuple[Dossier, ...]
    reached: ApplicationId | None


@dataclass(frozen=True, slots=True)
class LastChange:
    """When something last happened to an application: a place in the order of such times.

    Attributes:
        at: The latest change of any of its deliveries.
        application: Which one; of several at the same time, ids say which comes first.
    """

    at: datetime
    application: ApplicationId


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangedPage:
    """Some of what was found, in the order of their last changes.

    Attributes:
        dossiers: In the order that was asked for.
        reached: Where to go on from, as of ``ApplicationPage``.
    """

    dossiers: tuple[Dossier, ...]
    reached: LastChange | None


@dataclass(frozen=True, slots=True)
class ApplicationCount:
    """How many there are.

    Attributes:
        applications: So many were counted.
        is_all: Whether there are no more than these.
    """

    applications: int
    is_all: bool


class Applications(Protocol):
    """The part of the journal that searches.

    Every method may raise ``JournalUnavailableError``.
    """

    async def find_applications(
        self,
        where: ApplicationFilter,
        *,
        beyond: ApplicationId | None = None,
        descending: bool = True,
        limit: int = 50,
        patience_s: float = PATIENCE_S,
    ) -> ApplicationPage:
        """Return a page, newest first, or oldest first if not ``descending``.

        Args:
            where: What is looked for.
            beyond: Only what comes behind this application in that order.
            descending: Newest first, by id.
            limit: At most so many.
            patience_s: How long is looked through what may not be it, before what was found
                so far is the answer. At least one step is taken, so that paging comes to an end.
        """

    async def find_changed_applications(
        self,
        where: ApplicationFilter,
        *,
        beyond: LastChange | None = None,
        descending: bool = True,
        limit: int = 50,
        patience_s: float = PATIENCE_S,
        few: int = FEW_SORTED,
    ) -> ChangedPage:
        """Return a page in the order of their last changes; otherwise as ``find_applications``.

        What changes while somebody turns pages is at the other end of the list from then on.
        So many candidates as ``few`` are sorted; where there are more, all applications are
        looked through in that order.
        """

    async def count_applications(
        self, where: ApplicationFilter, *, at_most: int, patience_s: float = PATIENCE_S
    ) -> ApplicationCount:
        """Count what is looked for, up to ``at_most``, or for so long."""
