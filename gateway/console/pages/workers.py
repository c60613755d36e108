"""Workers: who is there, which version they run, what they hold."""

from collections.abc import Mapping
from typing import Any, Final

from aiohttp import web

from gateway.console.live import stream
from gateway.console.page import Page
from gateway.ports.clock import APART


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
    living = {each["worker"] for each in alive}
    return {
        "version": found["version"],
        "workers": sorted((each for each in workers if not each["replaced"]), key=_rank),
        "replaced": [each for each in workers if each["replaced"]],
        "clock_s": APART.total_seconds(),
        # Each has an instance for every destination: only its name says who it is.
        "alive": len(living),
        "serving": len(alive),
        "gone": sorted({each["worker"] for each in workers} - living),
        "others": any(not each["same_version"] for each in alive),
    }


def _rank(each: Mapping[str, Any]) -> int:
    """Rank those first that somebody should look at, and those that are gone last."""
    if not each["alive"]:
        return 2
    is_well = each["healthy"] and each["breaker"] == "closed" and each["same_version"]
    return 1 if is_well and abs(each["clock_off_s"]) <= APART.total_seconds() else 0


ROUTES: Final = (("GET", "/workers", show), ("GET", "/live/workers", stream(part)))
