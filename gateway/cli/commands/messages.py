"""``kakehashi messages``: applications, without what they say."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.text import Text

from gateway.cli import screen, words
from gateway.cli.commands.status import show_applications
from gateway.cli.invocation import Invocation
from gateway.cli.reach import perform
from gateway.domain.lifecycle import ApplicationState, State
from gateway.domain.outcome import FeedbackStatus

app = typer.Typer(
    add_completion=False, rich_markup_mode=None, no_args_is_help=True, help="Applications."
)


class Sort(StrEnum):
    """By which time a list is sorted."""

    ACCEPTED = "accepted"
    CHANGED = "changed"


@app.command("list")
def list_messages(  # noqa: PLR0913 - each is an option
    context: typer.Context,
    *,
    destination: Annotated[str | None, typer.Option(help="Only those on their way there.")] = None,
    municipality: Annotated[str | None, typer.Option(help="Only those for this code.")] = None,
    procedure: Annotated[
        str | None, typer.Option(help="Only those of it; a pattern: 'childcare/*'.")
    ] = None,
    client: Annotated[str | None, typer.Option(help="Only those of this front end.")] = None,
    state: Annotated[
        list[State] | None, typer.Option(help="Only those with a delivery in it; repeatable.")
    ] = None,
    status: Annotated[
        ApplicationState | None, typer.Option(help="Only those that stand so as a whole.")
    ] = None,
    code: Annotated[
        str | None, typer.Option(help="Only those with a delivery whose last outcome had it.")
    ] = None,
    feedback: Annotated[
        FeedbackStatus | None, typer.Option(help="Only those of which it came back.")
    ] = None,
    since: Annotated[
        str | None, typer.Option(help="Accepted then or later: 2026-11-20, 2026-11-20T09:30.")
    ] = None,
    until: Annotated[
        str | None, typer.Option(help="Accepted before; a date alone is that whole day.")
    ] = None,
    sort: Annotated[
        Sort, typer.Option(help="By when they were accepted, or by when they last changed.")
    ] = Sort.ACCEPTED,
    oldest: Annotated[
        bool, typer.Option("--oldest", help="Oldest first: with --sort changed, what stands still.")
    ] = False,
    before: Annotated[
        str | None, typer.Option(help="Only those behind it: as the page before told.")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, max=500, help="At most so many.")] = 20,
) -> None:
    """List applications, newest first, or by their last change."""
    invocation = Invocation.of(context)
    where = {
        "destination": destination,
        "municipality": municipality,
        "procedure": procedure,
        "client": client,
        "states": [one.value for one in state or ()],
        "status": status,
        "code": code,
        "feedback": feedback,
        "since": since,
        "until": until,
    }
    page = perform(
        invocation,
        "messages.search",
        where=where,
        sort=sort.value,
        order="oldest" if oldest else "newest",
        after=before,
        limit=limit,
    )
    screen.show(invocation, page["applications"], lambda console: _show(console, page, sort))


def _show(console: Console, page: Mapping[str, Any], sort: Sort) -> None:
    found, following = page["applications"], page["next"]
    for application in found:
        at = application["changed_at" if sort is Sort.CHANGED else "accepted_at"]
        line = Text(f"{words.moment(at)}  {application['id']}  ")
        console.print(line.append_text(screen.state(application["status"])))
        console.print(Text(f"  {application['municipality']} {application['procedure']}", "dim"))
        for delivery in application["deliveries"]:
            line = Text(f"  → {delivery['destination']}: ")
            line.append_text(screen.state(delivery["state"]))
            line.append(f" ({delivery['code']})" if delivery["code"] else "")
            console.print(line)
    if not found:
        console.print(words.of(("該当する申請はありません。", "There are no such applications.")))
    if following is not None:
        more = words.of(("続き", "more"))
        screen.plain(console, f"{more}: --before {following}")


@app.command("show")
def show(
    context: typer.Context,
    subject: Annotated[str, typer.Argument(metavar="ID|受付番号", help="Which application.")],
) -> None:
    """Show one application's timeline, as status does."""
    invocation = Invocation.of(context)
    found = perform(invocation, "status", subject=subject)
    screen.show(invocation, found, lambda console: show_applications(console, found))
