"""``kakehashi audit``: is the record what was written?"""

from collections.abc import Mapping
from typing import Any

import typer
from rich.console import Console

from gateway.cli import screen
from gateway.cli.commands import audit_keys
from gateway.cli.failures import ExitCode
from gateway.cli.invocation import Invocation
from gateway.cli.reach import perform

app = typer.Typer(
    add_completion=False, rich_markup_mode=None, no_args_is_help=True, help="The audit log."
)


@app.callback()
def _group() -> None:
    """Say that ``verify`` is one command among others, not the whole."""


app.command("key")(audit_keys.key)
app.command("shred")(audit_keys.shred)


@app.command("verify")
def verify(context: typer.Context) -> None:
    """Verify every node's chain from its first entry to its last.

    Exits with 1 if an entry was changed, taken out or put in. Keep the heads it prints:
    a chain cut off at its end is whole in itself, but no longer has them.
    """
    invocation = Invocation.of(context)
    report = perform(invocation, "audit.verify")
    screen.show(invocation, report, lambda console: _show(console, report))
    if not report["ok"]:
        raise typer.Exit(ExitCode.NOT_WELL)


def _show(console: Console, report: Mapping[str, Any]) -> None:
    if report["ok"]:
        console.print(f"ok: {report['entries']} entries, every chain is whole.", style="green")
    else:
        console.print("The audit log is not what was written.", style="bold red")
    for finding in report["failures"]:
        console.print(f"  {finding['node']} entry {finding['nseq']}: {finding['problem']}")
    for finding in report["warnings"]:
        console.print(f"  note: {finding['node']} entry {finding['nseq']}: {finding['problem']}")
    for node, head in report["nodes"].items():
        console.print(f"{node}: {head['nseq']} entries, head")
        screen.plain(console, f"  {head['leaf']}")
