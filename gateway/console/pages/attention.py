"""Attention: what waits for a person, by its cause, and what waits for a second one."""

import re
from collections.abc import Mapping
from typing import Any, Final

from aiohttp import web

from gateway.console.live import stream
from gateway.console.page import Page, see_other
from gateway.domain.errors import PermanentError
from gateway.services.operate.four_eyes import WaitsForApprovalError
from gateway.services.operate.guard import NotPermittedError

_APPLICATION: Final = re.compile(r"/applications/[0-9a-f-]{36}")
_NOT_REACHED: Final = frozenset({"no_worker", "not_well"})
"""Kinds of health with which nothing is sent, or likely in vain."""
_DECISIONS: Final = {
    "approve": ("approval.approve", "approved"),
    "refuse": ("approval.refuse", "refused"),
    "withdraw": ("approval.withdraw", "withdrawn"),
}


async def show(page: Page) -> web.Response:
    """Show the groups."""
    return await _shown(page)


async def part(page: Page) -> str:
    """Return what changes of the page while it is open."""
    return page.html("attention_live.html", await _groups(page))


async def held_up(page: Page, selection: str) -> list[dict[str, Any]]:
    """Return the destinations that a selection (in words) names and nothing reaches, and why."""
    named = set(selection.split(", "))
    found = []
    for each in await page.ask("destination.overview"):
        why = each["hold"] or (each["health"] if each["health"] in _NOT_REACHED else None)
        if why and each["destination"] in named:
            found.append({**each, "why": why})
    return found


async def decide(page: Page) -> web.Response:
    """Approve, refuse or withdraw a request."""
    operation, done = _DECISIONS[page.request.match_info["decision"]]
    approval, reason = page.request.match_info["approval"], page.form.get("reason", "")
    try:
        answer = await page.ask(operation, approval=approval, reason=reason)
    except NotPermittedError:
        raise
    except PermanentError as error:
        return await _shown(page, failed=page.why_not(error), about=approval, status=422)
    if refused := answer.get("refused"):
        told = page.say("attention.approved_but", detail=refused)
        return await _shown(page, failed=told, about=approval, status=422)
    done_now = answer.get("answer")
    if isinstance(done_now, dict) and (half := done_now.get("second_half")):
        return await _shown(page, half={"account": done_now["account"], "half": half})
    if answer["operation"] == "replay.order" and answer["result"]:
        return (
            see_other(f"/replays/{answer['result']}?done=ordered")
            if done == "approved"
            else _back(page, done)
        )
    return _back(page, done)


def _back(page: Page, done: str) -> web.Response:
    then = page.form.get("then", "")
    return see_other(f"{then if _APPLICATION.fullmatch(then) else '/attention'}?done={done}")


async def _shown(
    page: Page,
    *,
    failed: str | None = None,
    about: str | None = None,
    half: Mapping[str, str] | None = None,
    status: int = 200,
) -> web.Response:
    values = {
        **await _groups(page),
        "approvals": await page.ask("approval.list", waiting=True, limit=100),
        "failed": failed,
        "about": about,
        "half": half,
        "typed": page.form,
        "done": done_of(page, "attention"),
    }
    return page.show("attention.html", values, status=status)


async def _groups(page: Page) -> dict[str, object]:
    found: dict[str, Any] = await page.ask("attention.groups")
    return {**found, "most": max((max(one["trend"]) for one in found["groups"]), default=0)}


def done_of(page: Page, words: str) -> str | None:
    """Return what was done just now, in words, if the address tells it."""
    name = f"{words}.done.{page.query.get('done', '')}"
    return page.say(name) if name in page.renderer.words else None


def asked(error: WaitsForApprovalError, page: str = "/attention") -> web.Response:
    """Return the answer to what waits for a second person now: ``page`` shows it."""
    return see_other(f"{page}?done=asked#approval-{error.approval}")


ROUTES: Final = (
    ("GET", "/attention", show),
    ("GET", "/live/attention", stream(part)),
    ("POST", "/approvals/{approval}/{decision:approve|refuse|withdraw}", decide),
)
