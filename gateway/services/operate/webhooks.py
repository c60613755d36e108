"""Show how front ends' endpoints stand, and enable those that were disabled."""

from datetime import datetime

from gateway.domain.entry import Actor
from gateway.domain.identifiers import ClientName
from gateway.domain.webhook import Endpoint, EndpointStanding
from gateway.ports.clock import Clock
from gateway.ports.journal import Journal
from gateway.services.operate.refusals import NotFoundError
from gateway.services.webhook_rules import enabled_rule


class OperateWebhooks:
    """Lists the endpoints of clients; enables one again, which is an entry."""

    def __init__(self, *, journal: Journal, clients: frozenset[ClientName], clock: Clock) -> None:
        """Keep what it works with; opens nothing. ``clients`` are those with an endpoint."""
        self._journal = journal
        self._clients = clients
        self._clock = clock

    async def list(self) -> list[dict[str, object]]:
        """Return every client's endpoint, and those configured no more for which some wait."""
        found = {
            one.endpoint.client: one
            for one in await self._journal.endpoints()
            if one.waiting or one.endpoint.client in self._clients
        }
        return [
            endpoint_view(
                found.get(client) or EndpointStanding(endpoint=Endpoint(client=client)),
                is_configured=client in self._clients,
            )
            for client in sorted(self._clients | found.keys())
        ]

    async def enable(self, client: str, *, actor: Actor) -> dict[str, object]:
        """Send to an endpoint again; what waits for it is due at once.

        One that is not disabled stays as it is.

        Raises:
            NotFoundError: The client has no endpoint.
        """
        name = ClientName(client)
        if name not in self._clients:
            raise NotFoundError(f"the configuration has no webhook of a client {client!r}")
        endpoint = await self._journal.decide_endpoint(name, enabled_rule(actor, self._clock.now()))
        return {"client": client, "disabled": endpoint.disabled_at is not None}


def endpoint_view(standing: EndpointStanding, *, is_configured: bool) -> dict[str, object]:
    """Return one endpoint as operations see it."""
    endpoint = standing.endpoint
    return {
        "client": endpoint.client,
        "configured": is_configured,
        "disabled_at": _iso(endpoint.disabled_at),
        "failing_since": _iso(endpoint.failing_since),
        "code": endpoint.code,
        "waiting": standing.waiting,
        "oldest_at": _iso(standing.oldest_at),
    }


def _iso(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat(timespec="seconds")
