"""A list of applications as a file: what stands in the table, and how many there are."""

from collections.abc import AsyncIterator, Mapping
from typing import Any, Final

from gateway.console.page import Page
from gateway.console.render import jst, number
from gateway.console.spreadsheet import Rows, still
from gateway.services.operate.search_applications import LARGEST_PAGE, MOST_EXPORTED

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


async def rows(
    page: Page, where: Mapping[str, object], order: Mapping[str, str], choices: Mapping[str, Any]
) -> AsyncIterator[Rows]:
    """Yield the file piece by piece: headings, a line of each application, and how many it has.

    Args:
        page: Who asks, and in which language.
        where: What is listed, as ``messages.search`` takes it.
        order: ``sort`` and ``order``, as ``messages.search`` takes them.
        choices: Names of municipalities and titles of procedures (``messages.choices``).

    Raises:
        NotPermittedError: Whoever asks was signed out meanwhile, or may not see it any more.
    """
    yield [[page.say(f"applications.{column}") for column in _COLUMNS]]
    written, after = 0, None
    while True:
        page = await still(page)
        room = min(LARGEST_PAGE, MOST_EXPORTED - written)
        found = await page.ask(
            "messages.search", where=where, **order, after=after, limit=max(1, room)
        )
        if room == 0 and found["applications"]:
            yield [[page.say("applications.export_cut", n=number(written))]]
            return
        yield [_row(page, each, choices) for each in found["applications"]]
        written += len(found["applications"])
        after = found["next"]
        if after is None:
            yield [[page.say("applications.export_end", n=number(written))]]
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
