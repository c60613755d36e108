"""Applications: found by whatever is known of them, listed, taken away as CSV."""

from collections.abc import Iterable, Mapping
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import urlencode

import structlog
from aiohttp import web

from gateway.console.page import HEADERS, Page
from gateway.console.pages.applications_csv import rows
from gateway.console.spreadsheet import send
from gateway.domain.lifecycle import ApplicationState, State
from gateway.domain.outcome import FeedbackStatus
from gateway.services.operate.refusals import NotFoundError, OperationError

log = structlog.get_logger()

_NAMED: Final = (
    "municipality",
    "procedure",
    "client",
    "destination",
    "status",
    "code",
    "feedback",
    "since",
    "until",
)
"""What of an address is given on as it stands; ``state`` and ``id`` may stand there repeatedly."""
_PAGING: Final = frozenset({"after", "before"})
_MISSED: Final = "missed"
_LONGEST: Final = 200
_NOTHING: Final[Mapping[str, object]] = {
    "applications": [],
    "next": None,
    "previous": None,
    "searched_to": None,
    "total": None,
}


async def show(page: Page) -> web.Response:
    """Show the list. A bad filter is told, and nothing is listed."""
    choices = await page.ask("messages.choices")
    values = {
        "choices": choices,
        "asked": _asked(page),
        "states": list(State),
        "statuses": list(ApplicationState),
        "feedbacks": list(FeedbackStatus),
        **_sorted(page),
        "address_with": lambda **over: _address(page, **over),
        "missed": _MISSED in page.query,
    }
    try:
        found = await page.ask(
            "messages.search",
            where=_where(page),
            **_sorted(page),
            after=page.query.get("after") or None,
            before=page.query.get("before") or None,
            count=True,
        )
    except (OperationError, NotFoundError) as error:
        said = {**values, "found": _NOTHING, "wrong": page.why_not(error)}
        return page.show("applications.html", said, status=HTTPStatus.UNPROCESSABLE_ENTITY)
    return page.show("applications.html", {**values, "found": found, "wrong": None})


async def find(page: Page) -> web.Response:
    """Lead to the application with a 受付番号 or id: neither stands in any address.

    A 受付番号 comes in the body of a form and is answered with the id of what has it: an id is
    no secret, and can be handed on. Nobody who reads a proxy's log or a browser's history
    learns the number from it.
    """
    sought = page.form.get("q", "").strip()
    if not sought or len(sought) > _LONGEST or not sought.isprintable():
        return _see(f"/applications?{_MISSED}=1")
    ids = await _ids(page, {"receipt_number": sought})
    if not ids:
        try:
            ids = await _ids(page, {"applications": (sought,)})
        except NotFoundError:
            ids = []
    if not ids:
        return _see(f"/applications?{_MISSED}=1")
    if len(ids) == 1:
        return _see(f"/applications/{ids[0]}")
    return _see("/applications?" + urlencode([("id", one) for one in ids]))


async def _ids(page: Page, where: Mapping[str, object]) -> list[str]:
    found = await page.ask("messages.search", where=where)
    return [str(each["id"]) for each in found["applications"]]


async def export(page: Page) -> web.StreamResponse:
    """Stream the list as CSV, once it is written down who takes it."""
    with page.rooms.exports.place(page.person.name):
        return await _exported(page)


async def _exported(page: Page) -> web.StreamResponse:
    where = _where(page)
    await page.ask("messages.export", where=where)
    choices = await page.ask("messages.choices")
    return await send(page, "applications.csv", rows(page, where, _sorted(page), choices))


def _sorted(page: Page) -> dict[str, str]:
    return {"sort": _sort(page), "order": _order(page)}


def _sort(page: Page) -> str:
    return "changed" if page.query.get("sort") == "changed" else "accepted"


def _order(page: Page) -> str:
    return "oldest" if page.query.get("order") == "oldest" else "newest"


def _asked(page: Page) -> dict[str, Any]:
    asked: dict[str, Any] = {name: page.query.get(name, "") for name in _NAMED}
    asked["states"] = page.query.getall("state", [])
    asked["ids"] = page.query.getall("id", [])
    return asked


def _where(page: Page) -> dict[str, object]:
    """Return what the address asks for, as the operation takes it."""
    where: dict[str, object] = {
        name: value.strip() for name in _NAMED if (value := page.query.get(name, "")).strip()
    }
    if states := [one for one in page.query.getall("state", []) if one]:
        where["states"] = tuple(states)
    if ids := [one for one in page.query.getall("id", []) if one]:
        where["applications"] = tuple(ids)
    return where


def _address(page: Page, path: str = "/applications", **over: str) -> str:
    """Return the address of this list with something else: another page, order or file."""
    kept: Iterable[tuple[str, str]] = (
        (name, value)
        for name, value in page.query.items()
        if value and name not in _PAGING and name not in over and name != _MISSED
    )
    query = urlencode([*kept, *over.items()])
    return f"{path}?{query}" if query else path


def _see(address: str) -> web.Response:
    return web.Response(status=HTTPStatus.SEE_OTHER, headers={**HEADERS, "Location": address})


ROUTES: Final = (
    ("GET", "/applications", show),
    ("POST", "/applications", find),
    ("GET", "/applications.csv", export),
)
