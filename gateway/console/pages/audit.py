"""Audit: who did what, when, to which application; and the proof of it. For auditors."""

import io
from base64 import b64decode
from collections.abc import Mapping
from typing import Any, Final
from zipfile import ZipFile

from aiohttp import web
from multidict import MultiMapping

from gateway.console.log_words import action_words
from gateway.console.page import HEADERS, Page
from gateway.domain.entry import Action, ActorKind
from gateway.domain.entry_outcome import OUTCOMES, EntryOutcome
from gateway.services.operate.refusals import NotFoundError, OperationError

PAGE: Final = 50

_TEXTS: Final = ("municipality", "application", "actor", "actor_kind", "since", "until")
_SEVERAL: Final = ("actions", "outcomes")
_NUMBER: Final = "receipt_number"
"""Stands in no address: browsers and proxies keep those."""

_TONES: Final[Mapping[EntryOutcome, str]] = {
    EntryOutcome.DONE: "good",
    EntryOutcome.REFUSED: "bad",
    EntryOutcome.FAILED: "warn",
    EntryOutcome.DOUBT: "warn",
    EntryOutcome.READ: "cancelled",
    EntryOutcome.NOTED: "cancelled",
}


async def show(page: Page) -> web.Response:
    """Show the form, and what was found if something was looked for."""
    if _NUMBER in page.query:
        raise NotFoundError("a receipt number is looked for by the form only")
    return await _shown(page, page.query)


async def look(page: Page) -> web.Response:
    """Look for a 受付番号: as ``show`` does, but what is looked for stands in no address."""
    return await _shown(page, page.form)


async def prove(page: Page) -> web.Response:
    """Hand out an entry with its proof, as two files in one."""
    try:
        index = int(page.form.get("index", ""))
    except ValueError:
        raise NotFoundError("the log has no entry of this index") from None
    proved = await page.ask("audit.prove", index=index)
    name = f"entry-{proved['index']}"
    made = io.BytesIO()
    with ZipFile(made, "w") as files:
        files.writestr(f"{name}.entry.json", b64decode(proved["entry"]))
        files.writestr(f"{name}.tlog-proof", proved["proof"])
    return attachment(made.getvalue(), f"{name}.zip", "application/zip")


def attachment(content: bytes, name: str, kind: str) -> web.Response:
    """Return a file to be kept."""
    disposition = f'attachment; filename="{name}"'
    headers = {**HEADERS, "Content-Disposition": disposition}
    return web.Response(body=content, content_type=kind, headers=headers)


async def _shown(page: Page, said: MultiMapping[str]) -> web.Response:
    asked = {name: text for name in (*_TEXTS, _NUMBER) if (text := said.get(name, "").strip())}
    several = {name: [each for each in said.getall(name, []) if each] for name in _SEVERAL}
    found: dict[str, Any] | None = None
    refused, status = None, 200
    if "search" in said:
        try:
            found = await _found(page, {**asked, **several}, said.get("before"))
        except (OperationError, NotFoundError) as error:
            refused, status = page.why_not(error), 422
    words = action_words(page.language)
    values = {
        "said": {**dict.fromkeys((*_TEXTS, _NUMBER), ""), **asked, **several},
        "found": found,
        "refused": refused,
        "words": words,
        "actions": list(Action),
        "subjects": list(dict.fromkeys(action.partition(".")[0] for action in Action)),
        "outcomes": list(EntryOutcome),
        "kinds": list(ActorKind),
        "tones": {str(action): _TONES.get(outcome, "") for action, outcome in OUTCOMES.items()},
        "of": {str(action): str(outcome) for action, outcome in OUTCOMES.items()},
        "older": None
        if found is None or found["before"] is None
        else page.request.rel_url.with_query(
            [
                *((name, text) for name, text in asked.items() if name != _NUMBER),
                *((name, each) for name, all_of in several.items() for each in all_of),
                ("search", "1"),
                ("before", str(found["before"])),
            ]
        ),
    }
    return page.show("audit.html", values, status=status)


async def _found(page: Page, where: Mapping[str, object], before: str | None) -> dict[str, Any]:
    try:
        position = int(before) if before else None
    except ValueError:
        raise OperationError("before: no such position") from None
    found: dict[str, Any] = await page.ask(
        "audit.search", where=dict(where), before=position, limit=PAGE
    )
    return found


ROUTES: Final = (
    ("GET", "/audit", show),
    ("POST", "/audit", look),
    ("POST", "/audit/proof", prove),
)
