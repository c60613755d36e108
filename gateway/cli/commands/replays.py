"""``kakehashi parked``: what waits by its causes, and orders to send it again."""

import time
from collections.abc import Mapping
from itertools import groupby
from typing import Annotated, Any, Final

import typer
from rich.console import Console
from rich.text import Text

from gateway.cli import reach, screen, words
from gateway.cli.failures import ExitCode
from gateway.cli.invocation import Invocation
from gateway.cli.progress import interruptible, progress
from gateway.cli.reach import perform

app = typer.Typer(add_completion=False, rich_markup_mode=None)

Group = Annotated[str | None, typer.Option(help="A group's id, as parked groups tells it.")]
Destination = Annotated[str | None, typer.Option(help="Only those for it.")]
Municipality = Annotated[str | None, typer.Option(help="Only this municipality's.")]
Code = Annotated[str | None, typer.Option(help="Only those with exactly this code.")]
Adapter = Annotated[str | None, typer.Option(help="Only of this adapter: 'file 1.0.0'.")]
Since = Annotated[
    str | None, typer.Option(help="Only what has waited since then or later: 2026-11-20T09:30.")
]
Until = Annotated[str | None, typer.Option(help="Only what began to wait before then.")]
InDoubt = Annotated[bool, typer.Option("--in-doubt", help="Only what is in doubt.")]
Reason = Annotated[
    str, typer.Option(help="Why, for the audit log: 1 to 200 characters, no personal data.")
]
OrderId = Annotated[str, typer.Argument(metavar="ORDER", help="An order's id.")]

FOLLOW_S: Final = 1.0
"""How often the progress of an order is asked for."""
_STYLES: Final[Mapping[str, str]] = {"halted": "bold red", "finished": "green", "cancelled": "dim"}


def wanted(**options: str | bool | None) -> dict[str, object]:
    """Return what was said of a selection, by its names in ``services.operate.selection``."""
    return {name: value for name, value in options.items() if value not in (None, False)}


@app.command("groups")
def groups(
    context: typer.Context,
    *,
    destination: Destination = None,
    municipality: Municipality = None,
    code: Code = None,
    adapter: Adapter = None,
    in_doubt: InDoubt = False,
) -> None:
    """Group what waits by its cause.

    A cause is state, destination, code and adapter; its id is the same tomorrow.
    """
    invocation = Invocation.of(context)
    where = wanted(
        destination=destination,
        municipality=municipality,
        code=code,
        adapter=adapter,
        in_doubt=in_doubt,
    )
    found = perform(invocation, "parked.groups", where=where)
    screen.show(invocation, found, lambda console: _show_groups(console, found))


def _show_groups(console: Console, found: list[Mapping[str, Any]]) -> None:
    for group in found:
        count = words.of((f"{group['deliveries']:,} 件", f"{group['deliveries']:,}"))
        head = Text(f"{group['id']}  ").append_text(screen.state(group["state"]))
        first = words.moment(group["first_at"], seconds=False)
        last = words.moment(group["last_at"], seconds=False)
        head.append(f"  {count}  ").append(first if first == last else f"{first} – {last}", "dim")
        console.print(head)
        cause = group["code"] or "-"
        console.print(f"  → {group['destination']}: {cause} ({group['adapter'] or '-'})")
    if not found:
        console.print(words.of(("対応待ちの配信はありません。", "Nothing waits for a person.")))


def show_plan(
    invocation: Invocation, where: Mapping[str, object], pace: Mapping[str, object]
) -> None:
    """Say what an order would send, by group; nothing is changed."""
    plan = perform(invocation, "parked.plan", where=where, **pace)

    def show(console: Console) -> None:
        _show_groups(console, plan["groups"])
        total, canary, rate = f"{plan['total']:,}", plan["canary"], f"{plan['rate_per_s']:g}"
        console.print(
            words.of(
                (
                    f"再送の対象 {total} 件、先行 {canary} 件、毎秒 {rate} 件まで。",
                    f"{total} would be sent again, {canary} first, {rate} a second at most.",
                )
            )
        )
        console.print(words.of(("何も変更していません。", "Nothing was changed.")))

    screen.show(invocation, plan, show)


def order(
    invocation: Invocation,
    where: Mapping[str, object],
    pace: Mapping[str, object],
    reason: str,
) -> None:
    """Order that a selection is sent again, and say how to watch it."""
    made = perform(invocation, "replay.order", where=where, reason=reason, **pace)

    def show(console: Console) -> None:
        _show_order(console, made)
        if made["node"] == reach.NODE:
            console.print(
                words.of(
                    (
                        "ここではゲートウェイが動いていません。動き始めると再送を始めます。",
                        "No gateway runs here: it starts when one runs.",
                    )
                ),
                style="yellow",
            )
        screen.plain(console, f"kakehashi parked order {made['id']} --follow")

    screen.show(invocation, made, show)


@app.command("orders")
def orders(
    context: typer.Context,
    *,
    limit: Annotated[int, typer.Option(min=1, max=500, help="So many at most.")] = 20,
) -> None:
    """List the latest orders to send again, newest first."""
    invocation = Invocation.of(context)
    found = perform(invocation, "replay.list", limit=limit)

    def show(console: Console) -> None:
        for one in found:
            line = Text(f"{words.moment(one['ordered_at'])}  {one['id']}  ")
            console.print(line.append_text(_state(one)))
            done = one["total"] - one["progress"]["waiting"]
            console.print(f"  {done:,}/{one['total']:,}  {one['selection']}")
        if not found:
            console.print(words.of(("再送の指示はありません。", "Nothing was ordered yet.")))

    screen.show(invocation, found, show)


@app.command("order")
def show_order(
    context: typer.Context,
    order_id: OrderId,
    *,
    follow: Annotated[
        bool, typer.Option("--follow", help="Until it halts, or nothing is on the way.")
    ] = False,
) -> None:
    """Show an order and how far it is. Exit code 1 if it has halted."""
    invocation = Invocation.of(context)
    found = perform(invocation, "replay.show", order=order_id)
    if follow and _goes_on(found):
        found = _follow(invocation, found)
    screen.show(invocation, found, lambda console: _show_order(console, found))
    if found["state"] == "halted":
        raise typer.Exit(ExitCode.NOT_WELL)


def _goes_on(order: Mapping[str, Any]) -> bool:
    on_the_way = int(order["progress"]["on_the_way"])
    return order["state"] == "running" or (order["state"] == "finished" and on_the_way > 0)


def _follow(invocation: Invocation, order: Mapping[str, Any]) -> Mapping[str, Any]:
    goes_on = interruptible(
        f"再送は続きます。止めるには kakehashi parked stop {order['id']} --reason …",
        f"The order goes on; to end it: kakehashi parked stop {order['id']} --reason …",
    )
    with goes_on, progress(invocation) as bar:
        task = bar.add_task("", total=order["total"])
        while _goes_on(order):
            so_far = order["progress"]
            ended = order["total"] - so_far["waiting"] - so_far["on_the_way"]
            bar.update(task, completed=ended, description=_state(order).plain)
            time.sleep(FOLLOW_S)
            found: Mapping[str, Any] = perform(invocation, "replay.show", order=order["id"])
            order = found
    return order


@app.command("resume")
def resume(context: typer.Context, order_id: OrderId, *, reason: Reason) -> None:
    """Let an order that has halted go on.

    The rest follows without a canary. To try another canary first, stop it and order the rest anew.
    """
    _change(Invocation.of(context), "replay.resume", order_id, reason)


@app.command("stop")
def stop(context: typer.Context, order_id: OrderId, *, reason: Reason) -> None:
    """End an order: what it has not begun waits as before. Nothing is called back."""
    _change(Invocation.of(context), "replay.stop", order_id, reason)


def _change(invocation: Invocation, operation: str, order_id: str, reason: str) -> None:
    changed = perform(invocation, operation, order=order_id, reason=reason)
    screen.show(invocation, changed, lambda console: _show_order(console, changed))


@app.command("resubmissions")
def resubmissions(  # noqa: PLR0913 - each is an option of the command
    context: typer.Context,
    *,
    group: Group = None,
    destination: Destination = None,
    municipality: Municipality = None,
    code: Code = None,
    adapter: Adapter = None,
    since: Since = None,
    until: Until = None,
    in_doubt: InDoubt = False,
) -> None:
    """Say whom to ask for what once more.

    For what sending again cannot help: a payload that must change, or was sealed for a wrong
    destination. Its front end submits it anew and names the application in "supersedes".
    Then cancel the old delivery.
    """
    invocation = Invocation.of(context)
    where = wanted(
        group=group,
        destination=destination,
        municipality=municipality,
        code=code,
        adapter=adapter,
        since=since,
        until=until,
        in_doubt=in_doubt,
    )
    page = perform(invocation, "parked.resubmissions", where=where)
    found: list[Mapping[str, Any]] = page["applications"]
    while page["before"]:
        page = perform(invocation, "parked.resubmissions", where=where, before=page["before"])
        found += page["applications"]
    by_client = [
        {"client": client, "applications": list(applications)}
        for client, applications in groupby(
            sorted(found, key=lambda one: str(one["client"])), key=lambda one: one["client"]
        )
    ]
    screen.show(invocation, by_client, lambda console: _show_resubmissions(console, by_client))


def _show_resubmissions(console: Console, by_client: list[dict[str, Any]]) -> None:
    for asked in by_client:
        count = len(asked["applications"])
        console.print(
            Text(f"{asked['client']}: " + words.of((f"{count:,} 件", f"{count:,}")), style="bold")
        )
        for one in asked["applications"]:
            console.print(f"  {one['application']}  {words.moment(one['accepted_at'])}")
            console.print(
                f"    {one['municipality']} {one['procedure']} v{one['version']}"
                f" → {one['destination']}"
            )
            console.print(f"    {one['code'] or '-'} {one['pointer'] or ''}".rstrip())
    console.print(
        words.of(
            (
                "再提出の本文の supersedes に、上の申請の番号を入れてもらってください。",
                'Ask each to submit anew, with the id above as "supersedes".',
            )
        )
        if by_client
        else words.of(("再提出を求める申請はありません。", "Nobody is to be asked."))
    )


def _state(order: Mapping[str, Any]) -> Text:
    word = words.of(words.REPLAYS[order["state"]])
    return Text(word, style=_STYLES.get(order["state"], ""))


def _show_order(console: Console, order: Mapping[str, Any]) -> None:
    console.print(
        screen.fields(
            [
                (words.of(("指示", "order")), order["id"]),
                (words.of(("状態", "state")), _state(order)),
                (words.of(("対象", "selection")), order["selection"]),
                (
                    words.of(("指示者", "ordered")),
                    f"{words.moment(order['ordered_at'])} {order['ordered_by']}: {order['reason']}",
                ),
                (
                    words.of(("先行", "canary")),
                    f"{order['progress']['canary_delivered']}/{order['canary']}"
                    if order["canary"]
                    else "-",
                ),
                (
                    words.of(("速度", "rate")),
                    words.of(
                        (f"毎秒 {order['rate_per_s']:g} 件", f"{order['rate_per_s']:g} a second")
                    ),
                ),
                (words.of(("件数", "total")), f"{order['total']:,}"),
                *(
                    (words.of(words.PROGRESS[name]), f"{order['progress'][name]:,}")
                    for name in words.PROGRESS
                    if order["progress"][name]
                ),
            ]
        )
    )
    if order["state"] == "halted":
        console.print(
            words.of(
                (
                    "先行分が届きませんでした。原因を調べ、resume か stop を選んでください。",
                    "The canary did not arrive. Find out why, then resume it or stop it.",
                )
            ),
            style="bold red",
        )
