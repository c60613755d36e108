"""``kakehashi parked``: deliveries that wait for a person, and what a person may do."""

from collections.abc import Mapping
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.text import Text

from gateway.cli import screen, words
from gateway.cli.commands import replays
from gateway.cli.commands.status import show_delivery
from gateway.cli.failures import ExitCode, failure
from gateway.cli.invocation import Invocation
from gateway.cli.progress import interruptible, progress
from gateway.cli.reach import RefusedByGatewayError, perform
from gateway.domain.errors import PermanentError

app = typer.Typer(
    add_completion=False,
    rich_markup_mode=None,
    no_args_is_help=True,
    help="What waits for a person: parked and in doubt. Every decision is written down.",
)

app.add_typer(replays.app)

Ids = Annotated[list[str], typer.Argument(metavar="ID…", help="Ids of deliveries.")]
Reason = Annotated[
    str, typer.Option(help="Why, for the audit log: 1 to 200 characters, no personal data.")
]


@app.command("list")
def list_parked(
    context: typer.Context,
    *,
    destination: Annotated[str | None, typer.Option(help="Only those for it.")] = None,
    before: Annotated[str | None, typer.Option(help="Only those older than this id.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=500, help="Of so many applications.")] = 50,
) -> None:
    """List the deliveries that wait for a person, newest first."""
    invocation = Invocation.of(context)

    def page(before: str | None, limit: int) -> list[Mapping[str, Any]]:
        found: list[Mapping[str, Any]] = perform(
            invocation, "parked.list", destination=destination, before=before, limit=limit
        )
        return found

    found = page(before, limit)
    is_full = len({delivery["application"] for delivery in found}) == limit

    def show_page(console: Console) -> None:
        _show_list(console, found)
        if is_full and page(found[-1]["id"], 1):
            shown = words.of((f"{len(found)} 件を表示。続き", f"{len(found)} shown; older"))
            screen.plain(console, f"{shown}: --before {found[-1]['id']}")

    screen.show(invocation, found, show_page)


def _show_list(console: Console, found: list[Mapping[str, Any]]) -> None:
    for delivery in found:
        line = Text(f"{words.moment(delivery['updated_at'])}  {delivery['id']}  ")
        console.print(line.append_text(screen.state(delivery["state"])))
        console.print(f"  → {delivery['destination']}: {words.next_step(delivery)}")
    if not found:
        console.print(words.of(("対応待ちの配信はありません。", "Nothing waits for a person.")))


@app.command("show")
def show(
    context: typer.Context,
    delivery_id: Annotated[str, typer.Argument(metavar="ID", help="A delivery's id.")],
) -> None:
    """Show one delivery and its next step."""
    invocation = Invocation.of(context)
    found = perform(invocation, "parked.show", delivery=delivery_id)
    screen.show(invocation, found, lambda console: show_delivery(console, found))


@app.command("replay")
def replay(  # noqa: PLR0913 - each is an option of the command
    context: typer.Context,
    ids: Annotated[
        list[str] | None, typer.Argument(metavar="ID…", help="Deliveries; or else a filter.")
    ] = None,
    *,
    reason: Annotated[
        str | None,
        typer.Option(help="Why, for the audit log: 1 to 200 characters, no personal data."),
    ] = None,
    group: replays.Group = None,
    destination: replays.Destination = None,
    municipality: replays.Municipality = None,
    code: replays.Code = None,
    adapter: replays.Adapter = None,
    since: replays.Since = None,
    until: replays.Until = None,
    in_doubt: Annotated[
        bool,
        typer.Option(
            "--in-doubt",
            help="Those in doubt, not those parked. Each may have arrived: what does not "
            "deduplicate by our key gets it twice. Look into the core system first.",
        ),
    ] = False,
    canary: Annotated[
        int | None,
        typer.Option(
            min=0, help="So many first, the rest once they arrived. Default: 5 of more than 20."
        ),
    ] = None,
    rate: Annotated[
        float | None, typer.Option(help="At most so many a second. Default: 10.")
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only say what would be sent.")
    ] = False,
) -> None:
    """Send again: a new attempt with the same idempotency key.

    Deliveries named by their ids begin at once. A --group or a --destination makes an
    order: what it selects is frozen now, and a running gateway sends it, the canary first.
    """
    invocation = Invocation.of(context)
    where = replays.wanted(
        group=group,
        destination=destination,
        municipality=municipality,
        code=code,
        adapter=adapter,
        since=since,
        until=until,
        in_doubt=in_doubt,
    )
    pace = {
        name: value
        for name, value in (("canary", canary), ("rate_per_s", rate))
        if value is not None
    }
    if ids and (where or pace or dry_run):
        raise typer.BadParameter("name deliveries or filter them, not both", param_hint="ID…")
    if not ids and not (group or destination):
        raise typer.BadParameter(
            "say what to send: ids, --group or --destination", param_hint="ID…"
        )
    if dry_run:
        replays.show_plan(invocation, where, pace)
        return
    if reason is None:
        raise typer.BadParameter("say why", param_hint="--reason")
    if ids:
        _decide(invocation, "parked.replay", ids, reason=reason)
    else:
        replays.order(invocation, where, pace, reason)


@app.command("confirm")
def confirm(
    context: typer.Context,
    ids: Ids,
    *,
    reason: Reason,
    reference: Annotated[
        str | None, typer.Option(help="整理番号 of the core system, for a single delivery.")
    ] = None,
) -> None:
    """Say that a person found it in the core system: delivered."""
    if reference is not None and len(ids) > 1:
        raise typer.BadParameter("is one delivery's own", param_hint="--reference")
    _decide(Invocation.of(context), "parked.confirm", ids, reason=reason, reference=reference)


@app.command("cancel")
def cancel(context: typer.Context, ids: Ids, *, reason: Reason) -> None:
    """Take it back: it is not sent any more. What was sent is not called back."""
    _decide(Invocation.of(context), "parked.cancel", ids, reason=reason)


def _decide(invocation: Invocation, operation: str, ids: list[str], **arguments: object) -> None:
    """Do it for each delivery; one that refuses does not keep the others from it."""
    results: list[dict[str, Any]] = []
    ended = interruptible(
        "ここまでの分は実行済みです: kakehashi parked list",
        "What came before is done, the rest waits: see kakehashi parked list.",
    )
    with ended, progress(invocation) as bar:
        for delivery_id in bar.track(list(dict.fromkeys(ids)), description=operation):
            try:
                done = perform(invocation, operation, delivery=delivery_id, **arguments)
            except (PermanentError, RefusedByGatewayError) as error:
                refused = failure(error)
                if refused is None or refused.exit_code is not ExitCode.NOT_WELL:
                    raise
                results.append({"id": delivery_id, "done": False, "error": refused.lines[0]})
            else:
                results.append({"id": delivery_id, "done": True, "delivery": done})
    screen.show(invocation, results, lambda console: _show_results(console, results))
    if not all(result["done"] for result in results):
        raise typer.Exit(ExitCode.NOT_WELL)


def _show_results(console: Console, results: list[dict[str, Any]]) -> None:
    for result in results:
        if result["done"]:
            line = Text(f"{result['id']}  → {result['delivery']['destination']}: ")
            console.print(line.append_text(screen.state(result["delivery"]["state"])))
        else:
            console.print(Text(f"{result['id']}  {result['error']}", style="bold red"))
