"""What a browser makes of the console's pages: how soon each is loaded and drawn, and is it whole?

Debian's Chromium without a window, on the core that the gateway does not use. *Cold*: a new
profile that has signed in and holds no file yet. *Warm*: one that has seen the page before.
Both are told by the page itself (Navigation Timing, Paint Timing), from the beginning of the
navigation: until the end of its load event, and until its first contentful paint.
"""

import asyncio
import random
from collections.abc import Mapping
from shutil import which
from typing import Any, Final

from playwright.async_api import Browser, BrowserContext, async_playwright

from benchmarks.console import COLD, WARM
from benchmarks.paced import spread
from benchmarks.processes import FailedError, on_core
from tests.browser.walk import Walk, times_of
from tests.browser.window import TELL_VIOLATIONS, TOWN_HALL, Window

_PATIENCE_MS: Final = 60_000
_FLAGS: Final = ("--no-sandbox", "--disable-gpu", "--disable-background-networking")

Asked = Mapping[str, tuple[str, str]]
"""Page to who looks at it and where it is; ``{id}`` is any application's."""


def measure(
    console: str, passwords: Mapping[str, str], asked: Asked, ids: list[str], core: int
) -> dict[str, Any]:
    """Return the figures of each page, and of the walk.

    Args:
        console: Its address.
        passwords: Account to its password; all sign in.
        asked: What is looked at.
        ids: All applications.
        core: Where the browser runs.

    Raises:
        FailedError: A page is not what it should be.
    """
    with on_core(core):
        return asyncio.run(_measured(console, passwords, asked, ids))


async def _measured(
    console: str, passwords: Mapping[str, str], asked: Asked, ids: list[str]
) -> dict[str, Any]:
    chromium = which("chromium")
    if chromium is None:
        raise FailedError("chromium is not installed; make chromium")
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=chromium, args=list(_FLAGS))
        people = {
            name: await _signed_in(browser, console, name, password)
            for name, password in passwords.items()
        }
        pages = {
            name: await _page(browser, console, people[person], path, ids)
            for name, (person, path) in asked.items()
        }
        walked = await _walked(browser, console, people, len(ids))
        version = browser.version
        await browser.close()
    return {"browser": f"Chromium {version}", "pages": pages, "walked": walked}


async def _signed_in(browser: Browser, console: str, name: str, password: str) -> Any:
    context = await browser.new_context()
    page = await context.new_page()
    await page.goto(f"{console}/sign-in")
    await page.fill("#name", name)
    await page.fill("#password", password)
    await page.click("main button.primary")
    await page.wait_for_url(f"{console}/")
    state = await context.storage_state()
    await context.close()
    return state


async def _page(
    browser: Browser, console: str, person: Any, path: str, ids: list[str]
) -> dict[str, dict[str, dict[str, float]]]:
    chance = random.Random(WARM)

    def address() -> str:
        return console + path.replace("{id}", chance.choice(ids))

    cold = []
    for _ in range(COLD):
        window = await _window(browser, console, person)
        cold.append(await _seen(window, address()))
        await _closed(window)
    window = await _window(browser, console, person)
    await _seen(window, address())
    warm = [await _seen(window, address()) for _ in range(WARM)]
    await _closed(window)
    return {
        kind: {
            what: spread([each[place] / 1000 for each in seen])
            for place, what in enumerate(("loaded", "drawn"))
        }
        for kind, seen in (("cold", cold), ("warm", warm))
    }


async def _window(browser: Browser, console: str, person: Any) -> Window:
    context: BrowserContext = await browser.new_context(
        storage_state=person, viewport=TOWN_HALL, locale="en-GB"
    )
    context.set_default_timeout(_PATIENCE_MS)
    await context.add_init_script(TELL_VIOLATIONS)
    return Window(await context.new_page(), console)


async def _seen(window: Window, address: str) -> tuple[float, float]:
    answer = await window.page.goto(address, wait_until="load")
    if answer is None or not answer.ok:
        raise FailedError(f"{address} is not shown")
    return await times_of(window.page)


async def _closed(window: Window) -> None:
    await window.page.context.close()
    if window.faults:
        raise FailedError("; ".join(window.faults))


async def _walked(
    browser: Browser, console: str, people: Mapping[str, Any], count: int
) -> dict[str, dict[str, float]]:
    """Walk from page to page as the test of the browser's suite does; return how long each took."""
    took: dict[str, list[float]] = {}
    for person, ways in (
        ("hanako", (Walk.through_lists, Walk.through_groups)),
        ("kenji", (Walk.through_the_log,)),
    ):
        walk = Walk(await _window(browser, console, people[person]), count)
        for way in ways:
            try:
                await way(walk)
            except AssertionError as error:
                raise FailedError(f"{walk.page.url}: {error}") from error
        await _closed(walk.window)
        took.update(walk.took_ms)
    return {
        name: {**spread([ms / 1000 for ms in all_ms]), "asks": len(all_ms)}
        for name, all_ms in took.items()
    }
