"""Accounts: who may operate the gateway, and as what; for administrators."""

from typing import Final

from aiohttp import web

from gateway.console.page import Page, see_other
from gateway.domain.account import Role
from gateway.services.operate.identities import HalfOfPasswordError
from gateway.services.operate.refusals import NotFoundError

PATH: Final = "/accounts"
_ROLES: Final = tuple(Role)
_DIGITS: Final = 16


async def show(page: Page) -> web.Response:
    """Show every account."""
    return page.show("accounts.html", await _all(page))


async def add(page: Page) -> web.Response:
    """Make an account and show its password, this once."""
    name = page.form.get("account", "")
    try:
        made = await page.ask("account.add", account=name, roles=_roles(page))
    except HalfOfPasswordError as waits:
        half = {"account": name, "half": waits.half}
        return page.show("accounts.html", {**await _all(page), "half": half})
    return page.show("accounts.html", {**await _all(page), "made": made})


async def show_one(page: Page) -> web.Response:
    """Show one account with its sessions and tokens."""
    return await _show_one(page)


async def change(page: Page) -> web.Response:
    """Give an account other roles."""
    version = page.form.get("version", "")[:_DIGITS]
    await page.ask(
        "account.change",
        account=_name(page),
        roles=_roles(page),
        version=int(version) if version.isdecimal() else None,
    )
    return _back(page, "roles")


async def new_password(page: Page) -> web.Response:
    """Give an account a new password and show it, this once."""
    try:
        made = await page.ask(
            "account.password", account=_name(page), revoke_tokens="tokens" in page.form
        )
    except HalfOfPasswordError as waits:
        return await _show_one(page, half={"account": _name(page), "half": waits.half})
    return await _show_one(page, made=made)


async def disable(page: Page) -> web.Response:
    """Let nobody in with an account any more."""
    await page.ask("account.disable", account=_name(page))
    return _back(page, "disabled")


async def enable(page: Page) -> web.Response:
    """Let somebody in again."""
    await page.ask("account.enable", account=_name(page))
    return _back(page, "enabled")


async def end_session(page: Page) -> web.Response:
    """End one of an account's sessions."""
    await page.ask("session.end", session=page.form.get("session", ""), account=_name(page))
    return _back(page, "session")


async def revoke_token(page: Page) -> web.Response:
    """Refuse one of an account's tokens from now on."""
    await page.ask("token.revoke", token=page.form.get("token", ""), account=_name(page))
    return _back(page, "token")


async def _all(page: Page) -> dict[str, object]:
    return {"accounts": await page.ask("account.list"), "roles": _ROLES, "made": None, "half": None}


async def _show_one(page: Page, **more: object) -> web.Response:
    name = _name(page)
    found = [one for one in await page.ask("account.list") if one["account"] == name]
    if not found:
        raise NotFoundError(f"no account {name!r}")
    values = {
        "account": found[0],
        "roles": _ROLES,
        "sessions": await page.ask("session.list", account=name),
        "tokens": await page.ask("token.list", account=name),
        "done": page.query.get("done"),
        "made": None,
        "half": None,
        **more,
    }
    return page.show("account.html", values)


def _name(page: Page) -> str:
    return page.request.match_info["name"]


def _roles(page: Page) -> tuple[str, ...]:
    return tuple(role for role in _ROLES if f"role-{role}" in page.form)


def _back(page: Page, done: str) -> web.Response:
    return see_other(f"{PATH}/{_name(page)}?done={done}")


_ONE: Final = f"{PATH}/{{name:[a-z0-9.-]{{1,63}}}}"

ROUTES: Final = (
    ("GET", PATH, show),
    ("POST", PATH, add),
    ("GET", _ONE, show_one),
    ("POST", f"{_ONE}/roles", change),
    ("POST", f"{_ONE}/password", new_password),
    ("POST", f"{_ONE}/disable", disable),
    ("POST", f"{_ONE}/enable", enable),
    ("POST", f"{_ONE}/sessions/end", end_session),
    ("POST", f"{_ONE}/tokens/revoke", revoke_token),
)
