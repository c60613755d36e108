"""Destinations: all of them, and how each fares."""

from collections.abc import Mapping
from typing import Any, Final

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
    found = await page.ask("destination.overview")
    # Among thirty municipalities nobody knows them by their codes.
    names = (await page.ask("messages.choices"))["municipalities"]
    return {"destinations": sorted(found, key=_rank), "names": names}


def _rank(each: Mapping[str, Any]) -> int:
    """Rank what nothing can be sent to first, then what is held, then what is well."""
    if each["health"] not in ("well", "partly") or each["breaker"] == "open":
        return 0
    return 1 if each["health"] == "partly" or each["breaker"] == "half_open" or each["hold"] else 2


ROUTES: Final = (("GET", "/destinations", show), ("GET", "/live/destinations", stream(part)))
