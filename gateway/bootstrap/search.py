"""Put the search for applications together."""

from gateway.crypto.pseudonym import Pseudonyms
from gateway.domain.identifiers import (
    ClientName,
    DestinationName,
    MunicipalityCode,
    ProcedureName,
)
from gateway.ports.clock import Clock
from gateway.ports.journal import Journal
from gateway.schema.catalogue import Catalogue
from gateway.services.operate.search_applications import Known, SearchApplications
from gateway.settings.model import Settings


def search_applications(
    settings: Settings,
    journal: Journal,
    *,
    pseudonyms: Pseudonyms,
    clock: Clock,
    catalogue: Catalogue | None = None,
) -> SearchApplications:
    """Return the search over ``journal``.

    Args:
        settings: The configuration.
        journal: The open store.
        pseudonyms: What stands for a 受付番号.
        clock: The time of day.
        catalogue: The procedures; without it they have no titles.
    """
    # Of several versions the latest has the title: they come in order.
    procedures = () if catalogue is None else catalogue.procedures()
    return SearchApplications(
        journal=journal,
        pseudonyms=pseudonyms,
        known=Known(
            municipalities={
                MunicipalityCode(code): each.name for code, each in settings.municipalities.items()
            },
            procedures={ProcedureName(each.name): each.title for each in procedures},
            clients=[ClientName(name) for name in settings.clients],
            destinations=[DestinationName(name) for name in settings.destinations],
            trace_url=settings.console.trace_url,
        ),
        clock=clock,
    )
