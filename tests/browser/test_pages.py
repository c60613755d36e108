"""Every page, as a browser shows it: in both languages and colours, on a PC and on a phone."""

from typing import Any, Final

import pytest
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Page

from gateway.testing.console_town import CLOSED, CORE, PAUSED, Town
from tests.browser.window import OVERFLOW, Opened, until_so

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
LOOKS: Final = (("ja", "light", "dark"), ("en", "dark", "light"))
"""Each language in one colour with every rule; in the other only contrast can be another."""
HEADINGS: Final = {"ja": "運用コンソール", "en": "Operations console"}
WCAG: Final[dict[str, Any]] = {
    "runOnly": {"type": "tag", "values": ["wcag2a", "wcag2aa", "wcag21aa", "wcag22aa"]},
    "resultTypes": ["violations"],
}
CONTRAST: Final[dict[str, Any]] = {
    "runOnly": {"type": "rule", "values": ["color-contrast"]},
    "resultTypes": ["violations"],
}
SIZES: Final = tuple(
    {"width": width, "height": height}
    for width, height in ((320, 500), (375, 700), (683, 384), (1366, 768))
)
"""A window of 1280 pixels at 400 % (WCAG 2.2, 1.4.10), a phone, a town hall's PC at 200 %, and
as it is."""
AXE: Final = Axe()


def address(town: Town, name: str) -> str:
    """Return where a page is."""
    path, known = PATHS[name], {**town.named, **town.groups, "order": town.order}
    for word, value in known.items():
        path = path.replace("{" + word + "}", str(value))
    return path


async def violations(page: Page) -> list[str]:
    """Return what axe finds wrong."""
    return told((await AXE.run(page, options=WCAG)).response)


async def faint(page: Page) -> list[str]:
    """Return what axe, which looked at the page before, finds hard to read in its colours now."""
    return told(await page.evaluate("(options) => axe.run(document, options)", CONTRAST))


def told(found: dict[str, Any]) -> list[str]:
    """Return each of axe's findings in a line."""
    return [
        f"{each['id']}: {node['html'][:200]} {node.get('failureSummary', '')[:200]}"
        for each in found["violations"]
        for node in each["nodes"]
    ]


@pytest.mark.parametrize("name", PATHS)
async def test_a_page_is_shown_whole_and_to_everybody(town: Town, opened: Opened, name: str):
    window = await opened()
    page, path = window.page, address(town, name)
    for language, theme, other in LOOKS:
        cookie = {"name": "kakehashi_language", "value": language, "url": window.url}
        await page.context.add_cookies([cookie])
        await page.emulate_media(color_scheme=theme)
        answer = await page.goto(window.url + path)
        assert answer is not None
        assert answer.status == 200
        assert await page.locator("html").get_attribute("lang") == language
        assert await page.locator("h1").count() == 1
        assert HEADINGS[language] in await page.locator("header").inner_text()
        assert await violations(page) == []
        await page.emulate_media(color_scheme=other)
        assert await faint(page) == []
        for size in SIZES:
            await page.set_viewport_size(size)
            # Charts follow the window's size a moment later.
            await until_so(page, f"{OVERFLOW} <= 0")


@pytest.mark.parametrize("language", ["ja", "en"])
async def test_what_is_not_there_is_said_on_a_page(opened: Opened, language: str):
    window = await opened(locale=language)
    window.expected = {404}

    await window.to("/applications/00000000-0000-7000-8000-000000000000")

    assert await window.page.locator("h1").count() == 1
    assert await violations(window.page) == []
