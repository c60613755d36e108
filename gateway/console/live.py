"""Streams a part of a page anew whenever it has changed (Server-Sent Events, WHATWG HTML 9.2)."""

import asyncio
import secrets
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import replace
from typing import Final

from aiohttp import web

from gateway.console.failing import failure_of
from gateway.console.page import HEADERS, Page, Show
from gateway.domain.errors import JournalUnavailableError, KakehashiError

EVERY_S: Final = 2.0
LIFETIME_S: Final = 600.0
"""A stream ends then, and the browser begins another: whether its person may still see it is
asked anew."""
_ALIVE: Final = b": alive\n\n"
_NO_JOURNAL: Final = b"event: no-journal\ndata: -\n\n"
"""The page says what is the case; the stream goes on, and tells it anew once that is over."""
_READ_WITHIN_S: Final = 30.0


def stream(part: Callable[[Page], Awaitable[str]], *, every_s: float = EVERY_S) -> Show:
    """Return what shows ``part`` as a stream: at once, and again when it has changed.

    Args:
        part: Renders the fragment that the browser swaps in.
        every_s: How often is looked whether it has.
    """

    async def show(page: Page) -> web.StreamResponse:
        with page.rooms.streams.place(page.person.name):
            return await _streamed(page, part, every_s)

    return show


async def _streamed(
    page: Page, part: Callable[[Page], Awaitable[str]], every_s: float
) -> web.StreamResponse:
    answer = web.StreamResponse(
        headers={**HEADERS, "Content-Type": "text/event-stream", "Cache-Control": "no-store"}
    )
    first = _event(await part(page))
    await answer.prepare(page.request)
    sent, ends_at = _event(""), asyncio.get_running_loop().time() + LIFETIME_S
    # Not all of a hundred consoles begin anew at once.
    ends_at -= secrets.randbelow(60)
    now = first
    while asyncio.get_running_loop().time() < ends_at:
        try:
            async with asyncio.timeout(_READ_WITHIN_S):
                await answer.write(now if now != sent else _ALIVE)
        except (ConnectionResetError, TimeoutError):
            break  # Whoever looked has gone, or does not read.
        sent = now
        with suppress(TimeoutError):
            await asyncio.wait_for(page.stopping.wait(), every_s)
        try:
            visit = None if page.stopping.is_set() else await page.still()
            if visit is None:
                break
            now = _event(await part(replace(page, visit=visit)))
        except JournalUnavailableError:
            now = _NO_JOURNAL
        except KakehashiError:
            break  # The page says by itself that it is not live.
        except Exception as error:  # noqa: BLE001 - the answer has begun: no page can follow
            failure_of(error, page.request)
            break
    return answer


def _event(text: str) -> bytes:
    return b"".join(b"data: %s\n" % line.encode() for line in text.splitlines()) + b"\n"
