"""Workers: who is there, which version they run, what they hold."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from aiohttp import web

from gateway.console.live import stream
from gateway.console.page import Page
from gateway.ports.clock import APART

AT_ONCE: Final = 5
"""Destinations of a worker that are shown unfolded."""
_WELL: Final = 1


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
        "workers": _grouped(each for each in workers if not each["replaced"]),
        "replaced": [each for each in workers if each["replaced"]],
        "clock_s": APART.total_seconds(),
        "at_once": AT_ONCE,
        # Each has an instance for every destination: only its name says who it is.
        "alive": len(living),
        "serving": len(alive),
        "gone": sorted({each["worker"] for each in workers} - living),
        "others": any(not each["same_version"] for each in alive),
    }


def _grouped(served: Iterable[Mapping[str, Any]]) -> list[dict[str, object]]:
    """Return each worker with what it serves; first the one that somebody should look at."""
    by_name: dict[str, list[Mapping[str, Any]]] = {}
    for each in sorted(served, key=_rank):
        by_name.setdefault(each["worker"], []).append(each)
    return [_worker(name, of) for name, of in by_name.items()]


def _worker(name: str, served: Sequence[Mapping[str, Any]]) -> dict[str, object]:
    alive = [each for each in served if each["alive"]]
    of = alive or served
    started = [each["started_at"] for each in of if each["started_at"]]
    return {
        "worker": name,
        "alive": bool(alive),
        "served": served,
        "to_look_at": sum(_rank(each) != _WELL for each in served) if alive else 0,
        "hosts": sorted({each["host"] for each in of if each["host"]}),
        "versions": sorted({each["version"] for each in of}),
        "same_version": all(each["same_version"] for each in of),
        "started_at": min(started, default=None),
        "last_seen_s": min(each["last_seen_s"] for each in of),
        "clock_off_s": max((each["clock_off_s"] for each in of), key=abs),
        "in_flight": sum(each["in_flight"] for each in alive),
        "unclaimed": sum(each["unclaimed"] for each in alive),
    }


def _rank(each: Mapping[str, Any]) -> int:
    """Rank those first that somebody should look at, and those that are gone last."""
    if not each["alive"]:
        return 2
    is_well = each["healthy"] and each["breaker"] == "closed" and each["same_version"]
    return _WELL if is_well and abs(each["clock_off_s"]) <= APART.total_seconds() else 0


ROUTES: Final = (("GET", "/workers", show), ("GET", "/live/workers", stream(part)))
