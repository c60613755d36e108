"""``kakehashi adapter run``: request bodies through one adapter."""

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.text import Text

from gateway.bootstrap.stores import open_catalogue
from gateway.cli import logging, loop, preview, screen
from gateway.cli.failures import ExitCode
from gateway.cli.invocation import Invocation
from gateway.cli.samples import (
    Result,
    Run,
    Sample,
    configured_as,
    earlier_key,
    find_samples,
    one_sample,
    run_samples,
)
from gateway.cli.trial import Trial, trial_of
from gateway.drivers import discovery

AdapterConfigFile = Annotated[
    Path | None,
    typer.Option(
        "--adapter-config", exists=True, dir_okay=False, help="The adapter's config, for a NAME."
    ),
]


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
    key: Annotated[
        str | None,
        typer.Option(metavar="KEY", help="Send --sample once more, under an earlier run's key."),
    ] = None,
    adapter_config: AdapterConfigFile = None,
) -> None:
    """Send request bodies through one adapter, without any gateway.

    Of a folder it takes *.message.json, or else *.json; an adapter that no destination is
    made of finds its config in --adapter-config or beside each sample, in *.config.json.
    With --dry-run it shows exactly what would be sent: text, or hex field by field. With
    --key it makes a second attempt at one delivery. Exits with 1 unless all arrived.
    """
    invocation = Invocation.of(context)
    logging.quiet()
    settings = invocation.settings()
    found = _samples(sample, samples)
    if key is not None and sample is None:
        raise typer.BadParameter("goes with --sample", param_hint="--key")
    earlier = None if key is None else earlier_key(key)
    batches: list[tuple[Trial, list[Sample]]]
    if name in settings.destinations:
        batches = [(trial_of(settings, name, adapter_config), found)]
    else:
        discovery.manifest(name)
        batches = configured_as(name, found, adapter_config)
    results: list[Result] = []

    def tell(result: Result) -> None:
        results.append(result)
        if not invocation.json:
            screen.show(invocation, None, lambda console: _show(console, result))

    catalogue = open_catalogue(settings)
    try:
        loop.run(
            run_samples(batches, Run(catalogue=catalogue, dry_run=dry_run, key=earlier, tell=tell))
        )
    finally:
        # One document, also of a run that was interrupted: what was sent is known.
        if invocation.json and results:
            screen.print_json(
                [{**one, "preview": preview.document(one.get("preview"))} for one in results]
            )
    if not all(_is_good(result) for result in results):
        raise typer.Exit(ExitCode.NOT_WELL)


def _is_good(result: Result) -> bool:
    return result["result"] in ("delivered", "previewed")


def _samples(sample: Path | None, samples: Path | None) -> list[Sample]:
    match sample, samples:
        case Path(), None:
            return one_sample(sample)
        case None, Path():
            return find_samples(samples)
        case _:
            raise typer.BadParameter("one of the two is needed", param_hint="--sample, --samples")


def _show(console: Console, result: dict[str, Any]) -> None:
    colour = "green" if _is_good(result) else "bold red"
    console.print(Text.assemble((f"{result['result']:<12}", colour), result["sample"]))
    was_sent = result["result"] not in ("previewed", "invalid")
    labels = ("reference", "code", "defect", "pointer", *(["idempotency_key"] if was_sent else []))
    for label in labels:
        if result.get(label):
            screen.plain(console, f"  {label.removeprefix('idempotency_')}: {result[label]}")
    for error in result.get("errors", ()):
        console.print(f"  {error['pointer']}  {error['code']}")
    if result.get("preview"):
        for line in preview.lines(result["preview"]):
            screen.plain(console, line)
