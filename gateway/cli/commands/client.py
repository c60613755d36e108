"""``kakehashi client``: API keys of front-end systems."""

from collections.abc import Mapping
from typing import Annotated, Any

import typer
from rich.console import Console

from gateway.cli import screen, words
from gateway.cli.invocation import Invocation
from gateway.cli.reach import perform

app = typer.Typer(
    add_completion=False,
    rich_markup_mode=None,
    no_args_is_help=True,
    help="API keys and webhooks. What a client may send stands in the configuration.",
)
webhook = typer.Typer(
    add_completion=False,
    rich_markup_mode=None,
    no_args_is_help=True,
    help="Where front ends are told of feedback.",
)
app.add_typer(webhook, name="webhook")


@app.command("add")
def add(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="A client of the configuration.")],
) -> None:
    """Make an API key for a client. This is the only time that it is shown."""
    invocation = Invocation.of(context)
    made = perform(invocation, "client.add", client=name)

    def for_people(console: Console) -> None:
        screen.plain(console, made["key"])
        console.print(f"Keep it now: it is not shown again. Its id is {made['id']}.")

    screen.show(invocation, made, for_people)


@app.command("list")
def list_keys(context: typer.Context) -> None:
    """List every key: whose, since when, and whether it is revoked."""
    invocation = Invocation.of(context)
    found = perform(invocation, "client.list")
    screen.show(invocation, found, lambda console: _show(console, found))


def _show(console: Console, found: list[Mapping[str, Any]]) -> None:
    table = screen.table("client", "key", "made", "revoked")
    for key in found:
        revoked = words.moment(key["revoked_at"])
        table.add_row(key["client"], key["id"], words.moment(key["created_at"]), revoked)
    if found:
        console.print(table)
    else:
        console.print("No keys yet: kakehashi client add NAME makes one.")


@app.command("revoke")
def revoke(
    context: typer.Context,
    key: Annotated[str, typer.Argument(metavar="KEY-ID", help="As client list shows it.")],
) -> None:
    """Refuse a key from now on; other gateways on the journal follow within two seconds."""
    invocation = Invocation.of(context)
    done = perform(invocation, "client.revoke", key=key)
    screen.show(invocation, done, lambda console: console.print(f"{done['id']} is revoked."))


@webhook.command("list")
def list_webhooks(context: typer.Context) -> None:
    """List every client's endpoint: whether it takes webhooks, and how many wait for it."""
    invocation = Invocation.of(context)
    found = perform(invocation, "webhook.list")
    screen.show(invocation, found, lambda console: show_webhooks(console, found))


def show_webhooks(console: Console, found: list[Mapping[str, Any]]) -> None:
    """Print endpoints as a table."""
    table = screen.table(
        words.of(("申請元", "client")),
        words.of(("通知先", "endpoint")),
        words.of(("理由", "code")),
        words.of(("通知待ち", "waiting")),
        words.of(("最古", "oldest")),
    )
    for one in found:
        table.add_row(
            one["client"],
            words.endpoint(one),
            one["code"] or "",
            str(one["waiting"]),
            words.moment(one["oldest_at"]) if one["oldest_at"] else "",
        )
    if found:
        console.print(table)
    else:
        console.print("No client has a webhook: clients.NAME.webhook configures one.")


@webhook.command("enable")
def enable_webhook(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="A client of the configuration.")],
) -> None:
    """Send to a client's endpoint again; what waits for it is sent at once."""
    invocation = Invocation.of(context)
    done = perform(invocation, "webhook.enable", client=name)
    screen.show(
        invocation, done, lambda console: console.print(f"{done['client']} is sent webhooks.")
    )
