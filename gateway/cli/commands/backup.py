"""``kakehashi backup``: copy the embedded journal while it is in use."""

import threading
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Annotated, Any, Final

import typer
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TimeRemainingColumn

from gateway.cli import screen, words
from gateway.cli.failures import CommandError, ExitCode
from gateway.cli.invocation import Invocation
from gateway.cli.progress import interruptible
from gateway.cli.reach import answers, perform
from gateway.ports.backup import PART

_LOOK_S: Final = 0.2

_FOLDER: Final = (
    "mkdir -p で作るか、one.db のように拡張子のあるファイル名を指定してください。",
    "Make it with mkdir -p, or name a file with an ending, as one.db.",
)
"""A backup must not become a file of the name that the folder was to have."""


def backup(
    context: typer.Context,
    *,
    path: Annotated[Path, typer.Argument(help="A file that is not there yet, or a folder.")],
) -> None:
    """Copy the embedded journal: one moment of it, checked, whole or not there.

    The gateway goes on accepting. Keys are not in it (`kakehashi keys export`): without them
    nobody reads the payloads, the copy's owner included. PostgreSQL: docs/howto/restore.md.
    """
    invocation = Invocation.of(context)
    target = path.absolute()
    if not target.suffix and not target.is_dir():
        raise CommandError(
            f"{target}: {words.of(('フォルダーがありません', 'there is no such folder'))}",
            ExitCode.USAGE,
            words.of(_FOLDER),
        )
    with _interruptible(invocation, target), _progress(invocation, target):
        done = perform(invocation, "journal.backup", path=str(target))
    screen.show(invocation, done, lambda console: _show(console, done))


def _interruptible(invocation: Invocation, target: Path) -> AbstractContextManager[None]:
    """Return what says what goes on without this command."""
    if answers(invocation.settings().home):
        return interruptible(
            f"ゲートウェイが続けます。完成すると {target} にできます。",
            f"The gateway goes on; once whole, it is at {target}.",
        )
    return interruptible("バックアップは残っていません。", "No backup was left.")


@contextmanager
def _progress(invocation: Invocation, target: Path) -> Iterator[None]:
    """Show how much of the copy is there, on a terminal."""
    url = invocation.settings().journal.url
    journal = Path(url.partition(":///")[2])
    shown = screen.Terminal(stderr=True)
    if invocation.json or not shown.is_terminal or not journal.is_file():
        yield
        return
    folder, ended = (target if target.is_dir() else target.parent), threading.Event()

    def watch(bar: Progress) -> None:
        task = bar.add_task("", total=journal.stat().st_size)
        while not ended.wait(_LOOK_S):
            bar.update(task, completed=sum(part.stat().st_size for part in _parts(folder)))

    with Progress(BarColumn(), DownloadColumn(), TimeRemainingColumn(), console=shown) as bar:
        watching = threading.Thread(target=watch, args=(bar,), daemon=True)
        watching.start()
        try:
            yield
        finally:
            ended.set()
            watching.join()


def _parts(folder: Path) -> list[Path]:
    return [part for part in folder.glob(f"*{PART}") if part.is_file()]


def _show(console: Console, done: Mapping[str, Any]) -> None:
    mib = done["size_bytes"] / 2**20
    told = (
        f"バックアップを作成し、検査しました（{mib:,.1f} MiB、監査ログ {done['entries']:,} 件）。",
        f"The backup is whole: {mib:,.1f} MiB, {done['entries']:,} audit entries.",
    )
    console.print(words.of(told), style="bold")
    screen.plain(console, str(done["file"]))
    keys = (
        "鍵は含まれていません: kakehashi keys export で別に保管してください。",
        "Keys are not in it: keep them apart (kakehashi keys export).",
    )
    console.print(words.of(keys))
