"""The audit log as a whole: is it what was written, how is it handed on, and what does it say?"""

from datetime import UTC, datetime
from typing import Any, Final

from aiohttp import web

from gateway.audit.report.page import Report
from gateway.audit.report.page import page as report_page
from gateway.console.live import stream
from gateway.console.page import Page, see_other
from gateway.console.pages.audit import attachment
from gateway.services.operate.refusals import NotFoundError

PATH: Final = "/audit/log"


async def show(page: Page) -> web.Response:
    """Show the page."""
    return page.show("audit_log.html", await _values(page))


async def part(page: Page) -> str:
    """Return what changes of the page while it is open."""
    return page.html("audit_log_live.html", await _values(page))


async def _values(page: Page) -> dict[str, object]:
    standing = await page.ask("audit.standing")
    # Every auditor sees who examines it: nobody else is told.
    shown = page.may("audit.examination")
    kinds = ("verify", "report") if shown else ()
    examined: dict[str, Any] = {
        kind: await page.ask("audit.examination", kind=kind) for kind in kinds
    }
    return {
        "standing": standing,
        "examined": examined,
        "is_running": any(each["state"] == "running" for each in examined.values()),
    }


async def verify(page: Page) -> web.Response:
    """Begin to verify it."""
    await page.ask("audit.examine")
    return see_other(PATH)


async def report(page: Page) -> web.Response:
    """Begin a report on a period."""
    form = page.form
    await page.ask(
        "audit.examine_period",
        since=form.get("since", ""),
        until=form.get("until", ""),
        municipality=form.get("municipality", "").strip() or None,
    )
    return see_other(PATH)


async def stop(page: Page) -> web.Response:
    """Stop what was begun."""
    await page.ask("audit.stop_examining")
    return see_other(PATH)


async def download(page: Page) -> web.Response:
    """Hand out the last report as one page of HTML that loads nothing."""
    last = await page.ask("audit.examination", kind="report")
    if last["state"] != "done":
        raise NotFoundError("there is no report yet")
    found = last["found"]
    made_at = datetime.fromisoformat(last["ended_at"]).astimezone(UTC)
    text = report_page(Report(found["figures"], found["verification"], made_at), page.language)
    name = f"audit-report-{found['figures']['period']['since'][:10]}.html"
    return attachment(text.encode(), name, "text/html")


ROUTES: Final = (
    ("GET", PATH, show),
    ("GET", "/live/audit/log", stream(part)),
    ("POST", "/audit/verify", verify),
    ("POST", "/audit/report", report),
    ("POST", "/audit/stop", stop),
    ("GET", "/audit/report.html", download),
)
