"""``kakehashi audit search``: who did what, when, to which application."""

from collections.abc import Mapping
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.text import Text

from gateway.cli import screen, words
from gateway.cli.invocation import Invocation
from gateway.cli.reach import perform
from gateway.domain.entry import Action
from gateway.domain.entry_outcome import OUTCOMES, EntryOutcome

_WIDTH = 80
_STYLES = {
    EntryOutcome.REFUSED: "bold red",
    EntryOutcome.FAILED: "yellow",
    EntryOutcome.DOUBT: "bold yellow",
    EntryOutcome.DECIDED: "bold",
    EntryOutcome.NOTED: "dim",
}


def search(  # noqa: PLR0913 - each is an option of the command
    context: typer.Context,
    *,
    municipality: Annotated[str | None, typer.Option(help="Only this one's, six digits.")] = None,
    application: Annotated[str | None, typer.Option(help="Only about this one, by its id.")] = None,
    receipt_number: Annotated[
        str | None, typer.Option(help="Only about this 受付番号; it is written nowhere.")
    ] = None,
    actor: Annotated[
        str | None, typer.Option(help="Only by this client, worker or person.")
    ] = None,
    actor_kind: Annotated[
        str | None, typer.Option(help="client, worker, operator, gateway or nobody.")
    ] = None,
    action: Annotated[
        list[str] | None,
        typer.Option(help="Such as delivery.parked, or delivery. for all of them; more than once."),
    ] = None,
    outcome: Annotated[
        list[str] | None, typer.Option(help=f"{', '.join(EntryOutcome)}; more than once.")
    ] = None,
    since: Annotated[
        str | None, typer.Option(help="From then on: 2026-11-20 (Japan), or RFC 3339.")
    ] = None,
    until: Annotated[str | None, typer.Option(help="Before then.")] = None,
    before: Annotated[
        int | None, typer.Option(min=0, help="Only older than this position.")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, max=500, help="So many at most.")] = 50,
) -> None:
    """Find entries of the audit log, latest first. That you searched is an entry, too.

    Reasons are shown as long as they were not erased.
    """
    invocation = Invocation.of(context)
    where = {
        "municipality": municipality,
        "application": application,
        "receipt_number": receipt_number,
        "actor": actor,
        "actor_kind": actor_kind,
        "actions": tuple(action or ()),
        "outcomes": tuple(outcome or ()),
        "since": since,
        "until": until,
    }
    found = perform(invocation, "audit.search", where=where, before=before, limit=limit)
    screen.show(invocation, found, lambda console: _show(console, found))


def _show(console: Console, found: Mapping[str, Any]) -> None:
    for entry in found["entries"]:
        for line in _lines(entry):
            console.print(line, soft_wrap=True)
    if not found["entries"]:
        console.print(words.of(("該当する記録はありません。", "No entry is like this.")))
    if found["before"] is not None:
        shown = len(found["entries"])
        text = words.of((f"{shown} 件を表示。続き", f"{shown} shown; older"))
        screen.plain(console, f"{text}: --before {found['before']}")


def _lines(entry: Mapping[str, Any]) -> list[Text]:
    """Return an entry in a few lines of at most 80 columns."""
    index = "-" if entry["index"] is None else f"#{entry['index']}"
    if entry.get("unreadable"):
        what = words.of(("読み取れない記録です", "cannot be read: verify the log"))
        return [Text(f"{index}  {entry['node']} {entry['nseq']}: {what}", style="bold red")]
    action = Action(entry["action"])
    head = Text(f"{words.moment(entry['at'])}  {index:>9}  ")
    head.append(action, style=_STYLES.get(OUTCOMES[action], ""))
    lines = [head]
    lines += _folded(f"{entry['actor']['kind']} {entry['actor']['name']}")
    for name in ("municipality", "application", "delivery"):
        if name in entry:
            lines.append(Text(f"    {name} {entry[name]}"))
    facts = [f"{name}={value}" for name, value in entry["facts"].items() if value is not None]
    lines += _folded("  ".join(facts), style="dim")
    if entry["erased"]:
        lines += _folded(f"({words.erased(entry['erasure'])})", style="dim italic")
    if entry["words_lost"]:
        lines += _folded(f"({words.of(words.WORDS_LOST)})", style="bold red")
    for name, text in (entry["words"] or {}).items():
        lines += _folded(f"{name}: {text}", style="italic")
    return lines


def _folded(text: str, style: str = "") -> list[Text]:
    """Fold by columns: a Japanese character takes two."""
    lines = Text(text, style=style).wrap(Console(width=_WIDTH - 4), _WIDTH - 4, overflow="fold")
    return [Text("    ").append_text(line) for line in lines]
