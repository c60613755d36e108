"""What the people may do who watch over the audit log, put together."""

import json

from gateway.bootstrap.backup import back_up_journal
from gateway.bootstrap.key_names import is_gateway_key
from gateway.bootstrap.log_signing import kept_checkpoint, log_signing
from gateway.crypto import keys
from gateway.crypto.pseudonym import Pseudonyms
from gateway.domain.identifiers import DestinationName, MunicipalityCode
from gateway.ports.clock import Clock
from gateway.ports.journal import Journal
from gateway.ports.keys import KeyStore
from gateway.services.destinations import Destinations
from gateway.services.operate.accept_restore import AcceptRestore
from gateway.services.operate.by_name import LogOperations
from gateway.services.operate.doubt_restored import DoubtRestored
from gateway.services.operate.export_log import ExportLog
from gateway.services.operate.prove_entry import ProveEntry
from gateway.services.operate.report_log import ReportLog
from gateway.services.operate.search_log import SearchLog
from gateway.services.operate.whole_log import Turn
from gateway.settings.model import Settings


def log_operations(
    settings: Settings,
    store: KeyStore,
    journal: Journal,
    *,
    pseudonyms: Pseudonyms,
    clock: Clock,
    turn: Turn,
    destinations: Destinations,
    is_gateway: bool,
) -> LogOperations:
    """Return the operations; keys other than for pseudonyms are read when they are asked for."""
    return LogOperations(
        search=SearchLog(
            journal=journal,
            pseudonyms=pseudonyms,
            municipalities=frozenset(MunicipalityCode(code) for code in settings.municipalities),
            clock=clock,
        ),
        export=ExportLog(
            journal=journal,
            signing=lambda: log_signing(store),
            # Earlier ones, too: they signed receipts that are kept.
            receipt_keys=lambda: [
                _jwk(store.public(name)) for name in store.names() if is_gateway_key(name)
            ],
            clock=clock,
        ),
        prove=ProveEntry(journal=journal, clock=clock),
        accept_restore=AcceptRestore(
            journal=journal,
            clock=clock,
            signing=lambda: log_signing(store),
            kept=kept_checkpoint(settings),
        ),
        back_up=back_up_journal(settings, store, journal, clock),
        doubt_restored=DoubtRestored(
            journal=journal, destinations=destinations, clock=clock, is_gateway=is_gateway
        ),
        report=ReportLog(
            journal=journal,
            destinations={
                DestinationName(name): MunicipalityCode(destination.municipality)
                for name, destination in settings.destinations.items()
            },
            clock=clock,
            turn=turn,
        ),
    )


def _jwk(public: bytes) -> dict[str, str]:
    members: dict[str, str] = json.loads(public)
    return {**members, "kid": keys.thumbprint(public), "use": "sig"}
