"""``kakehashi approval``: what waits for a second person, and deciding it."""

from collections.abc import Mapping
from typing import Annotated, Any

import typer
from rich.console import Console

from gateway.cli import screen, words
from gateway.cli.failures import ExitCode
from gateway.cli.invocation import Invocation
from gateway.cli.reach import perform

app = typer.Typer(
    add_completion=False,
    rich_markup_mode=None,
    no_args_is_help=True,
    help="Four eyes: what one person has asked for and another one approves or refuses.",
)

ApprovalId = Annotated[str, typer.Argument(metavar="REQUEST", help="A request's id.")]
Reason = Annotated[
    str, typer.Option(help="Why, for the audit log: 1 to 200 characters, no personal data.")
]

_STATES: Mapping[str, tuple[str, str]] = {
    "waiting": ("承認待ち", "waiting"),
    "approved": ("承認済み", "approved"),
    "refused": ("拒否", "refused"),
    "withdrawn": ("取下げ", "withdrawn"),
    "expired": ("期限切れ", "expired"),
}


@app.command("list")
def list_approvals(
    context: typer.Context,
    *,
    everything: Annotated[
        bool, typer.Option("--all", help="Those that were decided or expired, too.")
    ] = False,
    limit: Annotated[int, typer.Option(min=1, max=500, help="So many at most.")] = 50,
) -> None:
    """List what waits for a second person, newest first."""
    invocation = Invocation.of(context)
    found = perform(invocation, "approval.list", waiting=not everything, limit=limit)

    def show(console: Console) -> None:
        for one in found:
            _show(console, one)
        if not found:
            console.print(words.of(("承認待ちはありません。", "Nothing waits for approval.")))

    screen.show(invocation, found, show)


@app.command("approve")
def approve(context: typer.Context, request: ApprovalId, *, reason: Reason) -> None:
    """Approve what somebody else has asked for: it is done now. Exit code 1 if it was not."""
    invocation = Invocation.of(context)
    answer = perform(invocation, "approval.approve", approval=request, reason=reason)

    def show(console: Console) -> None:
        _show(console, answer)
        done = answer.get("answer")
        if isinstance(done, dict) and (half := done.get("second_half")):
            told = words.of(("パスワードの後半", "The second half of the password"))
            screen.plain(console, f"  {told}: {half}")
        if refused := answer.get("refused"):
            not_done = words.of(("実行できませんでした", "It could not be done"))
            console.print(f"{not_done}: {refused}", style="bold red")

    screen.show(invocation, answer, show)
    if answer.get("refused"):
        raise typer.Exit(ExitCode.NOT_WELL)


@app.command("refuse")
def refuse(context: typer.Context, request: ApprovalId, *, reason: Reason) -> None:
    """Refuse what somebody else has asked for: it is not done."""
    _decide(Invocation.of(context), "approval.refuse", request, reason)


@app.command("withdraw")
def withdraw(context: typer.Context, request: ApprovalId, *, reason: Reason) -> None:
    """Take back what you have asked for yourself."""
    _decide(Invocation.of(context), "approval.withdraw", request, reason)


def _decide(invocation: Invocation, operation: str, request: str, reason: str) -> None:
    answer = perform(invocation, operation, approval=request, reason=reason)
    screen.show(invocation, answer, lambda console: _show(console, answer))


def _show(console: Console, one: Mapping[str, Any]) -> None:
    state = words.of(_STATES[one["state"]])
    screen.plain(console, f"{one['id']}  {state}  {one['operation']}")
    count = "" if one["deliveries"] is None else f" ({one['deliveries']:,})"
    console.print(f"  {one['subject']}{count}")
    asked = words.moment(one["requested_at"], seconds=False)
    console.print(f"  {asked} {one['requested_by']}: {one['reason'] or '-'}")
    if one["state"] == "waiting":
        until = words.of(("期限", "until"))
        console.print(f"  {until} {words.moment(one['expires_at'], seconds=False)}")
    elif one["decided_by"]:
        decided = words.moment(one["decided_at"], seconds=False)
        console.print(f"  {decided} {one['decided_by']}: {one['decided_reason'] or '-'}")
