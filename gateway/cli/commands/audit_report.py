"""``kakehashi audit report``: what the log says of a period, as one page to read or print."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from gateway.audit.report.page import Report, page
from gateway.cli import screen, words
from gateway.cli.failures import ExitCode
from gateway.cli.invocation import Invocation
from gateway.cli.progress import interruptible, perform_shown


def report(
    context: typer.Context,
    *,
    since: Annotated[str, typer.Option("--from", help="First day: 2026-11-01 (Japan).")],
    until: Annotated[str, typer.Option("--to", help="Until before then: 2026-12-01.")],
    out: Annotated[Path | None, typer.Option(help="The HTML file to write.")] = None,
    municipality: Annotated[
        str | None, typer.Option(help="Only what concerns this one, and the gateway itself.")
    ] = None,
    lang: Annotated[
        words.Language | None, typer.Option(help="ja or en; else as the terminal.")
    ] = None,
) -> None:
    """Verify the whole log and report on a period: one HTML file, to be read or printed on A4.

    With --json the figures instead. Exits with 1 if the log is not what was written; the
    report is written nevertheless, and says so.
    """
    invocation = Invocation.of(context)
    if out is None and not invocation.json:
        raise typer.BadParameter("say which file to write", param_hint="--out")
    with interruptible("報告書は作られていません。", "No report was written."):
        figures = perform_shown(
            invocation,
            "audit.report",
            ("集計", "figures"),
            since=since,
            until=until,
            municipality=municipality,
        )
        verified = perform_shown(invocation, "audit.verify", ("検証", "verify"))
    if out is not None:
        language = lang or words.language()
        text = page(Report(figures, verified, datetime.now(UTC)), language)
        out.write_text(text, encoding="utf-8")
    document = {**figures, "verification": verified}
    screen.show(invocation, document, lambda console: screen.plain(console, str(out)))
    if not verified["ok"]:
        raise typer.Exit(ExitCode.NOT_WELL)
