"""``kakehashi top``: what flows to each destination, live, for people on SSH."""

import os
import select
import socket
import sys
import termios
import time
import tty
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any, Final

import typer
from rich.console import Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from gateway.cli import screen, words
from gateway.cli.invocation import Invocation
from gateway.cli.reach import perform
from gateway.settings.model import SOCKET_NAME

RECENT_MINUTES: Final = 5
"""What a rate a minute is the mean of: shorter jumps about, longer tells too late."""

_QUITS: Final = frozenset({"q", "Q", "\x1b", "\x04"})
_HEALTH: Final[Mapping[str, tuple[str, str, str]]] = {
    "well": ("正常", "well", "green"),
    "partly": ("一部異常", "partly well", "yellow"),
    "not_well": ("異常", "not well", "bold red"),
    "no_worker": ("ワーカーなし", "no worker", "bold red"),
}

app = typer.Typer(add_completion=False, rich_markup_mode=None)


@app.command("top")
def top(
    context: typer.Context,
    *,
    once: Annotated[bool, typer.Option("--once", help="Show it once and end.")] = False,
    every: Annotated[
        float, typer.Option(min=0.5, max=60.0, help="Seconds between two looks.")
    ] = 2.0,
) -> None:
    """Show what flows to each destination: in and out a minute, what waits, what is stuck.

    It goes on until q is pressed. With --once or --json, or where nobody looks (a pipe, no
    running gateway), it is shown once. Rates are of what went through the gateway process that
    answers, the mean of its last five minutes; all else is of the whole journal.
    """
    invocation = Invocation.of(context)
    is_live = not (once or invocation.json) and sys.stdin.isatty() and sys.stdout.isatty()
    # Without a gateway each look would take the journal, and keep one from starting.
    if not is_live or not _answers(invocation.settings().home / SOCKET_NAME):
        found = _look(invocation)
        screen.show(invocation, found, lambda console: console.print(_shown(found)))
        return
    console = screen.Terminal()
    with (
        _keys(),
        Live(_live(_look(invocation)), console=console, screen=True, auto_refresh=False) as live,
    ):
        while not _is_quit(every):
            live.update(_live(_look(invocation)), refresh=True)


def _answers(path: Path) -> bool:
    """Tell whether a gateway listens; a killed one leaves its socket behind."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        try:
            connection.connect(os.fspath(path))
        except OSError:
            return False
    return True


def _look(invocation: Invocation) -> dict[str, Any]:
    destinations: list[dict[str, Any]] = perform(invocation, "destination.overview")
    flow = perform(invocation, "flow.totals", minutes=RECENT_MINUTES)
    known_s = max(0.0, time.time() - flow["began_at"])
    minutes = min(RECENT_MINUTES, max(1.0, known_s / 60))
    for each in destinations:
        totals = flow["destinations"].get(each["destination"]) or {}
        each["in_per_min"] = round(totals.get("accepted", 0) / minutes, 1)
        each["out_per_min"] = round(totals.get("delivered", 0) / minutes, 1)
    at = datetime.now(UTC).isoformat(timespec="seconds")
    return {"at": at, "minutes": RECENT_MINUTES, "destinations": destinations}


def _live(found: Mapping[str, Any]) -> Group:
    return Group(_shown(found), Text(), Text(words.of(("q で終了", "q quits")), style="dim"))


def _shown(found: Mapping[str, Any]) -> Group:
    name = words.of(("架け橋", "Kakehashi"))
    head = Text(f"{name}  {words.moment(found['at'])} JST", style="bold")
    return Group(head, Text(), _table(found["destinations"], found["at"]))


def _table(destinations: Sequence[Mapping[str, Any]], at: str) -> Table:
    table = screen.table(
        words.of(("配信先", "destination")),
        words.of(("状態", "is")),
        words.of(("入/分", "in/min")),
        words.of(("出/分", "out/min")),
        words.of(("待ち", "waits")),
        words.of(("最古", "oldest")),
        words.of(("保留", "parked")),
        words.of(("不明", "doubt")),
    )
    for column in table.columns[2:]:
        column.justify = "right"
        column.no_wrap = True
    for each in destinations:
        table.add_row(
            each["destination"],
            _standing(each),
            f"{each['in_per_min']:g}",
            f"{each['out_per_min']:g}",
            str(each["waiting"]),
            _age(each["oldest_at"], at),
            _alarming(each["parked"], "bold red"),
            _alarming(each["in_doubt"], "bold yellow"),
        )
    return table


def _standing(line: Mapping[str, Any]) -> Text:
    if line["hold"]:
        return Text(words.hold(line["hold"], line["opens_at"]), style="bold yellow")
    japanese, english, style = _HEALTH[line["health"]]
    said = Text(words.of((japanese, english)), style=style)
    if line["breaker"] not in (None, "closed"):
        said.append(f", {words.of(words.BREAKERS[line['breaker']])}", "bold yellow")
    return said


def _age(since: str | None, at: str) -> str:
    if since is None:
        return "-"
    return words.duration(max(words.parsed(at) - words.parsed(since), timedelta()))


def _alarming(count: int, style: str) -> Text:
    return Text(str(count), style=style if count else "")


@contextmanager
def _keys() -> Iterator[None]:
    """Have every key told at once; the terminal is as before afterwards, whatever happens."""
    before = termios.tcgetattr(sys.stdin)
    try:
        tty.setcbreak(sys.stdin)
        yield
    finally:
        termios.tcsetattr(sys.stdin, termios.TCSADRAIN, before)


def _is_quit(within_s: float) -> bool:
    """Wait for a key, at most so long; tell whether it says that it is enough."""
    ends_at = time.monotonic() + within_s
    while (left_s := ends_at - time.monotonic()) > 0:
        if select.select([sys.stdin], [], [], left_s)[0]:
            key = sys.stdin.read(1)
            if not key or key in _QUITS:
                return True
    return False
