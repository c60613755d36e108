"""Was every button pressed? The last file: it looks at what the others have sent."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest
from aiohttp import web

from gateway.console.pages.sign_in import SIGN_IN
from gateway.console.site import ROUTES
from tests.browser.window import PRESSED

TEMPLATES: Final = Path(__file__).parents[2] / "gateway" / "console" / "templates"
OF_THE_FRAME: Final = (SIGN_IN, "/sign-out", "/language", "/theme")
CHOICES: Final = {
    "/applications/{id}/deliveries/{delivery}": ("do", "replay", "confirm", "cancel"),
    "/attention/{group}/each": ("do", "replay", "confirm", "cancel"),
    "/language": ("to", "ja", "en"),
    "/theme": ("to", "auto", "light", "dark"),
}
"""Address to the field that says which of a form's buttons was pressed, and all that it says."""
ASKING: Final = {
    "applications.html": (("/applications", "status"),),
    "attention_group.html": (
        ("/attention/{group}", "municipality"),
        ("/attention/{group}/replay", ""),
    ),
    "attention_plan.html": (("/attention/{group}/replay", "rate"),),
    "audit.html": (("/audit", "search"),),
}
"""Template to the forms in it that only ask: address, and a field that is sent."""


def is_whole(request: pytest.FixtureRequest) -> bool:
    """Tell whether all tests in a browser were asked for."""
    here = {file.name for file in Path(__file__).parent.glob("test_*.py")}
    chosen = request.config.option.keyword or request.config.option.markexpr
    named = any("::" in argument for argument in request.config.args)
    return not chosen and not named and here <= {item.path.name for item in request.session.items}


def pressed(method: str, path: str) -> list[dict[str, str]]:
    """Return the fields of every form that was sent to a route."""
    router = web.UrlDispatcher()
    resource = router.add_resource(path)
    known = resource.get_info()
    pattern = known.get("pattern") or re.compile(re.escape(known["path"]))
    return [said for how, where, said in PRESSED if how == method and pattern.fullmatch(where)]


def changing() -> Iterator[str]:
    """Yield each address that takes forms; of several actions in one route, each."""
    for path in (*OF_THE_FRAME, *(path for method, path, _ in ROUTES if method == "POST")):
        several = re.search(r"\{\w+:([a-z]+(?:\|[a-z]+)+)\}", path)
        if several is None:
            yield path
        else:
            yield from (path.replace(several[0], one) for one in several[1].split("|"))


def unpressed() -> Iterator[str]:
    """Yield what no test has done."""
    for path in changing():
        sent = pressed("POST", path)
        plain = re.sub(r"\{(\w+):[^}]*(?:\{\d+(?:,\d+)?\}[^}]*)*\}", r"{\1}", path)
        field, *values = CHOICES.get(plain, ("",))
        if not values and not sent:
            yield plain
        yield from (
            f"{plain} {one}" for one in values if not any(s.get(field) == one for s in sent)
        )
    for forms in ASKING.values():
        for path, field in forms:
            group = path.replace("{group}", "{group:[0-9a-f]{8}}")
            if not any(not field or field in said for said in pressed("GET", group)):
                yield f"{path}?{field}"


def test_every_form_of_every_page_was_sent_by_a_test(request: pytest.FixtureRequest):
    if not is_whole(request):
        pytest.skip("only says something of all tests in a browser")

    assert list(unpressed()) == []


def test_every_form_that_only_asks_is_known_here():
    asking = {
        file.name: len(re.findall(r'\b(?:form)?method="get"', file.read_text("utf-8")))
        for file in TEMPLATES.glob("*.html")
    }
    assert {name: n for name, n in asking.items() if n} == {
        name: len(forms) for name, forms in ASKING.items()
    }


def test_no_form_takes_what_it_was_not_asked_for():
    """Whatever a button is named, that says what is done, is among the choices above."""
    named = set()
    for file in TEMPLATES.glob("*.html"):
        named |= set(re.findall(r'<button[^>]* name="(\w+)"', file.read_text("utf-8")))
    assert named == {"to", "search", "before", "index", "reset"}
