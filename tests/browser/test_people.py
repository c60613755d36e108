"""Who has only a keyboard, no JavaScript, or not every role."""

from typing import Final

import pytest
from playwright.async_api import Browser, Page, expect

from gateway.domain.lifecycle import State
from gateway.testing.console_town import CARE, CORE, PASSWORD, PAUSED, Town
from tests.browser.window import TOWN_HALL, Door, Opened

pytestmark = pytest.mark.asyncio(loop_scope="session")

_TABS: Final = 150
_FOCUSED: Final = """(wanted) => {
  const now = document.activeElement;
  return now !== null && now.matches(wanted);
}"""


async def tab_to(page: Page, wanted: str) -> None:
    """Press the tab key until what is wanted has the focus, and can be seen to have it."""
    for _ in range(_TABS):
        if await page.evaluate(_FOCUSED, wanted):
            outline = "getComputedStyle(document.activeElement).outlineStyle"
            assert await page.evaluate(outline) != "none"
            return
        await page.keyboard.press("Tab")
    pytest.fail(f"no way by the tab key to {wanted}")


async def type_in(page: Page, wanted: str, text: str) -> None:
    await tab_to(page, wanted)
    await page.keyboard.type(text)


async def press(page: Page, wanted: str) -> None:
    await tab_to(page, wanted)
    await page.keyboard.press("Enter")


async def test_everything_is_done_with_the_keyboard_alone(town: Town, browser: Browser, door: Door):
    parked = await town.refused("core.2", 1)
    context = await browser.new_context(viewport=TOWN_HALL)
    context.set_default_timeout(15_000)
    page = await context.new_page()
    await page.goto(f"{door.url}/applications/{parked}")
    await type_in(page, "#name", "akemi")
    await type_in(page, "#password", PASSWORD)
    await page.keyboard.press("Enter")
    await page.wait_for_url(f"{door.url}/applications/{parked}")

    await page.keyboard.press("Tab")
    assert await page.evaluate(_FOCUSED, ".skip")
    await expect(page.locator(".skip")).to_be_in_viewport()
    await page.keyboard.press("Enter")
    assert await page.evaluate(_FOCUSED, "#content")
    await type_in(page, f"form:has(button[value=replay]) #{await reason_of(page)}", "確認済み")
    await press(page, "button[value=replay]")
    await expect(page.locator(".notice-good")).to_be_visible()
    await town.until(parked, CORE, State.DELIVERED)

    await page.goto(door.url)
    await press(page, "nav a[href='/destinations']")
    await page.wait_for_url(f"{door.url}/destinations")
    await press(page, f"main a[href='/destinations/{CARE}']")
    await page.wait_for_url(f"**/destinations/{CARE}")
    for action in ("pause", "resume"):
        await type_in(page, f"form[action$='/{action}'] input[name=reason]", "点検のため")
        await press(page, f"form[action$='/{action}'] button:not([tabindex='-1'])")
        await expect(page.locator(".notice-good")).to_be_visible()
    await context.close()


async def reason_of(page: Page) -> str:
    field = page.locator("form:has(button[value=replay]) input[name=reason]").first
    return str(await field.get_attribute("id"))


async def test_pages_and_forms_work_without_javascript(town: Town, opened: Opened):
    parked = await town.refused("core.3", 1)
    window = await opened(java_script_enabled=False)
    for path in ("/", "/applications", "/attention", "/destinations", "/workers", "/audit/log"):
        page = await window.to(path)
        await expect(page.locator("h1")).to_be_visible()
        await expect(page.get_by_text("Live", exact=True)).to_be_hidden()
    await window.to(f"/applications/{parked}")
    form = page.locator("form:has(button[value=cancel])")
    await form.locator("input[name=reason]").fill("取下げ")
    await form.locator("button").click()
    await expect(page.locator(".notice-good")).to_be_visible()
    await town.until(parked, CORE, State.CANCELLED)
    await page.locator("form[action='/language'] button").click()
    await expect(page.locator("html")).to_have_attribute("lang", "ja")


MENUS: Final = {
    "minoru": {"/audit", "/accounts"},
    "akemi": {"/audit", "/accounts"},
    "kenji": {"/attention", "/accounts"},
    "satoru": {"/audit"},
}
"""What somebody's menu does not lead to."""


@pytest.mark.parametrize("name", MENUS)
async def test_a_menu_leads_only_where_somebody_may_go(opened: Opened, name: str):
    window = await opened(name)
    page = await window.to("/")

    links = await page.locator("nav a").evaluate_all("all => all.map(a => a.pathname)")

    assert MENUS[name].isdisjoint(links)
    assert "/" in links
    window.expected = {403}
    for path in MENUS[name]:
        answer = await page.goto(f"{window.url}{path}?search=1")
        assert answer is not None
        assert answer.status == 403


@pytest.mark.parametrize("name", ["minoru", "kenji"])
async def test_who_may_only_look_sees_which_role_a_button_needs(
    town: Town, opened: Opened, name: str
):
    window = await opened(name)
    for path in (
        f"/applications/{town.named['parked']}",
        f"/destinations/{CORE}",
        f"/destinations/{PAUSED}",
        "/keys",
    ):
        page = await window.to(path)
        buttons = page.locator("main form[method=post] button:not([aria-hidden])")
        for button in await buttons.all():
            await expect(button).to_be_disabled()
            why = await button.get_attribute("aria-describedby")
            assert why, await button.inner_text()
            await expect(page.locator(f"#{why}")).to_contain_text("This needs one of these roles")
        assert await buttons.count() > 0
