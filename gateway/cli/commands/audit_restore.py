"""``kakehashi audit accept-restore``: the journal was put back, and its log goes on from there."""

from collections.abc import Mapping
from typing import Annotated, Any

import typer
from rich.console import Console

from gateway.cli import screen, words
from gateway.cli.invocation import Invocation
from gateway.cli.reach import perform


def accept_restore(
    context: typer.Context,
    *,
    reason: Annotated[str, typer.Option(help="Why; goes into the audit log.")],
) -> None:
    """Let this gateway seal the log behind a head that does not go on from the last one it knew.

    Only after a restore or a failover that you know of: nothing else puts a log back. From here
    on there are two histories signed by one key; keep both checkpoints, and tell your auditors.
    """
    invocation = Invocation.of(context)
    done = perform(invocation, "audit.accept_restore", reason=reason)
    screen.show(invocation, done, lambda console: _show(console, done))


def _show(console: Console, done: Mapping[str, Any]) -> None:
    kept = "?" if done["kept"] is None else done["kept"]
    told = (
        f"署名済みの {kept} 件に代えて、{done['size']} 件の時点から記録を続けます。",
        f"The log goes on from {done['size']} entries; {kept} had been signed.",
    )
    console.print(words.of(told), style="bold")
    if done["aside"] is not None:
        screen.plain(console, str(done["aside"]))
