"""A list as a spreadsheet opens it, sent while it is read: CSV (RFC 4180), UTF-8 with a BOM.

Excel takes a file without a byte order mark for the system's charset, CP932 in town halls. Cells
that a spreadsheet would calculate begin with an apostrophe (OWASP, "CSV Injection"); Japanese Excel
calculates what begins with a full-width sign, too.
"""

import csv
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from io import StringIO
from typing import Final

import structlog
from aiohttp import web

from gateway.console.page import HEADERS, Page
from gateway.domain.errors import KakehashiError
from gateway.services.operate.guard import NotPermittedError

log = structlog.get_logger()

Rows = Sequence[Sequence[str]]

_MARK: Final = b"\xef\xbb\xbf"
_FORMULA: Final = ("=", "+", "-", "@", "＝", "＋", "－", "＠", "\t", "\r", "\n")


async def send(page: Page, name: str, parts: AsyncIterator[Rows]) -> web.StreamResponse:
    """Send a file, part by part.

    Args:
        page: Who asks.
        name: What the file is called, in ASCII.
        parts: Its rows, headings first. What the first part raises is told as a page; later it is
            too late for another status, and the last line says that the file is not whole.
    """
    first = await anext(parts)
    answer = web.StreamResponse(
        headers={
            **HEADERS,
            "Content-Type": "text/csv; charset=utf-8",
            "Content-Disposition": f'attachment; filename="{name}"',
            "Cache-Control": "no-store",
        }
    )
    await answer.prepare(page.request)
    await answer.write(_MARK + _encoded(first))
    written = len(first) - 1
    try:
        async for rows in parts:
            await answer.write(_encoded(rows))
            written += len(rows)
    except KakehashiError as error:
        log.warning("console.export_broken_off", code=error.code)
        broken = page.say("applications.export_broken", n=str(written))
        await answer.write(f"# {broken}\r\n".encode())
    return answer


async def still(page: Page) -> Page:
    """Return the page in the name of whoever asked for it, as they are signed in now.

    Raises:
        NotPermittedError: They are signed in no more, or may take no list away any more.
    """
    visit = await page.still()
    if visit is None or not page.guard.may(visit.person, "messages.export"):
        raise NotPermittedError
    return replace(page, visit=visit)


def guarded(cell: str) -> str:
    """Return a cell that no spreadsheet takes for a formula."""
    return f"'{cell}" if cell.startswith(_FORMULA) else cell


def _encoded(rows: Rows) -> bytes:
    text = StringIO()
    csv.writer(text, lineterminator="\r\n").writerows(
        [guarded(cell) for cell in row] for row in rows
    )
    return text.getvalue().encode()
