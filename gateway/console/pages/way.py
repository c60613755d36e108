"""The way of one delivery, hop by hop, from what the audit log says of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from gateway.services.advice import advice_on

Step = Mapping[str, Any]
"""One entry of a timeline, as the operation ``status`` tells it."""

_STANDS_STILL: Final = frozenset({"parked", "in_doubt", "cancelled"})
_ENDS: Final = frozenset(
    {
        "delivery.delivered",
        "delivery.deferred",
        "delivery.parked",
        "delivery.in_doubt",
        "delivery.held",
        "delivery.confirmed",
        "delivery.cancelled",
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Hop:
    """One place on the way.

    Attributes:
        place: ``front_end``, ``gateway``, ``broker``, ``worker``, ``core`` or ``back``.
        name: Which one, if it has a name.
        events: What happened there, a word (``application.event.WORD``) or an action, with when.
        took_s: From the last thing that happened before to the first here; ``None`` if unknown.
        look: ``reached``, ``waiting`` (the next one), ``stopped`` (it stands still before it), or
            nothing.
    """

    place: str
    name: str
    events: tuple[tuple[str, str], ...]
    took_s: float | None
    look: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One attempt and what it came to.

    Attributes:
        number: From 1.
        began_at: When a worker was given it, or else when it ended.
        ended_at: When its outcome was recorded; ``None`` while it is under way.
        worker: Who made it.
        action: What it came to, as the audit log says it; ``None`` while it is under way.
        code: Why.
        pointer: Which field the core system objected to.
        due_at: When the next one is due.
        sending_s: How long the core system was waited for.
        advice: What the code means and what to do, in Japanese and English.
    """

    number: int
    began_at: str
    ended_at: str | None
    worker: str | None
    action: str | None
    code: str | None
    pointer: str | None
    due_at: str | None
    sending_s: float | None
    advice: Mapping[str, Mapping[str, str]] | None


def way_of(delivery: Mapping[str, Any], application: Mapping[str, Any]) -> list[Hop]:
    """Return where a delivery has been in its current attempt, and where it has not been yet."""
    steps = _steps_of(delivery, application)
    now = [step for step in steps if step["facts"].get("attempt") == delivery["attempt"]]
    claim = _last(now, "delivery.claimed")
    outcome = _last(now, "delivery.delivered", "delivery.deferred", "delivery.in_doubt") or _last(
        [step for step in now if step["facts"].get("sent_at")], "delivery.parked"
    )
    facts: Mapping[str, Any] = {} if outcome is None else outcome["facts"]
    queued = _last(now, "delivery.queued", "delivery.republished")
    vouched = _last(steps, "delivery.confirmed")
    accepted_at = str(application["accepted_at"])
    worker = str(delivery["worker"] or _actor(claim))
    at_worker = [*_event("delivery.claimed", claim)]
    at_worker += [
        (word, str(facts[f"{word}_at"])) for word in ("opened",) if facts.get(f"{word}_at")
    ]
    at_core = [
        (word, str(facts[f"{word}_at"])) for word in ("sent", "answered") if facts.get(f"{word}_at")
    ]
    at_core += _event("delivery.confirmed", vouched)
    if delivery["state"] == "delivered" and not vouched:
        at_core += _event("delivery.delivered", _last(now, "delivery.delivered"))
    back = [
        (step["action"], str(step["at"]))
        for step in steps
        if step["action"] in ("feedback.received", "webhook.sent", "webhook.failed")
    ]
    places: list[tuple[str, str, list[tuple[str, str]]]] = [
        ("front_end", str(application["client"]), []),
        ("gateway", "", [("accepted", accepted_at)]),
        ("broker", "", _event("delivery.queued", queued)),
        ("worker", worker, at_worker),
        ("core", str(delivery["destination"]), at_core),
        ("back", "", back),
    ]
    return _hops(places, str(delivery["state"]))


def _hops(places: Sequence[tuple[str, str, list[tuple[str, str]]]], state: str) -> list[Hop]:
    hops: list[Hop] = []
    last: str | None = None
    is_past = False
    for place, name, events in places:
        took_s = None if last is None or not events else _between(last, events[0][1])
        if events or place == "front_end":
            look = "reached"
            last = events[-1][1] if events else last
        elif is_past or place == "back":
            look = ""
        else:
            is_past = True
            look = "stopped" if state in _STANDS_STILL else "waiting"
        if place == "core" and events and state in _STANDS_STILL:
            look = "stopped"
        hops.append(Hop(place=place, name=name, events=tuple(events), took_s=took_s, look=look))
    return hops


def attempts_of(delivery: Mapping[str, Any], application: Mapping[str, Any]) -> list[Attempt]:
    """Return every attempt of a delivery, first to last, with what it came to."""
    by_number: dict[int, list[Step]] = {}
    for step in _steps_of(delivery, application):
        number = step["facts"].get("attempt")
        if isinstance(number, int) and (
            step["action"] in _ENDS or step["action"] == "delivery.claimed"
        ):
            by_number.setdefault(number, []).append(step)
    return [_attempt(number, steps) for number, steps in sorted(by_number.items())]


def _attempt(number: int, steps: Sequence[Step]) -> Attempt:
    claim = _last(steps, "delivery.claimed")
    end = _last(steps, *_ENDS)
    facts: Mapping[str, Any] = {} if end is None else end["facts"]
    code = facts.get("code")
    sent, answered = facts.get("sent_at"), facts.get("answered_at")
    return Attempt(
        number=number,
        began_at=str((claim or steps[0])["at"]),
        ended_at=None if end is None else str(end["at"]),
        worker=_actor(claim) or None,
        action=None if end is None else str(end["action"]),
        code=None if code is None else str(code),
        pointer=facts.get("pointer"),
        due_at=facts.get("due_at"),
        sending_s=_between(str(sent), str(answered)) if sent and answered else None,
        advice=None if code is None else said_of(str(code)),
    )


def said_of(code: str) -> Mapping[str, Mapping[str, str]]:
    """Return what a code means and what to do about it, by language."""
    advice = advice_on(code)
    return {
        "happened": {"ja": advice.happened[0], "en": advice.happened[1]},
        "action": {"ja": advice.action[0], "en": advice.action[1]},
    }


def whole_s(delivery: Mapping[str, Any], application: Mapping[str, Any]) -> float | None:
    """Return the seconds from acceptance to arrival; ``None`` if it has not arrived."""
    arrived = _last(_steps_of(delivery, application), "delivery.delivered", "delivery.confirmed")
    if arrived is None or delivery["state"] != "delivered":
        return None
    return _between(str(application["accepted_at"]), str(arrived["at"]))


def _steps_of(delivery: Mapping[str, Any], application: Mapping[str, Any]) -> list[Step]:
    return [step for step in application["timeline"] if step["delivery"] == delivery["id"]]


def _last(steps: Sequence[Step], *actions: str) -> Step | None:
    return next((step for step in reversed(steps) if step["action"] in actions), None)


def _event(word: str, step: Step | None) -> list[tuple[str, str]]:
    return [] if step is None else [(word, str(step["at"]))]


def _actor(step: Step | None) -> str:
    return "" if step is None else str(step["actor"]).partition(":")[2]


def _between(earlier: str, later: str) -> float:
    """Return seconds; two clocks may disagree, so less than none is none."""
    spent = datetime.fromisoformat(later) - datetime.fromisoformat(earlier)
    return max(0.0, spent.total_seconds())
