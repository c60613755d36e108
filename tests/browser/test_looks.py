"""Other looks than the usual: large letters, one's own colours, dark by choice, on paper."""

from typing import Final

import pytest
from playwright.async_api import expect

from gateway.testing.console_town import CORE, Town
from tests.browser.window import OVERFLOW, Opened, until_so

pytestmark = pytest.mark.asyncio(loop_scope="session")

_A4: Final = {"width": 794, "height": 1123}
"""210 by 297 mm at 96 pixels to the inch (CSS Values 4, 6.2)."""
_STYLE: Final = "(name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim()"


async def test_colours_are_chosen_by_hand_and_kept(opened: Opened):
    window = await opened(color_scheme="light")
    page = await window.to("/")
    grounds = {}
    for choice in ("dark", "light", "auto"):
        await page.locator(f"form[action='/theme'] button[value={choice}]").click()
        await expect(page.locator("html")).to_have_attribute("data-theme", choice)
        grounds[choice] = await page.evaluate(_STYLE, "--ground")
    assert grounds["dark"] != grounds["light"] == grounds["auto"]
    await page.emulate_media(color_scheme="dark")
    assert await page.evaluate(_STYLE, "--ground") == grounds["dark"]
    for language in ("ja", "en"):
        await page.locator("form[action='/language'] button").click()
        await expect(page.locator("html")).to_have_attribute("lang", language)


async def test_an_application_is_printed_whole_and_without_buttons(town: Town, opened: Opened):
    window = await opened(color_scheme="dark")
    page = await window.to(f"/applications/{town.named['parked']}?audit=1")
    await page.emulate_media(media="print")
    await page.set_viewport_size(_A4)

    for gone in ("nav.menu", ".top-right", "#decide", "main button", ".live-state"):
        for each in await page.locator(gone).all():
            await expect(each).to_be_hidden()
    for there in (".verdict", ".way", "dl.facts", "h2", ".printed"):
        await expect(page.locator(there).first).to_be_visible()
    await expect(page.locator(".printed")).to_contain_text("hanako")
    assert await page.evaluate("getComputedStyle(document.body).backgroundColor") == (
        "rgb(255, 255, 255)"
    )
    assert await page.evaluate(OVERFLOW) <= 0
    widths = "(all) => all.filter((each) => each.scrollWidth > each.clientWidth + 1).length"
    assert await page.locator(".scroll").evaluate_all(widths) == 0


async def test_with_ones_own_colours_focus_and_place_are_seen(opened: Opened):
    window = await opened(forced_colors="active", reduced_motion="reduce")
    page = await window.to(f"/destinations/{CORE}")
    await page.keyboard.press("Tab")
    outline = "getComputedStyle(document.activeElement).outlineStyle"
    assert await page.evaluate(outline) == "solid"
    marked = page.locator(".menu a[aria-current]")
    assert await marked.evaluate("(each) => getComputedStyle(each).borderBottomWidth") == "4px"
    assert await page.evaluate(_STYLE, "--series-1") == "CanvasText"
    moving = "document.getAnimations().length"
    assert await page.evaluate(moving) == 0


async def test_keys_move_about_in_a_page_and_in_a_wide_table(opened: Opened):
    window = await opened(viewport={"width": 320, "height": 500})
    page = await window.to("/applications")
    region = page.locator(".scroll").first
    await region.focus()
    await page.keyboard.press("ArrowRight")
    await until_so(page, "document.querySelector('.scroll').scrollLeft > 0")
    await page.keyboard.press("End")
    await until_so(page, "window.scrollY > 0")
    await page.keyboard.press("Home")
    await until_so(page, "window.scrollY === 0")
    await page.locator("#f-status").focus()
    await page.keyboard.press("ArrowDown")
    await expect(page.locator("#f-status")).not_to_have_value("")
