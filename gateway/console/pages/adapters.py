"""Adapters: which are installed beside the gateway, and what each says of itself."""

import re
from typing import Final

from aiohttp import web

from gateway.console.page import Page

_HEADING: Final = re.compile(r"(#{1,6})\s+(.+?)\s*#*")
_FENCE: Final = re.compile(r"\s*(```|~~~)")


async def show_all(page: Page) -> web.Response:
    """Show the list."""
    return page.show("adapters.html", {"adapters": await page.ask("adapter.list")})


async def show_one(page: Page) -> web.Response:
    """Show one adapter and its README."""
    adapter = await page.ask("adapter.show", name=page.request.match_info["name"])
    sections = None if adapter["readme"] is None else _sections(adapter["readme"])
    return page.show("adapter.html", {"adapter": adapter, "sections": sections})


def _sections(markdown: str) -> list[dict[str, str]]:
    """Return a README by its headings, each with the text under it as it was written.

    It is shown as text, not as HTML: an adapter's author is not the console's.
    """
    found = [{"title": "", "text": ""}]
    is_code = False
    for line in markdown.splitlines():
        if _FENCE.match(line):
            is_code = not is_code
        heading = None if is_code else _HEADING.fullmatch(line)
        if heading is None:
            found[-1]["text"] += line + "\n"
        else:
            found.append({"title": heading[2], "text": ""})
    return [
        {"title": each["title"], "text": each["text"].strip("\n")}
        for each in found
        if each["title"] or each["text"].strip()
    ]


ROUTES: Final = (("GET", "/adapters", show_all), ("GET", "/adapters/{name}", show_one))
