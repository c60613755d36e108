"""Since when is a destination's core system down? What its workers say, and what arrived there."""

from gateway.domain.identifiers import DestinationName
from gateway.services.destinations import Destinations, Down
from gateway.services.flow import Flow


def down_since(name: DestinationName, destinations: Destinations, flow: Flow) -> Down | None:
    """Return since when a core system is down for all; ``None`` if it is not, or none says so.

    A worker tells since when it could not send itself: another may have sent meanwhile.
    """
    down = destinations.down(name)
    if down is None:
        return None
    delivered = flow.delivered_after(name, down.since)
    return down if delivered is None else destinations.down(name, after=delivered)
