"""How long the console's pages take over a journal of a million applications.

Somebody with every role signs in and asks for each page in turn, as a browser does but for its
files and without drawing anything: what is timed is the request, on a connection of its own,
until the last byte of the page. Then a real browser does (``benchmarks.browser``). Destinations
are paused, so that nothing else goes on.
"""

import random
import time
from contextlib import ExitStack
from datetime import timedelta
from http.cookiejar import CookieJar
from typing import Any, Final
from urllib.error import HTTPError
from urllib.parse import urlencode
from urllib.request import HTTPCookieProcessor, OpenerDirector, build_opener

from benchmarks.applications import DESTINATIONS
from benchmarks.operations import answered, until_sealed
from benchmarks.paced import spread
from benchmarks.populate import IN_USE, Filling
from benchmarks.processes import FailedError
from benchmarks.site import Say, Site

PAGE_GOAL_MS: Final = 300.0
ASKS: Final = 30
WARM: Final = 20
COLD: Final = 5
"""So often a browser looks at each page."""
_SPAN: Final = timedelta(days=30)
_PASSWORD: Final = "measured-and-thrown-away"  # noqa: S105 - of a journal that is thrown away
_ROLES: Final = ("viewer", "operator", "admin")
_PATIENCE_S: Final = 60.0
_OF_AN_AUDITOR: Final = {
    "audit log, searched": "/audit?search=1",
    "audit log of an application": "/applications/{id}?audit=1",
}


def measure(count: int, say: Say) -> dict[str, Any]:
    """Measure and return all figures as JSON values.

    Raises:
        FailedError: A page was not shown.
    """
    with ExitStack() as stack:
        site = Site(stack, say)
        config = site.embedded("console", _paused)
        ids = site.fill(config, Filling(count=count, shares=IN_USE, span=_SPAN))
        with site.running("embedded", config) as system:
            for name, roles in (("hanako", _ROLES), ("kenji", ("auditor",))):
                answered(
                    config.parent, "account.add", account=name, roles=roles, password=_PASSWORD
                )
            until_sealed(config.parent, say)
            groups, _ = answered(config.parent, "attention.groups")
            console = f"http://127.0.0.1:{system.operations_port}"
            hanako, kenji = (_signed_in(console, name) for name in ("hanako", "kenji"))
            say("asking for pages")
            pages = _pages(groups["groups"][0]["id"])
            figures = {name: _ask(hanako, console, path, ids) for name, path in pages.items()}
            figures |= {
                name: _ask(kenji, console, path, ids) for name, path in _OF_AN_AUDITOR.items()
            }
            say("looking at pages in a browser")
            seen = _seen(console, pages, ids, site.other_core)
            return {
                "count": count,
                "pages": figures,
                "seen": seen,
                "memory_mib": system.door.memory_mib()[1],
            }


def _seen(console: str, pages: dict[str, str], ids: list[str], core: int) -> dict[str, Any]:
    # Not above: Playwright is of the tests, and nothing else of the benchmarks needs it.
    from benchmarks.browser import measure as look  # noqa: PLC0415

    asked = {
        **{name: ("hanako", path) for name, path in pages.items()},
        **{name: ("kenji", path) for name, path in _OF_AN_AUDITOR.items()},
    }
    return look(console, dict.fromkeys(("hanako", "kenji"), _PASSWORD), asked, ids, core)


def _paused(configuration: dict[str, Any]) -> None:
    for destination in configuration["destinations"].values():
        destination["paused"] = True


def _pages(group: str) -> dict[str, str]:
    destination = next(iter(DESTINATIONS.values()))
    return {
        "overview": "/",
        "applications": "/applications",
        "applications, a page further": "/applications?after={id}",
        "applications of a municipality": "/applications?municipality=131016",
        "applications by their last change": "/applications?sort=changed",
        "applications that have stood still for longest": (
            "/applications?sort=changed&order=oldest&status=accepted"
        ),
        "applications that need attention": "/applications?status=needs_attention",
        "one application": "/applications/{id}",
        "attention": "/attention",
        "a group": f"/attention/{group}",
        "dry run of a group": f"/attention/{group}/replay",
        "destinations": "/destinations",
        "a destination": f"/destinations/{destination}",
        "workers": "/workers",
        "procedures": "/procedures",
        "keys and clients": "/keys",
        "accounts": "/accounts",
    }


def _signed_in(console: str, name: str) -> OpenerDirector:
    browser = build_opener(HTTPCookieProcessor(CookieJar()))
    form = urlencode({"name": name, "password": _PASSWORD, "then": "/"}).encode()
    with browser.open(f"{console}/sign-in", form, timeout=_PATIENCE_S) as answer:
        answer.read()
    return browser


def _ask(browser: OpenerDirector, console: str, path: str, ids: list[str]) -> dict[str, float]:
    chance, spent_s = random.Random(ASKS), []
    for _ in range(ASKS):
        address = console + path.replace("{id}", chance.choice(ids))
        began = time.perf_counter()
        try:
            with browser.open(address, timeout=_PATIENCE_S) as answer:
                answer.read()
        except HTTPError as error:
            raise FailedError(f"{path}: {error.code}") from None
        spent_s.append(time.perf_counter() - began)
    return {**spread(spent_s), "asks": ASKS}
