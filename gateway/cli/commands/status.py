"""``kakehashi status``: an overview, or one application's way, hop by hop."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from itertools import groupby
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.text import Text

from gateway.cli import screen, words
from gateway.cli.commands.client import show_webhooks
from gateway.cli.invocation import Invocation
from gateway.cli.reach import perform

app = typer.Typer(add_completion=False, rich_markup_mode=None)


@app.command("status")
def status(
    context: typer.Context,
    subject: Annotated[
        str | None, typer.Argument(metavar="[ID|受付番号]", help="An application's id or number.")
    ] = None,
) -> None:
    """Show where an application is, or how all destinations and workers are.

    An application's timeline tells every step: when, what, by whom, how long it took, and
    what happens next. It never tells what the application says.
    """
    invocation = Invocation.of(context)
    if subject is None:
        overview = perform(invocation, "overview")
        screen.show(invocation, overview, lambda console: _show_overview(console, overview))
        return
    found = perform(invocation, "status", subject=subject)
    screen.show(invocation, found, lambda console: show_applications(console, found))


def _show_overview(console: Console, overview: Mapping[str, Any]) -> None:
    states = [
        name
        for name in words.STATES
        if any(name in line["deliveries"] for line in overview["destinations"])
    ]
    table = screen.table(words.of(("配信先", "destination")), *map(words.state, states))
    for column in table.columns[1:]:
        column.justify = "right"
    for line in overview["destinations"]:
        table.add_row(
            line["destination"] + _remark(line),
            *(
                Text(str(line["deliveries"].get(state, "-")), style=words.STYLES.get(state, ""))
                for state in states
            ),
        )
    console.print(table)
    console.print()
    if any(one["code"] or not one["configured"] for one in overview["webhooks"]):
        show_webhooks(console, overview["webhooks"])
        console.print()
    if not overview["workers"]:
        console.print(words.of(("ワーカーはまだ動いていません。", "No worker has been seen yet.")))
        return
    workers = screen.table(
        words.of(("ワーカー", "worker")),
        words.of(("配信先", "destination")),
        words.of(("状態", "is")),
        words.of(("処理中", "in flight")),
        words.of(("最終応答", "seen")),
    )
    for worker in present(overview["workers"]):
        workers.add_row(
            worker["worker"],
            worker["destination"],
            _health(worker),
            str(worker["in_flight"]),
            f"{worker['last_seen_s']:.0f} s",
        )
    console.print(workers)


def _remark(line: Mapping[str, Any]) -> str:
    if not line["configured"]:
        return words.of((" (設定にありません)", " (not configured)"))
    return f" ({words.hold(line['hold'], line['opens_at'])})" if line["hold"] else ""


def present(workers: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Return the living workers, and the last sign of those that have no living successor.

    A worker is ``NAME/INSTANCE``, and every start of its process is another instance.
    """
    shown: dict[tuple[str, str], list[Mapping[str, Any]]] = {}
    for worker in sorted(workers, key=lambda worker: float(worker["last_seen_s"])):
        key = (worker["worker"].partition("/")[0], worker["destination"])
        instances = shown.setdefault(key, [])
        if worker["alive"] or not instances:
            instances.append(worker)
    return [worker for _, instances in sorted(shown.items()) for worker in instances]


def _health(worker: Mapping[str, Any]) -> Text:
    if not worker["alive"]:
        return Text(words.of(("応答なし", "gone")), style="bold red")
    if not worker["healthy"]:
        return Text(words.of(("業務システム不通", "core system down")), style="bold red")
    return Text(words.of(("正常", "well")), style="green")


def show_applications(console: Console, found: list[Mapping[str, Any]]) -> None:
    """Print each application with its timeline and what happens next."""
    for index, application in enumerate(found):
        if index:
            console.rule(style="dim")
        _show_application(console, application)


def _show_application(console: Console, application: Mapping[str, Any]) -> None:
    accepted = words.moment(application["accepted_at"])
    console.print(
        screen.fields(
            [
                (words.of(("申請", "application")), application["id"]),
                (words.of(("状態", "status")), screen.state(application["status"])),
                (words.of(("判定", "verdict")), application["verdict"][words.language()]),
                (words.of(("直近の理由", "last error")), _last_error(application["last_error"])),
                (words.of(("次の試行", "next attempt")), _next_attempt(application)),
                (
                    words.of(("手続", "procedure")),
                    f"{application['procedure']} v{application['version']}",
                ),
                (
                    words.of(("受付", "accepted")),
                    f"{accepted} JST, {application['client']} → {application['municipality']}",
                ),
                (words.of(("差替元", "supersedes")), application["supersedes"]),
                (words.of(("差替先", "superseded by")), application["superseded_by"]),
            ]
        )
    )
    console.print()
    _show_timeline(console, application["timeline"], len(application["deliveries"]) > 1)
    for feedback in application["feedback"]:
        console.print(_feedback(feedback))
    for delivery in application["deliveries"]:
        console.print()
        show_delivery(console, delivery)


def _last_error(error: Mapping[str, Any] | None) -> str | None:
    if error is None:
        return None
    pointer = f" {error['pointer']}" if error["pointer"] else ""
    return f"{error['code']}{pointer} ({error['destination']}, {words.moment(error['at'])})"


def _next_attempt(application: Mapping[str, Any]) -> str | None:
    at = application["next_attempt_at"]
    return words.moment(at) if at else None


def _show_timeline(console: Console, hops: list[Mapping[str, Any]], several: bool) -> None:  # noqa: FBT001 - read where it is called
    previous: datetime | None = None
    for day, of_day in groupby(hops, key=lambda hop: words.moment(hop["at"])[:10]):
        console.print(Text(f"{day} JST", style="dim"))
        table = screen.table("", "", "", "")
        table.show_header = False
        table.columns[1].justify = "right"
        for column in table.columns[:2]:
            column.no_wrap = True
        for hop in of_day:
            at = words.parsed(hop["at"])
            since = "" if previous is None else f"+{words.duration(at - previous)}"
            what = words.of(words.ACTIONS.get(hop["action"], (hop["action"], hop["action"])))
            table.add_row(
                words.clock(hop["at"]), since, what + _details(hop, several), hop["actor"]
            )
            previous = at
        console.print(table)


def _details(hop: Mapping[str, Any], several: bool) -> str:  # noqa: FBT001 - as above
    facts = hop["facts"]
    details = []
    if several and facts.get("destination"):
        details.append(f"→ {facts['destination']}")
    if isinstance(facts.get("attempt"), int) and facts["attempt"] > 1:
        details.append(words.of((f"{facts['attempt']}回目", f"attempt {facts['attempt']}")))
    if "status" in facts and isinstance(facts["status"], str):
        details.append(words.of((words.FEEDBACK_JA.get(facts["status"], ""), facts["status"])))
    # Entries of version 1 have their reason among the facts.
    said = {**facts, **hop["words"]}
    details += [str(said[name]) for name in ("code", "pointer", "reason") if said.get(name)]
    if hop["erased"]:
        details.append(words.erased(hop["erasure"]))
    if hop["words_lost"]:
        details.append(words.of(words.WORDS_LOST))
    return f" ({', '.join(details)})" if details else ""


def _feedback(feedback: Mapping[str, Any]) -> str:
    said = words.of((feedback["status_ja"], feedback["status"]))
    extra = ", ".join(str(feedback[name]) for name in ("code", "reference") if feedback[name])
    label = words.of(("結果", "feedback"))
    return f"{label}: {said} {words.moment(feedback['at'])}" + (f" ({extra})" if extra else "")


def show_delivery(console: Console, delivery: Mapping[str, Any]) -> None:
    """Print one delivery and its next step."""
    head = Text.assemble(f"→ {delivery['destination']}  ", screen.state(delivery["state"]))
    if delivery["flagged"]:
        head.append(
            words.of(("  取消後に届きました", "  delivered after it was cancelled")), "bold red"
        )
    console.print(head)
    console.print(
        screen.fields(
            [
                (words.of(("  配信", "  delivery")), delivery["id"]),
                (words.of(("  回数", "  attempt")), delivery["attempt"]),
                (words.of(("  理由", "  code")), delivery["code"]),
                (words.of(("  項目", "  pointer")), delivery["pointer"]),
                (words.of(("  整理番号", "  reference")), delivery["reference"]),
                (words.of(("  ワーカー", "  worker")), delivery["worker"]),
                (words.of(("  次", "  next")), words.next_step(delivery)),
            ]
        )
    )
