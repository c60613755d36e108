"""Where is 受付番号 X? Asked of a running gateway over a journal of a million applications.

The operations API is asked over its Unix socket, one connection a question, as the command line
does. Destinations are paused, so that nothing moves but the questions and, where it says so, new
applications. A 受付番号 may be any tenant's: so it is asked of a gateway for the four
municipalities alone, and of one that has a whole prefecture's configured.
"""

import json
import random
import time
from collections.abc import Callable
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final
from uuid import UUID

from benchmarks.applications import DESTINATIONS, MUNICIPALITIES, PROCEDURE
from benchmarks.configuration import tenants
from benchmarks.operations import ask, until_sealed
from benchmarks.paced import spread
from benchmarks.populate import IN_USE, Filling, receipt_number
from benchmarks.processes import FailedError, run
from benchmarks.site import Configure, Say, Site
from benchmarks.systems import KAKEHASHI

PREFECTURE: Final = 62
"""市区町村 of 東京都."""
GOAL_MS: Final = 50.0
BUSY_PER_S: Final = 20.0
ASKS: Final = 300
PAGES: Final = 60
_SPAN: Final = timedelta(days=30)
_BUSY_S: Final = 15.0
_COMMANDS: Final = 5

_SORTED: Final[dict[str, dict[str, object]]] = {
    "messages.search": {},
    "messages.search of a municipality": {"municipality": "131016"},
    "messages.search in progress": {"status": "accepted"},
    "messages.search parked": {"states": ["parked"]},
    "messages.search of a code": {"code": "http.422"},
}

Asked = tuple[str, dict[str, object], bool]
"""Operation, arguments, whether there is such a thing."""
Question = Callable[[random.Random], Asked]


def measure(count: int, footings: tuple[str, ...], say: Say) -> dict[str, Any]:
    """Measure and return all figures as JSON values.

    Raises:
        FailedError: An answer was wrong.
    """
    with ExitStack() as stack:
        site = Site(stack, say)
        filled = site.embedded("embedded", _paused(0))
        began = time.monotonic()
        ids = site.fill(filled, Filling(count=count, shares=IN_USE, span=_SPAN))
        found: dict[str, Any] = {"count": count, "filling_s": time.monotonic() - began}
        found["journal_mib"] = filled.with_name("journal.db").stat().st_size / 2**20
        found["verified"] = _verified(filled, say)
        asked = found["asked"] = {}
        for footing in footings:
            url = site.copied(filled) if footing == "production" else ""
            for number in (len(MUNICIPALITIES), PREFECTURE):
                configure = _paused(number - len(MUNICIPALITIES))
                if footing == "production":
                    keys = filled.parent / "keys"
                    name = f"{footing}-{number}"
                    config = site.production(name, configure, journal=url, keys=keys)
                else:
                    config = site.rewritten(filled, configure)
                asked[f"{footing}/{number}"] = _ask_running(site, footing, config, ids)
    return found


def _paused(more: int) -> Configure:
    def configure(configuration: dict[str, Any]) -> None:
        configuration["municipalities"] |= tenants(more)
        for destination in configuration["destinations"].values():
            destination["paused"] = True

    return configure


def _verified(config: Path, say: Say) -> int:
    """Return how many audit entries verify: all of them, or the journal is not what it says."""
    say("verifying the audit log")
    command = (KAKEHASHI, "audit", "verify", "--json", "--config", str(config))
    report = json.loads(run(*command, folder=config.parent))
    return int(report["entries"])


def _ask_running(site: Site, footing: str, config: Path, ids: list[str]) -> dict[str, Any]:
    questions = _questions(ids)
    by_number = {name: question for name, question in questions.items() if "status" in name}
    with site.running(footing, config) as system:
        until_sealed(config.parent, site.say)
        site.say(f"asking: {config.parent.name}")
        figures = {
            name: _ask(config, question, ASKS if "status" in name else PAGES)
            for name, question in questions.items()
        }
        run_name = f"find-{config.parent.name}"
        order = {"per_s": BUSY_PER_S, "seconds": _BUSY_S, "delivered": False}
        with site.sending(system, run_name, **order) as report:
            figures |= {
                f"{name}, busy": _ask(config, question, ASKS)
                for name, question in by_number.items()
            }
        figures["kakehashi status 受付番号"] = _commands(config, ids)
        memory = system.door.memory_mib()[1]
    return {"questions": figures, "busy": report, "memory_highest_mib": memory}


def _questions(ids: list[str]) -> dict[str, Question]:
    def of_number(chance: random.Random) -> Asked:
        return "status", {"subject": receipt_number(chance.randrange(len(ids)))}, True

    def of_unknown_number(chance: random.Random) -> Asked:
        return "status", {"subject": f"X-{chance.randrange(10**7):07}"}, False

    def of_id(chance: random.Random) -> Asked:
        return "status", {"subject": chance.choice(ids)}, True

    def of_unknown_id(chance: random.Random) -> Asked:
        unknown = UUID(int=UUID(chance.choice(ids)).int ^ 1)
        return "status", {"subject": str(unknown)}, False

    def page(operation: str, **arguments: object) -> Question:
        return lambda chance: (operation, {**arguments, "before": chance.choice(ids)}, True)

    def searched(*, count: bool = False, **where: object) -> Question:
        arguments: dict[str, object] = {"where": where, "count": count}
        return lambda chance: (
            "messages.search",
            {**arguments, **({} if count else {"after": chance.choice(ids)})},
            True,
        )

    def changed(order: str, **where: object) -> Question:
        # A place in this order is when, and which: any time will do.
        def page(chance: random.Random) -> Asked:
            at = datetime.now(UTC) - chance.random() * _SPAN
            after = f"{at.isoformat()}~{chance.choice(ids)}"
            said: dict[str, object] = {"where": where, "sort": "changed", "order": order}
            return "messages.search", {**said, "after": after}, True

        return page

    destination = next(iter(DESTINATIONS.values()))
    now, procedure = datetime.now(UTC), PROCEDURE
    day = [(now - timedelta(days=days)).isoformat() for days in (10, 9)]
    return {
        "status 受付番号": of_number,
        "status 受付番号, unknown": of_unknown_number,
        "status id": of_id,
        "status id, unknown": of_unknown_id,
        "messages.list": page("messages.list"),
        "messages.list of a municipality": page("messages.list", municipality="131016"),
        "messages.list of a destination": page("messages.list", destination=destination),
        "messages.list of a destination without any": page("messages.list", destination="none"),
        "messages.list retrying": page("messages.list", states=["retrying"]),
        "parked.list": page("parked.list"),
        "parked.list of a destination, 500": page(
            "parked.list", destination=destination, limit=500
        ),
        "messages.search": searched(),
        "messages.search of a procedure": searched(procedure=procedure),
        "messages.search of a municipality, procedure and day": searched(
            municipality="131016", procedure=procedure, since=day[0], until=day[1]
        ),
        "messages.search of a code": searched(code="http.422"),
        "messages.search of a code that none has": searched(code="http.599"),
        "messages.search of a code and a municipality": searched(
            code="http.422", municipality="131016"
        ),
        "messages.search delivered": searched(status="delivered"),
        "messages.search that needs attention": searched(status="needs_attention"),
        "messages.search of what cannot be": searched(
            municipality="131016", states=["delivered"], status="needs_attention"
        ),
        "messages.search of what never came back": searched(
            feedback="returned", municipality="131016"
        ),
        **{
            f"{name}, by last change, {order} first": changed(order, **where)
            for name, where in _SORTED.items()
            for order in ("newest", "oldest")
        },
        "messages.search, counted": searched(count=True),
        "messages.search delivered, counted": searched(status="delivered", count=True),
        "messages.search 受付番号": lambda chance: (
            "messages.search",
            {"where": {"receipt_number": receipt_number(chance.randrange(len(ids)))}},
            True,
        ),
        "overview": lambda _: ("overview", {}, True),
    }


def _ask(config: Path, question: Question, count: int) -> dict[str, float]:
    chance = random.Random(count)
    spent_ms = []
    for _ in range(count):
        operation, arguments, exists = question(chance)
        status, answer, took_ms = ask(config.parent, operation, **arguments)
        if exists != (status == 200):  # noqa: PLR2004 - OK (RFC 9110, 15.3.1)
            raise FailedError(f"{operation} {arguments}: {status} {answer}")
        spent_ms.append(took_ms)
    return {**spread([each / 1000 for each in spent_ms]), "asks": count}


def _commands(config: Path, ids: list[str]) -> dict[str, float]:
    """Ask by the command line, its start included."""
    chance, spent_s = random.Random(0), []
    for _ in range(_COMMANDS):
        subject = receipt_number(chance.randrange(len(ids)))
        began = time.perf_counter()
        run(KAKEHASHI, "status", subject, "--config", str(config), folder=config.parent)
        spent_s.append(time.perf_counter() - began)
    return {**spread(spent_s), "asks": _COMMANDS}
