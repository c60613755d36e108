"""Each action once, as people do it: by the page's own buttons and fields."""

import re
from typing import Final

import pytest
from playwright.async_api import Page, expect

from gateway.domain.lifecycle import State
from gateway.testing.console_town import CARE, CORE, Town
from gateway.testing.world import MUNICIPALITY
from tests.browser.window import Opened, Window

pytestmark = pytest.mark.asyncio(loop_scope="session")

DONE: Final = "main .notice-good"


async def group_of(town: Town, code: str) -> str:
    """Return the page of a group that waits with ``code``."""
    found = await town.ask("attention.groups")
    return "/attention/" + next(each["id"] for each in found["groups"] if each["code"] == code)


async def say_why(page: Page, do: str) -> None:
    form = page.locator(f"form:has(button[value={do}])").first
    await form.locator("input[name=reason]").fill("窓口で確認した")
    await form.locator(f"button[value={do}]").click()


@pytest.mark.parametrize("waits", ["parked", "in_doubt"])
@pytest.mark.parametrize(
    ("do", "state"),
    [
        ("replay", State.DELIVERED),
        ("confirm", State.DELIVERED),
        ("cancel", State.CANCELLED),
    ],
)
async def test_a_delivery_that_waits_is_decided(
    town: Town, opened: Opened, waits: str, do: str, state: State
):
    application = await (town.refused("core.1", 1) if waits == "parked" else town.doubted())
    window = await opened()
    page = await window.to(f"/applications/{application}")

    await say_why(page, do)

    await expect(page.locator(DONE)).to_be_visible()
    await town.until(application, CORE, state)
    await expect(page.locator(".delivery .state").first).to_have_class(f"state state-{state}")


async def test_a_destination_is_paused_and_resumed(opened: Opened):
    window = await opened()
    page = await window.to(f"/destinations/{CARE}")
    for action in ("pause", "resume"):
        form = page.locator(f"form[action$='/{action}']")
        await form.locator("input[name=reason]").fill("月次処理")
        await form.locator("button").click()
        await expect(page.locator(DONE)).to_be_visible()


async def test_a_setting_is_changed_and_set_back(opened: Opened):
    window = await opened()
    page = await window.to(f"/destinations/{CARE}")
    changed = page.locator("button[name=reset][value=max_in_flight]")
    await page.fill("#set-max-in-flight", "3")
    await page.fill("#change-reason", "夜間は少なく")
    await page.locator("form[action$='/change'] button.primary").click()
    await expect(changed).to_be_visible()

    await page.fill("#change-reason", "元に戻す")
    await changed.click()

    await expect(page.locator("#set-max-in-flight")).to_have_value("8")
    await expect(changed).to_have_count(0)


async def test_a_destination_is_checked_by_its_worker(opened: Opened):
    window = await opened()
    page = await window.to(f"/destinations/{CORE}")

    await page.locator("form[action$='/check'] button").click()

    await expect(page.locator(DONE)).to_be_visible()


async def test_a_group_is_noted_acknowledged_and_sent_again_after_a_dry_run(
    town: Town, opened: Opened
):
    await town.refused("core.7", 2)
    window = await opened()
    page = await window.to(await group_of(town, "core.7"))
    await page.fill("#note", "原因を調査中")
    await page.locator("form[action$='/note'] button").click()
    await expect(page.locator(DONE)).to_be_visible()
    await page.fill("#ack-note", "修正を待つ")
    await page.locator("form[action$='/acknowledge'] button").click()
    await expect(page.locator(DONE)).to_be_visible()

    await page.locator("form[action$='/replay'] button").click()
    await expect(page.locator("dl.facts strong")).to_have_text("2")
    await page.fill("#reason", "修正された")
    await page.locator("form[action$='/replay'] button.primary").click()

    await page.wait_for_url(re.compile("/replays/"))
    progress = page.locator("progress")
    await expect(progress).to_have_js_property("value", 2, timeout=20_000)


@pytest.mark.parametrize("do", ["replay", "confirm", "cancel"])
async def test_chosen_deliveries_of_a_group_are_decided(town: Town, opened: Opened, do: str):
    code = f"core.8.{do}"
    await town.refused(code, 2)
    window = await opened()
    page = await window.to(await group_of(town, code))
    await page.fill("#municipality", MUNICIPALITY)
    await page.locator("form:has(#municipality) button").click()
    await page.wait_for_url(re.compile(f"municipality={MUNICIPALITY}"))
    await page.locator("input.pick").first.check()
    await page.fill("#each-reason", "窓口で確認した")

    await page.locator(f"button[value={do}]").click()

    await expect(page.locator(DONE)).to_contain_text("1")
    assert "each" in page.url


async def test_applications_are_found_by_number_and_taken_away_as_csv(town: Town, opened: Opened):
    window = await opened(accept_downloads=True)
    page = await window.to("/applications")
    await page.fill("#find", "R8-000001")
    await page.locator("form.find button").click()
    await page.wait_for_url(re.compile(str(town.named["delivered"])))
    assert "R8-000001" not in page.url

    await window.to("/applications?status=needs_attention")
    async with page.expect_download() as coming:
        await page.locator("a[href^='/applications.csv']").click()
    download = await coming.value
    assert re.search(r"\.(csv|zip)$", download.suggested_filename)


async def sign_in(page: Page, name: str, password: str) -> None:
    await page.fill("#name", name)
    await page.fill("#password", password)
    await page.locator("main button.primary").click()


async def test_an_account_has_its_life(opened: Opened):
    """It is made, signs in, has sessions and tokens, gets a password, is shut and opened."""
    admin = await opened()
    page = await admin.to("/accounts")
    await page.fill("#account", "sachiko")
    await page.check("input[name=role-viewer]")
    await page.locator("form[action='/accounts'] button").click()
    first = await page.locator("code.secret").inner_text()
    await admin.to("/accounts/sachiko")
    await page.check("input[name=role-operator]")
    await page.locator("form[action$='/roles'] button").click()
    await expect(page.locator(DONE)).to_be_visible()

    theirs, elsewhere = await opened(None), await opened(None)
    for window in (theirs, elsewhere):
        await sign_in(await window.to("/sign-in?then=/me"), "sachiko", first)
        await window.page.wait_for_url("**/me")
    own = await theirs.to("/me")
    await own.locator("form[action='/me/sessions/end'] button").click()
    await expect(own.locator(DONE)).to_be_visible()
    await elsewhere.to("/me")
    assert "/sign-in" in elsewhere.page.url
    await own.fill("#label", "監視")
    await own.locator("form[action='/me/tokens'] button").click()
    await expect(own.locator("code.secret")).to_be_visible()
    own = await theirs.to("/me")
    await own.fill("#current", first)
    for field in ("#new", "#again"):
        await own.fill(field, "sakura no shita de au")
    await own.locator("form[action='/me/password'] button").click()
    await expect(own.locator(DONE)).to_be_visible()

    await admin.to("/accounts/sachiko")
    for what in ("tokens/revoke", "sessions/end"):
        await page.locator(f"form[action$='/{what}'] button").click()
        await expect(page.locator(DONE)).to_be_visible()
    await page.locator("form[action$='/password'] button").click()
    await expect(page.locator("code.secret")).to_be_visible()
    await admin.to("/accounts/sachiko")
    await page.locator("form[action$='/disable'] button").click()
    await page.locator("form[action$='/enable'] button").click()
    await expect(page.locator("form[action$='/disable'] button")).to_be_visible()


async def test_a_clients_key_is_added_and_revoked_and_its_webhook_enabled(opened: Opened):
    window = await opened()
    page = await window.to("/keys")
    await page.locator("form[action='/keys/webhook'] button").click()
    await expect(page.locator(DONE)).to_be_visible()
    await expect(page.locator("form[action='/keys/webhook']")).to_have_count(0)
    revoke = page.locator("form[action='/keys/revoke'] button")
    before = await revoke.count()
    await page.locator("form[action='/keys/add'] button").first.click()
    await expect(page.locator("code.secret")).to_be_visible()
    await expect(revoke).to_have_count(before + 1)

    await page.locator("details:has(form[action='/keys/revoke']) summary").first.click()
    await revoke.first.click()

    await expect(page.locator(DONE)).to_be_visible()
    await expect(revoke).to_have_count(before)


async def test_somebody_gets_a_token_and_takes_it_back(opened: Opened):
    window = await opened()
    page = await window.to("/me")
    await page.fill("#label", "監視")
    await page.locator("form[action='/me/tokens'] button").click()
    await expect(page.locator("code.secret")).to_be_visible()

    await page.locator("form[action='/me/tokens/revoke'] button").first.click()

    await expect(page.locator(DONE)).to_be_visible()


async def test_the_audit_log_is_verified_and_proofs_are_taken_away(town: Town, opened: Opened):
    window = await opened("kenji", accept_downloads=True)
    page = await window.to("/audit/log")
    await page.locator("form[action='/audit/verify'] button").click()
    # Told by the stream, once it is done.
    await expect(page.locator(DONE)).to_be_visible(timeout=20_000)

    since, until = (
        page.locator(f"form[action='/audit/report'] [name={name}]") for name in ("since", "until")
    )
    await since.fill("2020-01-01")
    await until.fill("2040-01-01")
    await page.locator("form[action='/audit/report'] button").click()
    await expect(page.locator("a[href='/audit/report.html']")).to_be_visible(timeout=20_000)

    await window.to("/audit")
    await page.fill("#receipt_number", "R8-000001")
    await page.locator("#by-number button").click()
    await expect(page.locator("main table tbody tr").first).to_be_visible()
    assert "R8-000001" not in page.url
    await window.to("/audit")
    await page.fill("#actor", "akemi")
    await page.locator("#by-filter button.primary").click()
    await page.wait_for_url("**actor=akemi**")
    await taken(window, "/audit?search=1", "form[action='/audit/proof'] button")
    parked = town.named["parked"]
    await taken(window, f"/applications/{parked}?audit=1", "a[href*='/proofs/']")


async def taken(window: Window, path: str, button: str) -> None:
    page = await window.to(path)
    async with page.expect_download() as coming:
        await page.locator(button).last.click()
    assert (await coming.value).suggested_filename.endswith(".zip")
