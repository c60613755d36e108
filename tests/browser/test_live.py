"""What a page that stands open does while things happen, and while nobody answers."""

import asyncio

import pytest
from playwright.async_api import Route, expect

from gateway.testing.console_town import Town
from tests.browser.window import Door, Opened

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_what_comes_in_appears_on_the_overview_by_itself(town: Town, opened: Opened):
    window = await opened()
    page = await window.to("/")
    await expect(page.locator(".live-on")).to_be_visible()
    await page.evaluate("window.isTheSame = true")

    application = await town.refused("core.5", 1)

    await expect(page.locator(f"a[href='/applications/{application}']").first).to_be_visible()
    assert await page.evaluate("window.isTheSame")


async def test_a_page_is_live_however_late_its_last_script_comes(opened: Opened):
    window = await opened()

    async def late(route: Route) -> None:
        await asyncio.sleep(0.3)
        await route.continue_()

    await window.page.route("**/hx-sse.min.js", late)
    page = await window.to("/")

    await expect(page.locator(".live-on")).to_be_visible()


async def test_an_application_changes_before_ones_eyes(town: Town, opened: Opened):
    application = await town.refused("core.4", 1)
    window = await opened()
    page = await window.to(f"/applications/{application}")
    await expect(page.locator(".delivery .state-parked")).to_be_visible()
    dossier = await town.world.gateway.journal.dossier(application)
    assert dossier is not None

    await town.ask("parked.cancel", delivery=str(dossier.deliveries[0].id), reason="取下げ")

    await expect(page.locator(".delivery .state-cancelled")).to_be_visible()


async def test_a_page_says_that_it_is_not_live_and_comes_back_by_itself(
    town: Town, door: Door, opened: Opened
):
    window = await opened()
    page = await window.to("/")
    await expect(page.locator(".live-on")).to_be_visible()

    await door.close()
    await expect(page.locator(".live-off")).to_be_visible()
    await expect(page.locator(".live-on")).to_be_hidden()
    application = await town.refused("core.6", 1)
    await door.open()

    await expect(page.locator(".live-on")).to_be_visible(timeout=30_000)
    await expect(page.locator(".live-off")).to_be_hidden()
    await expect(page.locator(f"a[href='/applications/{application}']").first).to_be_visible()
    # What the browser and htmx say of the time without a gateway is no fault of the page.
    told = ("net::ERR", "htmx:sse:error")
    window.faults = [fault for fault in window.faults if not any(word in fault for word in told)]
