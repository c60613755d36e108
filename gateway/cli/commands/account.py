"""``kakehashi account``: who may use the console and the operations API."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from gateway.cli import screen, words
from gateway.cli.invocation import Invocation
from gateway.cli.reach import perform
from gateway.domain.account import Role

app = typer.Typer(
    add_completion=False,
    rich_markup_mode=None,
    no_args_is_help=True,
    help="People's accounts for the console and the operations API, with roles.",
)
token = typer.Typer(
    add_completion=False,
    rich_markup_mode=None,
    no_args_is_help=True,
    help="What programs show to the operations API in an account's name.",
)
session = typer.Typer(
    add_completion=False,
    rich_markup_mode=None,
    no_args_is_help=True,
    help="Where people have signed in.",
)
app.add_typer(token, name="token")
app.add_typer(session, name="session")

Name = Annotated[str, typer.Argument(metavar="NAME", help="The account's name.")]
Roles = Annotated[
    list[Role],
    typer.Option("--role", help="What the person is there for; may stand several times."),
]
PasswordFile = Annotated[
    Path | None,
    typer.Option(help="File whose first line is the password; - is standard input."),
]
Ask = Annotated[bool, typer.Option("--ask", help="Ask for the password here, twice.")]


@app.command("list")
def list_accounts(context: typer.Context) -> None:
    """List every account with its roles."""
    invocation = Invocation.of(context)
    found = perform(invocation, "account.list")
    screen.show(invocation, found, lambda console: _show(console, found))


@app.command("add")
def add(
    context: typer.Context,
    name: Name,
    *,
    role: Roles,
    password_file: PasswordFile = None,
    ask: Ask = False,
) -> None:
    """Make an account. Without a password one is made, and this is the only time it is shown."""
    invocation = Invocation.of(context)
    password = _password(password_file, ask=ask)
    arguments = {"account": name, "roles": [each.value for each in role], "password": password}
    made = perform(invocation, "account.add", **arguments)
    screen.show(invocation, made, lambda console: _show_password(console, made))


@app.command("roles")
def roles(context: typer.Context, name: Name, *, role: Roles) -> None:
    """Give an account exactly these roles; they count at once."""
    given = [each.value for each in role]
    _changed(context, "account.change", "has the roles " + ", ".join(given), name, roles=given)


@app.command("password")
def password(
    context: typer.Context,
    name: Name,
    *,
    password_file: PasswordFile = None,
    ask: Ask = False,
    revoke_tokens: Annotated[
        bool, typer.Option("--revoke-tokens", help="Refuse its tokens from now on, too.")
    ] = False,
) -> None:
    """Set an account's password and end its sessions."""
    invocation = Invocation.of(context)
    given = _password(password_file, ask=ask)
    said: dict[str, object] = {"account": name, "password": given, "revoke_tokens": revoke_tokens}
    made = perform(invocation, "account.password", **said)
    screen.show(invocation, made, lambda console: _show_password(console, made))


@app.command("disable")
def disable(context: typer.Context, name: Name) -> None:
    """Let nobody in with an account any more, and end its sessions."""
    _changed(context, "account.disable", "is disabled", name)


@app.command("enable")
def enable(context: typer.Context, name: Name) -> None:
    """Let somebody in again, with the password that they had."""
    _changed(context, "account.enable", "is enabled", name)


@session.command("list")
def list_sessions(
    context: typer.Context,
    name: Annotated[str | None, typer.Argument(metavar="[NAME]", help="Only this one's.")] = None,
) -> None:
    """List where people have signed in."""
    invocation = Invocation.of(context)
    found = perform(invocation, "session.list", account=name)

    def for_people(console: Console) -> None:
        table = screen.table("session", "account", "from", "opened", "last used")
        for one in found:
            seen = words.moment(one["seen_at"])
            opened = words.moment(one["opened_at"])
            table.add_row(one["session"], one["account"], one["address"], opened, seen)
        console.print(table if found else "Nobody has signed in.")

    screen.show(invocation, found, for_people)


@session.command("end")
def end_session(
    context: typer.Context,
    session_id: Annotated[str, typer.Argument(metavar="SESSION", help="As session list shows it.")],
) -> None:
    """End a session; every gateway process knows at once."""
    invocation = Invocation.of(context)
    done = perform(invocation, "session.end", session=session_id)
    screen.show(invocation, done, lambda console: console.print(f"{done['session']} has ended."))


@token.command("add")
def add_token(
    context: typer.Context,
    name: Name,
    *,
    label: Annotated[str, typer.Option(help="What it is for: 1 to 200 characters.")],
    days: Annotated[int, typer.Option(min=1, max=366, help="How long it lasts.")] = 90,
) -> None:
    """Make a token. This is the only time that it is shown."""
    invocation = Invocation.of(context)
    made = perform(invocation, "token.add", account=name, label=label, days=days)

    def for_people(console: Console) -> None:
        screen.plain(console, made["token"])
        until = words.moment(made["expires_at"])
        console.print(f"Keep it now: it is not shown again. Its id is {made['id']}, until {until}.")

    screen.show(invocation, made, for_people)


@token.command("list")
def list_tokens(
    context: typer.Context,
    name: Annotated[str | None, typer.Argument(metavar="[NAME]", help="Only this one's.")] = None,
) -> None:
    """List every token: whose, what for, until when, and whether it is revoked."""
    invocation = Invocation.of(context)
    found = perform(invocation, "token.list", account=name)

    def for_people(console: Console) -> None:
        table = screen.table("id", "account", "for", "until", "revoked")
        for one in found:
            until, revoked = words.moment(one["expires_at"]), words.moment(one["revoked_at"])
            table.add_row(one["id"], one["account"], one["label"], until, revoked)
        console.print(table if found else "No tokens yet.")

    screen.show(invocation, found, for_people)


@token.command("revoke")
def revoke_token(
    context: typer.Context,
    token_id: Annotated[str, typer.Argument(metavar="TOKEN-ID", help="As token list shows it.")],
) -> None:
    """Refuse a token from now on; every gateway process knows at once."""
    invocation = Invocation.of(context)
    done = perform(invocation, "token.revoke", token=token_id)
    screen.show(invocation, done, lambda console: console.print(f"{done['id']} is revoked."))


def _changed(
    context: typer.Context, operation: str, says: str, name: str, **arguments: object
) -> None:
    invocation = Invocation.of(context)
    done = perform(invocation, operation, account=name, **arguments)
    screen.show(invocation, done, lambda console: console.print(f"{done['account']} {says}."))


def _password(file: Path | None, *, ask: bool) -> str | None:
    """Return the password that is given, never by an argument that others on this machine see."""
    if ask and file is not None:
        raise typer.BadParameter("either this or --password-file", param_hint="--ask")
    if ask:
        prompt = words.of(("パスワード", "Password"))
        return str(typer.prompt(prompt, hide_input=True, confirmation_prompt=True, err=True))
    if file is None:
        return None
    text = typer.get_text_stream("stdin").read() if str(file) == "-" else file.read_text("utf-8")
    return text.partition("\n")[0].removesuffix("\r")


def _show_password(console: Console, made: Mapping[str, Any]) -> None:
    if made["password"] is None:
        console.print(f"{made['account']} has the password that you gave.")
        return
    screen.plain(console, made["password"])
    console.print(f"The password of {made['account']}. Keep it now: it is not shown again.")


def _show(console: Console, found: list[Mapping[str, Any]]) -> None:
    table = screen.table("account", "roles", "made", "password set", "disabled")
    for one in found:
        times = (words.moment(one[at]) for at in ("created_at", "changed_at", "disabled_at"))
        table.add_row(one["account"], ", ".join(one["roles"]), *times)
    if found:
        console.print(table)
    else:
        console.print("No accounts yet: kakehashi account add NAME --role admin makes one.")
