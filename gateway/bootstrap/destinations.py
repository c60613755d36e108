"""Put together what shows destinations and adapters."""

from gateway.crypto.at_rest import WordsAtRest
from gateway.domain.identifiers import DestinationName
from gateway.drivers import discovery
from gateway.ports.clock import Clock
from gateway.ports.journal import Journal
from gateway.services.destinations import Destinations
from gateway.services.flow import Flow
from gateway.services.operate.show_adapters import ShowAdapters
from gateway.services.operate.watch_destinations import WatchDestinations
from gateway.settings.model import Settings


def watch_destinations(
    settings: Settings,
    journal: Journal,
    *,
    destinations: Destinations,
    flow: Flow,
    clock: Clock,
    at_rest: WordsAtRest,
) -> WatchDestinations:
    """Return what shows destinations and has them checked."""
    return WatchDestinations(
        destinations=destinations,
        adapters=_adapters(settings),
        journal=journal,
        flow=flow,
        clock=clock,
        at_rest=at_rest,
    )


def show_adapters(settings: Settings, destinations: Destinations) -> ShowAdapters:
    """Return what shows the adapters that are installed beside the gateway."""
    return ShowAdapters(
        installed=_installed,
        readme=discovery.readme,
        used=_adapters(settings),
        destinations=destinations,
    )


def _adapters(settings: Settings) -> dict[DestinationName, str]:
    return {DestinationName(name): each.adapter for name, each in settings.destinations.items()}


def _installed() -> list[dict[str, object]]:
    shipped = discovery.shipped()
    return [
        {**manifest.model_dump(mode="json"), "shipped": manifest.name in shipped}
        for manifest in discovery.available()
    ]
