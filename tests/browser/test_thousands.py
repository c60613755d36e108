"""Pages over thousands of applications; the last file, since these take a while to settle."""

import pytest

from gateway.testing.console_town import Town
from tests.browser.window import Opened

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_pages_of_thousands_lead_from_one_to_the_next(town: Town, opened: Opened):
    await town.fill(5000)
    window = await opened()
    page = await window.to("/applications")
    rows = page.locator("main table.applications tbody tr")
    assert await rows.count() == 50
    first = await rows.first.inner_text()

    await page.locator("a[rel=next]").click()
    await page.wait_for_url("**after=**")

    assert await rows.count() == 50
    assert await rows.first.inner_text() != first
    await page.locator("a[rel=prev]").click()
    await page.wait_for_url("**before=**")
