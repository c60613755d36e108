"""Is everything well? Every part's standing at one instant, and what a person should do first."""

import asyncio
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

from gateway.domain.claim import BreakerState, Heartbeat
from gateway.domain.identifiers import DestinationName
from gateway.domain.lifecycle import NEEDS_A_PERSON, UNFINISHED, State
from gateway.domain.repair import ReplayState, WaitingFilter, WaitingGroup
from gateway.ports.clock import Clock
from gateway.ports.journal import Journal
from gateway.services.destinations import Destinations
from gateway.services.down_since import down_since
from gateway.services.flow import Flow
from gateway.services.flow_ring import Counted
from gateway.services.operate.look import Look
from gateway.services.operate.selection import group_id
from gateway.services.operate.show_workers import gone_workers
from gateway.services.operate.silent_gateways import SilentGateways
from gateway.services.watch_growth import bytes_a_day

WAITING: Final = UNFINISHED - NEEDS_A_PERSON
"""On their way, or about to be."""

RECENT_MINUTES: Final = 5
"""What a rate per minute is the mean of."""

LATE_S: Final = 3600.0
"""A destination that is open, and whose oldest delivery has waited for longer, is worth a look."""

NOT_SEALED_S: Final = 60.0
"""Entries get their index within a second; after a minute somebody must look why they do not."""

DISK_BAD_DAYS: Final = 3.0
DISK_WARN_DAYS: Final = 14.0
DISK_BAD_SHARE: Final = 0.05
"""Of the disk; whatever flows, a database must not come near its end."""

_HOUR: Final = 60

_OPERATED: Final = "destination.paused"
_UNAVAILABLE: Final = "destination.unavailable"


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that is not well.

    Attributes:
        code: What; one of ``FINDINGS``.
        subject: Which destination, client or worker, if it is one's.
        number: How many, or how long in days or seconds, as the code says.
        since: Since when, ISO 8601, where that is known.
        trial_at: When what is down is tried next, ISO 8601, where that is known.
        most: Of what waits for a person, the largest group.
    """

    code: str
    subject: str | None = None
    number: float | None = None
    since: str | None = None
    trial_at: str | None = None
    most: WaitingGroup | None = None


FINDINGS: Final[Mapping[str, str]] = {
    "disk_ends": "bad",
    "log_not_sealed": "bad",
    "broker_down": "bad",
    "in_doubt": "bad",
    "core_down": "bad",
    "no_worker": "bad",
    "parked": "bad",
    "replay_halted": "bad",
    "approval": "warn",
    "late": "warn",
    "paused": "warn",
    "webhook_disabled": "warn",
    "webhook_failing": "warn",
    "core_unwell": "warn",
    "in_doubt_asked": "warn",
    "gateway_silent": "warn",
    "worker_gone": "warn",
    "other_version": "warn",
    "disk_fills": "warn",
}
"""Code to how bad it is, in the order in which a person should see to them."""


class ShowOverview:
    """Looks at everything that can be asked quickly; changes nothing."""

    def __init__(  # noqa: PLR0913 - the composition root names each
        self,
        *,
        look: Look,
        journal: Journal,
        destinations: Destinations,
        flow: Flow,
        clock: Clock,
        version: str,
        disk: Path | None,
        disk_bytes: int | None = None,
        is_connected: Callable[[], bool] | None = None,
    ) -> None:
        """Keep what it works with; opens nothing.

        Args:
            look: Tells what stands in the journal.
            journal: Where the log and the totals are.
            destinations: As they stand now.
            flow: What all gateways count.
            clock: The time of day.
            version: Of this gateway; workers of another one are told of.
            disk: A file or folder on the journal's disk; ``None`` if that is another machine's.
            disk_bytes: What the journal may take there, as configured; for another machine's.
            is_connected: Whether the broker could carry something; ``None`` where nobody asks it.
        """
        self._look = look
        self._journal = journal
        self._destinations = destinations
        self._flow = flow
        self._clock = clock
        self._version = version
        self._disk = disk
        self._disk_bytes = disk_bytes
        self._is_connected = is_connected
        self._silent = SilentGateways(journal=journal, clock=clock)

    async def __call__(self) -> dict[str, Any]:
        """Return how everything stands.

        Returns:
            ``node``, ``version``, ``workers`` and ``webhooks``. ``destinations``: beside what
            ``track.destination_view`` returns ``waiting`` (how many), ``oldest_at``, ``oldest_s``,
            ``workers`` (how many live), ``breaker`` (``None`` where none lives), ``healthy``
            (whether a worker's last check reached the core system; likewise), ``down_since``,
            ``down_s`` and ``trial_at`` (since when its core system is down, and when it is tried
            next, as workers say; ``None`` where it is not, or none says so), ``in_per_min``
            and ``out_per_min`` (mean of the last five minutes, of all gateways). ``totals``:
            ``parked``, ``in_doubt``, ``waiting``, ``oldest_s``, and of the last hour
            ``outcomes``, ``failed`` and ``error_rate`` (0 to 1, ``None`` without any). ``log``:
            ``size``, ``unsealed``, ``seal_age_s``, ``anchor_age_s``. ``storage``: ``bytes``,
            ``free_bytes``, ``disk_bytes``, ``bytes_a_day``, ``days_left``, ``None`` each where it
            is not known. ``broker``: whether it is connected, ``None`` if nobody asks.
            ``findings``: ``code``, ``level`` (``bad``, ``warn``), ``subject``, ``number``,
            ``since`` and ``trial_at`` (of a core system that is down, when it is tried next; each
            ``None`` where it is not known) and ``most`` (of what waits for a person, the largest
            group: ``group``, ``destination``, ``code``, ``deliveries``), what is worst
            first; ``verdict``: ``well``, ``warn`` or ``bad``.
        """
        seen, oldest, log, storage = await asyncio.gather(
            self._look.overview(), self._journal.oldest(), self._log(), self._storage()
        )
        view: dict[str, Any] = {**seen}
        now = self._clock.now()
        flowed = self._flow.counts(RECENT_MINUTES)
        view["destinations"] = [
            {**each, **self._standing(each, oldest, flowed, now)} for each in view["destinations"]
        ]
        view["version"] = self._version
        view["totals"] = self._totals(view["destinations"])
        view["log"], view["storage"] = log, storage
        view["broker"] = None if self._is_connected is None else self._is_connected()
        order = list(FINDINGS)
        found = [*_findings(view), *_gone(view, now), *await self._undecided()]
        found += [
            Finding("gateway_silent", node, since=at.isoformat(timespec="seconds"))
            for node, at in (await self._silent()).items()
        ]
        found = [explained for each in found for explained in await self._explained(each)]
        found.sort(key=lambda each: order.index(each.code))
        view["findings"] = [
            {
                "code": each.code,
                "level": FINDINGS[each.code],
                "subject": each.subject,
                "number": each.number,
                "since": each.since,
                "trial_at": each.trial_at,
                "most": None if each.most is None else _group(each.most),
            }
            for each in found
        ]
        levels = {FINDINGS[each.code] for each in found}
        view["verdict"] = next((level for level in ("bad", "warn") if level in levels), "well")
        return view

    async def _undecided(self) -> list[Finding]:
        """Return what somebody began and another decision must go on with."""
        orders, requests = await asyncio.gather(
            self._journal.replay_orders(), self._journal.approvals(waiting=True)
        )
        halted = [order for order in orders if order.state == ReplayState.HALTED]
        asked = [each.requested_at for each in requests if each.expires_at > self._clock.now()]
        found = []
        if halted:
            since = min(order.ordered_at for order in halted)
            found.append(
                Finding(
                    "replay_halted", number=len(halted), since=since.isoformat(timespec="seconds")
                )
            )
        if asked:
            since = min(asked)
            found.append(
                Finding("approval", number=len(asked), since=since.isoformat(timespec="seconds"))
            )
        return found

    async def _explained(self, finding: Finding) -> list[Finding]:
        """Return what waits for a person with its largest group, and since when it waits.

        What a worker is going to look up waits for nobody: no page lists it as something to do.
        """
        if finding.code not in NEEDS_A_PERSON:
            return [finding]
        states = frozenset({State(finding.code)})
        groups = await self._journal.waiting_groups(WaitingFilter(states=states))
        waiting = sum(group.deliveries for group in groups)
        # The totals and the groups are read one after the other: the groups are the later truth.
        asked = max(0, round(finding.number or 0) - waiting)
        found = []
        if groups:
            since = min(group.first_at for group in groups).isoformat(timespec="seconds")
            most = max(groups, key=lambda group: group.deliveries)
            found.append(replace(finding, number=waiting, since=since, most=most))
        if asked and finding.code == State.IN_DOUBT:
            found.append(Finding("in_doubt_asked", number=asked))
        return found

    def _standing(
        self,
        view: Mapping[str, Any],
        oldest: Mapping[DestinationName, Mapping[State, datetime]],
        flowed: Mapping[DestinationName, Sequence[int]],
        now: datetime,
    ) -> dict[str, Any]:
        name = view["destination"]
        since = min(
            (at for state, at in oldest.get(name, {}).items() if state in WAITING), default=None
        )
        alive = self._destinations.alive(name) if view["configured"] else []
        counts = flowed.get(name)
        down = down_since(name, self._destinations, self._flow) if view["configured"] else None
        return {
            "waiting": sum(view["deliveries"].get(state.value, 0) for state in WAITING),
            "oldest_at": None if since is None else since.isoformat(timespec="seconds"),
            "oldest_s": None if since is None else max(0.0, (now - since).total_seconds()),
            "workers": len(alive),
            "breaker": _breaker(alive),
            "healthy": None if not alive else any(beat.healthy for beat in alive),
            "down_since": None if down is None else down.since.isoformat(timespec="seconds"),
            "down_s": None if down is None else max(0.0, (now - down.since).total_seconds()),
            "trial_at": None
            if down is None or down.trial_at is None
            else down.trial_at.isoformat(timespec="seconds"),
            "in_per_min": 0.0 if counts is None else counts[Counted.ACCEPTED] / RECENT_MINUTES,
            "out_per_min": 0.0 if counts is None else counts[Counted.DELIVERED] / RECENT_MINUTES,
        }

    def _totals(self, destinations: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
        hour = self._flow.counts(_HOUR).values()
        failed = sum(
            each[Counted.REJECTED] + each[Counted.DEFERRED] + each[Counted.IN_DOUBT]
            for each in hour
        )
        outcomes = failed + sum(each[Counted.DELIVERED] for each in hour)
        ages = [each["oldest_s"] for each in destinations if each["oldest_s"] is not None]
        return {
            **{
                state.value: sum(each["deliveries"].get(state.value, 0) for each in destinations)
                for state in (State.PARKED, State.IN_DOUBT)
            },
            "waiting": sum(each["waiting"] for each in destinations),
            "oldest_s": max(ages, default=None),
            "outcomes": outcomes,
            "failed": failed,
            "error_rate": failed / outcomes if outcomes else None,
        }

    async def _log(self) -> dict[str, Any]:
        head, unsealed = await asyncio.gather(self._journal.log_head(), self._journal.unsealed())
        age = None if head is None else (self._clock.now() - head.sealed_at).total_seconds()
        return {
            "size": 0 if head is None else head.size,
            "unsealed": unsealed,
            "seal_age_s": None if age is None else max(0.0, age),
            # Nothing outside is told of the log yet.
            "anchor_age_s": None,
        }

    async def _storage(self) -> dict[str, Any]:
        size, sizes = await asyncio.gather(self._journal.size_bytes(), self._journal.sizes())
        disk = None if self._disk is None else await asyncio.to_thread(_usage, self._disk)
        if disk is None and self._disk_bytes is not None:
            disk = self._disk_bytes, max(0, self._disk_bytes - size)
        a_day = bytes_a_day(sizes, self._clock.now(), size)
        free = None if disk is None else disk[1]
        return {
            "bytes": size,
            "disk_bytes": None if disk is None else disk[0],
            "free_bytes": free,
            "bytes_a_day": a_day,
            "days_left": None if free is None or not a_day else free / a_day,
        }


def _group(group: WaitingGroup) -> dict[str, object]:
    return {
        "group": group_id(group),
        "destination": group.destination,
        "code": group.code,
        "deliveries": group.deliveries,
    }


def _findings(view: Mapping[str, Any]) -> Iterator[Finding]:
    totals, log, storage = view["totals"], view["log"], view["storage"]
    for state in (State.PARKED, State.IN_DOUBT):
        if totals[state.value]:
            yield Finding(state.value, number=totals[state.value])
    if log["unsealed"] and (log["seal_age_s"] or 0.0) > NOT_SEALED_S:
        yield Finding("log_not_sealed", number=log["seal_age_s"])
    if view["broker"] is False:
        yield Finding("broker_down")
    yield from _of_storage(storage)
    for each in view["destinations"]:
        yield from _of_destination(each, is_heard=view["broker"] is not False)
    for each in view["webhooks"]:
        if each["disabled_at"]:
            yield Finding("webhook_disabled", each["client"], each["waiting"])
        elif each["failing_since"]:
            yield Finding("webhook_failing", each["client"], each["waiting"])
    others = {
        each["worker"]
        for each in view["workers"]
        if each["alive"] and each["version"] != view["version"]
    }
    if others:
        yield Finding("other_version", min(others).partition("/")[0], len(others))


def _of_destination(each: Mapping[str, Any], *, is_heard: bool) -> Iterator[Finding]:
    name, since = each["destination"], each["oldest_at"]
    if each["hold"] == _UNAVAILABLE:
        yield Finding("core_down", name, each["waiting"], each["down_since"], each["trial_at"])
    elif each["hold"] == _OPERATED:
        yield Finding("paused", name, each["waiting"], since)
    elif each["healthy"] is False and each["breaker"] == BreakerState.CLOSED:
        yield Finding("core_unwell", name, each["waiting"], since)
    # Workers report through the broker: while it is down nobody knows whether they run.
    if not each["workers"] and each["waiting"] and is_heard:
        yield Finding("no_worker", name, each["waiting"], since)
    elif each["hold"] is None and (each["oldest_s"] or 0.0) > LATE_S:
        yield Finding("late", name, each["oldest_s"], since)


def _gone(view: Mapping[str, Any], now: datetime) -> Iterator[Finding]:
    served = {each["destination"] for each in view["destinations"] if each["workers"]}
    # Workers report through the broker: while it is down nobody knows whether they run.
    gone = {} if view["broker"] is False else gone_workers(view["workers"], served)
    for worker, ago_s in gone.items():
        since = now - timedelta(seconds=ago_s)
        yield Finding("worker_gone", worker, since=since.isoformat(timespec="seconds"))


def _of_storage(storage: Mapping[str, Any]) -> Iterator[Finding]:
    days, free, disk = storage["days_left"], storage["free_bytes"], storage["disk_bytes"]
    is_short = free is not None and disk and free / disk < DISK_BAD_SHARE
    if is_short or (days is not None and days < DISK_BAD_DAYS):
        yield Finding("disk_ends", number=days)
    elif days is not None and days < DISK_WARN_DAYS:
        yield Finding("disk_fills", number=days)


def _breaker(alive: Sequence[Heartbeat]) -> str | None:
    """Return what the breakers of a destination's workers let through, all together."""
    states = {beat.breaker for beat in alive}
    order = (BreakerState.CLOSED, BreakerState.HALF_OPEN, BreakerState.OPEN)
    return next((state.value for state in order if state in states), None)


def _usage(path: Path) -> tuple[int, int] | None:
    """Return size and free room of the disk that ``path`` is on; ``None`` before it is made."""
    try:
        usage = shutil.disk_usage(path)
    except OSError:
        return None
    return usage.total, usage.free
