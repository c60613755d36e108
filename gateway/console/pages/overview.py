"""Overview: is everything well, in one look."""

from typing import Final

from aiohttp import web

from gateway.console.live import stream
from gateway.console.page import Page


async def show(page: Page) -> web.Response:
    """Show the page."""
    return page.show("overview.html", await _values(page))


async def part(page: Page) -> str:
    """Return what changes of the page while it is open."""
    return page.html("overview_live.html", await _values(page))


async def _values(page: Page) -> dict[str, object]:
    return {"overview": await page.ask("overview")}


ROUTES: Final = (("GET", "/", show), ("GET", "/live/overview", stream(part)))
