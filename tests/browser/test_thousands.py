"""Pages over thousands of applications; after the others, since nothing moves from then on."""

from contextlib import suppress
from typing import Final

import pytest
from playwright.async_api import TimeoutError as NotInTimeError
from playwright.async_api import expect

from gateway.testing.console_town import CORE, Town
from tests.browser.walk import Walk
from tests.browser.window import Opened

pytestmark = pytest.mark.asyncio(loop_scope="session")

_TRIES: Final = 10


async def test_pages_of_thousands_lead_from_one_to_the_next(town: Town, opened: Opened):
    # Nothing moves while somebody looks; nothing else waits for it any more.
    await town.ask("destination.pause", destination=CORE, reason="many come at once")
    await town.fill(5000)
    walk = Walk(await opened(), town.submitted)

    await walk.through_lists()
    await walk.through_groups()
    await walk.through_the_log()


async def test_reading_the_whole_log_goes_on_before_ones_eyes_until_it_is_stopped(opened: Opened):
    window = await opened("kenji")
    window.expected = {404}
    page = await window.to("/audit/log")
    stop = page.locator("form[action='/audit/stop'] button")
    for _ in range(_TRIES):
        await page.locator("form[action='/audit/verify'] button").click()
        await page.wait_for_load_state()
        # A quick machine may have read all of it by now.
        with suppress(NotInTimeError, AssertionError):
            await expect(page.locator("progress")).to_be_visible(timeout=1000)
            await stop.click(timeout=1000)
        await window.to("/audit/log")
        if await page.locator("[data-part] .notice-warn").count():
            return
    pytest.fail("it was never stopped in time")
