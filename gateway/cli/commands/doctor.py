"""``kakehashi doctor``: is everything as it must be, and what to do where it is not."""

from dataclasses import asdict
from typing import Final

import typer
from rich.console import Console
from rich.text import Text

from gateway.cli import diagnosis, logging, screen
from gateway.cli.diagnosis import Level, Line
from gateway.cli.failures import ExitCode
from gateway.cli.invocation import Invocation

_STYLES: Final = {Level.OK: "green", Level.WARN: "bold yellow", Level.BAD: "bold red"}

app = typer.Typer(add_completion=False, rich_markup_mode=None)


@app.command("doctor")
def doctor(context: typer.Context) -> None:
    """Look at everything that keeps applications from arriving, and say what to do.

    Configuration and keys, clock, disks, certificates, broker and its queues, journal, the
    running gateway, its workers and their versions. Changes nothing. Works with and without a
    running gateway. Exits with 1 if something is bad; a warning does not.
    """
    invocation = Invocation.of(context)
    logging.quiet()
    settings, lines = diagnosis.settings_of(invocation)
    if settings is not None:
        lines += diagnosis.look_here(invocation, settings)
        lines += diagnosis.look_there(invocation, settings)
    is_well = all(line.level != Level.BAD for line in lines)
    document = {"ok": is_well, "lines": [asdict(line) for line in lines]}
    screen.show(invocation, document, lambda console: _show(console, lines))
    if not is_well:
        raise typer.Exit(ExitCode.NOT_WELL)


def _show(console: Console, lines: list[Line]) -> None:
    table = screen.table("", "", "")
    table.show_header = False
    for column in table.columns[:2]:
        column.no_wrap = True
    for line in lines:
        said = Text(line.said)
        if line.action is not None:
            said.append(f"\n→ {line.action}", "dim")
        table.add_row(Text(line.level, style=_STYLES[line.level]), line.subject, said)
    console.print(table)
