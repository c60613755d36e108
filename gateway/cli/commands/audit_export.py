"""``kakehashi audit export``: the whole sealed log as files, for whoever shall verify it."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from gateway.cli import screen, words
from gateway.cli.exporting import Export, Exported
from gateway.cli.failures import ExitCode
from gateway.cli.invocation import Invocation
from gateway.cli.progress import interruptible, progress
from gateway.cli.reach import perform


def export(
    context: typer.Context,
    directory: Annotated[Path, typer.Argument(help="Empty, new, or an export to go on with.")],
) -> None:
    """Write the sealed log into a directory that can be verified without any gateway.

    Interrupted, or with more in the log since: run it again into the same directory. What is
    there already is compared with the log first. Exits with 1 if the directory is of another log,
    if it disagrees with the log, or if the log itself is not what was sealed.
    """
    invocation = Invocation.of(context)
    ended = interruptible(
        "同じフォルダーにもう一度実行すると、続きから書き出します。",
        "Run it again into the same directory: it goes on from there.",
    )
    with ended, progress(invocation) as bar:
        task = bar.add_task(words.of(("記録", "entries")), total=None)

        def ask(operation: str, **arguments: object) -> object:
            answer = perform(invocation, operation, **arguments)
            if operation == "audit.head":
                bar.update(task, total=answer["size"])
            return answer

        def tell(entries: int) -> None:
            bar.update(task, completed=entries)

        done = Export(directory, ask, tell).run(at=datetime.now(UTC))
    document = {
        "directory": str(directory),
        "origin": done.origin,
        "entries": done.size,
        "kept": done.kept,
        "bad_index": done.bad_index,
    }
    screen.show(invocation, document, lambda console: _show(console, directory, done))
    if done.bad_index is not None:
        raise typer.Exit(ExitCode.NOT_WELL)


def _show(console: Console, directory: Path, done: Exported) -> None:
    new = done.size - done.kept
    text = (
        f"{done.origin}: {done.size} 件(うち新規 {new} 件)を書き出しました。",
        f"{done.origin}: {done.size} entries, {new} of them new.",
    )
    screen.plain(console, words.of(text))
    if done.bad_index is not None:
        told = (
            f"記録 {done.bad_index} が封印時と異なります。検証してください。",
            f"Entry {done.bad_index} is not what was sealed: verify the export.",
        )
        console.print(words.of(told), style="bold red")
    screen.plain(console, f"python3 {directory}/verify.py {directory} --key VKEY")
