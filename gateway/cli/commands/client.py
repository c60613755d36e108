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
    help="API keys. What a client may send stands in the configuration.",
)


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
