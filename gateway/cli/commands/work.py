"""``kakehashi work``: the workers of some destinations."""

from typing import Annotated

import typer

from gateway.bootstrap.run import run_workers, stop_on_signals
from gateway.bootstrap.stores import open_broker, open_keys
from gateway.bootstrap.telemetry import open_spans
from gateway.bootstrap.worker import build_worker
from gateway.bootstrap.worker_metrics import measured
from gateway.cli import logging, loop
from gateway.cli.commands.serve import for_production
from gateway.cli.invocation import Invocation
from gateway.domain.errors import ConfigError
from gateway.http.exposed.lost import Lost
from gateway.services.log_levels import LogLevels
from gateway.services.measured_broker import MeasuredBroker
from gateway.settings.model import Settings

app = typer.Typer(add_completion=False, rich_markup_mode=None)


@app.command("work")
def work(
    context: typer.Context,
    destinations: Annotated[list[str], typer.Argument(metavar="DEST…", help="Whom to work for.")],
    *,
    worker: Annotated[
        str | None,
        typer.Option(help="As which worker; the only one configured for them, if not said."),
    ] = None,
) -> None:
    """Carry deliveries into core systems: take from the broker, open, send, report.

    Needs the broker, the destinations' private keys, its own signing key and the
    gateway's public one. It never touches the journal.
    """
    settings = for_production(Invocation.of(context), "work")
    names = tuple(dict.fromkeys(destinations))
    name = worker or only_worker(settings, names)
    _require_allowed(settings, name, names)
    levels = logging.configure_server(settings)
    loop.run(_work(settings, names, name, levels))


def only_worker(settings: Settings, destinations: tuple[str, ...]) -> str:
    """Return the one configured worker that may work for all of ``destinations``.

    Raises:
        ConfigError: There is none, or there are several.
    """
    fitting = [
        name
        for name, trusted in settings.workers.items()
        if set(destinations) <= set(trusted.destinations)
    ]
    if len(fitting) == 1:
        return fitting[0]
    asked = ", ".join(destinations)
    if not fitting:
        raise ConfigError(f"workers: none is configured for {asked}")
    raise ConfigError(f"workers: several may work for {asked}; say --worker {'|'.join(fitting)}")


def _require_allowed(settings: Settings, name: str, destinations: tuple[str, ...]) -> None:
    """Refuse what the gateway would refuse: its register is this configuration, too."""
    trusted = settings.workers.get(name)
    if trusted is None:
        known = ", ".join(settings.workers) or "none"
        raise ConfigError(f"workers.{name}: not configured (known: {known})")
    for destination in destinations:
        if destination not in settings.destinations:
            known = ", ".join(settings.destinations) or "none"
            raise ConfigError(f"destinations.{destination}: not configured (known: {known})")
        if destination not in trusted.destinations:
            raise ConfigError(f"workers.{name}.destinations: {destination} is not among them")


async def _work(
    settings: Settings, destinations: tuple[str, ...], name: str, levels: LogLevels
) -> None:
    stop = stop_on_signals()
    store = open_keys(settings)
    broker = MeasuredBroker(open_broker(settings))
    spans = open_spans(settings, name)
    workers = [
        build_worker(
            settings, store, destination, worker=name, broker=broker, spans=spans, levels=levels
        )
        for destination in destinations
    ]

    def lost() -> Lost:
        return Lost(spans=spans.telemetry.dropped, log_fields=levels.unknown_fields)

    async with measured(settings, workers, broker, lost=lost):
        await run_workers(workers, broker, stop=stop)
