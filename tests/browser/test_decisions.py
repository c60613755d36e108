"""What takes two people, and what goes on for a while: deciding about many at once."""

import re

import pytest
from playwright.async_api import Page, expect

from gateway.testing.console_town import Town, refuses
from tests.browser.test_actions import DONE, group_of
from tests.browser.window import Opened

pytestmark = pytest.mark.asyncio(loop_scope="session")


@pytest.mark.parametrize(
    ("who", "decision", "left"),
    [("hanako", "approve", 0), ("hanako", "refuse", 3), ("akemi", "withdraw", 3)],
)
async def test_many_are_cancelled_by_two_people(
    town: Town, opened: Opened, who: str, decision: str, left: int
):
    code = f"core.two.{decision}"
    await town.refused(code, 3)
    asks = await opened("akemi")
    page = await asks.to(await group_of(town, code))
    for pick in await page.locator("input.pick").all():
        await pick.check()
    await page.fill("#each-reason", "二重の申請")
    await page.locator("button[value=cancel]").click()
    await page.wait_for_url(re.compile("done=asked"))
    request = page.url.partition("#")[2]
    await expect(page.locator(f"#{request} button.primary")).to_be_disabled()

    decides = await opened(who)
    page = await decides.to("/attention")
    await page.fill(f"#{request} input[name=reason]", "窓口で確認した")
    await page.locator(f"#{request} button[formaction$='/{decision}']").click()

    await expect(page.locator(DONE).first).to_be_visible()
    await expect(page.locator(f"#{request}")).to_have_count(0)
    found = await town.ask("attention.groups")
    assert sum(each["deliveries"] for each in found["groups"] if each["code"] == code) == left


async def test_an_order_halts_is_resumed_and_stopped_before_ones_eyes(town: Town, opened: Opened):
    code = "core.again"
    await town.refused(code, 3)
    town.world.adapter.script.append(refuses(code))
    window = await opened()
    page = await window.to(await group_of(town, code))
    await page.locator("form[action$='/replay'] button").click()
    await page.fill("#canary", "1")
    await page.fill("#rate", "0.001")
    await page.locator("button[formmethod=get]").click()
    await page.wait_for_url(re.compile("rate=0.001"))
    await page.fill("#reason", "修正された")
    await page.locator("form[action$='/replay'] button.primary").click()
    await page.wait_for_url(re.compile("/replays/"))

    await expect(page.locator("[data-part] .state-bad")).to_be_visible()
    await page.reload()
    await changed(page, "resume")
    await changed(page, "stop")

    await expect(page.locator("[data-part] .state-cancelled")).to_be_visible()


async def changed(page: Page, change: str) -> None:
    await page.fill("#reason", "確認した")
    await page.locator(f"button[formaction$='/{change}']").click()
    await page.wait_for_url(re.compile("done="))
    await expect(page.locator(DONE)).to_be_visible()
