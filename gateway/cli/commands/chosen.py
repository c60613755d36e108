"""Which deliveries a decision is about: named, or in a file, as ``parked deliveries`` prints it."""

import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Final

import typer
from rich.console import Console
from rich.text import Text

from gateway.cli import screen
from gateway.cli.failures import ExitCode, failure
from gateway.cli.invocation import Invocation
from gateway.cli.progress import interruptible, progress
from gateway.cli.reach import RefusedByGatewayError, perform
from gateway.domain.errors import PermanentError

Ids = Annotated[list[str] | None, typer.Argument(metavar="ID…", help="Ids of deliveries.")]
File = Annotated[
    Path | None,
    typer.Option(
        "--from",
        metavar="FILE",
        allow_dash=True,
        help="Those in this file, the first id of each line: what parked deliveries prints. "
        "- is standard input.",
    ),
]
Result = dict[str, Any]

_ID: Final = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_AT_ONCE: Final = 500
"""What one request may decide (``services.operate.decide_each``)."""


def chosen(ids: list[str] | None, file: Path | None) -> list[str]:
    """Return the ids, each once.

    Raises:
        BadParameter: There are none, or both.
    """
    if ids and file is not None:
        raise typer.BadParameter("name deliveries or a file, not both", param_hint="--from")
    found = list(ids or ())
    if file is not None:
        text = sys.stdin.read() if str(file) == "-" else file.read_text("utf-8-sig")
        found = [match[0] for line in text.splitlines() if (match := _ID.search(line))]
    if not found:
        raise typer.BadParameter("name deliveries, or a file with their ids", param_hint="ID…")
    return list(dict.fromkeys(found))


def decide(invocation: Invocation, operation: str, ids: list[str], **arguments: object) -> None:
    """Decide each; one that refuses does not keep the others from it.

    Several are one request, so that a second person approves them as one.
    """
    results: list[Result] = []
    if len(ids) == 1:
        results += _one(invocation, operation, ids[0], arguments)
    else:
        ended = interruptible(
            "ここまでの分は実行済みです: kakehashi parked list",
            "What came before is done, the rest waits: see kakehashi parked list.",
        )
        with ended, progress(invocation) as bar:
            parts = [ids[start : start + _AT_ONCE] for start in range(0, len(ids), _AT_ONCE)]
            for part in bar.track(parts, description=operation):
                results += _many(invocation, f"{operation}_each", part, arguments)
    screen.show(invocation, results, lambda console: _show(console, results))
    if not all(result["done"] for result in results):
        raise typer.Exit(ExitCode.NOT_WELL)


def _one(
    invocation: Invocation, operation: str, delivery: str, arguments: Mapping[str, object]
) -> list[Result]:
    try:
        done = perform(invocation, operation, delivery=delivery, **arguments)
    except (PermanentError, RefusedByGatewayError) as error:
        return [{"id": delivery, "done": False, "error": _refusal(error)}]
    return [{"id": delivery, "done": True, "delivery": done}]


def _many(
    invocation: Invocation, operation: str, ids: list[str], arguments: Mapping[str, object]
) -> list[Result]:
    try:
        done = perform(invocation, operation, deliveries=tuple(ids), **arguments)
    except (PermanentError, RefusedByGatewayError) as error:
        said = _refusal(error)
        return [{"id": one, "done": False, "error": said} for one in ids]
    return [
        {"id": each["delivery"], "done": True}
        if each["done"]
        else {"id": each["delivery"], "done": False, "error": f"{each['code']}: {each['detail']}"}
        for each in done["results"]
    ]


def _refusal(error: PermanentError | RefusedByGatewayError) -> str:
    refused = failure(error)
    if refused is None or refused.exit_code is not ExitCode.NOT_WELL:
        raise error
    return refused.lines[0]


def _show(console: Console, results: list[Result]) -> None:
    for result in results:
        if not result["done"]:
            console.print(Text(f"{result['id']}  {result['error']}", style="bold red"))
        elif "delivery" in result:
            line = Text(f"{result['id']}  → {result['delivery']['destination']}: ")
            console.print(line.append_text(screen.state(result["delivery"]["state"])))
    done = sum("delivery" not in result for result in results if result["done"])
    if done:
        console.print(f"{done:,} / {len(results):,} ✓")
