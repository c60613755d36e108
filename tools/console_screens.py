"""Draw every page of the console into docs/console, in both languages (``make screens``).

A town with invented data is set up for it (``gateway.testing.console_town``); a real browser,
Debian's Chromium, signs in and takes the pictures.
"""

import asyncio
import random
import shutil
import sys
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from playwright.async_api import Browser, Page, async_playwright

from gateway.domain.identifiers import (
    ApplicationId,
    CopyId,
    DeliveryId,
    DestinationName,
    MunicipalityCode,
    WorkerName,
    uuid7,
)
from gateway.domain.lifecycle import State
from gateway.domain.outcome import Outcome, OutcomeKind
from gateway.domain.records import DeliveryRecord
from gateway.services.flow import Flow
from gateway.testing.console_town import CARE, CORE, PASSWORD, Town, console_town
from gateway.testing.operators_site import operators_site
from gateway.testing.world import MUNICIPALITY

TARGET: Final = Path(__file__).parents[1] / "docs" / "console"
CHROMIUM: Final = shutil.which("chromium") or "/usr/bin/chromium"
FLAGS: Final = ("--no-sandbox", "--disable-gpu", "--disable-background-networking")
SIZE: Final = {"width": 1366, "height": 768}
DARK: Final = frozenset({"overview-dark"})
PHONE: Final = {"overview-phone": {"width": 375, "height": 812}}
PAGES: Final = {
    "overview": "/",
    "overview-dark": "/",
    "overview-phone": "/",
    "applications": "/applications",
    "application": "/applications/{parked}",
    "attention": "/attention",
    "attention-group": "/attention/{core.4711}",
    "attention-resubmissions": "/attention/{core.4711}/resubmissions",
    "replay-dry-run": "/attention/{core.4711}/replay",
    "replay": "/replays/{order}",
    "replays": "/replays",
    "destinations": "/destinations",
    "destination": f"/destinations/{CORE}",
    "destination-charts": f"/destinations/{CORE}#charts",
    "adapters": "/adapters",
    "adapter": "/adapters/file",
    "workers": "/workers",
    "procedures": "/procedures",
    "procedure": "/procedures/childcare/allowance-claim/v1",
    "audit": "/audit?search=1",
    "audit-log": "/audit/log",
    "keys": "/keys",
    "accounts": "/accounts",
    "account": "/accounts/minoru",
    "me": "/me",
}
"""Name of the picture to the page that it shows."""

_OFTEN: Final = ((CORE, 90), (CARE, 30))
_HOURS: Final = 3
_FAILING: Final = 0.05
_MOMENT_S: Final = 0.6
"""Charts are drawn and parts of a page arrive by then."""


async def main() -> None:
    """Draw all pages anew."""
    with tempfile.TemporaryDirectory() as folder:
        async with console_town(Path(folder), delivered=40) as town:
            # The one that charts are drawn from belongs to whoever counts what is accepted.
            invent_flow(town.world.gateway.accept._flow)  # noqa: SLF001
            async with operators_site(town.world.gateway) as url, async_playwright() as playwright:
                browser = await playwright.chromium.launch(
                    executable_path=CHROMIUM, args=list(FLAGS)
                )
                for language in ("ja", "en"):
                    await draw(browser, url, town, language)
                await browser.close()


async def draw(browser: Browser, url: str, town: Town, language: str) -> None:
    """Draw all pages in one language."""
    context = await browser.new_context(viewport=SIZE, locale=language, timezone_id="Asia/Tokyo")  # type: ignore[arg-type]
    page = await context.new_page()
    target = TARGET / language
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir(parents=True)
    await page.goto(f"{url}/sign-in")
    await page.screenshot(path=target / "sign-in.png")
    await page.fill("#name", "hanako")
    await page.fill("#password", PASSWORD)
    await page.click("main button.primary")
    if language == "ja":
        await verify(page, url)
    for name, path in PAGES.items():
        await page.emulate_media(color_scheme="dark" if name in DARK else "light")
        await page.set_viewport_size(PHONE.get(name, SIZE))  # type: ignore[arg-type]
        known = {**town.named, **town.groups, "order": town.order}
        address = url + path
        for word, value in known.items():
            address = address.replace("{" + word + "}", str(value))
        await page.goto("about:blank")
        answer = await page.goto(address)
        if answer is None or not answer.ok:
            raise SystemExit(f"{name} cannot be shown")
        await asyncio.sleep(_MOMENT_S)
        await page.screenshot(path=target / f"{name}.png")
    await context.close()


async def verify(page: Page, url: str) -> None:
    """Have the audit log verified, so that its page tells of it."""
    await page.goto(f"{url}/audit/log")
    await page.click("form[action='/audit/verify'] button")
    await page.wait_for_selector(".notice-good")


def invent_flow(flow: Flow) -> None:
    """Count what could have flowed in the last hours, for charts that show something."""
    chance, now = random.Random(20), datetime.now(UTC)  # noqa: S311 - no secret
    for name, most in _OFTEN:
        for ago in range(_HOURS * 60, 0, -1):
            at = now - timedelta(minutes=ago)
            for _ in range(chance.randrange(most)):
                flow.accepted(name, at)
                _invent_outcome(flow, name, at, chance)


def _invent_outcome(
    flow: Flow, destination: DestinationName, at: datetime, chance: random.Random
) -> None:
    sent_at = at - timedelta(seconds=chance.expovariate(4))
    came = sent_at - timedelta(seconds=chance.expovariate(2))
    record = DeliveryRecord(
        id=DeliveryId(uuid7(int(came.timestamp() * 1000), chance.randbytes(10))),
        application_id=ApplicationId(uuid7(0, chance.randbytes(10))),
        municipality=MunicipalityCode(MUNICIPALITY),
        destination=destination,
        state=State.QUEUED,
        attempt=1,
        budget_since=came,
        updated_at=came,
    )
    is_well = chance.random() > _FAILING
    outcome = Outcome(
        delivery_id=record.id,
        attempt=1,
        copy=CopyId(record.id),
        worker=WorkerName("w1"),
        kind=OutcomeKind.DELIVERED if is_well else OutcomeKind.DEFERRED,
        code=None if is_well else "core.busy",
        received_at=sent_at,
        opened_at=sent_at,
        sent_at=sent_at,
        answered_at=at,
    )
    flow.claimed(record, sent_at)
    flow.recorded(record, outcome, at)


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
