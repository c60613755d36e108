"""Count what the sealed log says of a period, for the people who watch over it."""

import json
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

from gateway.audit import checkpoint as checkpoints
from gateway.audit import note
from gateway.domain.entry import Action, Actor, ActorKind, Entry
from gateway.domain.identifiers import DestinationName, MunicipalityCode
from gateway.ports.clock import Clock
from gateway.ports.journal import Journal
from gateway.services.observe_clock import JUMP_MS
from gateway.services.operate.refusals import NotFoundError, OperationError
from gateway.services.operate.selection import parse_moment
from gateway.services.operate.whole_log import Turn

MOST_EVENTS: Final = 500
"""How many events of one kind are told one by one; further ones are only counted."""

_HERE: Final = ZoneInfo("Asia/Tokyo")
_AT: Final = b',"at":"'
"""Stands once in an entry: quotes inside of its strings are escaped."""

_TIME_BYTES: Final = len("2026-11-23T01:02:03.004Z")
_DENIALS: Final = frozenset(
    {
        Action.APPLICATION_REFUSED,
        Action.REQUESTS_DENIED,
        Action.SESSION_REFUSED,
        Action.OPERATION_DENIED,
        Action.DELIVERY_CLAIM_REFUSED,
        Action.MESSAGE_REFUSED,
    }
)
_KEYS: Final = frozenset(
    {
        Action.ACCOUNT_CHANGED,
        Action.CLIENT_KEY_ADDED,
        Action.CLIENT_KEY_REVOKED,
        Action.KEY_MADE,
        Action.KEY_CHANGED,
        Action.KEY_GONE,
        Action.LOG_RESTORED,
        Action.DETAIL_SHREDDED,
    }
)

_TOLD_EVERY: Final = 4096

Members = Mapping[str, Any]

Told = Callable[[int, int], None]
"""Told how many sealed entries were read so far, and of how many."""


class ReportLog:
    """Reads every sealed entry once; memory grows with what differs, not with the log."""

    def __init__(
        self,
        *,
        journal: Journal,
        destinations: Mapping[DestinationName, MunicipalityCode],
        clock: Clock,
        turn: Turn | None = None,
    ) -> None:
        """Keep what it works with; opens nothing.

        Args:
            journal: Where the log is.
            destinations: Whose each of them is.
            clock: The time of day.
            turn: Shared with whoever else reads the whole log.
        """
        self._turn = turn or Turn()
        self._journal = journal
        self._destinations = destinations
        self._clock = clock

    async def __call__(
        self,
        since: str,
        until: str,
        *,
        municipality: str | None = None,
        actor: Actor,
        told: Told | None = None,
    ) -> dict[str, object]:
        """Return the figures of a period.

        Args:
            since: From this time on; ISO 8601, Japan's time if it names no other.
            until: Until before this time.
            municipality: Only what concerns this one, and what concerns the gateway itself.
            actor: Who asks.
            told: Told how far it is.

        Returns:
            ``log`` (``origin``, ``size``, ``root``, ``checkpoint``), ``period``, and the members
            of ``Figures``.

        Raises:
            NotFoundError: The log was never sealed.
            OperationError: That is no period, or somebody reads the whole log.
        """
        begin, end = parse_moment("since", since), parse_moment("until", until)
        if begin is None or end is None or begin >= end:
            raise OperationError("since must be before until: nothing happened between them")
        head = await self._journal.log_head()
        if head is None:
            raise NotFoundError("the log was never sealed; start a gateway")
        known = municipality in self._destinations.values()
        noted = Entry(
            action=Action.LOG_READ,
            at=self._clock.now(),
            actor=actor,
            municipality=MunicipalityCode(municipality) if municipality and known else None,
            facts={
                "purpose": "report",
                "size": head.size,
                "since": _text(begin),
                "until": _text(end),
            },
        )
        # First: whoever reads and then ends this process has left it.
        await self._journal.record([noted])
        figures = Figures(self._concerns(municipality))
        with self._turn:
            await self._count(figures, (begin, end), head.size, told)
        return {
            "log": {
                "origin": checkpoints.parse(note.parse(head.checkpoint.encode()).text).origin,
                "size": head.size,
                "root": head.root.hex(),
                "checkpoint": head.checkpoint,
                "sealed_at": _text(head.sealed_at),
            },
            "period": {"since": _text(begin), "until": _text(end), "municipality": municipality},
            **figures.view(),
        }

    async def _count(
        self, figures: "Figures", period: tuple[datetime, datetime], size: int, told: Told | None
    ) -> None:
        first, last = (_text(at).encode() for at in period)
        index = 0
        async for entry in self._journal.sealed_entries():
            if index >= size:
                break
            start = entry.data.find(_AT) + len(_AT)
            if first <= entry.data[start : start + _TIME_BYTES] < last:
                figures.take(index, entry.data)
            index += 1
            if told is not None and index % _TOLD_EVERY == 0:
                told(index, size)

    def _concerns(self, municipality: str | None) -> Callable[[Members], bool]:
        if municipality is None:
            return lambda _: True

        def concerns(entry: Members) -> bool:
            if (own := entry.get("municipality")) is not None:
                return bool(own == municipality)
            destination = entry["facts"].get("destination")
            return destination is None or self._destinations.get(destination) == municipality

        return concerns


@dataclass(slots=True)
class Figures:
    """What is counted.

    Attributes:
        concerns: Whether an entry is one to count.
        entries: How many there are.
        unreadable: How many cannot be read; verification says why.
        actions: How many of each.
        days: Day in Japan and procedure to how many were accepted.
        outcomes: Day and action, of those that end a delivery's attempt or refuse an application.
        denials: Action, code and who to how many.
        openings: Destination and worker to how often it was given the right to open.
        reads: Who read the log, and what for, to how often.
        decisions: Operator and action to how often.
        keys: Key operations, one by one.
        changes: Changes of configuration, one by one.
        jumps: Clocks that were set, one by one.
        clocks: Each node's observations.
    """

    concerns: Callable[[Members], bool]
    entries: int = 0
    unreadable: int = 0
    actions: Counter[str] = field(default_factory=Counter)
    days: Counter[tuple[str, str]] = field(default_factory=Counter)
    outcomes: Counter[tuple[str, str]] = field(default_factory=Counter)
    denials: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    openings: Counter[tuple[str, str]] = field(default_factory=Counter)
    reads: Counter[tuple[str, str]] = field(default_factory=Counter)
    decisions: Counter[tuple[str, str]] = field(default_factory=Counter)
    keys: list[dict[str, object]] = field(default_factory=list)
    changes: list[dict[str, object]] = field(default_factory=list)
    jumps: list[dict[str, object]] = field(default_factory=list)
    clocks: dict[str, dict[str, int]] = field(default_factory=dict)
    _untold: Counter[str] = field(default_factory=Counter)
    _configurations: dict[str, object] = field(default_factory=dict)

    def take(self, index: int, data: bytes) -> None:
        """Count one entry."""
        try:
            entry: Members = json.loads(data)
            if self.concerns(entry):
                self._count(index, entry)
        except (ValueError, KeyError, TypeError, AttributeError):
            self.unreadable += 1

    def _count(self, index: int, entry: Members) -> None:
        action, actor, facts = entry["action"], entry["actor"], entry["facts"]
        who = str(actor["name"])
        day = datetime.fromisoformat(entry["at"]).astimezone(_HERE).date().isoformat()
        self.entries += 1
        self.actions[action] += 1
        if action == Action.APPLICATION_ACCEPTED:
            self.days[day, str(facts["procedure"])] += 1
        elif action == Action.DELIVERY_CLAIMED:
            self.openings[str(facts["destination"]), who] += 1
        elif action == Action.LOG_READ:
            self.reads[who, str(facts["purpose"])] += 1
        elif action == Action.CLOCK_OBSERVED:
            self._count_clock(index, entry, int(facts["moved_ms"]), facts["synchronised"])
        if action in _DENIALS:
            self.denials[action, str(facts.get("code") or facts["operation"]), who] += int(
                facts.get("count", 1)
            )
        if action in {
            Action.APPLICATION_REFUSED,
            Action.DELIVERY_DELIVERED,
            Action.DELIVERY_PARKED,
            Action.DELIVERY_IN_DOUBT,
        }:
            self.outcomes[day, action] += 1
        if actor["kind"] == ActorKind.OPERATOR and action != Action.LOG_READ:
            self.decisions[who, action] += 1
        if action in _KEYS:
            self._tell("keys", self.keys, _event(index, entry))
        if action == Action.DESTINATION_CHANGED or self._is_reconfigured(entry):
            self._tell("changes", self.changes, _event(index, entry))

    def _count_clock(self, index: int, entry: Members, moved_ms: int, synchronised: object) -> None:
        node = self.clocks.setdefault(
            entry["node"], {"observed": 0, "most_moved_ms": 0, "unsynchronised": 0}
        )
        node["observed"] += 1
        node["most_moved_ms"] = max(node["most_moved_ms"], abs(moved_ms))
        node["unsynchronised"] += synchronised is not True
        if abs(moved_ms) > JUMP_MS:
            self._tell("jumps", self.jumps, _event(index, entry))

    def _is_reconfigured(self, entry: Members) -> bool:
        """Whether a gateway started with another configuration than in the period before."""
        if entry["action"] != Action.NODE_STARTED:
            return False
        now = entry["facts"].get("configuration")
        before = self._configurations.get(entry["node"], now)
        self._configurations[entry["node"]] = now
        return bool(before != now)

    def _tell(self, kind: str, events: list[dict[str, object]], event: dict[str, object]) -> None:
        if len(events) < MOST_EVENTS:
            events.append(event)
        else:
            self._untold[kind] += 1

    def view(self) -> dict[str, object]:
        """Return the figures as JSON has them, tables as rows in a fixed order."""
        return {
            "entries": self.entries,
            "unreadable": self.unreadable,
            "actions": dict(sorted(self.actions.items())),
            "volumes": _rows(self.days, "day", "procedure"),
            "outcomes": _rows(self.outcomes, "day", "action"),
            "denials": _rows(self.denials, "action", "code", "actor"),
            "openings": _rows(self.openings, "destination", "worker"),
            "reads": _rows(self.reads, "actor", "purpose"),
            "decisions": _rows(self.decisions, "actor", "action"),
            "keys": self.keys,
            "changes": self.changes,
            "clocks": [{"node": node, **self.clocks[node]} for node in sorted(self.clocks)],
            "jumps": self.jumps,
            "untold": dict(self._untold),
        }


def _rows(counted: Counter[Any], *names: str) -> list[dict[str, object]]:
    return [
        {**dict(zip(names, key, strict=True)), "count": counted[key]} for key in sorted(counted)
    ]


def _event(index: int, entry: Members) -> dict[str, object]:
    return {
        "index": index,
        "at": entry["at"],
        "action": entry["action"],
        "actor": entry["actor"]["name"],
        "node": entry["node"],
        "facts": {name: value for name, value in entry["facts"].items() if value is not None},
    }


def _text(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="milliseconds").removesuffix("+00:00") + "Z"
