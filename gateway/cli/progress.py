"""A bar for long work, on a terminal only; and what is the case when somebody presses Ctrl-C."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeRemainingColumn,
)

from gateway.cli import words
from gateway.cli.failures import CommandError, ExitCode
from gateway.cli.invocation import Invocation
from gateway.cli.reach import perform_told


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


def perform_shown(
    invocation: Invocation, operation: str, label: tuple[str, str], **arguments: object
) -> Any:
    """Do one operation that tells how far it is, and draw that; ``label`` in both languages."""
    with progress(invocation) as bar:
        task = bar.add_task(words.of(label), total=None)

        def told(done: int, of: int) -> None:
            bar.update(task, completed=done, total=of or None)

        return perform_told(told, invocation, operation, **arguments)


@contextmanager
def interruptible(japanese: str, english: str) -> Iterator[None]:
    """Say what is the case, in a line, when somebody presses Ctrl-C meanwhile."""
    try:
        yield
    except KeyboardInterrupt:
        # The line of the shell has ^C on it.
        message = words.of((f"中断しました。{japanese}", f"interrupted. {english}"))
        raise CommandError(message, ExitCode.INTERRUPTED) from None
