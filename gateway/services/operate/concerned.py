"""Which deliveries of an application a request for a second person is about."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gateway.domain.identifiers import ApplicationId
from gateway.domain.lifecycle import State
from gateway.domain.records import DeliveryRecord
from gateway.ports.journal import Journal
from gateway.services.operate.refusals import NotFoundError, OperationError, parse_id
from gateway.services.operate.selection import Wanted, is_selected, selected
from gateway.services.operate.wishes import ORDER


@dataclass(frozen=True, slots=True)
class Concerned:
    """Finds them as they are now: what begins to wait afterwards is not in an order."""

    journal: Journal

    async def deliveries(self, application: str) -> Sequence[DeliveryRecord]:
        """Return an application's deliveries.

        Raises:
            NotFoundError: No application has this id.
        """
        dossier = await self.journal.dossier(ApplicationId(parse_id(application)))
        if dossier is None:
            raise NotFoundError("no application has this id")
        return dossier.deliveries

    async def of(
        self,
        operation: str,
        arguments: Mapping[str, Any],
        among: Sequence[DeliveryRecord],
    ) -> list[str]:
        """Return the ids of those that a request is about.

        Args:
            operation: What shall be done.
            arguments: As it would be done.
            among: An application's deliveries.
        """
        if operation == ORDER:
            return await self._ordered(arguments.get("where") or {}, among)
        if not operation.startswith("parked."):
            return []
        named = {*(arguments.get("deliveries") or ()), arguments.get("delivery")}
        return [str(each.id) for each in among if str(each.id) in named]

    async def _ordered(self, said: Mapping[str, Any], among: Sequence[DeliveryRecord]) -> list[str]:
        wanted = Wanted(**said)
        states = frozenset({State.IN_DOUBT if wanted.in_doubt else State.PARKED})
        try:
            where = await selected(self.journal, wanted, states)
        except (NotFoundError, OperationError):
            return []  # Nothing waits for this cause any more.
        return [str(each.id) for each in among if is_selected(where, each)]
