"""``kakehashi log``: what a running gateway logs, and its workers."""

import re
from collections.abc import Mapping
from typing import Annotated, Any, Final

import typer
from rich.console import Console

from gateway.cli import screen, words
from gateway.cli.invocation import Invocation
from gateway.cli.reach import perform

app = typer.Typer(
    add_completion=False,
    rich_markup_mode=None,
    no_args_is_help=True,
    help="What a running gateway logs. Every change is written down.",
)

_DURATION: Final = re.compile(r"([0-9]{1,5})([smh]?)")
_UNITS: Final = {"": 1, "s": 1, "m": 60, "h": 3600}


@app.callback()
def log() -> None:
    """Take subcommands, also while there is only one."""


@app.command("level")
def level(
    context: typer.Context,
    wanted: Annotated[
        str | None,
        typer.Argument(
            metavar="[LEVEL]",
            help="debug, info, warning or error; configured goes back. Without it: show.",
        ),
    ] = None,
    *,
    for_: Annotated[
        str | None,
        typer.Option(
            "--for", metavar="TIME", help="How long, such as 90s, 10m or 2h; at most 24h."
        ),
    ] = None,
    destination: Annotated[
        str | None,
        typer.Option(help="Only lines of this destination, in its workers, too; needs --for."),
    ] = None,
    events: Annotated[
        str | None, typer.Option(help="Only events that begin so, such as journal.")
    ] = None,
) -> None:
    """Show what the gateway logs, or change it without a restart."""
    invocation = Invocation.of(context)
    asked = {
        "level": wanted,
        "for_s": None if for_ is None else _seconds(for_),
        "destination": destination,
        "events": events,
    }
    said = {name: value for name, value in asked.items() if value is not None}
    found = perform(invocation, "log.level", **said)
    screen.show(invocation, found, lambda console: _show(console, found))


def _seconds(text: str) -> int:
    match = _DURATION.fullmatch(text)
    if match is None:
        raise typer.BadParameter(f"{text!r} must look like 90s, 10m or 2h")
    return int(match[1]) * _UNITS[match[2]]


def _show(console: Console, found: Mapping[str, Any]) -> None:
    configured = words.of(("設定値", "configured"))
    console.print(f"{found['node']}  {configured}: {found['configured']}")
    for each in found["changed"]:
        about = " ".join(filter(None, (each["destination"], each["events"])))
        ends = "" if each["left_s"] is None else f"  {each['left_s']:.0f} s"
        everything = words.of(("すべて", "everything"))
        console.print(f"{about or everything}: {each['level']}{ends}")
