"""``kakehashi doctor``: is everything as it must be, and what to do where it is not."""

from dataclasses import asdict
from typing import Annotated, Final

import typer
from rich.console import Console
from rich.text import Text

from gateway.cli import logging, screen, words
from gateway.cli.diagnosis.broker import look_at_broker
from gateway.cli.diagnosis.here import look_here, settings_of
from gateway.cli.diagnosis.journal import look_at_journal
from gateway.cli.diagnosis.line import Level, Line, verdict
from gateway.cli.diagnosis.running import look_at_gateway
from gateway.cli.examine import Role, likely_role
from gateway.cli.failures import ExitCode
from gateway.cli.invocation import Invocation
from gateway.settings.model import Settings

_STYLES: Final = {Level.OK: "green", Level.WARN: "bold yellow", Level.BAD: "bold red"}

app = typer.Typer(add_completion=False, rich_markup_mode=None)


@app.command("doctor")
def doctor(
    context: typer.Context,
    *,
    strict: Annotated[
        bool, typer.Option("--strict", help="Exit with 1 for a warning, too.")
    ] = False,
) -> None:
    """Look at everything that keeps applications from arriving, and say what to do.

    Configuration and keys, versions, clock, disks, certificates, broker and its queues, journal,
    the running gateway and its workers. Changes nothing, and ends within half a minute whatever
    hangs. Exits with 1 if something is bad: also if no gateway runs here, but on a machine that
    has workers' keys only. A warning is no reason, unless --strict.
    """
    invocation = Invocation.of(context)
    logging.quiet()
    settings, lines = settings_of(invocation)
    if settings is not None:
        lines += _looked(invocation, settings)
    found = verdict(lines)
    document = {
        "ok": found != Level.BAD,
        "verdict": found,
        "lines": [asdict(line) for line in lines],
    }
    screen.show(invocation, document, lambda console: _show(console, lines, found))
    if found == Level.BAD or (strict and found == Level.WARN):
        raise typer.Exit(ExitCode.NOT_WELL)


def _looked(invocation: Invocation, settings: Settings) -> list[Line]:
    lines = [*look_here(settings), *look_at_broker(settings)]
    if likely_role(settings) is Role.WORKER:
        return lines
    journal, said = look_at_journal(settings)
    return [*lines, *said, *look_at_gateway(invocation, settings, journal)]


def _show(console: Console, lines: list[Line], found: Level) -> None:
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
    bad, warnings = (
        sum(line.level == level for line in lines) for level in (Level.BAD, Level.WARN)
    )
    told = {
        Level.OK: ("すべて正常です。", "All is well."),
        Level.WARN: (f"注意 {warnings} 件。", f"Warnings: {warnings}."),
        Level.BAD: (
            f"異常 {bad} 件、注意 {warnings} 件。上の bad から直してください。",
            f"Bad: {bad}; warnings: {warnings}. Begin with the first that is bad.",
        ),
    }
    console.print()
    console.print(Text(words.of(told[found]), style=_STYLES[found]))
