"""``kakehashi adapter``: which there are, whether one works, and samples through one."""

import tempfile
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.text import Text

from gateway.bootstrap.stores import open_catalogue
from gateway.bootstrap.worker import build_adapter
from gateway.cli import logging, loop, screen, words
from gateway.cli.failures import CommandError, ExitCode
from gateway.cli.invocation import Invocation
from gateway.cli.samples import Run, Sample, configured_as, find_samples, run_samples
from gateway.domain.errors import DestinationTransientError
from gateway.drivers import discovery
from gateway.sdk import Context, Destination, Health
from gateway.settings.model import DestinationSettings, Settings

app = typer.Typer(
    add_completion=False, rich_markup_mode=None, no_args_is_help=True, help="Adapters."
)


@app.command("list")
def list_adapters(context: typer.Context) -> None:
    """List the installed adapters and what they promise; imports none of them."""
    invocation = Invocation.of(context)
    logging.quiet()
    found = [manifest.model_dump(mode="json") for manifest in discovery.available()]
    screen.show(invocation, found, lambda console: _show_list(console, found))


def _show_list(console: Console, found: list[dict[str, Any]]) -> None:
    for manifest in found:
        features = manifest["features"]
        console.print(Text.assemble((manifest["name"], "bold"), f" {manifest['version']}  "))
        console.print(f"  {manifest['title'][words.language()]}")
        extras = [name for name in ("feedback", "dry_run") if features[name]]
        console.print(
            f"  idempotency at most {features['idempotency']}, {features['max_in_flight']} in "
            f"flight, {', '.join([*extras, 'quality ' + manifest['quality']['tier']])}"
        )


@app.command("check")
def check(
    context: typer.Context,
    destination: Annotated[str, typer.Argument(metavar="DEST", help="As configured.")],
) -> None:
    """Open a destination's adapter and ask whether its core system is there; sends nothing."""
    invocation = Invocation.of(context)
    logging.quiet()
    settings = invocation.settings()
    configured = _configured(settings, destination)
    health = loop.run(_check(settings, destination, configured))
    document = {"destination": destination, "ok": health.ok, "detail": health.detail}

    def for_people(console: Console) -> None:
        mark = ("ok  ", "green") if health.ok else ("not well  ", "bold red")
        console.print(Text.assemble(mark, f"{destination} {health.detail}"))

    screen.show(invocation, document, for_people)
    if not health.ok:
        raise typer.Exit(ExitCode.NOT_WELL)


def _configured(settings: Settings, name: str) -> DestinationSettings:
    found = settings.destinations.get(name)
    if found is None:
        known = ", ".join(settings.destinations) or "none"
        raise CommandError(f"{name}: no such destination", ExitCode.USAGE, f"There are: {known}")
    return found


async def _check(settings: Settings, name: str, destination: DestinationSettings) -> Health:
    adapter = build_adapter(name, destination)
    with tempfile.TemporaryDirectory() as scratch:
        # The worker's own folder, if it has one by now: what it remembers is checked, too.
        own = settings.home / "adapters" / name
        folder = own if own.is_dir() else Path(scratch)
        municipality = destination.municipality
        try:
            await adapter.open(Context(destination=name, municipality=municipality, folder=folder))
            return await adapter.check()
        except DestinationTransientError as error:
            return Health(ok=False, detail=error.reason)
        finally:
            await adapter.close()


@app.command("run")
def run(
    context: typer.Context,
    name: Annotated[str, typer.Argument(metavar="DEST|NAME", help="A destination or an adapter.")],
    *,
    samples: Annotated[
        Path, typer.Option(exists=True, file_okay=False, help="Folder of request bodies.")
    ],
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Do everything but the effect; shows a preview.")
    ] = False,
    adapter_config: Annotated[
        Path | None,
        typer.Option(exists=True, dir_okay=False, help="The adapter's config, for a NAME."),
    ] = None,
) -> None:
    """Send a folder of request bodies through one adapter, without any gateway.

    Takes *.message.json, or else *.json; an adapter that no destination is made of finds
    its config in --adapter-config or beside each sample, in *.config.json. Exits with 1
    unless all arrived.
    """
    invocation = Invocation.of(context)
    logging.quiet()
    settings = invocation.settings()
    destination = settings.destinations.get(name)
    if destination is not None and adapter_config is not None:
        raise typer.BadParameter("the destination has one", param_hint="--adapter-config")
    found = find_samples(samples)
    batches: list[tuple[Destination, list[Sample]]]
    if destination is not None:
        batches = [(build_adapter(name, destination), found)]
    else:
        discovery.manifest(name)
        batches = configured_as(name, found, adapter_config)
    results = loop.run(
        run_samples(batches, Run(catalogue=open_catalogue(settings), name=name, dry_run=dry_run))
    )
    screen.show(invocation, results, lambda console: _show_results(console, results))
    if not all(result["result"] in ("delivered", "previewed") for result in results):
        raise typer.Exit(ExitCode.NOT_WELL)


def _show_results(console: Console, results: list[dict[str, Any]]) -> None:
    for result in results:
        is_good = result["result"] in ("delivered", "previewed")
        console.print(
            Text.assemble(
                (f"{result['result']:<12}", "green" if is_good else "bold red"), result["sample"]
            )
        )
        for label in ("reference", "code", "pointer"):
            if result.get(label):
                console.print(f"  {label}: {result[label]}")
        for error in result.get("errors", ()):
            console.print(f"  {error['pointer']}  {error['code']}")
        if result.get("preview"):
            screen.plain(console, result["preview"].rstrip("\n"))
