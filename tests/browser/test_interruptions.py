"""What happens when it does not go as planned: clicked twice, gone back, signed out, refused."""

import re

import pytest
from playwright.async_api import Page, Route, expect

from gateway.domain.lifecycle import State
from gateway.testing.console_town import CORE, PASSWORD, Town
from tests.browser.test_actions import DONE, say_why, sign_in
from tests.browser.window import Opened

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_a_double_click_makes_one_token_and_the_page_can_be_used_again(opened: Opened):
    window = await opened("satoru")
    page = await window.to("/me")
    for tokens in (1, 2):
        await page.fill("#label", f"監視 {tokens}")
        await page.locator("form[action='/me/tokens'] button").dblclick()
        await expect(page.locator("code.secret")).to_be_visible()
        await expect(page.locator("form[action='/me/tokens/revoke']")).to_have_count(tokens)
        page = await window.to("/me")
        await expect(page.locator("form[action='/me/tokens/revoke']")).to_have_count(tokens)


async def test_two_tabs_decide_once_and_going_back_does_nothing_again(town: Town, opened: Opened):
    application = await town.refused("core.tabs", 1)
    here, there = await opened(), await opened()
    there.expected = {422}
    one, other = [await each.to(f"/applications/{application}") for each in (here, there)]

    await say_why(one, "cancel")
    await expect(one.locator(DONE)).to_be_visible()
    await say_why(other, "replay")
    await expect(other.locator("main .notice-error")).to_be_visible()
    await town.until(application, CORE, State.CANCELLED)
    # The address that only takes forms leads to the page.
    await other.goto(other.url)
    assert re.search(rf"/applications/{application}$", other.url)

    await one.go_back()
    await expect(one.locator(".delivery .state-cancelled")).to_be_visible()
    await expect(one.locator("button[value=cancel]")).to_have_count(0)


async def test_who_was_signed_out_meanwhile_loses_neither_words_nor_way(town: Town, opened: Opened):
    application = town.named["parked"]
    window = await opened()
    window.expected = {403}
    page = await window.to(f"/applications/{application}")
    await page.context.clear_cookies()

    await say_why(page, "cancel")

    await expect(page.locator("main .notice-error")).to_be_visible()
    await expect(page.locator("dd.secret")).to_have_text("窓口で確認した")
    await sign_in(page, "hanako", PASSWORD)
    await page.wait_for_url(f"**/applications/{application}")
    await expect(page.locator(".delivery .state-parked")).to_be_visible()


async def test_a_form_of_an_earlier_session_is_told_and_its_words_are_kept(
    town: Town, opened: Opened
):
    application = town.named["parked"]
    window = await opened()
    window.expected = {403}
    page = await window.to(f"/applications/{application}")
    tab = await page.context.new_page()
    await tab.goto(f"{window.url}/")
    await tab.context.clear_cookies()
    await tab.goto(f"{window.url}/sign-in")
    await sign_in(tab, "hanako", PASSWORD)
    await tab.wait_for_url(f"{window.url}/")

    await say_why(page, "cancel")

    await expect(page.locator("main .notice-error")).to_be_visible()
    await expect(page.locator("dd.secret")).to_have_text("窓口で確認した")
    await page.locator("main ul a").first.click()
    await page.wait_for_url(f"**/applications/{application}")
    await page.locator("form[action='/sign-out'] button").click()
    await expect(page.locator(DONE)).to_be_visible()


async def test_an_update_leaves_focus_and_opened_parts_and_says_what_is_new_once(
    town: Town, opened: Opened
):
    await town.refused("core.focus", 1)
    window = await opened()
    page = await window.to("/")
    await expect(page.locator(".live-on")).to_be_visible()
    link = page.locator("[data-part] a[href^='/applications/']").first
    await link.focus()
    href = await link.get_attribute("href")
    await said_of(page)
    # As if something there could be opened.
    await page.evaluate(
        """() => { const more = document.createElement("details");
          more.append("…"); document.querySelector("[data-part]").append(more); }"""
    )

    application = await town.refused("core.focus", 1)

    await expect(page.locator(f"a[href='/applications/{application}']").first).to_be_visible()
    assert await page.evaluate("document.activeElement.getAttribute('href')") == href
    assert len(await page.evaluate("window.said")) <= 1


async def said_of(page: Page) -> None:
    """Keep what a screen reader is told from now on."""
    await page.evaluate(
        """() => { window.said = []; const told = document.querySelector("[data-said]");
          new MutationObserver(() => window.said.push(told.textContent))
            .observe(told, { childList: true, subtree: true }); }"""
    )


async def test_a_stream_that_is_refused_leaves_the_page_as_it_is_and_is_asked_for_again(
    opened: Opened,
):
    window = await opened()
    window.expected = {503}
    refused = 0

    async def full(route: Route) -> None:
        nonlocal refused
        refused += 1
        if refused == 1:
            await route.fulfill(status=503, body="<h1>full</h1>", content_type="text/html")
        else:
            await route.continue_()

    await window.page.clock.install()
    await window.page.route("**/live/workers", full)
    page = await window.to("/workers")

    await expect(page.locator(".live-off")).to_be_visible()
    await expect(page.locator("h1")).to_have_count(1)
    await page.clock.run_for(10_000)
    await expect(page.locator(".live-on")).to_be_visible()
