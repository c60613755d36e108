"""``kakehashi messages``: applications, without what they say."""

from collections.abc import Mapping
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.text import Text

from gateway.cli import screen, words
from gateway.cli.commands.status import show_applications
from gateway.cli.invocation import Invocation
from gateway.cli.reach import perform
from gateway.domain.lifecycle import State

app = typer.Typer(
    add_completion=False, rich_markup_mode=None, no_args_is_help=True, help="Applications."
)


@app.command("list")
def list_messages(
    context: typer.Context,
    *,
    destination: Annotated[str | None, typer.Option(help="Only those on their way there.")] = None,
    municipality: Annotated[str | None, typer.Option(help="Only those for this code.")] = None,
    state: Annotated[
        list[State] | None, typer.Option(help="Only those with a delivery in it; repeatable.")
    ] = None,
    before: Annotated[str | None, typer.Option(help="Only those older than this id.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=500, help="At most so many.")] = 20,
) -> None:
    """List applications, newest first."""
    invocation = Invocation.of(context)
    found = perform(
        invocation,
        "messages.list",
        destination=destination,
        municipality=municipality,
        states=[one.value for one in state or ()],
        before=before,
        limit=limit,
    )
    screen.show(invocation, found, lambda console: _show(console, found, limit))


def _show(console: Console, found: list[Mapping[str, Any]], limit: int) -> None:
    for application in found:
        line = Text(f"{words.moment(application['accepted_at'])}  {application['id']}  ")
        console.print(line.append_text(screen.state(application["status"])))
        console.print(Text(f"  {application['municipality']} {application['procedure']}", "dim"))
        for delivery in application["deliveries"]:
            line = Text(f"  → {delivery['destination']}: ")
            line.append_text(screen.state(delivery["state"]))
            line.append(f" ({delivery['code']})" if delivery["code"] else "")
            console.print(line)
    if not found:
        console.print(words.of(("該当する申請はありません。", "There are no such applications.")))
    elif len(found) == limit:
        more = words.of(("続き", "more"))
        screen.plain(console, f"{more}: --before {found[-1]['id']}")


@app.command("show")
def show(
    context: typer.Context,
    subject: Annotated[str, typer.Argument(metavar="ID|受付番号", help="Which application.")],
) -> None:
    """Show one application's timeline, as status does."""
    invocation = Invocation.of(context)
    found = perform(invocation, "status", subject=subject)
    screen.show(invocation, found, lambda console: show_applications(console, found))
