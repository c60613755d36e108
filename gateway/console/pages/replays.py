"""Replays: orders to send again, how far each is, and stopping or resuming one."""

from typing import Any, Final

from aiohttp import web

from gateway.console.live import stream
from gateway.console.page import Page, see_other
from gateway.console.pages.attention import asked, done_of, held_up
from gateway.domain.errors import PermanentError
from gateway.services.operate.four_eyes import WaitsForApprovalError
from gateway.services.operate.guard import NotPermittedError

_CHANGES: Final = {"resume": ("replay.resume", "resumed"), "stop": ("replay.stop", "stopped")}


async def show_all(page: Page) -> web.Response:
    """Show the latest orders."""
    return page.show("replays.html", {"orders": await page.ask("replay.list", limit=100)})


async def show(page: Page) -> web.Response:
    """Show one order."""
    return await _shown(page)


async def part(page: Page) -> str:
    """Return what changes of an order's page while it is open."""
    return page.html("replay_live.html", await _values(page))


async def change(page: Page) -> web.Response:
    """Resume or stop an order."""
    operation, done = _CHANGES[page.request.match_info["change"]]
    order = page.request.match_info["order"]
    try:
        await page.ask(operation, order=order, reason=page.form.get("reason", ""))
    except NotPermittedError:
        raise
    except WaitsForApprovalError as error:
        return asked(error)
    except PermanentError as error:
        return await _shown(page, failed=page.why_not(error))
    return see_other(f"/replays/{order}?done={done}")


async def _order(page: Page) -> dict[str, Any]:
    found: dict[str, Any] = await page.ask("replay.show", order=page.request.match_info["order"])
    return found


async def _values(page: Page) -> dict[str, Any]:
    """Return an order, and while it runs what holds up its destinations."""
    order = await _order(page)
    runs = order["state"] in ("running", "halted")
    return {"order": order, "held": await held_up(page, order["selection"]) if runs else []}


async def _shown(page: Page, *, failed: str | None = None) -> web.Response:
    difference = page.query.get("difference", "")
    values = {
        **await _values(page),
        "failed": failed,
        "typed": page.form,
        "done": done_of(page, "replays"),
        "difference": f"{int(difference):+,}" if difference.lstrip("-").isdecimal() else None,
    }
    return page.show("replay.html", values, status=422 if failed else 200)


ROUTES: Final = (
    ("GET", "/replays", show_all),
    ("GET", "/replays/{order}", show),
    ("GET", "/live/replays/{order}", stream(part)),
    ("POST", "/replays/{order}/{change:resume|stop}", change),
)
