"""``kakehashi restored``: the journal was put back; what waits in it may have arrived since."""

from collections.abc import Mapping
from typing import Any

import typer
from rich.console import Console

from gateway.cli import screen, words
from gateway.cli.invocation import Invocation
from gateway.cli.reach import perform


def restored(context: typer.Context) -> None:
    """Put in doubt what waits to be sent: once, after a restore, before any gateway starts.

    Core systems that can be asked are asked first; of any other a person decides. Those that
    know our idempotency keys simply get it again.
    """
    invocation = Invocation.of(context)
    done = perform(invocation, "journal.doubt_restored")
    screen.show(invocation, done, lambda console: _show(console, done["doubted"]))


def _show(console: Console, doubted: Mapping[str, Any]) -> None:
    if not doubted:
        console.print(words.of(("結果不明にしたものはありません。", "Nothing was put in doubt.")))
    for name, count in doubted.items():
        console.print(f"{name}  {words.state('in_doubt')}  {count:,}")
