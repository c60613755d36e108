"""Procedures: the catalogue, and each version as a form reads."""

import json
from collections.abc import Iterable, Mapping
from typing import Any, Final

from aiohttp import web

from gateway.console.page import Page, see_other
from gateway.services.operate.refusals import NotFoundError


async def show_all(page: Page) -> web.Response:
    """Show the catalogue."""
    return page.show("procedures.html", {"procedures": await page.ask("procedure.list")})


async def show(page: Page) -> web.Response:
    """Show one version."""
    found = page.request.match_info
    name = f"{found['area']}/{found['name']}"
    procedure = await page.ask("procedure.show", name=name, version=int(found["version"]))
    titles = {each["pointer"]: each["title"].get(page.language) for each in procedure["fields"]}
    choices = {each["pointer"]: each["choices"] for each in procedure["fields"]}
    values = {
        "procedure": procedure,
        "limits": {
            each["pointer"]: _limits(page, each["limits"].items()) for each in procedure["fields"]
        },
        "conditions": [_condition(page, each, titles, choices) for each in procedure["conditions"]],
        "named": lambda pointer: _named(pointer, titles),
        "example": json.dumps(procedure["example"], ensure_ascii=False, indent=2),
    }
    return page.show("procedure.html", values)


async def newest(page: Page) -> web.Response:
    """Lead to the newest version."""
    found = page.request.match_info
    name = f"{found['area']}/{found['name']}"
    for each in await page.ask("procedure.list"):
        if each["name"] == name:
            return see_other(f"/procedures/{name}/v{each['versions'][-1]}")
    raise NotFoundError(name)


def _named(pointer: str, titles: Mapping[str, str | None]) -> str:
    """Return a field's title, or else the end of its pointer."""
    return titles.get(pointer) or pointer.rpartition("/")[2]


def _limits(page: Page, limits: Iterable[tuple[str, object]]) -> list[str]:
    return [page.say(f"procedures.limit.{keyword}", value=value) for keyword, value in limits]


def _condition(
    page: Page,
    condition: Mapping[str, Any],
    titles: Mapping[str, str | None],
    choices: Mapping[str, Mapping[str, str]],
) -> dict[str, object]:
    """Return a condition in words."""

    def value(pointer: str, text: str) -> str:
        label = choices.get(pointer, {}).get(text) if page.language == "ja" else None
        if text in ("true", "false"):
            label = page.say(f"procedures.{text}")
        return label or text

    when = [
        page.say(
            "procedures.is",
            field=_named(pointer, titles),
            value=page.say("procedures.or").join(value(pointer, text) for text in texts),
        )
        for pointer, texts in condition["when"].items()
    ]
    return {
        "when": page.say("procedures.and").join(when),
        "required": [_named(pointer, titles) for pointer in condition["required"]],
        "forbidden": [_named(pointer, titles) for pointer in condition["forbidden"]],
        "limits": [
            f"{_named(each['pointer'], titles)}: "
            + page.say(f"procedures.limit.{each['keyword']}", value=each["value"])
            for each in condition["limits"]
        ],
    }


ROUTES: Final = (
    ("GET", "/procedures", show_all),
    ("GET", "/procedures/{area:[a-z0-9-]{1,63}}/{name:[a-z0-9-]{1,63}}", newest),
    (
        "GET",
        "/procedures/{area:[a-z0-9-]{1,63}}/{name:[a-z0-9-]{1,63}}/v{version:[1-9][0-9]{0,3}}",
        show,
    ),
)
