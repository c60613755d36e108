"""Adapters: which are installed beside the gateway, and what each says of itself."""

import asyncio
from functools import lru_cache
from typing import Final

from aiohttp import web

from gateway.console.markdown import Heading, rendered
from gateway.console.page import Page


async def show_all(page: Page) -> web.Response:
    """Show the list."""
    return page.show("adapters.html", {"adapters": await page.ask("adapter.list")})


async def show_one(page: Page) -> web.Response:
    """Show one adapter and its README."""
    adapter = await page.ask("adapter.show", name=page.request.match_info["name"])
    readme: str | None = None
    headings: list[Heading] = []
    if adapter["readme"] is not None:
        # Seconds for one that is written to take long; nobody else waits for it.
        readme, headings = await asyncio.to_thread(_rendered, adapter["readme"])
    return page.show("adapter.html", {"adapter": adapter, "readme": readme, "headings": headings})


@lru_cache(maxsize=32)
def _rendered(markdown: str) -> tuple[str, list[Heading]]:
    """Return it as HTML; that takes tens of milliseconds, and it changes with a release."""
    return rendered(markdown)


ROUTES: Final = (("GET", "/adapters", show_all), ("GET", "/adapters/{name}", show_one))
