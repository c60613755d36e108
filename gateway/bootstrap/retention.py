"""Put together what forgets."""

from gateway.ports.clock import Clock
from gateway.ports.journal import Journal
from gateway.services.retain import Retain
from gateway.settings.model import Settings
from gateway.settings.retention import terms


def build_retain(settings: Settings, journal: Journal, clock: Clock) -> Retain:
    """Return what forgets as configured."""
    own = {code: each.retention for code, each in settings.municipalities.items()}
    return Retain(journal=journal, clock=clock, terms=terms(settings.retention, own))
