"""One destination: how it stands, what may be changed, how fast it is, what fails there."""

import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import quote, urlencode

from aiohttp import web

from gateway.console.flow_tables import CHARTS, PERIODS, flow_tables
from gateway.console.live import stream
from gateway.console.page import HEADERS, Page
from gateway.services.advice import advice_on
from gateway.services.operate.refusals import ChangedMeanwhileError, OperationError
from gateway.services.operate.watch_destinations import RETRYING

_PREFIX: Final = "set."
_DAY: Final = re.compile(r"\d{4}-\d\d-\d\d")
_DONE: Final = frozenset({"paused", "resumed", "changed", "reset", "checked"})
_NUMBER: Final = re.compile(r"\d{1,9}")


async def show(page: Page) -> web.Response:
    """Show the page."""
    return page.show("destination.html", await _values(page))


async def part(page: Page) -> str:
    """Return what changes of the page while it is open."""
    standing = await page.ask("destination.standing", destination=_name(page))
    return page.html("destination_live.html", {"standing": standing})


async def flow(page: Page) -> web.Response:
    """Return what the charts draw, as JSON."""
    found = await page.ask("destination.flow", destination=_name(page), minutes=_minutes(page))
    return web.json_response(found, headers={**HEADERS, "Cache-Control": "no-store"})


async def pause(page: Page) -> web.StreamResponse:
    """Pause it."""
    return await _do(page, "paused", lambda: _ask(page, "destination.pause", **_reason(page)))


async def resume(page: Page) -> web.StreamResponse:
    """Let it go on."""
    return await _do(page, "resumed", lambda: _ask(page, "destination.resume", **_reason(page)))


async def check(page: Page) -> web.StreamResponse:
    """Have its workers check it."""
    return await _do(page, "checked", lambda: _ask(page, "destination.check"))


async def change(page: Page) -> web.StreamResponse:
    """Put the settings in force that were changed in the form, or reset one."""
    version = int(page.form["version"]) if _NUMBER.fullmatch(page.form.get("version", "")) else 0
    common = {**_reason(page), "version": version}
    if reset := page.form.get("reset"):
        return await _do(
            page, "reset", lambda: _ask(page, "destination.change", reset=(reset,), **common)
        )

    async def put() -> Mapping[str, Any]:
        held = await page.ask("destination.show", destination=_name(page))
        settings = _changed(page.form, held["settings"])
        return await _ask(page, "destination.change", settings=settings, **common)

    return await _do(page, "changed", put)


async def _do(
    page: Page, done: str, action: Callable[[], Awaitable[Mapping[str, Any]]]
) -> web.StreamResponse:
    """Do it and lead back to the page; what was refused is said there, and the form kept."""
    try:
        changed = await action()
    except OperationError as error:
        is_conflict = isinstance(error, ChangedMeanwhileError)
        status = HTTPStatus.CONFLICT if is_conflict else HTTPStatus.UNPROCESSABLE_ENTITY
        values = await _values(page, problem=page.why_not(error), is_conflict=is_conflict)
        return page.show("destination.html", values, status=status)
    query = [("done", done)]
    dropped: Mapping[str, Sequence[str]] = changed.get("dropped", {})
    query += [("dropped", day) for days in dropped.values() for day in days[:20]]
    location = f"/destinations/{quote(_name(page))}?{urlencode(query)}"
    return web.Response(status=HTTPStatus.SEE_OTHER, headers={"Location": location})


async def _ask(page: Page, operation: str, **arguments: object) -> Mapping[str, Any]:
    answer: Mapping[str, Any] = await page.ask(operation, destination=_name(page), **arguments)
    return answer


async def _values(
    page: Page, *, problem: str | None = None, is_conflict: bool = False
) -> dict[str, object]:
    name, minutes = _name(page), _minutes(page)
    found = await page.ask("destination.show", destination=name)
    may_read = page.may("destination.history")
    done = page.query.get("done")
    history = await page.ask("destination.history", destination=name) if may_read else None
    flowed = await page.ask("destination.flow", destination=name, minutes=minutes)
    return {
        "standing": await page.ask("destination.standing", destination=name),
        "settings": {
            key: _field(key, setting, None if is_conflict else page.form.get(_PREFIX + key))
            for key, setting in found["settings"].items()
            if key != "paused"
        },
        "version": 0 if found["changed"] is None else found["changed"]["version"],
        "history": history,
        "errors": await _errors(page, name),
        "minutes": minutes,
        "periods": PERIODS,
        "charts": CHARTS,
        "tables": flow_tables(flowed),
        "retrying_most": RETRYING,
        "known_since": datetime.fromtimestamp(flowed["began_at"], UTC),
        "done": done if done in _DONE else None,
        "dropped": [day for day in page.query.getall("dropped", []) if _DAY.fullmatch(day)],
        "problem": problem,
        "is_conflict": is_conflict,
        "reason": page.form.get("reason", ""),
    }


async def _errors(page: Page, name: str) -> list[dict[str, object]] | None:
    """Return the codes for which deliveries wait, with their counts; ``None`` for nobody to see."""
    if not page.may("parked.groups"):
        return None
    groups = await page.ask("parked.groups", where={"destination": name})
    retrying = await page.ask("destination.retrying", destination=name)
    found = [
        *(
            {key: group[key] for key in ("id", "state", "code", "deliveries", "last_at")}
            for group in groups
        ),
        *({"id": None, "state": "retrying", **each} for each in retrying),
    ]
    index = 0 if page.language == "ja" else 1
    for each in found:
        advice = advice_on(each["code"]) if each["code"] else None
        each["happened"] = advice.happened[index] if advice else None
        each["action"] = advice.action[index] if advice else None
    return found


def _field(key: str, setting: Mapping[str, Any], entered: str | None) -> dict[str, object]:
    """Return a setting as the form shows it."""
    value = _text(key, setting["value"])
    return {
        "value": value if entered is None else entered,
        "in_force": value,
        "configured": _text(key, setting["configured"]),
        "changed": setting["changed"],
    }


def _text(key: str, value: object) -> str:
    if isinstance(value, list | tuple):
        return ("\n" if key == "window" else ", ").join(map(str, value))
    if value is None:
        return ""
    return f"{value:g}" if isinstance(value, float) else str(value)


def _changed(form: Mapping[str, str], held: Mapping[str, Mapping[str, Any]]) -> dict[str, object]:
    """Return the settings whose fields say something else than what is in force."""
    wanted: dict[str, object] = {}
    for key, setting in held.items():
        entered = form.get(_PREFIX + key)
        if entered is None:
            continue
        is_list = isinstance(setting["value"], list | tuple)
        parts = re.split(r"[;\n]+" if key == "window" else r"[,、\s]+", entered)
        items = [part.strip() for part in parts if part.strip()]
        if is_list and items != list(map(str, setting["value"])):
            wanted[key] = items
        elif not is_list and entered.strip() != _text(key, setting["value"]):
            wanted[key] = entered.strip() or None
    return wanted


def _reason(page: Page) -> dict[str, str]:
    return {"reason": page.form.get("reason", "")}


def _name(page: Page) -> str:
    return page.request.match_info["name"]


def _minutes(page: Page) -> int:
    asked = page.query.get("minutes", "")
    return int(asked) if asked in map(str, PERIODS) else PERIODS[0]


_HERE: Final = "/destinations/{name}"
ROUTES: Final = (
    ("GET", _HERE, show),
    ("GET", "/live" + _HERE, stream(part)),
    ("GET", _HERE + "/flow.json", flow),
    ("POST", _HERE + "/pause", pause),
    ("POST", _HERE + "/resume", resume),
    ("POST", _HERE + "/check", check),
    ("POST", _HERE + "/change", change),
)
