"""A bar for long work: on a terminal only, on standard error, and never beside JSON."""

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeRemainingColumn,
)

from gateway.cli.invocation import Invocation


def progress(invocation: Invocation, console: Console | None = None) -> Progress:
    """Return a bar that is gone when its block ends.

    Args:
        invocation: How the command was called; with ``--json`` nothing is drawn.
        console: Where it is drawn; standard error, if not said.
    """
    shown = console or Console(stderr=True)
    return Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=shown,
        transient=True,
        disable=invocation.json or not shown.is_terminal,
    )
