"""Put one destination's worker together."""

import socket
from collections.abc import Callable, Mapping
from typing import Final

from pydantic import ValidationError

from gateway import __version__
from gateway.bootstrap.field_mapping import require_fitting_mapping
from gateway.bootstrap.key_names import GATEWAY_KEY, destination_key, worker_key
from gateway.bootstrap.stores import open_catalogue
from gateway.crypto import keys
from gateway.crypto.seal import Opener
from gateway.crypto.sign import Signer, Verifier
from gateway.domain.breaker import BreakerPolicy
from gateway.domain.errors import ConfigError
from gateway.domain.identifiers import (
    DestinationName,
    MunicipalityCode,
    WorkerName,
)
from gateway.drivers import discovery
from gateway.drivers.system_clock import SystemClock, new_id
from gateway.ports.broker import Broker
from gateway.ports.keys import KeyStore
from gateway.sdk import AdapterConfig, AdapterSpec, Context, Destination, Idempotency
from gateway.services.deliver import Deliver
from gateway.services.delivery_settings import DeliverySettings
from gateway.services.log_levels import LogLevels
from gateway.services.spans import Spans
from gateway.settings.model import DestinationSettings, Settings

_CAPABLE_OF: Final[Mapping[Idempotency, frozenset[Idempotency]]] = {
    Idempotency.NONE: frozenset({Idempotency.NONE}),
    Idempotency.LOOKUP: frozenset({Idempotency.NONE, Idempotency.LOOKUP}),
    Idempotency.NATIVE: frozenset(Idempotency),
}


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
    settle_s(name, destination, spec)
    construct: Callable[[AdapterConfig], Destination] = adapter
    return construct(adapter_config(name, destination, spec.config))


def settle_s(name: str, destination: DestinationSettings, spec: AdapterSpec) -> float:
    """Return how long after a send a lookup's "no" proves nothing.

    Raises:
        ConfigError: Nobody said so, or it is shorter than a send may take: a delivery
            that arrives after the "no" would be sent twice.
    """
    if destination.idempotency != Idempotency.LOOKUP:
        return 0.0
    key = f"destinations.{name}.settle_s"
    if destination.settle_s is None:
        if spec.settle_s is None:
            raise ConfigError(
                f"{key}: needed with idempotency lookup and adapter {spec.name}; how long, in "
                "seconds, may the core system take to show what it was sent?"
            )
        return spec.settle_s
    if spec.settle_s is None and destination.settle_s <= destination.send_timeout_s:
        raise ConfigError(
            f"{key}: must be longer than send_timeout_s ({destination.send_timeout_s:g})"
        )
    return destination.settle_s


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
    settings: Settings,
    store: KeyStore,
    destination: str,
    *,
    worker: str,
    broker: Broker,
    spans: Spans | None = None,
    levels: LogLevels | None = None,
) -> Deliver:
    """Put one destination's worker together; connects to nothing yet.

    Raises:
        ConfigError: The destination is not configured, or its adapter or its field mapping
            does not fit.
        KeyNotFoundError: Missing: the destination's private key, the worker's own, or the
            gateway's public one.
    """
    configured = settings.destinations.get(destination)
    if configured is None:
        known = ", ".join(settings.destinations) or "none"
        raise ConfigError(f"destinations.{destination}: not configured (known: {known})")
    adapter = build_adapter(destination, configured)
    config = adapter_config(destination, configured, adapter.spec.config)
    require_fitting_mapping(destination, config, settings, lambda: open_catalogue(settings))
    gateway_key = store.public(GATEWAY_KEY)
    folder = settings.home / "adapters" / destination
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    return Deliver(
        settings=DeliverySettings(
            destination=DestinationName(destination),
            municipality=MunicipalityCode(configured.municipality),
            worker=WorkerName(f"{worker}/{new_instance()}"),
            adapter=f"{adapter.spec.name} {adapter.spec.version}",
            version=__version__,
            idempotency=configured.idempotency,
            max_in_flight=min(configured.max_in_flight, adapter.spec.max_in_flight),
            send_timeout_s=configured.send_timeout_s,
            settle_s=settle_s(destination, configured, adapter.spec),
            key_memory_s=configured.key_memory_s,
            breaker=BreakerPolicy(**configured.breaker.model_dump()),
            rate_per_s=configured.rate_per_s,
            host=socket.gethostname(),
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
        spans=spans,
        levels=levels,
    )


def new_instance() -> str:
    """Return 20 hexadecimal digits: 12 that sort by this millisecond, and 8 at random."""
    digits = new_id().hex
    return digits[:12] + digits[-8:]
