"""One group of what waits: its notes, its deliveries, and everything that may be done with it."""

import re
from collections.abc import Mapping
from typing import Any, Final

from aiohttp import web
from yarl import URL

from gateway.console.page import Page, see_other
from gateway.console.pages.attention import asked, done_of, held_up
from gateway.console.pages.attention_csv import (
    FILTERS,
    deliveries_csv,
    filters,
    group_id,
    resubmissions,
    resubmissions_csv,
    which,
)
from gateway.domain.errors import PermanentError
from gateway.services.operate.four_eyes import WaitsForApprovalError
from gateway.services.operate.guard import NotPermittedError
from gateway.services.operate.refusals import OperationError

_CHOSEN: Final = "d."
"""Before a delivery's id: the name of its checkbox."""
_ID: Final = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_PAGE: Final = 100
_ALL: Final = "all"
"""In an address: everything that is shown is chosen."""
_AT_ONCE: Final = 500
"""So many are shown when all are chosen, and may be decided together."""
_EACH: Final = {
    "replay": "parked.replay_each",
    "confirm": "parked.confirm_each",
    "cancel": "parked.cancel_each",
}
_DEFAULT_RATE: Final = 10.0


async def show(page: Page) -> web.Response:
    """Show the group."""
    return await _shown(page)


async def note(page: Page) -> web.Response:
    """Write a note on the group."""
    return await _changed(page, "attention.note", "noted", {"note": page.form.get("note", "")})


async def acknowledge(page: Page) -> web.Response:
    """Say that somebody looks after it."""
    said = {"note": page.form.get("note", ""), "until": page.form.get("until") or None}
    return await _changed(page, "attention.acknowledge", "acknowledged", said)


async def each(page: Page) -> web.Response:
    """Decide those that were chosen or pasted, and tell one by one what became of them."""
    chosen = [*_chosen(page), *_pasted(page)]
    operation = _EACH.get(page.form.get("do", ""), "")
    if not operation:
        raise OperationError("nothing of this kind can be done")
    reason = page.form.get("reason", "")
    try:
        found = await page.ask(operation, deliveries=tuple(chosen), reason=reason)
    except NotPermittedError:
        raise
    except WaitsForApprovalError as error:
        return asked(error)
    except PermanentError as error:
        return await _shown(page, failed=page.why_not(error), about="each")
    values = {"group_id": group_id(page), **found, "failed": len(found["results"]) - found["done"]}
    return page.show("attention_results.html", values)


async def plan(page: Page) -> web.Response:
    """Show what an order would do."""
    return await _planned(page, page.query)


async def order(page: Page) -> web.Response:
    """Order it, if it was confirmed with a reason."""
    try:
        arguments = await _wanted(page, page.form)
        expected = page.form.get("expected", "")[:9]
        made = await page.ask(
            "replay.order",
            **arguments,
            reason=page.form.get("reason", ""),
            expected=int(expected) if expected.isdecimal() else None,
        )
    except NotPermittedError:
        raise
    except WaitsForApprovalError as error:
        return asked(error)
    except PermanentError as error:
        return await _planned(page, page.form, failed=page.why_not(error))
    more = f"&difference={made['difference']}" if made.get("difference") else ""
    return see_other(f"/replays/{made['id']}?done=ordered{more}")


async def whom_to_ask(page: Page) -> web.Response:
    """Show whom to ask to submit once more."""
    found = await resubmissions(page, page.query.get("before"))
    return page.show("attention_resubmissions.html", {"group_id": group_id(page), **found})


async def _shown(
    page: Page, *, failed: str | None = None, about: str | None = None
) -> web.Response:
    said = filters(page.query)
    error = None
    try:
        found = await page.ask(
            "attention.show",
            group=group_id(page),
            after=page.query.get("after"),
            limit=_AT_ONCE if _ALL in page.query else _PAGE,
            **said,
        )
    except OperationError as refusal:
        error = page.why_not(refusal)
        found = await page.ask("attention.show", group=group_id(page))
    values = {
        **found,
        "filters": {name: page.query.get(name, "") for name in FILTERS},
        "filter_failed": error,
        "query": _query(said),
        "next_query": _query({**said, "after": found["next"]}) if found["next"] else None,
        "failed": failed,
        "about": about,
        "typed": page.form,
        "all_query": _query({**said, _ALL: "1"}),
        "chosen": frozenset(
            [each["id"] for each in found["deliveries"]]
            if _ALL in page.query and not page.form
            else _chosen(page)
        ),
        "done": done_of(page, "attention"),
    }
    return page.show("attention_group.html", values, status=422 if failed or error else 200)


async def _changed(
    page: Page, operation: str, done: str, said: Mapping[str, object]
) -> web.Response:
    try:
        await page.ask(operation, group=group_id(page), **said)
    except NotPermittedError:
        raise
    except OperationError as error:
        return await _shown(page, failed=page.why_not(error), about=operation)
    return see_other(f"/attention/{group_id(page)}?done={done}")


async def _planned(
    page: Page, said: Mapping[str, str], *, failed: str | None = None
) -> web.Response:
    found: dict[str, Any] | None = None
    try:
        found = await page.ask("parked.plan", **await _wanted(page, said))
    except NotPermittedError:
        raise
    except OperationError as error:
        failed = failed or page.why_not(error)
    values = {
        "group_id": group_id(page),
        "plan": found,
        "held": await held_up(page, found["selection"]) if found else [],
        "filters": filters(said),
        "typed": {
            "canary": said.get("canary") or (found["canary"] if found else ""),
            "rate": said.get("rate") or f"{_DEFAULT_RATE:g}",
            "reason": said.get("reason", ""),
        },
        "failed": failed,
    }
    return page.show("attention_plan.html", values, status=422 if failed else 200)


async def _wanted(page: Page, said: Mapping[str, str]) -> dict[str, object]:
    canary, rate = said.get("canary", "").strip()[:9], said.get("rate", "").strip()
    if canary and not canary.isdecimal():
        raise OperationError("the canary is a number of deliveries, 0 for none")
    try:
        rate_per_s = float(rate) if rate else _DEFAULT_RATE
    except ValueError:
        raise OperationError("the rate is a number of deliveries a second") from None
    return {
        "where": {**(await which(page)), **filters(said)},
        "canary": int(canary) if canary else None,
        "rate_per_s": rate_per_s,
    }


def _query(said: Mapping[str, object]) -> str:
    return str(URL.build(query={key: str(value) for key, value in said.items()}))


def _chosen(page: Page) -> list[str]:
    return [name.removeprefix(_CHOSEN) for name in page.form if name.startswith(_CHOSEN)]


def _pasted(page: Page) -> list[str]:
    """Return the first id of each line: lines of the file that is downloaded may be pasted."""
    lines = page.form.get("ids", "").splitlines()
    return [match[0].lower() for line in lines if (match := _ID.search(line))]


_GROUP: Final = "/attention/{group:[0-9a-f]{8}}"

ROUTES: Final = (
    ("GET", _GROUP, show),
    ("POST", f"{_GROUP}/note", note),
    ("POST", f"{_GROUP}/acknowledge", acknowledge),
    ("POST", f"{_GROUP}/each", each),
    ("GET", f"{_GROUP}/replay", plan),
    ("POST", f"{_GROUP}/replay", order),
    ("GET", f"{_GROUP}/resubmissions", whom_to_ask),
    ("GET", f"{_GROUP}/resubmissions.csv", resubmissions_csv),
    ("GET", f"{_GROUP}/deliveries.csv", deliveries_csv),
)
