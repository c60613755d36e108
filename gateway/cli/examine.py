"""Would this configuration work? Everything that can be told without connecting."""

from collections.abc import Callable, Iterator
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from enum import StrEnum
from fnmatch import fnmatchcase
from functools import cache, partial
from ipaddress import ip_address
from urllib.parse import urlsplit

from gateway.bootstrap.field_mapping import require_fitting_mapping
from gateway.bootstrap.key_names import (
    GATEWAY_KEY,
    PSEUDONYM_KEY,
    destination_key,
    log_key,
    log_key_numbers,
    worker_key,
)
from gateway.bootstrap.stores import open_catalogue, open_journal, open_keys
from gateway.bootstrap.worker import adapter_config, build_adapter
from gateway.cli.failures import CommandError, ExitCode, of_code
from gateway.domain.errors import ConfigError, KeyNotFoundError, KeyUnusableError
from gateway.drivers import discovery
from gateway.formats.record_config import RecordConfig
from gateway.ports.keys import KeyStore
from gateway.schema.catalogue import Catalogue
from gateway.settings.model import Settings


class Role(StrEnum):
    """Whose keys must be here."""

    ALL = "all"
    """Gateway and workers in one process."""
    GATEWAY = "gateway"
    WORKER = "worker"
    """The workers whose signing keys are here, and their destinations."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that was found.

    Attributes:
        text: The key, and what is wrong with it.
        is_fatal: Whether it keeps something from working.
    """

    text: str
    is_fatal: bool


def examine(settings: Settings, role: Role, *, makes_keys: bool) -> list[Problem]:
    """Return everything that is wrong with a configuration that could be read.

    Args:
        settings: The configuration.
        role: Whose keys must be there.
        makes_keys: Whether missing keys are made at the next start.
    """
    return [
        *_drivers(settings),
        *_procedures(settings),
        *_destinations(settings),
        *(_names(settings) if role is not Role.WORKER else ()),
        *_missing_keys(settings, open_keys(settings), role, _note if makes_keys else _fatal),
    ]


def require_keys(settings: Settings, role: Role) -> None:
    """Refuse to go on without the keys of ``role``, and name all that cannot be used at once.

    Raises:
        CommandError: Some are missing, or cannot be used.
    """
    problems = list(_missing_keys(settings, open_keys(settings), role, _fatal))
    if problems:
        lines = "\n".join(problem.text for problem in problems)
        raise CommandError(
            lines, ExitCode.USAGE, of_code("keys.not_found", "", transient=False).hint
        )


def likely_role(settings: Settings) -> Role:
    """Return what this machine seems to be: a gateway has a gateway's key."""
    if settings.broker.url.startswith("memory:"):
        return Role.ALL
    return Role.GATEWAY if _has_private(open_keys(settings), GATEWAY_KEY) else Role.WORKER


def _has_private(store: KeyStore, name: str) -> bool:
    try:
        store.private(name)
    except KeyNotFoundError:
        return False
    except KeyUnusableError:
        return True
    return True


def _fatal(text: str) -> Problem:
    return Problem(text, is_fatal=True)


def _note(text: str) -> Problem:
    return Problem(text, is_fatal=False)


def _refusals(attempt: Callable[[], object]) -> Iterator[Problem]:
    """Yield every line of the ``ConfigError`` that ``attempt`` raises, if it does."""
    try:
        attempt()
    except ConfigError as error:
        for line in ": ".join(str(argument) for argument in error.args).splitlines():
            yield _fatal(line)


def _drivers(settings: Settings) -> Iterator[Problem]:
    yield from _refusals(partial(open_journal, settings))
    scheme = urlsplit(settings.broker.url).scheme
    if scheme not in ("memory", "amqp", "amqps"):
        yield _fatal(f"broker.url: unknown scheme {scheme!r}; use memory: or amqps:")
    if scheme == "memory" and not settings.journal.url.startswith("sqlite:"):
        yield _note("broker.url: memory: serves one process; several share amqps:")


def _procedures(settings: Settings) -> Iterator[Problem]:
    try:
        catalogue = open_catalogue(settings)
    except ConfigError as error:
        yield _fatal(": ".join(map(str, error.args)))
        return
    names = {procedure.name for procedure in catalogue.procedures()}
    patterns = [
        (f"routes.{index}.procedure", route.procedure)
        for index, route in enumerate(settings.routes)
    ]
    patterns += [
        (f"clients.{name}.procedures", pattern)
        for name, client in settings.clients.items()
        for pattern in client.procedures
    ]
    for key, pattern in patterns:
        if not any(fnmatchcase(name, pattern) for name in names):
            yield _note(f"{key}: {pattern} matches no procedure")


def _destinations(settings: Settings) -> Iterator[Problem]:
    routed = {name for route in settings.routes for name in route.to}
    served = {name for worker in settings.workers.values() for name in worker.destinations}
    if settings.broker.url.startswith("memory:"):
        served |= settings.destinations.keys()  # `up` works for all of them.
    catalogue = cache(partial(open_catalogue, settings))
    for name in settings.destinations:
        yield from _refusals(partial(_fit, settings, name, catalogue))
        yield from _small_batches(settings, name)
        if name not in routed:
            yield _note(f"destinations.{name}: no route leads to it")
        if name not in served:
            yield _note(f"destinations.{name}: no worker may work for it")
    if not settings.clients:
        yield _note("clients: nobody may send anything")


def _names(settings: Settings) -> Iterator[Problem]:
    """Yield a note on an operations port that people reach, but not by a name."""
    host = settings.http.operations_host
    try:
        is_reached = not ip_address(host).is_loopback
    except ValueError:
        return  # A name: the port answers to it.
    if is_reached and not settings.console.names:
        yield _note(
            f"http.operations_host: {host} answers to IP addresses only, and refuses every name "
            "(421); set console.url to where browsers reach it, console.hosts for further names"
        )


def _small_batches(settings: Settings, name: str) -> Iterator[Problem]:
    """Yield a note on batch files that can never fill: each record in one is a send that waits."""
    destination = settings.destinations[name]
    try:
        model = discovery.load(destination.adapter).spec.config
        config: object = adapter_config(name, destination, model)
    except ConfigError:
        return
    batch = config.batch if isinstance(config, RecordConfig) else None
    if batch is not None and destination.max_in_flight < batch.max_records:
        yield _note(
            f"destinations.{name}.max_in_flight: no batch file will have more than "
            f"{destination.max_in_flight} records, max_records is {batch.max_records}"
        )


def _fit(settings: Settings, name: str, catalogue: Callable[[], Catalogue]) -> None:
    """Construct a destination's adapter and hold its field mapping against the procedures."""
    destination = settings.destinations[name]
    adapter = build_adapter(name, destination)
    config = adapter_config(name, destination, adapter.spec.config)
    require_fitting_mapping(name, config, settings, catalogue)


def _missing_keys(
    settings: Settings, store: KeyStore, role: Role, missing: Callable[[str], Problem]
) -> Iterator[Problem]:
    here = {name for name in settings.workers if _has_private(store, worker_key(name))}
    workers = set(settings.workers) if role is Role.ALL else here
    if role is Role.WORKER and not here:
        yield missing(f"keys: no worker's private key in {settings.keys.folder}")
    for name, is_private in sorted(_needed_keys(settings, role, workers)):
        try:
            (store.private if is_private else store.public)(name)
        except KeyNotFoundError:
            half = "private key" if is_private else "public key"
            yield missing(f"keys: {name}: no {half} in {settings.keys.folder}")
        except KeyUnusableError as error:
            yield _fatal(f"keys: {': '.join(map(str, error.args))}")


def _needed_keys(
    settings: Settings, role: Role, workers: AbstractSet[str]
) -> set[tuple[str, bool]]:
    """Return key names, and whether the private half is needed."""
    needed: set[tuple[str, bool]] = set()
    if role is not Role.WORKER:
        numbers = log_key_numbers(open_keys(settings).names())
        needed |= {(GATEWAY_KEY, True), (PSEUDONYM_KEY, True)}
        needed.add((log_key(max(numbers, default=1)), True))
        needed |= {(destination_key(name), False) for name in settings.destinations}
        needed |= {(worker_key(name), False) for name in settings.workers}
    if role is not Role.GATEWAY:
        needed.add((GATEWAY_KEY, False))
        needed |= {(worker_key(name), True) for name in workers}
        needed |= {
            (destination_key(destination), True)
            for name in workers
            for destination in settings.workers[name].destinations
        }
    # One who must have the private half has the public one in it.
    return {(name, half) for name, half in needed if half or (name, True) not in needed}
