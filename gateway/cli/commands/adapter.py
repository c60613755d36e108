"""``kakehashi adapter``: which there are, whether one works, and samples through one."""

import asyncio
from dataclasses import asdict
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.text import Text

from gateway.cli import logging, loop, screen, words
from gateway.cli.commands import (
    adapter_ask,
    adapter_new,
    adapter_release,
    adapter_run,
    adapter_test,
)
from gateway.cli.failures import ExitCode
from gateway.cli.invocation import Invocation
from gateway.cli.trial import AdapterDefectError, Trial, blaming, opened, trial_of
from gateway.domain.errors import ConfigError, DestinationTransientError
from gateway.drivers import discovery
from gateway.sdk import Health
from gateway.settings.model import Settings

app = typer.Typer(
    add_completion=False, rich_markup_mode=None, no_args_is_help=True, help="Adapters."
)


app.command("new")(adapter_new.new)
app.command("test")(adapter_test.run_kit)
app.command("release")(adapter_release.release)
app.command("run")(adapter_run.run)
app.command("lookup")(adapter_ask.lookup)
app.command("feedback")(adapter_ask.feedback)


@app.command("list")
def list_adapters(
    context: typer.Context,
    *,
    health: Annotated[
        bool, typer.Option("--health", help="Also check every configured destination.")
    ] = False,
) -> None:
    """List the installed adapters and what they promise; imports none of them.

    The tier of an adapter that did not come with the gateway is what it claims: "adapter test"
    proves it.

    With --health it opens and checks the adapter of each configured destination, all at the
    same time, sends nothing, and exits with 1 unless all are well.
    """
    invocation = Invocation.of(context)
    logging.quiet()
    shipped = discovery.shipped()
    found = [
        {**manifest.model_dump(mode="json"), "shipped": manifest.name in shipped}
        for manifest in discovery.available()
    ]
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
        head = f" {manifest['version']}  {_tier(manifest)}  "
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


def _tier(manifest: dict[str, Any]) -> str:
    """Return a tier in words: nothing here has proved another's."""
    tier = str(manifest["quality"]["tier"])
    return tier if manifest["shipped"] or tier == "none" else f"claims {tier}"


def _show_health(console: Console, checked: dict[str, Any]) -> None:
    mark = ("ok  ", "green") if checked["ok"] else ("not well  ", "bold red")
    console.print(Text.assemble(mark, f"{checked['destination']} {checked['detail']}"))


async def _check_all(settings: Settings) -> list[dict[str, Any]]:
    checks = (_checked(settings, name) for name in settings.destinations)
    return list(await asyncio.gather(*checks))


async def _checked(settings: Settings, name: str) -> dict[str, Any]:
    """Check one destination; one that is configured wrongly keeps no other from being checked."""
    try:
        health = await _check(trial_of(settings, name, None))
    except ConfigError as error:
        health = Health(ok=False, detail=" ".join(str(error).split()))
    except AdapterDefectError as error:
        health = Health(ok=False, detail=error.message)
    adapter = settings.destinations[name].adapter
    return {"destination": name, "adapter": adapter, **asdict(health)}


@app.command("check")
def check(
    context: typer.Context,
    name: Annotated[str, typer.Argument(metavar="DEST|NAME", help="A destination or an adapter.")],
    *,
    adapter_config: adapter_run.AdapterConfigFile = None,
) -> None:
    """Open an adapter and ask whether its core system is there; sends nothing.

    An adapter that no destination is made of is told where by --adapter-config.
    """
    invocation = Invocation.of(context)
    logging.quiet()
    settings = invocation.settings()
    health = loop.run(_check(trial_of(settings, name, adapter_config)))
    checked = {"destination": name, "ok": health.ok, "detail": health.detail}
    screen.show(invocation, checked, lambda console: _show_health(console, checked))
    if not health.ok:
        raise typer.Exit(ExitCode.NOT_WELL)


async def _check(trial: Trial) -> Health:
    """Open, check and close within a destination's ``send_timeout_s``."""
    try:
        # What its worker remembers is checked, too.
        async with opened(trial, trial.own):
            with blaming(trial, "check"):
                try:
                    async with asyncio.timeout(trial.timeout_s):
                        return await trial.adapter.check()
                except TimeoutError:
                    return Health(ok=False, detail="check.deadline")
    except DestinationTransientError as error:
        return Health(ok=False, detail=error.reason)
