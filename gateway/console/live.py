"""Streams a part of a page anew whenever it has changed (Server-Sent Events, WHATWG HTML 9.2)."""

import asyncio
import secrets
from collections.abc import Awaitable, Callable
from typing import Final

from aiohttp import web

from gateway.console.page import HEADERS, Page, Show
from gateway.domain.errors import KakehashiError

EVERY_S: Final = 2.0
LIFETIME_S: Final = 600.0
"""A stream ends then, and the browser begins another: whether its person may still see it is
asked anew."""
_ALIVE: Final = b": alive\n\n"


def stream(part: Callable[[Page], Awaitable[str]], *, every_s: float = EVERY_S) -> Show:
    """Return what shows ``part`` as a stream: at once, and again when it has changed.

    Args:
        part: Renders the fragment that the browser swaps in.
        every_s: How often is looked whether it has.
    """

    async def show(page: Page) -> web.StreamResponse:
        answer = web.StreamResponse(
            headers={**HEADERS, "Content-Type": "text/event-stream", "Cache-Control": "no-store"}
        )
        first = await part(page)
        await answer.prepare(page.request)
        sent, ends_at = "", asyncio.get_running_loop().time() + LIFETIME_S
        # Not all of a hundred consoles begin anew at once.
        ends_at -= secrets.randbelow(60)
        now: str | None = first
        while asyncio.get_running_loop().time() < ends_at:
            if now is not None and now != sent:
                await answer.write(_event(now))
                sent = now
            else:
                await answer.write(_ALIVE)
            await asyncio.sleep(every_s)
            try:
                now = await part(page)
            except KakehashiError:
                now = None  # The page says by itself that it is not live.
                break
        return answer

    return show


def _event(text: str) -> bytes:
    return b"".join(b"data: %s\n" % line.encode() for line in text.splitlines()) + b"\n"
