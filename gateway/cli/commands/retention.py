"""``kakehashi retention``: how long things are kept, and what would go."""

from collections.abc import Mapping
from contextlib import AbstractContextManager
from typing import Annotated, Any

import typer
from rich.console import Console

from gateway.cli import screen, words
from gateway.cli.invocation import Invocation
from gateway.cli.progress import interruptible, perform_shown
from gateway.cli.reach import answers, perform

app = typer.Typer(
    add_completion=False,
    rich_markup_mode=None,
    no_args_is_help=True,
    help="How long what is final is kept. A gateway forgets every hour what is over its term.",
)

_FORGOTTEN = ("削除", "forgotten")

_CLASSES: Mapping[str, tuple[str, str]] = {
    "payloads": ("申請内容", "payloads"),
    "applications": ("申請の記録", "applications"),
    "words": ("監査ログの文言", "words"),
}


@app.command("show")
def show(context: typer.Context) -> None:
    """Show the terms, by class and municipality, and when that was last seen to."""
    invocation = Invocation.of(context)
    shown = perform(invocation, "retention.show")
    screen.show(invocation, shown, lambda console: _show(console, shown))


@app.command("run")
def run(
    context: typer.Context,
    *,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only tell what would go; change nothing.")
    ] = False,
    rewrite: Annotated[
        bool,
        typer.Option(
            "--rewrite",
            help="Write the journal's files anew afterwards: nothing is accepted meanwhile.",
        ),
    ] = False,
) -> None:
    """Forget now what is over its term. It cannot be brought back."""
    invocation = Invocation.of(context)
    if dry_run:
        done = perform(invocation, "retention.plan")
    else:
        with _interruptible(invocation):
            done = perform_shown(invocation, "retention.run", _FORGOTTEN, rewrite=rewrite)
    screen.show(invocation, done, lambda console: _expired(console, done, dry_run=dry_run))


def _interruptible(invocation: Invocation) -> AbstractContextManager[None]:
    """Return what says what goes on without this command."""
    if answers(invocation.settings().home):
        return interruptible("ゲートウェイが続けます。", "The gateway goes on with it.")
    return interruptible(
        "削除は途中です。残りは次の回に削除します。",
        "What is gone is gone and written down; the next run finds the rest.",
    )


def _show(console: Console, shown: Mapping[str, Any]) -> None:
    days = words.of(("日", "days"))
    for term in shown["terms"]:
        console.print(f"{words.of(_CLASSES[term['class']])}: {term['days']:,} {days}")
        for code, own in sorted(term["municipalities"].items()):
            console.print(f"  {code}: {own:,} {days}")
    last = shown["last_ended_at"]
    text = words.moment(last) if last else words.of(("まだありません", "never"))
    console.print(f"{words.of(('最後の処理', 'last seen to'))}: {text}")


def _expired(console: Console, done: Mapping[str, Any], *, dry_run: bool) -> None:
    if not done["expired"]:
        console.print(words.of(("期間を過ぎたものはありません。", "Nothing is over its term.")))
    for each in done["expired"]:
        whose = each["municipality"] or "-"
        console.print(f"{words.of(_CLASSES[each['class']])}  {whose}  {each['count']:,}")
    if dry_run and done["expired"]:
        console.print(words.of(("何も削除していません。", "Nothing was deleted.")))
