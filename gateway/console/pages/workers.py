"""Workers: who is there, which version they run, what they hold."""

from typing import Final

from aiohttp import web

from gateway.console.live import stream
from gateway.console.page import Page


async def show(page: Page) -> web.Response:
    """Show the page."""
    return page.show("workers.html", await _values(page))


async def part(page: Page) -> str:
    """Return what changes of the page while it is open."""
    return page.html("workers_live.html", await _values(page))


async def _values(page: Page) -> dict[str, object]:
    found = await page.ask("worker.list")
    workers = found["workers"]
    alive = [each for each in workers if each["alive"]]
    return {
        "version": found["version"],
        "workers": workers,
        "alive": len({(each["worker"], each["instance"]) for each in alive}),
        "others": any(not each["same_version"] for each in alive),
    }


ROUTES: Final = (("GET", "/workers", show), ("GET", "/live/workers", stream(part)))
