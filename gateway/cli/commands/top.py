"""``kakehashi top``: what flows to each destination, live, for people on SSH."""

import select
import sys
import termios
import time
import tty
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Annotated, Any, Final

import typer
from rich.console import Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from gateway.cli import screen, words
from gateway.cli.failures import CommandError
from gateway.cli.findings import all_well, sentences
from gateway.cli.invocation import Invocation
from gateway.cli.reach import answers, ask_gateway, perform

RECENT_MINUTES: Final = 5
"""What a rate a minute is the mean of: shorter jumps about, longer tells too late."""

_RESIZED_S: Final = 0.25
"""So often the terminal's size is looked at."""
_FINDINGS: Final = 4
"""So many are told; all of them tells ``doctor``."""
_AROUND: Final = 5
"""Lines of the screen that are none of a destination nor a finding."""
_LEVELS: Final[Mapping[str, str]] = {"bad": "bold red", "warn": "bold yellow"}

Ask = Callable[..., Any]
"""Does an operation by its name (``cli.reach``)."""

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
    """Show whether all is well, and what flows to each destination: in, out, waits, is stuck.

    It goes on until q is pressed, also while the gateway is stopped and started. With --once or
    --json, or where nobody looks (a pipe, no running gateway), it is shown once. Rates are the
    mean of the last five minutes, of all gateways of the journal.
    """
    invocation = Invocation.of(context)
    is_live = not (once or invocation.json) and sys.stdin.isatty() and sys.stdout.isatty()
    runs = answers(invocation.settings().home)
    if not is_live or not runs:
        found = _look(partial(perform, invocation), runs=runs)
        screen.show(invocation, found, lambda console: console.print(_shown(found)))
        return
    # Only ask the gateway: a journal opened here would keep one that is restarted from starting.
    _watch(partial(ask_gateway, invocation), every)


def _watch(ask: Ask, every: float) -> None:
    """Look again and again until somebody says that it is enough."""
    console = screen.Terminal()
    found, trouble = None, None
    with (
        suppress(KeyboardInterrupt),
        _keys(),
        Live(console=console, screen=True, auto_refresh=False) as live,
    ):
        while True:
            try:
                found, trouble = _look(ask, runs=True), None
            except CommandError as error:
                trouble = error.message
            live.update(_live(found, trouble, console.height), refresh=True)
            ends_at, size = time.monotonic() + every, console.size
            while (left_s := ends_at - time.monotonic()) > 0:
                if _is_quit(min(left_s, _RESIZED_S)):
                    return
                if console.size != size:
                    size = console.size
                    live.update(_live(found, trouble, console.height), refresh=True)


def _look(ask: Ask, *, runs: bool) -> dict[str, Any]:
    destinations: list[dict[str, Any]] = ask("destination.overview")
    overview = ask("overview")
    standing = {each["destination"]: each for each in overview["destinations"]}
    for each in destinations:
        # One that came between the two questions has no rates yet.
        rates = standing.get(each["destination"], {"in_per_min": 0.0, "out_per_min": 0.0})
        # The overview's own: nobody may read another rate here than in the console.
        each["in_per_min"] = round(rates["in_per_min"], 1)
        each["out_per_min"] = round(rates["out_per_min"], 1)
    return {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "minutes": RECENT_MINUTES,
        "gateway_runs": runs,
        "verdict": overview["verdict"] if runs else "bad",
        "findings": overview["findings"],
        "destinations": destinations,
    }


def _live(found: Mapping[str, Any] | None, trouble: str | None, height: int) -> Group:
    ends = Text(words.of(("q で終了", "q quits")), style="dim")
    if found is None:
        return Group(Text(f"● {trouble}", style="bold red"), Text(), ends)
    return Group(_shown(found, trouble=trouble, height=height - 2), Text(), ends)


def _shown(
    found: Mapping[str, Any], *, trouble: str | None = None, height: int | None = None
) -> Group:
    name = words.of(("架け橋", "Kakehashi"))
    head = Text(f"{name}  {words.moment(found['at'])} JST", style="bold")
    # What was well when somebody last answered may be well no more.
    verdict = list(_verdict(found)) if trouble is None else [_lost(trouble)]
    rows, left_out = list(found["destinations"]), 0
    if height is not None and (room := max(1, height - len(verdict) - _AROUND)) < len(rows):
        # Who needs somebody comes first where not all can be seen.
        rows.sort(key=_is_well)
        rows, left_out = rows[:room], len(rows) - room
    shown = Group(head, *verdict, Text(), _table(rows, found["at"]))
    if not left_out:
        return shown
    more = words.of((f"ほか {left_out} 件", f"{left_out} more"))
    return Group(shown, Text(f"… {more}: kakehashi top --once", style="dim"))


def _lost(trouble: str) -> Text:
    waits = (
        "下は最後に見えた時点です。待っています。",
        "Below is what it said last. Waiting for it.",
    )
    return Text(f"● {trouble}. {words.of(waits)}", style="bold red")


def _verdict(found: Mapping[str, Any]) -> Iterator[Text]:
    """Yield the answer to the first question: is everything well?"""
    if not found["gateway_runs"]:
        none = ("ここではゲートウェイが動いていません。", "No gateway runs here.")
        yield Text(f"● {words.of(none)}", style="bold red")
    for each in found["findings"][:_FINDINGS]:
        said, _ = sentences(each)
        yield Text(f"● {said}", style=_LEVELS[each["level"]])
    if (more := len(found["findings"]) - _FINDINGS) > 0:
        told = words.of((f"ほか {more} 件", f"{more} more"))
        yield Text(f"  … {told}: kakehashi doctor", style="dim")
    if found["verdict"] == "well":
        yield Text(f"● {all_well()}", style="green")


def _is_well(line: Mapping[str, Any]) -> bool:
    stuck = line["parked"] or line["in_doubt"] or line["hold"]
    return line["health"] == "well" and not stuck


def _table(destinations: Sequence[Mapping[str, Any]], at: str) -> Table:
    table = screen.table(
        words.of(("配信先", "destination")),
        words.of(("状態", "is")),
        words.of(("入/分", "in/min")),
        words.of(("出/分", "out/min")),
        words.of(("待ち", "waits")),
        words.of(("最古", "oldest")),
        words.of(("保留", "parked")),
        words.of(("到達不明", "doubt")),
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
