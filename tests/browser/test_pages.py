"""Every page, as a browser shows it: in both languages and colours, on a PC and on a phone."""

from typing import Any, Final

import pytest
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Page

from gateway.testing.console_town import CLOSED, CORE, PAUSED, Town
from tests.browser.window import TOWN_HALL, Opened

pytestmark = pytest.mark.asyncio(loop_scope="session")

PATHS: Final = {
    "overview": "/",
    "applications": "/applications",
    "applications-searched": "/applications?status=needs_attention&destination=core",
    "application-parked": "/applications/{parked}",
    "application-in-doubt": "/applications/{in_doubt}",
    "application-with-feedback": "/applications/{feedback.returned}?audit=1",
    "application-of-several": "/applications/{several}",
    "attention": "/attention",
    "attention-group": "/attention/{core.4711}",
    "attention-dry-run": "/attention/{core.4711}/replay",
    "attention-resubmissions": "/attention/{core.4711}/resubmissions",
    "replays": "/replays",
    "replay": "/replays/{order}",
    "destinations": "/destinations",
    "destination": f"/destinations/{CORE}",
    "destination-paused": f"/destinations/{PAUSED}",
    "destination-closed": f"/destinations/{CLOSED}",
    "adapters": "/adapters",
    "adapter": "/adapters/file",
    "workers": "/workers",
    "procedures": "/procedures",
    "procedure": "/procedures/childcare/allowance-claim/v1",
    "audit": "/audit",
    "audit-searched": "/audit?search=1",
    "audit-log": "/audit/log",
    "keys": "/keys",
    "accounts": "/accounts",
    "account": "/accounts/akemi",
    "me": "/me",
}
LOOKS: Final = (("ja", "light"), ("en", "dark"))
"""Each language and each colour once: nothing depends on both."""
OVERFLOW: Final = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
"""By how many pixels a page is wider than the window."""
HEADINGS: Final = {"ja": "運用コンソール", "en": "Operations console"}
WCAG: Final[dict[str, Any]] = {
    "runOnly": {"type": "tag", "values": ["wcag2a", "wcag2aa", "wcag21aa", "wcag22aa"]},
    "resultTypes": ["violations"],
}
PHONE: Final = {"width": 375, "height": 700}
AXE: Final = Axe()


def address(town: Town, name: str) -> str:
    """Return where a page is."""
    path, known = PATHS[name], {**town.named, **town.groups, "order": town.order}
    for word, value in known.items():
        path = path.replace("{" + word + "}", str(value))
    return path


async def violations(page: Page) -> list[str]:
    """Return what axe finds wrong."""
    found = await AXE.run(page, options=WCAG)
    return [
        f"{each['id']}: {node['html'][:200]} {node.get('failureSummary', '')[:200]}"
        for each in found.response["violations"]
        for node in each["nodes"]
    ]


@pytest.mark.parametrize("name", PATHS)
async def test_a_page_is_shown_whole_and_to_everybody(town: Town, opened: Opened, name: str):
    window = await opened()
    page, path = window.page, address(town, name)
    for language, theme in LOOKS:
        await page.context.add_cookies(
            [
                {"name": "kakehashi_language", "value": language, "url": window.url},
                {"name": "kakehashi_theme", "value": theme, "url": window.url},
            ]
        )
        answer = await page.goto(window.url + path)
        assert answer is not None
        assert answer.status == 200
        assert await page.locator("html").get_attribute("lang") == language
        assert await page.locator("html").get_attribute("data-theme") == theme
        assert await page.locator("h1").count() == 1
        assert HEADINGS[language] in await page.locator("header").inner_text()
        assert await violations(page) == []
        for size in (PHONE, TOWN_HALL):
            await page.set_viewport_size(size)
            # Charts follow the window's size a moment later.
            await page.wait_for_function(f"{OVERFLOW} <= 0", timeout=5000)


@pytest.mark.parametrize("language", ["ja", "en"])
async def test_what_is_not_there_is_said_on_a_page(opened: Opened, language: str):
    window = await opened(locale=language)
    window.expected = {404}

    await window.to("/applications/00000000-0000-7000-8000-000000000000")

    assert await window.page.locator("h1").count() == 1
    assert await violations(window.page) == []
