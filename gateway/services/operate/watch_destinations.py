"""Everything an operator wants to know of destinations at a glance, and having one checked."""

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Final

from gateway.audit.verify import read
from gateway.crypto.at_rest import WordsAtRest
from gateway.domain.claim import BreakerState, Heartbeat
from gateway.domain.control import CheckAsked
from gateway.domain.entry import Action, Actor, Entry
from gateway.domain.identifiers import DestinationName
from gateway.domain.lifecycle import State
from gateway.domain.window import JST
from gateway.ports.audit_log import EntryFilter, FoundEntry
from gateway.ports.clock import Clock
from gateway.ports.journal import Journal
from gateway.services.destinations import CHECK_S, Destinations
from gateway.services.down_since import down_since
from gateway.services.flow import Flow
from gateway.services.operate.refusals import NotFoundError, OperationError
from gateway.services.track import words_of

_WEEK: Final = 7
_HISTORY: Final = 20
RETRYING: Final = 1_000
"""Deliveries that are looked at to tell why they are tried again; whoever looks waits for it."""
_PAGE: Final = 200
_MOST_PAGES: Final = 5
"""A municipality's last 1,000 changes: who wants older ones searches the audit log."""
_WAITING: Final = (State.PENDING, State.QUEUED, State.SENDING, State.RETRYING)
_WORST: Final = (BreakerState.OPEN, BreakerState.HALF_OPEN, BreakerState.CLOSED)


class WatchDestinations:
    """Shows how destinations fare; changes nothing but what is asked of their workers."""

    def __init__(
        self,
        *,
        destinations: Destinations,
        adapters: Mapping[DestinationName, str],
        journal: Journal,
        flow: Flow,
        clock: Clock,
        at_rest: WordsAtRest,
    ) -> None:
        """Keep what it works with; opens nothing. ``adapters`` are the configured ones' names."""
        self._destinations = destinations
        self._adapters = adapters
        self._journal = journal
        self._flow = flow
        self._clock = clock
        self._at_rest = at_rest

    async def all(self) -> list[dict[str, object]]:
        """Return every configured destination: how it stands, and what came of its last hour.

        Returns:
            Of each ``destination``; ``municipality``; ``adapter`` (its configured name);
            ``adapters`` and ``versions`` (of its living workers); ``health`` (``well``,
            ``partly``, ``not_well`` or ``no_worker``); ``said`` (of those that are not
            well); ``breaker`` (the worst of its workers', ``None`` without any); ``down_since``,
            ``down_s``, ``trial_at`` (since when that is not closed, and when its core system is
            asked next; ``None`` where it is, or is not known); ``hold``, ``opens_at``; ``paused``
            (``by``, ``at``, ``reason``; or ``None``); ``workers`` (how many live); ``waiting``,
            ``parked``, ``in_doubt`` (how many); ``oldest_at`` (acceptance of the oldest that
            waits); ``hour`` (``accepted``, ``delivered``, … as ``flow.totals``; ``None`` if nothing
            went there).
        """
        await self._destinations.refresh()
        return await self._lines(self._destinations)

    async def one(self, destination: str) -> dict[str, object]:
        """Return one destination as ``all`` does, and more of it.

        Returns:
            Beside those: ``workers_alive`` (each with ``worker``, ``version``, ``adapter``,
            ``breaker``, ``healthy``, ``checked_at``, ``said``, ``in_flight``), ``week`` (from
            today on in Japan: ``day`` and its ``openings`` in minutes since midnight) and
            ``check`` (as ``check`` returns it; ``None`` if nobody ever asked for one).

        Raises:
            NotFoundError: It is not configured.
        """
        name = self._known(destination)
        await self._destinations.refresh()
        [line] = await self._lines([name])
        return {
            **line,
            "workers_alive": [_worker(beat) for beat in self._destinations.alive(name)],
            "week": self._week(name),
            "check": self._check(name),
        }

    async def check(self, destination: str, *, actor: Actor) -> dict[str, object]:
        """Have the living workers check their core system; their answers come in a few seconds.

        A worker of an earlier release does not hear of it. Whoever asks while the last request
        still waits for an answer gets that one.

        Returns:
            ``asked_at``, ``asked_by``; ``waits`` (whether an answer is missing and may still
            come); ``workers``: of each living one ``worker``, ``answered``, and then
            ``healthy``, ``checked_at`` and ``said``.

        Raises:
            NotFoundError: It is not configured.
            OperationError: None of its workers lives.
        """
        name = self._known(destination)
        await self._destinations.refresh()
        alive = self._destinations.alive(name)
        if not alive:
            raise OperationError(f"{name}: no worker lives that could check it")
        known = self._check(name)
        if known is not None and known["waits"]:
            return known
        now = self._clock.now()
        await self._journal.ask_check(
            CheckAsked(destination=name, asked_at=now, asked_by=actor.name),
            Entry(
                action=Action.DESTINATION_CHECKED,
                at=now,
                actor=actor,
                municipality=self._destinations[name].municipality,
                facts={"destination": name, "workers": len(alive)},
            ),
        )
        await self._destinations.refresh()
        return self._check(name) or {}

    async def history(self, destination: str, *, actor: Actor) -> list[dict[str, object]]:
        """Return the last twenty changes and checks, latest first; reading them is an entry.

        Returns:
            Of each ``at``, ``by``, ``action``, ``facts`` and ``reason`` (``None`` where there is
            none, or nobody can read it any more).

        Raises:
            NotFoundError: It is not configured.
        """
        name = self._known(destination)
        municipality = self._destinations[name].municipality
        where = EntryFilter(
            actions=frozenset({Action.DESTINATION_CHANGED, Action.DESTINATION_CHECKED}),
            municipality=municipality,
        )
        found: list[dict[str, object]] = []
        before: int | None = None
        for _ in range(_MOST_PAGES):
            page = await self._journal.find_entries(where, before=before, limit=_PAGE)
            found += [change for entry in page if (change := _change(entry, name)) is not None]
            if len(page) < _PAGE or len(found) >= _HISTORY:
                break
            before = page[-1].position
        read_it = Entry(
            action=Action.LOG_READ,
            at=self._clock.now(),
            actor=actor,
            municipality=municipality,
            facts={"purpose": "destination.history"},
        )
        await self._journal.record([read_it])
        return found[:_HISTORY]

    async def retrying(self, destination: str) -> list[dict[str, object]]:
        """Return for which codes deliveries are tried again: of the last thousand that are.

        Returns:
            Of each ``code`` (``None`` where there is none), ``deliveries`` and ``last_at``, the
            most frequent first.

        Raises:
            NotFoundError: It is not configured.
        """
        name = self._known(destination)
        found = await self._journal.retrying_codes(name, at_most=RETRYING)
        return [
            {"code": each.code, "deliveries": each.deliveries, "last_at": _iso(each.last_at)}
            for each in found
        ]

    async def _lines(self, names: Iterable[DestinationName]) -> list[dict[str, object]]:
        counts, oldest = await asyncio.gather(self._journal.counts(), self._journal.oldest())
        found: list[dict[str, object]] = []
        for name in names:
            total = self._flow.total(name)
            line = self._line(name, counts.get(name, {}), oldest.get(name, {}))
            found.append({**line, "hour": None if total is None else asdict(total)})
        return found

    def _line(
        self,
        name: DestinationName,
        counts: Mapping[State, int],
        oldest: Mapping[State, datetime],
    ) -> dict[str, object]:
        alive, hold = self._destinations.alive(name), self._destinations.hold(name)
        control, policy = self._destinations.control(name), self._destinations[name]
        since = [oldest[state] for state in _WAITING if state in oldest]
        states = {beat.breaker for beat in alive}
        down = down_since(name, self._destinations, self._flow)
        return {
            "destination": name,
            "municipality": policy.municipality,
            "adapter": self._adapters.get(name),
            "adapters": sorted({beat.adapter for beat in alive}),
            "versions": sorted({beat.version for beat in alive}),
            "health": _health(alive),
            "said": sorted({beat.said for beat in alive if not beat.healthy and beat.said}),
            "breaker": next((state.value for state in _WORST if state in states), None),
            "down_since": None if down is None else _iso(down.since),
            "down_s": None if down is None else _age_s(down.since, self._clock.now()),
            "trial_at": None if down is None else _iso(down.trial_at),
            "hold": None if hold is None else hold.code,
            "opens_at": None if hold is None else _iso(hold.until),
            "paused": None
            if control is None or not policy.paused
            else {
                "by": control.changed_by,
                "at": _iso(control.changed_at),
                "reason": self._at_rest.open(control.reason),
            },
            "workers": len(alive),
            "waiting": sum(counts.get(state, 0) for state in _WAITING),
            "oldest_at": _iso(min(since)) if since else None,
            "parked": counts.get(State.PARKED, 0),
            "in_doubt": counts.get(State.IN_DOUBT, 0),
        }

    def _week(self, name: DestinationName) -> list[dict[str, object]]:
        window, today = self._destinations[name].window, self._clock.now().astimezone(JST).date()
        days = (today + timedelta(days=ahead) for ahead in range(_WEEK))
        return [
            {
                "day": day.isoformat(),
                "weekday": day.weekday(),
                "openings": [
                    [opening.start, opening.end]
                    for opening in sorted(window.openings_on(day), key=lambda each: each.start)
                ],
            }
            for day in days
        ]

    def _check(self, name: DestinationName) -> dict[str, object] | None:
        asked = self._destinations.check_asked(name)
        if asked is None:
            return None
        answers = [_answer(beat, asked) for beat in self._destinations.alive(name)]
        age_s = (self._clock.now() - asked.asked_at).total_seconds()
        is_open = not all(answer["answered"] for answer in answers)
        return {
            "asked_at": _iso(asked.asked_at),
            "asked_by": asked.asked_by,
            "waits": is_open and 0 <= age_s <= CHECK_S,
            "workers": answers,
        }

    def _known(self, destination: str) -> DestinationName:
        if destination not in self._destinations:
            known = ", ".join(self._destinations) or "none"
            raise NotFoundError(f"no destination of this name: {destination} (known: {known})")
        return DestinationName(destination)


def _health(alive: list[Heartbeat]) -> str:
    """Return a destination's health in one word: whether something can be sent there."""
    if not alive:
        return "no_worker"
    if not any(beat.healthy for beat in alive):
        return "not_well"
    return "well" if all(beat.healthy for beat in alive) else "partly"


def _worker(beat: Heartbeat) -> dict[str, object]:
    return {
        "worker": beat.worker,
        "version": beat.version,
        "adapter": beat.adapter,
        "breaker": beat.breaker.value,
        "healthy": beat.healthy,
        "checked_at": _iso(beat.checked_at),
        "said": beat.said,
        "in_flight": beat.in_flight,
    }


def _answer(beat: Heartbeat, asked: CheckAsked) -> dict[str, object]:
    if beat.answers != asked.asked_at:
        return {"worker": beat.worker, "answered": False}
    return {
        "worker": beat.worker,
        "answered": True,
        "healthy": beat.healthy,
        "checked_at": _iso(beat.checked_at),
        "said": beat.said,
    }


def _change(found: FoundEntry, name: DestinationName) -> dict[str, object] | None:
    """Return an entry as a line of a destination's history; ``None`` if it is another's."""
    entry = read(found.entry.data)
    if entry["facts"].get("destination") != name:
        return None
    sealed = entry.get("detail")
    words = (None if sealed is None else words_of(sealed, found.detail_key)) or {}
    return {
        "at": entry["at"],
        "by": entry["actor"]["name"],
        "action": entry["action"],
        "facts": {key: value for key, value in entry["facts"].items() if key != "destination"},
        "reason": words.get("reason"),
    }


def _age_s(since: datetime, now: datetime) -> float:
    return round(max(0.0, (now - since).total_seconds()), 1)


def _iso(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat(timespec="milliseconds")
