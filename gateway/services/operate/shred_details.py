"""Shred: make the free words about one application unreadable for ever."""

from uuid import UUID

from gateway.crypto.detail import conceal
from gateway.domain.entry import Action, Actor, Entry
from gateway.domain.identifiers import ApplicationId
from gateway.ports.clock import Clock
from gateway.ports.journal import Journal
from gateway.services.operate.refusals import NotFoundError, OperationError, parse_id, printable


class ShredDetails:
    """Destroys the keys of an application's details; its entries and the log stay whole."""

    def __init__(self, *, journal: Journal, clock: Clock) -> None:
        """Keep what it works with; opens nothing."""
        self._journal = journal
        self._clock = clock

    async def __call__(self, application: str, *, actor: Actor, reason: str) -> dict[str, object]:
        """Shred what was said about an application until now. Cannot be undone.

        Args:
            application: Its id.
            actor: Who says so.
            reason: Why; 1 to 200 printable characters. It is itself a detail of the
                application, and goes when it is shredded again.

        Raises:
            NotFoundError: No application has this id.
            OperationError: There are no words about it, or no reason is given.
        """
        reason = printable(reason, "reason")
        application_id: UUID = parse_id(application)
        dossier = await self._journal.dossier(ApplicationId(application_id))
        if dossier is None:
            raise NotFoundError(f"no application has this id: {application}")
        municipality = dossier.application.municipality

        def entry(details: int) -> Entry:
            return Entry(
                action=Action.DETAIL_SHREDDED,
                at=self._clock.now(),
                actor=actor,
                municipality=municipality,
                application=ApplicationId(application_id),
                detail=conceal({"reason": reason}),
                facts={"details": details},
            )

        shredded = await self._journal.shred(ApplicationId(application_id), entry)
        if not shredded:
            raise OperationError("there are no words about it that could be read: nothing to shred")
        return {"application": str(application_id), "details": shredded}
