"""``kakehashi audit key|shred``: by which keys it is verified, and what is forgotten."""

from collections.abc import Mapping
from typing import Annotated, Any

import typer
from rich.console import Console

from gateway.cli import screen, words
from gateway.cli.invocation import Invocation
from gateway.cli.reach import perform


def key(context: typer.Context) -> None:
    """Print the log's origin and its verifier keys: all that an outsider needs to check a proof.

    Hand them over on another way than the proofs: whoever can exchange both proves anything.
    """
    invocation = Invocation.of(context)
    shown = perform(invocation, "audit.key")
    screen.show(invocation, shown, lambda console: _show_keys(console, shown))


def shred(
    context: typer.Context,
    application: Annotated[str, typer.Argument(help="The application's id.")],
    *,
    reason: Annotated[str, typer.Option(help="Why; goes into the audit log.")],
) -> None:
    """Erase the free words about an application: their keys are destroyed for ever.

    Entries, proofs and verification stay as they are. Backups are not reached: they keep
    the words as long as they are kept.
    """
    invocation = Invocation.of(context)
    done = perform(invocation, "audit.shred", application=application, reason=reason)
    screen.show(invocation, done, lambda console: console.print(_shredded(done["details"])))


def _shredded(details: int) -> str:
    return words.of((f"{details}件の記述を消去しました。", f"erased: {details} details."))


def _show_keys(console: Console, shown: Mapping[str, Any]) -> None:
    console.print(f"origin {shown['origin']}")
    for each in shown["keys"]:
        now = words.of((" (現在の署名鍵)", " (signs now)")) if each["signs"] else ""
        console.print(f"{each['name']}{now}")
        screen.plain(console, f"  {each['vkey']}")
