"""``kakehashi parked``: deliveries that wait for a person, and what a person may do."""

import csv
from collections.abc import Mapping
from io import StringIO
from typing import Annotated, Any, Final

import typer
from rich.console import Console
from rich.text import Text

from gateway.cli import screen, words
from gateway.cli.commands import chosen, replays
from gateway.cli.commands.status import show_delivery
from gateway.cli.invocation import Invocation
from gateway.cli.reach import perform

app = typer.Typer(
    add_completion=False,
    rich_markup_mode=None,
    no_args_is_help=True,
    help="What waits for a person: parked and in doubt. Every decision is written down.",
)

app.add_typer(replays.app)

Reason = Annotated[
    str, typer.Option(help="Why, for the audit log: 1 to 200 characters, no personal data.")
]
_COLUMNS: Final = (
    "id",
    "application",
    "municipality",
    "updated_at",
    "attempt",
    "reference",
    "pointer",
)
"""The delivery's id first: --from takes the first id of each line."""


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
    file: chosen.File = None,
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
    if (ids or file) and (where or pace or dry_run):
        raise typer.BadParameter("name deliveries or filter them, not both", param_hint="ID…")
    if not ids and not file and not (group or destination):
        raise typer.BadParameter(
            "say what to send: ids, --from, --group or --destination", param_hint="ID…"
        )
    if dry_run:
        replays.show_plan(invocation, where, pace)
        return
    if reason is None:
        raise typer.BadParameter("say why", param_hint="--reason")
    if ids or file:
        chosen.decide(invocation, "parked.replay", chosen.chosen(ids, file), reason=reason)
    else:
        replays.order(invocation, where, pace, reason)


@app.command("confirm")
def confirm(
    context: typer.Context,
    ids: chosen.Ids = None,
    *,
    file: chosen.File = None,
    reason: Reason,
    reference: Annotated[
        str | None, typer.Option(help="整理番号 of the core system, for a single delivery.")
    ] = None,
) -> None:
    """Say that a person found it in the core system: delivered."""
    found = chosen.chosen(ids, file)
    if reference is None:
        chosen.decide(Invocation.of(context), "parked.confirm", found, reason=reason)
        return
    if len(found) > 1:
        raise typer.BadParameter("is one delivery's own", param_hint="--reference")
    said = {"reason": reason, "reference": reference}
    chosen.decide(Invocation.of(context), "parked.confirm", found, **said)


@app.command("cancel")
def cancel(
    context: typer.Context, ids: chosen.Ids = None, *, file: chosen.File = None, reason: Reason
) -> None:
    """Take it back: it is not sent any more. What was sent is not called back."""
    found = chosen.chosen(ids, file)
    chosen.decide(Invocation.of(context), "parked.cancel", found, reason=reason)


@app.command("deliveries")
def deliveries(
    context: typer.Context,
    group: Annotated[str, typer.Argument(metavar="GROUP", help="As parked groups tells it.")],
    *,
    municipality: replays.Municipality = None,
    since: replays.Since = None,
    until: replays.Until = None,
) -> None:
    """Print what waits in a group as CSV, to look each up in the core system.

    Keep the lines of those that were found, and give the file to parked confirm --from; what
    is left of the group can be sent again as a whole. That it was printed is written down.
    """
    invocation = Invocation.of(context)
    said = replays.wanted(municipality=municipality, since=since, until=until)
    page = perform(invocation, "attention.show", group=group, limit=500, **said)
    among = {
        "destination": page["group"]["destination"],
        "states": [page["group"]["state"]],
        "code": page["group"]["code"],
        "municipality": municipality,
    }
    perform(invocation, "messages.export", where=replays.wanted(**among))
    found: list[Mapping[str, Any]] = page["deliveries"]
    while page["next"]:
        page = perform(
            invocation, "attention.show", group=group, limit=500, after=page["next"], **said
        )
        found += page["deliveries"]
    screen.show(invocation, found, lambda console: _show_csv(console, found))


def _show_csv(console: Console, found: list[Mapping[str, Any]]) -> None:
    text = StringIO()
    rows = csv.DictWriter(text, _COLUMNS, extrasaction="ignore", lineterminator="\n")
    rows.writeheader()
    rows.writerows(found)
    for line in text.getvalue().splitlines():
        screen.plain(console, line)
