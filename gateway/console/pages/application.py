"""One application: how it stands, the way it took, what was decided, what is to be done."""

import hashlib
import json
import re
import zipfile
from base64 import b64decode
from collections.abc import Collection
from http import HTTPStatus
from io import BytesIO
from typing import Any, Final
from urllib.parse import urlencode
from uuid import UUID

from aiohttp import web

from gateway.console.live import stream
from gateway.console.page import HEADERS, Page
from gateway.console.pages.attention import asked, done_of
from gateway.console.pages.way import attempts_of, said_of, way_of, whole_s
from gateway.services.operate.four_eyes import WaitsForApprovalError
from gateway.services.operate.refusals import NotFoundError, OperationError

_TRACEPARENT: Final = re.compile(r"[0-9a-f]{2}-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}.*")
_DONE: Final = frozenset({"replay", "confirm", "cancel"})
_DECIDABLE: Final = frozenset({"parked", "in_doubt"})
_FINAL: Final = frozenset({"delivered", "cancelled"})
_ENTRIES: Final = 200


async def show(page: Page) -> web.Response:
    """Show the page; that somebody looked is an entry."""
    return await _shown(page)


async def _shown(page: Page, *, refused: str | None = None, status: int = 200) -> web.Response:
    seen = await _seen(page)
    values = await _values(page)
    application = values["application"]
    shown = [("seen", seen), *(("open", each["id"]) for each in values["decidable"])]
    choices = await page.ask("messages.choices")
    entries = None
    if page.query.get("audit") and page.may("audit.search"):
        where = {"application": application["id"]}
        found = await page.ask("audit.search", where=where, limit=_ENTRIES)
        entries = found["entries"]
    return page.show(
        "application.html",
        {
            **values,
            "choices": choices,
            "entries": entries,
            "trace": _trace(application["traceparent"], choices["trace_url"]),
            "is_final": application["status"] in _FINAL,
            "done": _done(page),
            "refused": refused,
            "typed": _typed(page),
            "live": f"/live/applications/{application['id']}?{urlencode(shown)}",
        },
        status=status,
    )


async def live(page: Page) -> web.StreamResponse:
    """Stream what changes. Only what has changed is looked at, so that looking on is no entry.

    Forms that were shown stay, disabled, when another person was quicker: somebody may be
    typing in one.
    """
    last = {"seen": page.query.get("seen", ""), "html": ""}
    shown = set(page.query.getall("open", []))

    async def part(page: Page) -> str:
        seen = await _seen(page)
        if seen != last["seen"]:
            values = await _values(page, shown)
            shown.update(each["id"] for each in values["decidable"])
            last.update(seen=seen, html=page.html("application_live.html", values))
        return last["html"]

    return await stream(part)(page)


async def decide(page: Page) -> web.Response:
    """Replay, confirm or cancel a delivery, and come back.

    What cannot be done is told on the page, which shows how the delivery stands now.
    """
    try:
        done = await _decided(page)
    except OperationError as error:
        return await _shown(
            page, refused=page.why_not(error), status=HTTPStatus.UNPROCESSABLE_ENTITY
        )
    except WaitsForApprovalError as error:
        return asked(error, f"/applications/{_id(page)}")
    address = f"/applications/{_id(page)}?done={done}"
    return web.Response(status=HTTPStatus.SEE_OTHER, headers={**HEADERS, "Location": address})


async def _decided(page: Page) -> str:
    delivery = page.request.match_info["delivery"]
    reason, reference = page.form.get("reason", ""), page.form.get("reference", "").strip()
    done = page.form.get("do", "")
    match done:
        case "replay":
            await page.ask("parked.replay", delivery=delivery, reason=reason)
        case "confirm":
            more = {"reference": reference} if reference else {}
            await page.ask("parked.confirm", delivery=delivery, reason=reason, **more)
        case "cancel":
            await page.ask("parked.cancel", delivery=delivery, reason=reason)
        case _:
            raise NotFoundError("there is no such thing to do")
    return done


async def prove(page: Page) -> web.Response:
    """Hand out an entry and its proof, as ``kakehashi audit verify-proof`` takes them."""
    index = int(page.request.match_info["index"])
    found = await page.ask("audit.prove", index=index)
    packed = BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr(f"entry-{index}.entry.json", b64decode(found["entry"]))
        archive.writestr(f"entry-{index}.tlog-proof", found["proof"])
    return web.Response(
        body=packed.getvalue(),
        content_type="application/zip",
        headers={
            **HEADERS,
            "Content-Disposition": f'attachment; filename="entry-{index}.zip"',
            "Cache-Control": "no-store",
        },
    )


def _id(page: Page) -> str:
    try:
        return str(UUID(page.request.match_info["id"]))
    except ValueError:
        # Not repeated: somebody may have pasted a 受付番号 into the address.
        raise NotFoundError("no application has this id") from None


async def _seen(page: Page) -> str:
    """Return what stands for an application as it is now: another state, another text."""
    found = await page.ask("messages.search", where={"applications": (_id(page),)})
    if not found["applications"]:
        raise NotFoundError("no application has this id")
    asked_for = [each["id"] for each in await _approvals(page)]
    text = json.dumps([found["applications"][0], asked_for], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


async def _approvals(page: Page) -> list[Any]:
    """Return what waits for a second person and is about this application."""
    if not page.may("approval.list"):
        return []
    found: list[Any] = await page.ask("approval.list", waiting=True, application=_id(page))
    return found


def _done(page: Page) -> str | None:
    if page.query.get("done") in _DONE:
        return page.say("application.act_done")
    return done_of(page, "attention")


def _typed(page: Page) -> dict[str, str] | None:
    """Return what was typed into a form that was refused."""
    delivery = page.request.match_info.get("delivery")
    if delivery is None:
        return None
    said = {name: page.form.get(name, "") for name in ("do", "reason", "reference")}
    return {"delivery": delivery, **said}


async def _values(page: Page, shown: Collection[str] = ()) -> dict[str, Any]:
    found = await page.ask("status", subject=_id(page))
    application = found[0]
    error = application["last_error"]
    return {
        "application": application,
        "approvals": await _approvals(page),
        "decidable": [
            {**each, "is_over": each["state"] not in _DECIDABLE}
            for each in application["deliveries"]
            if each["state"] in _DECIDABLE or each["id"] in shown
        ],
        "error_said": None if error is None else said_of(error["code"]),
        "deliveries": [
            {
                **delivery,
                "way": way_of(delivery, application),
                "attempts": attempts_of(delivery, application),
                "whole_s": whole_s(delivery, application),
            }
            for delivery in application["deliveries"]
        ],
        "names": {each["id"]: each["destination"] for each in application["deliveries"]},
    }


def _trace(traceparent: str | None, template: str | None) -> dict[str, str | None] | None:
    """Return a trace's id, and where it is looked at, if anywhere (W3C Trace Context, 3.2)."""
    known = _TRACEPARENT.fullmatch(traceparent or "")
    if known is None:
        return None
    trace_id = known.group(1)
    return {
        "id": trace_id,
        "url": None if template is None else template.replace("{trace_id}", trace_id),
    }


_ONE: Final = "/applications/{id}"
ROUTES: Final = (
    ("GET", _ONE, show),
    ("GET", "/live" + _ONE, live),
    ("POST", _ONE + "/deliveries/{delivery}", decide),
    ("GET", _ONE + r"/proofs/{index:\d{1,15}}", prove),
)
