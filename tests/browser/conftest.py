"""One browser and one town for all tests of the console; the town goes on from test to test."""

import os
from collections.abc import AsyncIterator
from pathlib import Path
from shutil import which
from typing import Any, Final

import pytest
import pytest_asyncio
from playwright.async_api import Browser, BrowserContext, async_playwright, expect

from gateway.testing.console_town import PASSWORD, Town, console_town
from tests.browser.window import TELL_VIOLATIONS, TOWN_HALL, Door, Entered, Opened, Window

CHROMIUM: Final = which("chromium") or "/usr/bin/chromium"
FLAGS: Final = ("--no-sandbox", "--disable-gpu", "--disable-background-networking")

# How long a busy machine takes is no verdict on a page.
expect.set_options(timeout=15_000)

session = pytest_asyncio.fixture(loop_scope="session", scope="session")


@session
async def browser() -> AsyncIterator[Browser]:
    """Debian's Chromium."""
    if not Path(CHROMIUM).exists():
        # In CI a browser that is not there is a fault of the build, not a reason to test less.
        (pytest.fail if os.environ.get("CI") else pytest.skip)("chromium is not installed")
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=list(FLAGS))
        yield browser
        await browser.close()


@session
async def town(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Town]:
    """A gateway with something in every state."""
    async with console_town(tmp_path_factory.mktemp("town")) as town:
        yield town


@session
async def door(town: Town) -> AsyncIterator[Door]:
    """The console, listening."""
    door = Door(town.world.gateway)
    await door.open()
    yield door
    await door.close()


@session
async def entered(browser: Browser, door: Door) -> AsyncIterator[Entered]:
    """Return a browser's profile in which somebody, or nobody, has signed in, by the form."""
    states: dict[str, Any] = {}

    async def enter(name: str | None = "hanako", **options: Any) -> BrowserContext:
        options = {"viewport": TOWN_HALL, "locale": "en-GB", **options}
        if name is None:
            return await browser.new_context(**options)
        if name not in states:
            first = await browser.new_context()
            page = await first.new_page()
            await page.goto(f"{door.url}/sign-in")
            await page.fill("#name", name)
            await page.fill("#password", PASSWORD)
            await page.click("main button.primary")
            await page.wait_for_url(f"{door.url}/")
            states[name] = await first.storage_state()
            await first.close()
        return await browser.new_context(storage_state=states[name], **options)

    yield enter


@pytest_asyncio.fixture(loop_scope="session")
async def opened(entered: Entered, door: Door) -> AsyncIterator[Opened]:
    """Return a page of somebody who has signed in; that it misbehaves fails its test."""
    windows: list[Window] = []

    async def open_one(name: str | None = "hanako", **options: Any) -> Window:
        context = await entered(name, **options)
        context.set_default_timeout(15_000)
        await context.add_init_script(TELL_VIOLATIONS)
        windows.append(window := Window(await context.new_page(), door.url))
        return window

    yield open_one
    for window in windows:
        await window.page.context.close()
    assert [fault for window in windows for fault in window.faults] == []
