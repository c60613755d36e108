"""What waits in a group as a file: to look each delivery up in the core system, one by one."""

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

import structlog
from aiohttp import web

from gateway.console.page import HEADERS, Page
from gateway.console.pages.applications_csv import guarded
from gateway.domain.errors import KakehashiError
from gateway.services.operate.guard import NotPermittedError
from gateway.services.operate.search_applications import MOST_EXPORTED

log = structlog.get_logger()

FILTERS: Final = ("since", "until", "municipality")
"""What of a group's address says which of its deliveries."""
_AT_ONCE: Final = 500
_COLUMNS: Final = (
    "id",
    "application",
    "municipality",
    "updated_at",
    "attempt",
    "reference",
    "pointer",
)
"""The delivery's id first: the page takes the first id of each line that is pasted."""


async def deliveries_csv(page: Page) -> web.StreamResponse:
    """Stream what waits in the group, once it is written down who takes it."""
    with page.rooms.exports.place(page.person.name):
        return await _streamed(page)


async def _streamed(page: Page) -> web.StreamResponse:
    # The first part before anything is sent: what is refused is told as a page.
    found = await _part(page, None)
    group = found["group"]
    among: dict[str, object] = {
        "destination": group["destination"],
        "states": (group["state"],),
        "code": group["code"],
        "municipality": _filters(page).get("municipality"),
    }
    await page.ask("messages.export", where={key: said for key, said in among.items() if said})
    answer = web.StreamResponse(
        headers={
            **HEADERS,
            "Content-Type": "text/csv; charset=utf-8",
            "Content-Disposition": f'attachment; filename="deliveries-{group["id"]}.csv"',
            "Cache-Control": "no-store",
        }
    )
    await answer.prepare(page.request)
    # Excel reads UTF-8 by its mark only.
    await answer.write(b"\xef\xbb\xbf" + _lines([_COLUMNS]))
    written = 0
    try:
        while True:
            await answer.write(_lines([_row(one) for one in found["deliveries"]]))
            written += len(found["deliveries"])
            if found["next"] is None or written >= MOST_EXPORTED:
                return answer
            visit = await page.still()
            if visit is None:
                raise NotPermittedError
            page = replace(page, visit=visit)
            found = await _part(page, found["next"])
    except KakehashiError as error:
        # Too late for another status: the last line says that the file is not whole.
        log.warning("console.export_broken_off", code=error.code)
        broken = page.say("applications.export_broken", n=str(written))
        await answer.write(f"# {broken}\r\n".encode())
    return answer


async def _part(page: Page, after: str | None) -> dict[str, Any]:
    found: dict[str, Any] = await page.ask(
        "attention.show",
        group=page.request.match_info["group"],
        after=after,
        limit=_AT_ONCE,
        **_filters(page),
    )
    return found


def _filters(page: Page) -> dict[str, str]:
    return {name: page.query[name].strip() for name in FILTERS if page.query.get(name, "").strip()}


def _row(delivery: Mapping[str, Any]) -> list[str]:
    return ["" if delivery[name] is None else str(delivery[name]) for name in _COLUMNS]


def _lines(rows: Sequence[Sequence[str]]) -> bytes:
    text = io.StringIO()
    lines = csv.writer(text, lineterminator="\r\n")
    lines.writerows([guarded(cell) for cell in row] for row in rows)
    return text.getvalue().encode()
