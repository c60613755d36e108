"""How the gateway treats each destination, as the configuration says."""

from datetime import timedelta
from typing import Final

import structlog

from gateway.domain.breaker import BreakerPolicy
from gateway.domain.identifiers import DestinationName, MunicipalityCode
from gateway.domain.window import Window, parse_openings
from gateway.drivers.system_clock import SystemClock
from gateway.services.policy import DestinationPolicy
from gateway.settings.holidays import load_holidays, shipped_holidays
from gateway.settings.model import Settings

log = structlog.get_logger()

_NOTICE: Final = timedelta(days=60)
"""So long before the list of holidays ends is said that it does."""


def policies(settings: Settings) -> dict[DestinationName, DestinationPolicy]:
    """Return how the gateway treats each destination, as configured.

    Raises:
        ConfigError: The list of holidays cannot be read.
    """
    calendar = settings.calendar
    listed = load_holidays(calendar.file or shipped_holidays())
    is_read = any(one.window.open for one in settings.destinations.values())
    if is_read and listed.known_until < SystemClock().now().date() + _NOTICE:
        log.warning("calendar.ends", known_until=listed.known_until.isoformat())
    closed_on = (listed.days | set(calendar.closed_on)) - set(calendar.open_on)
    return {
        DestinationName(name): DestinationPolicy(
            name=DestinationName(name),
            municipality=MunicipalityCode(destination.municipality),
            idempotency=destination.idempotency,
            retry=destination.retry.policy(),
            breaker=BreakerPolicy(**destination.breaker.model_dump()),
            window=Window(
                openings=parse_openings(destination.window.open),
                closed_on=closed_on if destination.window.on_holidays == "closed" else frozenset(),
            ),
            holidays=closed_on,
            rate_per_s=destination.rate_per_s,
            max_in_flight=destination.max_in_flight,
            paused=destination.paused,
            send_timeout_s=destination.send_timeout_s,
        )
        for name, destination in settings.destinations.items()
    }
