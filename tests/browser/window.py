"""A page that is watched while it is used, and the door that it is behind."""

import asyncio
import socket
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from typing import Final
from urllib.parse import parse_qsl, urlsplit

from playwright.async_api import BrowserContext, ConsoleMessage, Page, Request

from gateway.bootstrap.gateway import Gateway
from gateway.testing.operators_site import operators_site

TOWN_HALL: Final = {"width": 1366, "height": 768}
"""The screen of a PC in a town hall."""

OVERFLOW: Final = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
"""By how many pixels a page is wider than the window."""

TELL_VIOLATIONS: Final = """
document.addEventListener("securitypolicyviolation", (event) =>
  console.error(`policy violated: ${event.violatedDirective} ${event.blockedURI}`));
"""


PRESSED: Final[list[tuple[str, str, dict[str, str]]]] = []
"""Method, path and fields of every form that a test has sent: by a page's own buttons."""


class Door:
    """Where the console of the town is; it can be closed and opened again."""

    def __init__(self, gateway: Gateway) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self._gateway = gateway
        self._open = AsyncExitStack()

    async def open(self) -> None:
        """Listen, as a gateway that has just started."""
        stopping = asyncio.Event()
        site = operators_site(self._gateway, stopping=stopping, port=self.port)
        await self._open.enter_async_context(site)
        self._open.callback(stopping.set)

    async def close(self) -> None:
        """Break every connection off and answer no more."""
        await self._open.aclose()


class Window:
    """A page that keeps what no page of the console may do."""

    def __init__(self, page: Page, url: str) -> None:
        self.page = page
        self.url = url
        self.faults: list[str] = []
        self.expected: set[int] = set()
        """Statuses that a test provokes: the browser reports each as an error."""
        page.on("console", self._said)
        page.on("pageerror", lambda error: self.faults.append(f"error: {error}"))
        page.on("request", self._asked)

    def _said(self, message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"} and not any(
            f"status of {status}" in message.text for status in self.expected
        ):
            self.faults.append(f"{message.type}: {message.text}")

    def _asked(self, request: Request) -> None:
        if not request.url.startswith((self.url + "/", "data:", "blob:")):
            self.faults.append(f"asked elsewhere: {urlsplit(request.url).netloc}")
        if request.is_navigation_request():
            asked = urlsplit(request.url)
            said = request.post_data if request.method == "POST" else asked.query
            fields = dict(parse_qsl(said or "", keep_blank_values=True))
            PRESSED.append((request.method, asked.path, fields))

    async def to(self, path: str) -> Page:
        """Go to a page of the console."""
        await self.page.goto(self.url + path)
        return self.page


async def until_so(page: Page, claim: str) -> None:
    """Wait for a claim of JavaScript to be true.

    Playwright's own way evaluates it again and again inside the page, which its policy forbids.

    Raises:
        TimeoutError: It was not, for a while.
    """
    async with asyncio.timeout(15):
        while not await page.evaluate(claim):  # noqa: ASYNC110 - a page tells nobody
            await asyncio.sleep(0.02)


Entered = Callable[..., Awaitable[BrowserContext]]
"""Opens a profile in which somebody has signed in."""
Opened = Callable[..., Awaitable[Window]]
"""Opens a page there."""
