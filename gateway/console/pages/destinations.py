"""Destinations: all of them, and how each fares."""

from typing import Final

from aiohttp import web

from gateway.console.live import stream
from gateway.console.page import Page


async def show(page: Page) -> web.Response:
    """Show the page."""
    return page.show("destinations.html", await _values(page))


async def part(page: Page) -> str:
    """Return what changes of the page while it is open."""
    return page.html("destinations_live.html", await _values(page))


async def _values(page: Page) -> dict[str, object]:
    return {"destinations": await page.ask("destination.overview")}


ROUTES: Final = (("GET", "/destinations", show), ("GET", "/live/destinations", stream(part)))
