"""What people see who watch over a gateway, put together: overview, workers, keys, procedures."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from gateway import __version__
from gateway.bootstrap.key_names import (
    GATEWAY_KEY,
    PSEUDONYM_KEY,
    destination_key,
    log_key,
    log_key_numbers,
    webhook_key,
    worker_key,
)
from gateway.bootstrap.stores import open_catalogue
from gateway.bootstrap.webhooks import with_endpoint
from gateway.crypto import keys
from gateway.domain.errors import KeyNotFoundError, KeyUnusableError
from gateway.domain.identifiers import ClientName, DestinationName, MunicipalityCode
from gateway.ports.clock import Clock
from gateway.ports.journal import Journal
from gateway.ports.keys import KeyStore
from gateway.schema.catalogue import Catalogue
from gateway.services.destinations import Destinations
from gateway.services.flow import Flow
from gateway.services.operate.by_name import WatchOperations
from gateway.services.operate.examine_log import ExamineLog
from gateway.services.operate.log_keys import ShowLogKeys
from gateway.services.operate.log_standing import ShowLogStanding
from gateway.services.operate.look import Look
from gateway.services.operate.procedures import ShowProcedures
from gateway.services.operate.recent_events import RecentEvents
from gateway.services.operate.report_log import ReportLog
from gateway.services.operate.show_keys import KnownKey, ShowKeys
from gateway.services.operate.show_overview import ShowOverview
from gateway.services.operate.show_workers import ShowWorkers
from gateway.services.operate.verify_log import VerifyLog
from gateway.services.routing import Grant, Route
from gateway.settings.model import Settings

_KINDS = {"OKP": "sign", "EC": "seal", "oct": "secret"}
"""Type of a JWK (RFC 7518, 6.1) to what we use it for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Watched:
    """What it is put together from, beside the configuration and the stores."""

    look: Look
    destinations: Destinations
    flow: Flow
    log_keys: ShowLogKeys
    verify: VerifyLog
    report: ReportLog
    clock: Clock
    catalogue: Callable[[], Catalogue] | None = None
    is_connected: Callable[[], bool] | None = None


def watch_operations(
    settings: Settings, store: KeyStore, journal: Journal, watched: Watched
) -> WatchOperations:
    """Return the operations; keys and procedures are read when they are asked for."""
    clock = watched.clock
    return WatchOperations(
        overview=ShowOverview(
            look=watched.look,
            journal=journal,
            destinations=watched.destinations,
            flow=watched.flow,
            clock=clock,
            version=__version__,
            disk=_disk(settings),
            disk_bytes=settings.journal.disk_bytes,
            is_connected=watched.is_connected,
        ),
        events=RecentEvents(journal=journal),
        workers=ShowWorkers(destinations=watched.destinations, clock=clock, version=__version__),
        procedures=ShowProcedures(
            catalogue=watched.catalogue or (lambda: open_catalogue(settings)),
            routes=routes(settings),
            journal=journal,
            clock=clock,
        ),
        keys=ShowKeys(
            journal=journal,
            known=lambda: known_keys(settings, store),
            grants=grants(settings),
            endpoints=with_endpoint(settings),
        ),
        standing=ShowLogStanding(journal=journal, keys=watched.log_keys, clock=clock),
        examine=ExamineLog(
            journal=journal, verify=watched.verify, report=watched.report, clock=clock
        ),
    )


def known_keys(settings: Settings, store: KeyStore) -> list[KnownKey]:
    """Return every name of the key store, and what is known of its key."""
    used = _used(settings, store.names())
    return [_known(store, name, used=name in used) for name in store.names()]


def _known(store: KeyStore, name: str, *, used: bool) -> KnownKey:
    for read, private in ((store.private, True), (store.public, False)):
        try:
            jwk = read(name)
            kind = _KINDS.get(json.loads(jwk)["kty"])
            thumbprint = keys.thumbprint(jwk)
        except (KeyNotFoundError, KeyUnusableError, ValueError, KeyError):
            continue
        # A thumbprint of a secret is a hash of it (RFC 7638, 7): not for screens.
        shown = "–" if kind == "secret" else thumbprint
        return KnownKey(name=name, kind=kind, thumbprint=shown, private=private, used=used)
    return KnownKey(name=name, kind=None, thumbprint=None, private=False, used=used)


def _used(settings: Settings, names: Sequence[str]) -> set[str]:
    webhooks = {
        webhook_key(key)
        for name, client in settings.clients.items()
        if client.webhook is not None
        for key in client.webhook.signing_keys or (name,)
    }
    return {
        GATEWAY_KEY,
        PSEUDONYM_KEY,
        *(log_key(number) for number in log_key_numbers(names)[-1:]),
        *(destination_key(name) for name in settings.destinations),
        *(worker_key(name) for name in settings.workers),
        *webhooks,
    }


def grants(settings: Settings) -> dict[ClientName, Grant]:
    """Return what each client may send."""
    return {
        ClientName(name): Grant(
            municipalities=frozenset(MunicipalityCode(code) for code in client.municipalities),
            procedures=client.procedures,
        )
        for name, client in settings.clients.items()
    }


def routes(settings: Settings) -> list[Route]:
    """Return the routing table's rules, in order."""
    return [
        Route(
            municipality=MunicipalityCode(route.municipality),
            procedure=route.procedure,
            to=tuple(DestinationName(name) for name in route.to),
        )
        for route in settings.routes
    ]


def _disk(settings: Settings) -> Path | None:
    """Return where an embedded journal lies; a database's disk is another machine's."""
    scheme, _, path = settings.journal.url.partition(":///")
    return Path(path).absolute().parent if scheme == "sqlite" else None
