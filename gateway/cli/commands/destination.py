"""``kakehashi destination``: how each stands; pause, resume and change one while all runs."""

import json
import time
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Final

import typer
from rich.console import Console
from rich.text import Text

from gateway.cli import screen, words
from gateway.cli.failures import ExitCode
from gateway.cli.invocation import Invocation
from gateway.cli.reach import perform

app = typer.Typer(
    add_completion=False,
    rich_markup_mode=None,
    no_args_is_help=True,
    help=(
        "Core systems: how each stands, and changes that are in force at once, in every "
        "gateway and worker, until they are reset. Every change is written down."
    ),
)

Name = Annotated[str, typer.Argument(metavar="NAME", help="As in the configuration.")]
Reason = Annotated[
    str, typer.Option(help="Why, for the audit log: 1 to 200 characters, no personal data.")
]

ANSWERS_S: Final = 15.0
"""Two heartbeats bring the question and its answer; an adapter has its time between them."""
_LOOK_S: Final = 0.5

_SAID: Final[Mapping[str, tuple[str, str]]] = {
    "destination.pause": ("受け付けた申請は待ちます。", "What is accepted waits."),
    "destination.resume": ("古い順に送ります。", "It goes on, oldest first."),
    "*": ("設定ファイルのとおりに戻しました。", "All is as configured again."),
}
"""Whose name says what has changed."""

_DAYS: Final = ("window.closed_on", "window.open_on")
"""Settings that are days, with commas between them."""


@app.command("list")
def list_destinations(context: typer.Context) -> None:
    """List the destinations: open or not, and why not."""
    invocation = Invocation.of(context)
    found = perform(invocation, "destination.list")
    screen.show(invocation, found, lambda console: _show_list(console, found))


@app.command("show")
def show(context: typer.Context, name: Name) -> None:
    """Show one destination: settings in force, who changed them, its workers."""
    invocation = Invocation.of(context)
    found = perform(invocation, "destination.show", destination=name)
    screen.show(invocation, found, lambda console: _show(console, found))


@app.command("check")
def check(context: typer.Context, name: Name) -> None:
    """Have its living workers check their core system, and tell what they find; sends nothing.

    Waits up to 15 s for their answers. Exits with 1 unless all have answered and are well.
    """
    invocation = Invocation.of(context)
    found = perform(invocation, "destination.check", destination=name)
    gives_up_at = time.monotonic() + ANSWERS_S
    while found["waits"] and time.monotonic() < gives_up_at:
        time.sleep(_LOOK_S)
        found = perform(invocation, "destination.standing", destination=name)["check"]
    screen.show(invocation, found, lambda console: _show_check(console, found))
    if not all(worker["answered"] and worker["healthy"] for worker in found["workers"]):
        raise typer.Exit(ExitCode.NOT_WELL)


def _show_check(console: Console, found: Mapping[str, Any]) -> None:
    for worker in found["workers"]:
        if not worker["answered"]:
            said = Text(words.of(("回答なし", "no answer")), style="bold yellow")
        elif worker["healthy"]:
            said = Text(words.of(("正常", "well")), style="green")
        else:
            said = Text(words.of(("異常", "not well")), style="bold red")
        detail = f"  {worker['said']}" if worker.get("said") else ""
        console.print(Text(f"{worker['worker']}  ").append_text(said).append(detail))


@app.command("pause")
def pause(context: typer.Context, name: Name, *, reason: Reason) -> None:
    """Send nothing there until it is resumed. What is accepted waits in the journal."""
    _change(Invocation.of(context), "destination.pause", name, reason=reason)


@app.command("resume")
def resume(context: typer.Context, name: Name, *, reason: Reason) -> None:
    """Let it go on, oldest first."""
    _change(Invocation.of(context), "destination.resume", name, reason=reason)


@app.command("set")
def set_(
    context: typer.Context,
    name: Name,
    settings: Annotated[
        list[str],
        typer.Argument(
            metavar="SETTING=VALUE…",
            help=(
                "rate_per_s=5 (none: no limit), max_in_flight=2, window='mon-fri 08:30-17:15; "
                "sat 09:00-12:00' (always: no window), window.on_holidays=open, "
                "window.closed_on=2026-12-28,2027-01-04 (days of maintenance; replaces the list, "
                "none: no such day), window.open_on=2026-12-29 (days of the calendar on which the "
                "window holds; replaces the list), retry.max_attempts=12, "
                "retry.max_age_s=86400, retry.base_s=1, retry.cap_s=900, breaker.failures=5, "
                "breaker.probe_s=5, breaker.probe_cap_s=60"
            ),
        ),
    ],
    *,
    reason: Reason,
) -> None:
    """Put settings in force instead of the configured ones."""
    wanted = dict(_setting(text) for text in settings)
    _change(Invocation.of(context), "destination.change", name, reason=reason, settings=wanted)


@app.command("reset")
def reset(
    context: typer.Context,
    name: Name,
    settings: Annotated[
        list[str] | None, typer.Argument(metavar="[SETTING…]", help="Which; none means all.")
    ] = None,
    *,
    reason: Reason,
) -> None:
    """Go back to what is configured."""
    names = settings or ["*"]
    _change(Invocation.of(context), "destination.change", name, reason=reason, reset=names)


def _setting(text: str) -> tuple[str, object]:
    name, equals, value = text.partition("=")
    if not equals:
        raise typer.BadParameter(f"{text!r} must look like rate_per_s=5")
    if name == "window":
        parts = [] if value.strip() == "always" else value.split(";")
        return name, [part.strip() for part in parts]
    if name in _DAYS:
        return name, [] if value in ("none", "") else [day.strip() for day in value.split(",")]
    if value in ("none", ""):
        return name, None
    try:
        return name, json.loads(value)
    except ValueError:
        return name, value


def _change(invocation: Invocation, operation: str, name: str, **arguments: object) -> None:
    changed = perform(invocation, operation, destination=name, **arguments)
    said = _SAID.get("*" if arguments.get("reset") == ["*"] else operation)

    def show_change(console: Console) -> None:
        head = Text(f"{changed['destination']}  ").append_text(_standing(changed))
        if said is not None:
            console.print(head.append(f"  {words.of(said)}"))
        else:
            console.print(head)
            for setting in _asked(changed, arguments):
                console.print(setting)
        for setting, days in changed["dropped"].items():
            listed = ", ".join(days)
            console.print(
                words.of(
                    (
                        f"一覧から外れた日 {setting}: {listed}",
                        f"no longer in {setting}: {listed}",
                    )
                ),
                style="bold yellow",
            )
        _show_author(console, changed)

    screen.show(invocation, changed, show_change)


def _asked(line: Mapping[str, Any], arguments: Mapping[str, Any]) -> Iterator[Text]:
    """Yield the settings that were spoken of: as they are now, and as they are configured."""
    names = list(arguments.get("settings", ())) or list(arguments.get("reset", ()))
    for name, setting in line["settings"].items():
        if name not in names:
            continue
        said = Text(f"  {name} = {_value(name, setting['value'])}")
        if setting["value"] != setting["configured"]:
            configured = words.of(("設定ファイル", "configured"))
            said.append(f"  ({configured}: {_value(name, setting['configured'])})", "dim")
        yield said


def _show_author(console: Console, line: Mapping[str, Any]) -> None:
    if changed := line["changed"]:
        console.print(
            Text(f"{words.moment(changed['at'])} {changed['by']}: {changed['reason']}", style="dim")
        )


def _standing(line: Mapping[str, Any]) -> Text:
    if line["open"]:
        return Text(words.of(("稼働中", "open")), style="green")
    return Text(words.hold(line["hold"], line["opens_at"]), style="bold yellow")


def _show_list(console: Console, found: list[Mapping[str, Any]]) -> None:
    for line in found:
        head = Text(f"{line['destination']}  ").append_text(_standing(line))
        changed = sum(setting["changed"] for setting in line["settings"].values())
        if changed:
            head.append(words.of((f"  変更 {changed} 件", f"  {changed} changed")), "dim")
        console.print(head)
    if not found:
        console.print(words.of(("配信先は設定されていません。", "No destination is configured.")))


def _show(console: Console, line: Mapping[str, Any]) -> None:
    console.print(Text(f"{line['destination']}  ").append_text(_standing(line)))
    table = screen.table(
        words.of(("設定", "setting")),
        words.of(("現在値", "in force")),
        words.of(("設定ファイル", "configured")),
    )
    for name, setting in line["settings"].items():
        style = "bold yellow" if setting["changed"] else ""
        table.add_row(
            Text(name, style=style),
            Text(_value(name, setting["value"]), style=style),
            _value(name, setting["configured"]) if setting["changed"] else "",
        )
    console.print(table)
    _show_author(console, line)
    for worker in line["workers"]:
        state = words.of(words.BREAKERS[worker["breaker"]])
        held = words.of((f"処理中 {worker['in_flight']}", f"{worker['in_flight']} in flight"))
        console.print(f"{worker['worker']}: {state}, {held}")


def _value(name: str, value: object) -> str:
    if name == "window":
        return "; ".join(map(str, value)) if isinstance(value, list) and value else "always"
    if isinstance(value, list):
        return ", ".join(map(str, value)) or "none"
    if value is None:
        return "none"
    return f"{value:g}" if isinstance(value, float) else str(value).lower()
