"""The composition root: which parts make up a gateway, a worker, and both in one process."""

import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from pydantic import ValidationError

from gateway import __version__
from gateway.crypto import keys
from gateway.crypto.pseudonym import Pseudonyms
from gateway.crypto.seal import Opener, Sealer
from gateway.crypto.sign import Signer, Verifier
from gateway.domain.errors import ConfigError, KeyNotFoundError
from gateway.domain.identifiers import (
    ClientName,
    CopyId,
    DestinationName,
    MunicipalityCode,
    NodeName,
    WorkerName,
)
from gateway.drivers import discovery
from gateway.drivers.file_keys import FileKeys
from gateway.drivers.journal_sqlite import SQLiteJournal
from gateway.drivers.memory_broker import MemoryBroker
from gateway.drivers.system_clock import SystemClock, new_id
from gateway.ports.broker import Broker
from gateway.ports.clock import Clock
from gateway.ports.journal import Journal
from gateway.ports.keys import KeyStore
from gateway.schema.catalogue import Catalogue, load_catalogue, shipped_schemas
from gateway.sdk import AdapterConfig, Context, Destination, Idempotency
from gateway.services.accept import AcceptApplication
from gateway.services.answer_claims import AnswerClaims
from gateway.services.authenticate import Authenticate
from gateway.services.bury_dead_letters import BuryDeadLetters
from gateway.services.deliver import Deliver, DeliverySettings
from gateway.services.limit import Limit
from gateway.services.operate import Operate
from gateway.services.policy import DestinationPolicy
from gateway.services.record_heartbeats import RecordHeartbeats
from gateway.services.record_outcomes import RecordOutcomes
from gateway.services.relay import Relay
from gateway.services.routing import Grant, Route, RoutingTable
from gateway.services.track import Track
from gateway.services.watch_backlog import WatchBacklog
from gateway.services.workers import WorkerGrant, WorkerRegister
from gateway.settings.model import DestinationSettings, Settings

GATEWAY_KEY: Final = "gateway/signing"
PSEUDONYM_KEY: Final = "gateway/pseudonym"

_CAPABLE_OF: Final[Mapping[Idempotency, frozenset[Idempotency]]] = {
    Idempotency.NONE: frozenset({Idempotency.NONE}),
    Idempotency.LOOKUP: frozenset({Idempotency.NONE, Idempotency.LOOKUP}),
    Idempotency.NATIVE: frozenset(Idempotency),
}


def destination_key(name: str) -> str:
    """Return the name of a destination's key pair."""
    return f"destination/{name}"


def worker_key(name: str) -> str:
    """Return the name of a worker's key pair."""
    return f"worker/{name}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Gateway:
    """The parts of a gateway process, not yet started."""

    settings: Settings
    journal: Journal
    broker: Broker
    broker_forgets: bool
    catalogue: Catalogue
    authenticate: Authenticate
    limit: Limit
    accept: AcceptApplication
    track: Track
    operate: Operate
    relay: Relay
    answer_claims: AnswerClaims
    record_outcomes: RecordOutcomes
    record_heartbeats: RecordHeartbeats
    bury_dead_letters: BuryDeadLetters
    watch_backlog: WatchBacklog


def open_keys(settings: Settings) -> KeyStore:
    """Return the key store; reads nothing yet."""
    return FileKeys(settings.keys.folder)


def open_catalogue(settings: Settings) -> Catalogue:
    """Load the shipped procedures and the municipality's own.

    Raises:
        ConfigError: A procedure file cannot be used.
    """
    return load_catalogue(shipped_schemas(), *settings.schemas.folders)


def open_journal(settings: Settings, node: str | None = None) -> Journal:
    """Return the journal's driver by its URL; connects to nothing yet.

    Args:
        settings: The configuration.
        node: Another name than the configured one, for a command beside the gateway.

    Raises:
        ConfigError: The URL's scheme is unknown, or its driver is not installed.
    """
    url = settings.journal.url
    name = NodeName(node or settings.node)
    scheme = urlsplit(url).scheme
    if scheme == "sqlite":
        return SQLiteJournal(Path(url.removeprefix("sqlite:///")), node=name)
    if scheme in ("postgresql", "postgres"):
        try:
            from gateway.drivers.journal_postgres import PostgresJournal  # noqa: PLC0415 - an extra
        except ImportError:
            raise ConfigError(
                "journal.url: install kakehashi[postgres] to use PostgreSQL"
            ) from None
        return PostgresJournal(url, node=name)
    raise ConfigError(f"journal.url: unknown scheme {scheme!r}; use sqlite: or postgresql:")


def open_broker(settings: Settings) -> Broker:
    """Return the broker's driver by its URL; connects to nothing yet.

    Raises:
        ConfigError: The URL's scheme is unknown.
    """
    url = settings.broker.url
    scheme = urlsplit(url).scheme
    if scheme == "memory":
        return MemoryBroker()
    if scheme in ("amqp", "amqps"):
        from gateway.drivers.rabbitmq import RabbitBroker  # noqa: PLC0415 - `up` starts faster without

        return RabbitBroker(url)
    raise ConfigError(f"broker.url: unknown scheme {scheme!r}; use memory: or amqps:")


def policies(settings: Settings) -> dict[DestinationName, DestinationPolicy]:
    """Return how the gateway treats each destination."""
    return {
        DestinationName(name): DestinationPolicy(
            name=DestinationName(name),
            municipality=MunicipalityCode(destination.municipality),
            idempotency=destination.idempotency,
            retry=destination.retry.policy(),
            paused=destination.paused,
        )
        for name, destination in settings.destinations.items()
    }


def build_operate(settings: Settings, store: KeyStore, journal: Journal) -> Operate:
    """Return the operations over ``journal``, for the gateway or for a command beside it.

    Raises:
        KeyNotFoundError: There is no pseudonym key yet.
    """
    return Operate(
        journal=journal,
        pseudonyms=Pseudonyms(store.private(PSEUDONYM_KEY)),
        municipalities=frozenset(MunicipalityCode(code) for code in settings.municipalities),
        policies=policies(settings),
        clients=frozenset(ClientName(name) for name in settings.clients),
        clock=SystemClock(),
    )


def build_gateway(
    settings: Settings, store: KeyStore, *, broker: Broker, catalogue: Catalogue
) -> Gateway:
    """Put a gateway process together; connects to nothing yet.

    Raises:
        ConfigError: Something configured cannot work.
        KeyNotFoundError: A key that it needs is missing: its own signing and pseudonym
            keys, each destination's public key, each worker's public key.
    """
    clock: Clock = SystemClock()
    journal = open_journal(settings)
    signer = Signer(store.private(GATEWAY_KEY))
    pseudonyms = Pseudonyms(store.private(PSEUDONYM_KEY))
    worker_keys, register = _trusted_workers(settings, store)
    own_key = store.public(GATEWAY_KEY)
    own_verifier = Verifier({keys.thumbprint(own_key): own_key})
    worker_verifier = Verifier(worker_keys)
    by_destination = policies(settings)
    relay = Relay(
        policies=by_destination,
        journal=journal,
        broker=broker,
        clock=clock,
        new_copy=lambda: CopyId(new_id()),
    )
    backlog = WatchBacklog(journal=journal, most=settings.journal.max_unfinished)
    return Gateway(
        settings=settings,
        journal=journal,
        broker=broker,
        broker_forgets=isinstance(broker, MemoryBroker),
        catalogue=catalogue,
        authenticate=Authenticate(journal=journal, clock=clock),
        limit=Limit(rate_per_s=settings.http.requests_per_s, burst=settings.http.request_burst),
        accept=AcceptApplication(
            catalogue=catalogue,
            municipalities=frozenset(MunicipalityCode(code) for code in settings.municipalities),
            grants=_grants(settings),
            routing=_routing(settings),
            sealers={name: Sealer(store.public(destination_key(name))) for name in by_destination},
            signer=signer,
            pseudonyms=pseudonyms,
            journal=journal,
            relay=relay,
            clock=clock,
            new_id=new_id,
            has_room=backlog.has_room,
        ),
        track=Track(journal=journal),
        operate=build_operate(settings, store, journal),
        relay=relay,
        answer_claims=AnswerClaims(
            journal=journal,
            broker=broker,
            signer=signer,
            verifier=worker_verifier,
            workers=register,
            policies=by_destination,
            clock=clock,
        ),
        record_outcomes=RecordOutcomes(
            journal=journal,
            broker=broker,
            verifier=worker_verifier,
            workers=register,
            policies=by_destination,
            clock=clock,
        ),
        record_heartbeats=RecordHeartbeats(
            journal=journal,
            broker=broker,
            verifier=worker_verifier,
            workers=register,
            clock=clock,
        ),
        bury_dead_letters=BuryDeadLetters(
            journal=journal,
            broker=broker,
            verifier=own_verifier,
            destinations=by_destination,
            clock=clock,
        ),
        watch_backlog=backlog,
    )


def _trusted_workers(
    settings: Settings, store: KeyStore
) -> tuple[dict[str, bytes], WorkerRegister]:
    public: dict[str, bytes] = {}
    grants: dict[str, WorkerGrant] = {}
    for name, worker in settings.workers.items():
        jwk = store.public(worker_key(name))
        kid = keys.thumbprint(jwk)
        public[kid] = jwk
        grants[kid] = WorkerGrant(
            WorkerName(name), frozenset(DestinationName(to) for to in worker.destinations)
        )
    return public, WorkerRegister(grants)


def _grants(settings: Settings) -> dict[ClientName, Grant]:
    return {
        ClientName(name): Grant(
            municipalities=frozenset(MunicipalityCode(code) for code in client.municipalities),
            procedures=client.procedures,
        )
        for name, client in settings.clients.items()
    }


def _routing(settings: Settings) -> RoutingTable:
    return RoutingTable(
        [
            Route(
                municipality=MunicipalityCode(route.municipality),
                procedure=route.procedure,
                to=tuple(DestinationName(name) for name in route.to),
            )
            for route in settings.routes
        ]
    )


# Workers


def build_adapter(name: str, destination: DestinationSettings) -> Destination:
    """Construct a destination's adapter from its validated configuration.

    Raises:
        ConfigError: No such adapter, or its configuration or capabilities do not fit;
            every line of the argument names one key.
    """
    adapter = discovery.load(destination.adapter)
    spec = adapter.spec
    if destination.idempotency not in _CAPABLE_OF[spec.idempotency]:
        raise ConfigError(
            f"destinations.{name}.idempotency: {destination.adapter} supports at most "
            f"{spec.idempotency.value}"
        )
    construct: Callable[[AdapterConfig], Destination] = adapter
    return construct(adapter_config(name, destination, spec.config))


def adapter_config(
    name: str, destination: DestinationSettings, model: type[AdapterConfig]
) -> AdapterConfig:
    """Validate a destination's ``config:`` with its adapter's model.

    Raises:
        ConfigError: Every line of the argument names one key.
    """
    try:
        return model.model_validate(destination.config)
    except ValidationError as error:
        lines = (
            ".".join(["destinations", name, "config", *map(str, problem["loc"])])
            + f": {problem['msg']}"
            for problem in error.errors(include_input=False, include_url=False)
        )
        raise ConfigError("\n".join(lines)) from None


def build_worker(
    settings: Settings, store: KeyStore, destination: str, *, worker: str, broker: Broker
) -> Deliver:
    """Put one destination's worker together; connects to nothing yet.

    Raises:
        ConfigError: The destination is not configured, or its adapter does not fit.
        KeyNotFoundError: Missing: the destination's private key, the worker's own, or the
            gateway's public one.
    """
    configured = settings.destinations.get(destination)
    if configured is None:
        known = ", ".join(settings.destinations) or "none"
        raise ConfigError(f"destinations.{destination}: not configured (known: {known})")
    adapter = build_adapter(destination, configured)
    gateway_key = store.public(GATEWAY_KEY)
    folder = settings.home / "adapters" / destination
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    return Deliver(
        settings=DeliverySettings(
            destination=DestinationName(destination),
            municipality=MunicipalityCode(configured.municipality),
            worker=WorkerName(f"{worker}/{secrets.token_hex(4)}"),
            adapter=f"{adapter.spec.name} {adapter.spec.version}",
            version=__version__,
            idempotency=configured.idempotency,
            max_in_flight=min(configured.max_in_flight, adapter.spec.max_in_flight),
            send_timeout_s=configured.send_timeout_s,
            settle_s=configured.settle_s,
            key_memory_s=configured.key_memory_s,
        ),
        context=Context(
            destination=destination, municipality=configured.municipality, folder=folder
        ),
        adapter=adapter,
        broker=broker,
        opener=Opener([store.private(destination_key(destination))]),
        signer=Signer(store.private(worker_key(worker))),
        verifier=Verifier({keys.thumbprint(gateway_key): gateway_key}),
        clock=SystemClock(),
    )


# The embedded default

EMBEDDED_MUNICIPALITY: Final = "131016"
EMBEDDED_WORKER: Final = "embedded"
EMBEDDED_DESTINATION: Final = "delivered"
EMBEDDED_CLIENT: Final = "local"


def embedded_document(home: Path) -> dict[str, object]:
    """Return the configuration that ``up`` uses when there is none.

    Everything under ``home``; one municipality, every shipped procedure, one
    destination that writes a JSON file per application into ``home/delivered``.
    """
    return {
        "home": str(home),
        "journal": {"url": f"sqlite:///{home / 'journal.db'}"},
        "keys": {"folder": str(home / "keys")},
        "municipalities": {EMBEDDED_MUNICIPALITY: {"name": "千代田区"}},
        "clients": {
            EMBEDDED_CLIENT: {"municipalities": [EMBEDDED_MUNICIPALITY], "procedures": ["*"]}
        },
        "destinations": {
            EMBEDDED_DESTINATION: {
                "municipality": EMBEDDED_MUNICIPALITY,
                "adapter": "file",
                "config": {"folder": str(home / "delivered")},
                "idempotency": "lookup",
            }
        },
        "routes": [
            {
                "municipality": EMBEDDED_MUNICIPALITY,
                "procedure": "*",
                "to": [EMBEDDED_DESTINATION],
            }
        ],
        "workers": {EMBEDDED_WORKER: {"destinations": [EMBEDDED_DESTINATION]}},
    }


def make_missing_keys(settings: Settings, store: KeyStore) -> tuple[str, ...]:
    """Make every key that the configuration needs and the store lacks; only ``up`` does so.

    Returns:
        The names of what was made.
    """
    wanted: dict[str, Callable[[], bytes]] = {
        GATEWAY_KEY: keys.new_signing_key,
        PSEUDONYM_KEY: keys.new_secret,
        **{destination_key(name): keys.new_encryption_key for name in settings.destinations},
        **{worker_key(name): keys.new_signing_key for name in settings.workers},
    }
    made = []
    for name, make in wanted.items():
        try:
            store.private(name)
        except KeyNotFoundError:
            store.add(name, make(), private=True)
            made.append(name)
    return tuple(made)
