"""``kakehashi adapter``: which there are, whether one works, and samples through one."""

import asyncio
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.text import Text

from gateway.bootstrap.stores import open_catalogue
from gateway.bootstrap.worker import build_adapter
from gateway.cli import logging, loop, preview, screen, words
from gateway.cli.commands import adapter_new, adapter_test
from gateway.cli.failures import CommandError, ExitCode
from gateway.cli.invocation import Invocation
from gateway.cli.samples import (
    ANYBODY,
    SEND_TIMEOUT_S,
    Run,
    Sample,
    adapter_of,
    configured_as,
    find_samples,
    one_sample,
    run_samples,
)
from gateway.domain.errors import ConfigError, DestinationTransientError
from gateway.drivers import discovery
from gateway.sdk import Context, Destination, Health
from gateway.settings.model import DestinationSettings, Settings

app = typer.Typer(
    add_completion=False, rich_markup_mode=None, no_args_is_help=True, help="Adapters."
)

AdapterConfigFile = Annotated[
    Path | None,
    typer.Option(
        "--adapter-config", exists=True, dir_okay=False, help="The adapter's config, for a NAME."
    ),
]


app.command("new")(adapter_new.new)
app.command("test")(adapter_test.run_kit)


@app.command("list")
def list_adapters(
    context: typer.Context,
    *,
    health: Annotated[
        bool, typer.Option("--health", help="Also check every configured destination.")
    ] = False,
) -> None:
    """List the installed adapters and what they promise; imports none of them.

    With --health it opens and checks the adapter of each configured destination, all at the
    same time, sends nothing, and exits with 1 unless all are well.
    """
    invocation = Invocation.of(context)
    logging.quiet()
    found = [manifest.model_dump(mode="json") for manifest in discovery.available()]
    if not health:
        screen.show(invocation, found, lambda console: _show_list(console, found))
        return
    settings = invocation.settings()
    checked = loop.run(_check_all(settings))

    def for_people(console: Console) -> None:
        _show_list(console, found)
        for one in checked:
            _show_health(console, one)

    screen.show(invocation, {"adapters": found, "destinations": checked}, for_people)
    if not all(one["ok"] for one in checked):
        raise typer.Exit(ExitCode.NOT_WELL)


def _show_list(console: Console, found: list[dict[str, Any]]) -> None:
    for manifest in found:
        features = manifest["features"]
        head = f" {manifest['version']}  {manifest['quality']['tier']}  "
        console.print(
            Text.assemble((manifest["name"], "bold"), head, manifest["title"][words.language()])
        )
        extras = [name for name in ("feedback", "dry_run") if features[name]]
        if features["max_batch"] > 1:
            extras.insert(0, f"{features['max_batch']} in a batch")
        console.print(
            f"  idempotency at most {features['idempotency']}, {features['max_in_flight']} in "
            f"{', '.join(['flight', *extras])}"
        )


def _show_health(console: Console, checked: dict[str, Any]) -> None:
    mark = ("ok  ", "green") if checked["ok"] else ("not well  ", "bold red")
    console.print(Text.assemble(mark, f"{checked['destination']} {checked['detail']}"))


async def _check_all(settings: Settings) -> list[dict[str, Any]]:
    checks = (_checked(settings, name) for name in settings.destinations)
    return list(await asyncio.gather(*checks))


async def _checked(settings: Settings, name: str) -> dict[str, Any]:
    """Check one destination; one that is configured wrongly keeps no other from being checked."""
    destination = settings.destinations[name]
    try:
        health = await _check(build_adapter(name, destination), name, settings, destination)
    except ConfigError as error:
        health = Health(ok=False, detail=" ".join(str(error).split()))
    return {"destination": name, "adapter": destination.adapter, **asdict(health)}


@app.command("check")
def check(
    context: typer.Context,
    name: Annotated[str, typer.Argument(metavar="DEST|NAME", help="A destination or an adapter.")],
    *,
    adapter_config: AdapterConfigFile = None,
) -> None:
    """Open an adapter and ask whether its core system is there; sends nothing.

    An adapter that no destination is made of is told where by --adapter-config.
    """
    invocation = Invocation.of(context)
    logging.quiet()
    settings = invocation.settings()
    destination = settings.destinations.get(name)
    adapter = _adapter(settings, name, adapter_config)
    health = loop.run(_check(adapter, name, settings, destination))
    checked = {"destination": name, "ok": health.ok, "detail": health.detail}
    screen.show(invocation, checked, lambda console: _show_health(console, checked))
    if not health.ok:
        raise typer.Exit(ExitCode.NOT_WELL)


def _adapter(settings: Settings, name: str, config: Path | None) -> Destination:
    """Return a destination's adapter, or one that is told its config.

    Raises:
        CommandError: There is neither such a destination nor a config.
        ConfigError: No such adapter, or it refuses its config.
    """
    destination = settings.destinations.get(name)
    if destination is not None:
        if config is not None:
            raise typer.BadParameter("the destination has one", param_hint="--adapter-config")
        return build_adapter(name, destination)
    if config is not None:
        return adapter_of(name, config)
    known = ", ".join(settings.destinations) or "none"
    raise CommandError(
        f"{name}: no such destination",
        ExitCode.USAGE,
        f"There are: {known}. For an adapter, give its config with --adapter-config FILE.",
    )


async def _check(
    adapter: Destination, name: str, settings: Settings, destination: DestinationSettings | None
) -> Health:
    """Open, check and close within a destination's ``send_timeout_s``."""
    limit_s = SEND_TIMEOUT_S if destination is None else destination.send_timeout_s
    municipality = ANYBODY if destination is None else destination.municipality
    with tempfile.TemporaryDirectory() as scratch:
        # The worker's own folder, if it has one by now: what it remembers is checked, too.
        own = settings.home / "adapters" / name
        folder = own if own.is_dir() else Path(scratch)
        try:
            async with asyncio.timeout(limit_s):
                await adapter.open(
                    Context(destination=name, municipality=municipality, folder=folder)
                )
                return await adapter.check()
        except DestinationTransientError as error:
            return Health(ok=False, detail=error.reason)
        except TimeoutError:
            return Health(ok=False, detail="check.deadline")
        finally:
            await adapter.close()


@app.command("run")
def run(
    context: typer.Context,
    name: Annotated[str, typer.Argument(metavar="DEST|NAME", help="A destination or an adapter.")],
    *,
    sample: Annotated[
        Path | None, typer.Option(exists=True, dir_okay=False, help="One request body.")
    ] = None,
    samples: Annotated[
        Path | None, typer.Option(exists=True, file_okay=False, help="Folder of request bodies.")
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Do everything but the effect; shows a preview.")
    ] = False,
    adapter_config: AdapterConfigFile = None,
) -> None:
    """Send request bodies through one adapter, without any gateway.

    Of a folder it takes *.message.json, or else *.json; an adapter that no destination is
    made of finds its config in --adapter-config or beside each sample, in *.config.json.
    With --dry-run it shows exactly what would be sent: text, or hex field by field. Exits
    with 1 unless all arrived.
    """
    invocation = Invocation.of(context)
    logging.quiet()
    settings = invocation.settings()
    found = _samples(sample, samples)
    batches: list[tuple[Destination, list[Sample]]]
    if name in settings.destinations:
        batches = [(_adapter(settings, name, adapter_config), found)]
    else:
        discovery.manifest(name)
        batches = configured_as(name, found, adapter_config)
    results = loop.run(
        run_samples(batches, Run(catalogue=open_catalogue(settings), name=name, dry_run=dry_run))
    )
    document = [{**one, "preview": preview.document(one.get("preview"))} for one in results]
    screen.show(invocation, document, lambda console: _show_results(console, results))
    if not all(result["result"] in ("delivered", "previewed") for result in results):
        raise typer.Exit(ExitCode.NOT_WELL)


def _samples(sample: Path | None, samples: Path | None) -> list[Sample]:
    match sample, samples:
        case Path(), None:
            return one_sample(sample)
        case None, Path():
            return find_samples(samples)
        case _:
            raise typer.BadParameter("one of the two is needed", param_hint="--sample, --samples")


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
            for line in preview.lines(result["preview"]):
                screen.plain(console, line)
