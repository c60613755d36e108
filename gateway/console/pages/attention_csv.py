"""A group's files: what waits, to look it up in the core system, and whom to ask once more."""

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any, Final

from aiohttp import web

from gateway.console.page import Page
from gateway.console.render import number
from gateway.console.spreadsheet import Rows, send, still
from gateway.services.operate.search_applications import MOST_EXPORTED

FILTERS: Final = ("since", "until", "municipality")
"""What of a group's address says which of its deliveries."""
_AT_ONCE: Final = 500
_DELIVERIES: Final = (
    "id",
    "application",
    "municipality",
    "updated_at",
    "attempt",
    "reference",
    "pointer",
)
"""The delivery's id first: the page takes the first id of each line that is pasted."""
_RESUBMISSIONS: Final = (
    "client",
    "application",
    "municipality",
    "procedure",
    "version",
    "accepted_at",
    "delivery",
    "destination",
    "state",
    "code",
    "pointer",
)


async def deliveries_csv(page: Page) -> web.StreamResponse:
    """Send what waits in the group, once it is written down who takes it."""
    with page.rooms.exports.place(page.person.name):
        return await send(page, f"deliveries-{group_id(page)}.csv", _deliveries(page))


async def resubmissions_csv(page: Page) -> web.StreamResponse:
    """Send whom to ask to submit once more, once it is written down who takes it."""
    with page.rooms.exports.place(page.person.name):
        return await send(page, f"resubmissions-{group_id(page)}.csv", _resubmissions(page))


async def resubmissions(page: Page, before: str | None) -> dict[str, Any]:
    """Return one part of whom to ask to submit once more (``parked.resubmissions``)."""
    where = {**(await which(page)), **filters(page.query)}
    found: dict[str, Any] = await page.ask("parked.resubmissions", where=where, before=before)
    return found


async def which(page: Page) -> dict[str, object]:
    """Return which group it is, as operations on what is parked take it."""
    found = await page.ask("attention.show", group=group_id(page), limit=1)
    return {"group": group_id(page), "in_doubt": found["group"]["state"] == "in_doubt"}


def filters(said: Mapping[str, str]) -> dict[str, str]:
    """Return what was said of which deliveries of a group are meant."""
    return {name: said[name].strip() for name in FILTERS if said.get(name, "").strip()}


def group_id(page: Page) -> str:
    """Return the group that the address names."""
    return page.request.match_info["group"]


async def _deliveries(page: Page) -> AsyncIterator[Rows]:
    found = await _part(page, None)
    await _written_down(page, found["group"])
    written, heading = 0, [_DELIVERIES]
    while True:
        yield [*heading, *_cells(found["deliveries"], _DELIVERIES)]
        written, heading = written + len(found["deliveries"]), []
        if found["next"] is None:
            return
        if written >= MOST_EXPORTED:
            yield [[page.say("applications.export_cut", n=number(written))]]
            return
        page = await still(page)
        found = await _part(page, found["next"])


async def _resubmissions(page: Page) -> AsyncIterator[Rows]:
    group = (await page.ask("attention.show", group=group_id(page), limit=1))["group"]
    await _written_down(page, group)
    found = await resubmissions(page, None)
    heading = [_RESUBMISSIONS]
    while True:
        yield [*heading, *_cells(found["applications"], _RESUBMISSIONS)]
        heading = []
        if found["before"] is None:
            return
        page = await still(page)
        found = await resubmissions(page, found["before"])


async def _written_down(page: Page, group: Mapping[str, Any]) -> None:
    among: dict[str, object] = {
        "destination": group["destination"],
        "states": (group["state"],),
        "code": group["code"],
        "municipality": filters(page.query).get("municipality"),
    }
    await page.ask("messages.export", where={key: said for key, said in among.items() if said})


async def _part(page: Page, after: str | None) -> dict[str, Any]:
    found: dict[str, Any] = await page.ask(
        "attention.show",
        group=group_id(page),
        after=after,
        limit=_AT_ONCE,
        **filters(page.query),
    )
    return found


def _cells(found: Sequence[Mapping[str, Any]], columns: Sequence[str]) -> Rows:
    return [["" if one[name] is None else str(one[name]) for name in columns] for one in found]
