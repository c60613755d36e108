"""One's own account: password, where one has signed in, and tokens for programs."""

from typing import Final

from aiohttp import web

from gateway.console.page import Page, see_other
from gateway.services.operate.accounts import PasswordRefusedError
from gateway.services.sessions import session_id

PATH: Final = "/me"
_DAYS: Final = (30, 90, 180, 366)


async def show(page: Page) -> web.Response:
    """Show the page."""
    return await _show(page)


async def change_password(page: Page) -> web.Response:
    """Take a new password; one's other sessions end."""
    current, new = page.form.get("current", ""), page.form.get("new", "")
    if new != page.form.get("again"):
        return await _show(page, refused="me.not_the_same")
    try:
        await page.ask(
            "own.password", current=current, password=new, keep=session_id(page.visit.token)
        )
    except PasswordRefusedError as error:
        return await _show(page, refused=f"me.refused_{error.fault}")
    return see_other(f"{PATH}?done=password")


async def end_session(page: Page) -> web.Response:
    """End one of one's sessions."""
    await page.ask("own.session_end", session=page.form.get("session", ""))
    return see_other(f"{PATH}?done=session")


async def add_token(page: Page) -> web.Response:
    """Make a token and show it, this once."""
    days = page.form.get("days", "")[:4]
    made = await page.ask(
        "own.token_add",
        label=page.form.get("label", ""),
        days=int(days) if days.isdecimal() else 0,
    )
    return await _show(page, made=made)


async def revoke_token(page: Page) -> web.Response:
    """Refuse a token from now on."""
    await page.ask("own.token_revoke", token=page.form.get("token", ""))
    return see_other(f"{PATH}?done=token")


async def _show(page: Page, **more: object) -> web.Response:
    refused = more.get("refused")
    values: dict[str, object] = {
        "sessions": await page.ask("own.sessions"),
        "tokens": await page.ask("own.tokens"),
        "this_one": session_id(page.visit.token),
        "days": _DAYS,
        "done": page.query.get("done"),
        "made": None,
        "refused": None,
        **more,
    }
    return page.show("me.html", values, status=422 if refused else 200)


ROUTES: Final = (
    ("GET", PATH, show),
    ("POST", f"{PATH}/password", change_password),
    ("POST", f"{PATH}/sessions/end", end_session),
    ("POST", f"{PATH}/tokens", add_token),
    ("POST", f"{PATH}/tokens/revoke", revoke_token),
)
