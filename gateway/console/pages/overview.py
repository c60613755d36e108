"""Overview: is everything well, in one look, and what to do first if it is not."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from aiohttp import web

from gateway.console.live import stream
from gateway.console.log_words import action_words
from gateway.console.page import Page
from gateway.console.render import jst, number, seconds, size
from gateway.services.operate.show_overview import (
    DISK_BAD_DAYS,
    DISK_WARN_DAYS,
    LATE_S,
    NOT_SEALED_S,
)

EVENTS: Final = 10
OTHERS: Final = 5
"""Findings beside the worst that are told at once: the figures must stay on the first screen."""
ERRORS_WARN: Final = 0.05
"""A share of failed attempts that somebody should look at."""

_PLACES: Final[Mapping[str, str]] = {
    "parked": "/attention",
    "in_doubt": "/attention",
    "replay_halted": "/replays",
    "approval": "/attention",
    "in_doubt_asked": "/applications?state=in_doubt",
    "core_down": "/destinations/{subject}",
    "core_unwell": "/destinations/{subject}",
    "paused": "/destinations/{subject}",
    "late": "/destinations/{subject}",
    "no_worker": "/workers",
    "worker_gone": "/workers",
    "other_version": "/workers",
    "webhook_disabled": "/keys#webhooks",
    "webhook_failing": "/keys#webhooks",
}
"""Where a finding is seen to; others have no page."""

_SINCE: Final = frozenset(
    {"parked", "in_doubt", "replay_halted", "approval", "worker_gone", "gateway_silent"}
)
"""Those that begin when something was found or done; others with an acceptance."""

_UNAVAILABLE: Final = "destination.unavailable"
_TONES: Final = ("bad", "warn", "good")
_STUCK: Final = _TONES.index("warn")
"""Where something waits for a person is above where all is well, among thirty and more."""

_OF_TIME: Final = frozenset({"late", "log_not_sealed"})

Tile = dict[str, str | None]


async def show(page: Page) -> web.Response:
    """Show the page."""
    return page.show("overview.html", await _values(page))


async def part(page: Page) -> str:
    """Return what changes of the page while it is open."""
    return page.html("overview_live.html", await _values(page))


async def _values(page: Page) -> dict[str, object]:
    overview = await page.ask("overview")
    return {
        "overview": overview,
        "destinations": sorted(
            (_line(each, overview["broker"]) for each in overview["destinations"]),
            key=lambda line: line["rank"],
        ),
        "findings": [_finding(page, each, overview) for each in overview["findings"]],
        "at_once": 1 + OTHERS,
        "tiles": list(_tiles(page, overview)),
        "events": await page.ask("events.recent", limit=EVENTS),
        "actions": action_words(page.language),
    }


def _line(each: Mapping[str, Any], broker: bool | None) -> dict[str, Any]:  # noqa: FBT001 - may be unknown
    """Return a destination with its standing in one word; what is worst ranks first."""
    if not each["configured"]:
        standing, tone = "unconfigured", "warn"
    elif each["hold"]:
        standing, tone = each["hold"], "bad" if each["hold"] == _UNAVAILABLE else "warn"
    elif not each["workers"] and broker is False:
        standing, tone = "unheard", "warn"
    elif not each["workers"]:
        standing, tone = "no_worker", "bad" if each["waiting"] else "warn"
    elif each["breaker"] == "half_open":
        standing, tone = "half_open", "warn"
    elif each["healthy"] is False:
        standing, tone = "unwell", "warn"
    else:
        standing, tone = "open", "good"
    is_stuck = any(each["deliveries"].get(state) for state in ("parked", "in_doubt"))
    rank = _TONES.index(tone) if not is_stuck else min(_TONES.index(tone), _STUCK)
    return {**each, "standing": standing, "tone": tone, "rank": rank}


def _finding(
    page: Page, found: Mapping[str, Any], overview: Mapping[str, Any]
) -> dict[str, str | None]:
    code, many = found["code"], found["number"]
    said = seconds(many) if code in _OF_TIME else number(None if many is None else round(many))
    values = {"n": said, "name": found["subject"]}
    place, most = _PLACES.get(code), found["most"]
    more = []
    if most is not None:
        more.append(
            page.say(
                "overview.most",
                name=most["destination"],
                code=most["code"] or page.say("attention.no_code"),
                n=number(most["deliveries"]),
            )
        )
    if code == "core_down" and found["since"] is not None:
        [down] = [
            each for each in overview["destinations"] if each["destination"] == found["subject"]
        ]
        lasted = seconds(down["down_s"])
        more.append(page.say("overview.down_since", at=jst(found["since"]), lasted=lasted))
    elif found["since"] is not None:
        word = "overview.since" if code in _SINCE else "overview.waiting_since"
        more.append(page.say(word, at=jst(found["since"])))
    if found["trial_at"] is not None:
        more.append(page.say("overview.trial", at=jst(found["trial_at"])))
    return {
        "level": found["level"],
        "text": page.say(f"overview.finding.{code}", **values),
        "more": " ".join(more),
        "do": page.say(f"overview.do.{code}", **values),
        "href": None if place is None else place.format(subject=found["subject"]),
    }


def _tiles(page: Page, overview: Mapping[str, Any]) -> Iterator[Tile]:
    def tile(word: str, value: str, tone: str, hint: str = "", href: str | None = None) -> Tile:
        label = page.say(f"overview.tile.{word}")
        return {"label": label, "value": value, "tone": tone, "hint": hint, "href": href}

    totals, log, storage = overview["totals"], overview["log"], overview["storage"]
    attention = "/attention" if page.may("parked.groups") else None
    for state in ("parked", "in_doubt"):
        tone = "bad" if totals[state] else "good"
        yield tile(state, number(totals[state]), tone, href=attention)
    yield tile("waiting", number(totals["waiting"]), "")
    is_late = (totals["oldest_s"] or 0.0) > LATE_S
    yield tile("oldest", seconds(totals["oldest_s"]), "warn" if is_late else "")
    rate = totals["error_rate"]
    hint = page.say(
        "overview.attempts", n=number(totals["outcomes"]), failed=number(totals["failed"])
    )
    tone = "" if rate is None else "warn" if rate > ERRORS_WARN else "good"
    yield tile("errors", "–" if rate is None else f"{rate:.1%}", tone, hint)
    hint = page.say("overview.unsealed", n=number(log["unsealed"]))
    is_stuck = log["unsealed"] and (log["seal_age_s"] or 0.0) > NOT_SEALED_S
    yield tile("seal", seconds(log["seal_age_s"]), "bad" if is_stuck else "good", hint)
    yield tile("anchor", page.say("overview.not_configured"), "")
    yield _storage(page, storage)
    down = [each for each in overview["webhooks"] if each["disabled_at"] or each["failing_since"]]
    tone = "warn" if down else "good" if overview["webhooks"] else ""
    hint = page.say("overview.of_endpoints", n=number(len(overview["webhooks"])))
    yield tile("webhooks", number(len(down)), tone, hint, "/keys#webhooks")
    broker = overview["broker"]
    word = {True: "connected", False: "disconnected", None: "unknown"}[broker]
    tone = {True: "good", False: "bad", None: ""}[broker]
    hint = page.say("overview.seen_from", node=overview["node"])
    yield tile("broker", page.say(f"overview.broker.{word}"), tone, hint)


def _storage(page: Page, storage: Mapping[str, Any]) -> Tile:
    days, a_day = storage["days_left"], storage["bytes_a_day"]
    free = storage["free_bytes"]
    if days is not None:
        value = page.say("overview.days", n=number(round(days)))
    elif a_day is not None and free is None:
        value = page.say("overview.a_day", size=size(a_day))
    elif a_day is not None:
        value = page.say("overview.no_growth")
    else:
        value = page.say("overview.unknown_days")
    tone = ""
    if days is not None:
        tone = "bad" if days < DISK_BAD_DAYS else "warn" if days < DISK_WARN_DAYS else "good"
    word = "overview.stored_there" if free is None else "overview.stored"
    hint = page.say(word, used=size(storage["bytes"]), free=size(free))
    return {
        "label": page.say("overview.tile.disk"),
        "value": value,
        "tone": tone,
        "hint": hint,
        "href": None,
    }


ROUTES: Final = (("GET", "/", show), ("GET", "/live/overview", stream(part)))
