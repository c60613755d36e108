"""A list of applications as a spreadsheet opens it: CSV (RFC 4180), UTF-8 with a BOM.

Excel takes a file without a byte order mark for the system's charset, CP932 in town halls. Cells
that a spreadsheet would calculate begin with an apostrophe (OWASP, "CSV Injection"); Japanese Excel
calculates what begins with a full-width sign, too.
"""

import csv
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import replace
from io import StringIO
from typing import Any, Final

from gateway.console.page import Page
from gateway.console.render import jst, number
from gateway.services.operate.guard import NotPermittedError
from gateway.services.operate.search_applications import LARGEST_PAGE, MOST_EXPORTED

_FORMULA: Final = ("=", "+", "-", "@", "＝", "＋", "－", "＠", "\t", "\r", "\n")
_COLUMNS: Final = (
    "accepted",
    "id",
    "municipality",
    "procedure",
    "client",
    "status",
    "destinations",
    "code",
    "reference",
    "feedback",
    "changed",
)


async def lines(
    page: Page, where: Mapping[str, object], order: Mapping[str, str], choices: Mapping[str, Any]
) -> AsyncIterator[bytes]:
    """Yield the file piece by piece: headings, a line of each application, and how many it has.

    Args:
        page: Who asks, and in which language.
        where: What is listed, as ``messages.search`` takes it.
        order: ``sort`` and ``order``, as ``messages.search`` takes them.
        choices: Names of municipalities and titles of procedures (``messages.choices``).

    Raises:
        NotPermittedError: Whoever asks was signed out meanwhile, or may not see it any more.
    """
    headings = [page.say(f"applications.{column}") for column in _COLUMNS]
    yield b"\xef\xbb\xbf" + _encoded([headings])
    written, after = 0, None
    while True:
        visit = await page.still()
        if visit is None:
            raise NotPermittedError
        page = replace(page, visit=visit)
        room = min(LARGEST_PAGE, MOST_EXPORTED - written)
        found = await page.ask(
            "messages.search", where=where, **order, after=after, limit=max(1, room)
        )
        if room == 0 and found["applications"]:
            yield _encoded([[page.say("applications.export_cut", n=number(written))]])
            return
        yield _encoded([_row(page, each, choices) for each in found["applications"]])
        written += len(found["applications"])
        after = found["next"]
        if after is None:
            yield _encoded([[page.say("applications.export_end", n=number(written))]])
            return


def _row(page: Page, each: Mapping[str, Any], choices: Mapping[str, Any]) -> list[str]:
    deliveries = each["deliveries"]
    states = (
        f"{one['destination']}: {page.say('site.state.' + one['state'])}" for one in deliveries
    )
    name = choices["municipalities"].get(each["municipality"], "")
    title = choices["procedures"].get(each["procedure"], {}).get(page.language, "")
    feedback = each["feedback"][-1]["status"] if each["feedback"] else None
    return [
        jst(each["accepted_at"]),
        each["id"],
        f"{name} {each['municipality']}".strip(),
        f"{title} {each['procedure']}".strip(),
        each["client"],
        page.say(f"site.status.{each['status']}"),
        " / ".join(states),
        " / ".join(one["code"] for one in deliveries if one["code"]),
        " / ".join(one["reference"] for one in deliveries if one["reference"]),
        "" if feedback is None else page.say(f"applications.feedback_value.{feedback}"),
        jst(each["changed_at"]),
    ]


def _encoded(rows: Sequence[Sequence[str]]) -> bytes:
    text = StringIO()
    csv.writer(text, lineterminator="\r\n").writerows(
        [guarded(cell) for cell in row] for row in rows
    )
    return text.getvalue().encode()


def guarded(cell: str) -> str:
    """Return a cell that no spreadsheet takes for a formula."""
    return f"'{cell}" if cell.startswith(_FORMULA) else cell
