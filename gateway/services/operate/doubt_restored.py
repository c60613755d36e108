"""After a restore: what waits in the journal may have arrived since the backup was made."""

from gateway.domain.entry import Actor
from gateway.domain.identifiers import ApplicationId
from gateway.ports.clock import Clock
from gateway.ports.journal import DossierFilter, Journal
from gateway.services.destinations import Destinations
from gateway.services.operate.refusals import OperationError
from gateway.services.restored_rules import CONCERNED, restored_rule

_PAGE = 200


class DoubtRestored:
    """Puts in doubt what would otherwise be sent a second time."""

    def __init__(
        self, *, journal: Journal, destinations: Destinations, clock: Clock, is_gateway: bool
    ) -> None:
        """Keep what it works with; a gateway that runs has sent some of it already."""
        self._journal = journal
        self._destinations = destinations
        self._clock = clock
        self._is_gateway = is_gateway

    async def __call__(self, *, actor: Actor) -> dict[str, object]:
        """Look at every delivery that is not final; what was done stays done if it ends early.

        Returns:
            ``doubted``: how many, by destination.

        Raises:
            OperationError: A gateway runs here.
        """
        if self._is_gateway:
            raise OperationError("a gateway runs: stop every one of them first")
        doubted: dict[str, int] = {}
        for name in self._destinations:
            rule = restored_rule(self._destinations[name].idempotency, actor, self._clock.now())
            where, before = DossierFilter(destination=name, states=CONCERNED), None
            while page := await self._journal.dossiers(where, before=before, limit=_PAGE):
                before = ApplicationId(page[-1].application.id)
                for delivery in (each for dossier in page for each in dossier.deliveries):
                    if delivery.destination == name and delivery.state in CONCERNED:
                        done = await self._journal.decide(delivery.id, rule)
                        doubted[name] = doubted.get(name, 0) + done
        return {"doubted": {name: count for name, count in doubted.items() if count}}
