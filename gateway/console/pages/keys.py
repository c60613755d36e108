"""Keys and clients: who may send, with which keys, where they are told, and what signs."""

from typing import Any, Final

from aiohttp import web

from gateway.console.page import Page, see_other

PATH: Final = "/keys"


async def show(page: Page) -> web.Response:
    """Show the page."""
    return page.show("keys.html", await _values(page))


async def add(page: Page) -> web.Response:
    """Make an API key and show it, this once: in no address, no cookie and no log."""
    made = await page.ask("client.add", client=page.form.get("client", ""))
    return page.show("keys.html", {**await _values(page), "made": made})


async def revoke(page: Page) -> web.Response:
    """Refuse an API key from now on."""
    await page.ask("client.revoke", key=page.form.get("key", ""))
    return see_other(f"{PATH}?done=revoked")


async def enable(page: Page) -> web.Response:
    """Send to an endpoint again."""
    await page.ask("webhook.enable", client=page.form.get("client", ""))
    return see_other(f"{PATH}?done=enabled")


async def _values(page: Page) -> dict[str, object]:
    grants = await page.ask("client.grants")
    given: dict[str, list[dict[str, Any]]] = {each["client"]: [] for each in grants}
    for key in await page.ask("client.list"):
        given.setdefault(key["client"], []).append(key)
    return {
        "grants": grants,
        "given": given,
        "unconfigured": sorted(given.keys() - {each["client"] for each in grants}),
        "webhooks": await page.ask("webhook.list"),
        "keys": await page.ask("key.list"),
        "standing": await page.ask("audit.standing"),
        "made": None,
        "done": page.query.get("done"),
    }


ROUTES: Final = (
    ("GET", PATH, show),
    ("POST", "/keys/add", add),
    ("POST", "/keys/revoke", revoke),
    ("POST", "/keys/webhook", enable),
)
