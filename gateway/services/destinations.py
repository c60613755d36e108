"""How each destination stands now: as configured, as operators set it, as its workers find it."""

import asyncio
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby
from time import monotonic
from typing import Final

import structlog

from gateway.domain.claim import BreakerState, Heartbeat, Terms
from gateway.domain.control import CheckAsked, Control
from gateway.domain.errors import JournalUnavailableError
from gateway.domain.identifiers import DestinationName, WorkerName
from gateway.ports.clock import APART, Clock
from gateway.ports.journal import Journal
from gateway.services.policy import DestinationPolicy, Hold, applied

log = structlog.get_logger()

LOOK_S: Final = 1.0
"""How often is looked for what operators and workers have said in other processes."""
ALIVE_S: Final = 12.0
"""A worker that missed two of its heartbeats of 5 s is not counted on."""
CHECK_S: Final = 60.0
"""So long workers are told that a check is wanted; by then each was answered many times."""

_Mark = tuple[datetime, datetime | None]
_BETWEEN: Final = timedelta(seconds=60)
"""A worker that is gone, and one that is heard within that time: the second goes on for it."""


@dataclass(frozen=True, slots=True)
class Down:
    """A core system that workers do not send to freely.

    Attributes:
        since: Since when, by the gateways' clocks.
        trial_at: When a worker asks it next; ``None`` if that is not known, or it is now.
    """

    since: datetime
    trial_at: datetime | None


class Destinations(Mapping[DestinationName, DestinationPolicy]):
    """Maps each configured destination to its policy as it is in force now.

    What operators set stands in the journal, and so do the heartbeats: every gateway
    process reads both once a second, so that a change needs no restart anywhere.

    Who lives is told by this process's own looks: a worker does whose heartbeat was another
    one within the last twelve seconds, on a clock that nobody sets. What stands in the first
    heartbeat that is seen of a worker is judged by the clock of the gateway that heard it,
    which may be half a minute from ours: whoever may live is counted on until it is missed,
    and whoever seems to be long gone is not, until it is heard again.
    """

    def __init__(
        self,
        configured: Mapping[DestinationName, DestinationPolicy],
        *,
        journal: Journal,
        clock: Clock,
        monotonic: Callable[[], float] = monotonic,
    ) -> None:
        """Start with what is configured. ``monotonic`` tells how long ago a worker was heard."""
        self._configured = dict(configured)
        self._journal = journal
        self._clock = clock
        self._monotonic = monotonic
        self._policies = dict(configured)
        self._controls: dict[DestinationName, Control] = {}
        self._checks: dict[DestinationName, CheckAsked] = {}
        self._beats: dict[DestinationName, Sequence[Heartbeat]] = {}
        self._heard: dict[tuple[DestinationName, WorkerName], tuple[_Mark, float | None]] = {}

    def __getitem__(self, name: DestinationName) -> DestinationPolicy:
        """Return the destination's policy in force."""
        return self._policies[name]

    def __iter__(self) -> Iterator[DestinationName]:
        """Yield the configured destinations."""
        return iter(self._configured)

    def __len__(self) -> int:
        """Return how many destinations are configured."""
        return len(self._configured)

    def configured(self, name: DestinationName) -> DestinationPolicy:
        """Return the destination's policy without what operators set."""
        return self._configured[name]

    def control(self, name: DestinationName) -> Control | None:
        """Return what an operator set last, if anything."""
        return self._controls.get(name)

    def check_asked(self, name: DestinationName) -> CheckAsked | None:
        """Return the last time that an operator wanted it checked, if ever."""
        return self._checks.get(name)

    async def run(self) -> None:
        """Look once a second until cancelled."""
        while True:
            try:
                await self.refresh()
            except JournalUnavailableError as error:
                # What was in force stays in force.
                log.debug("destinations.not_read", code=error.code)
            await asyncio.sleep(LOOK_S)

    async def refresh(self) -> None:
        """Read what operators have set and what workers said last.

        Raises:
            JournalUnavailableError: Nothing was changed.
        """
        controls = await self._journal.controls()
        beats = sorted(
            await self._journal.heartbeats(), key=lambda beat: (beat.destination, beat.worker)
        )
        checks = await self._journal.checks_asked()
        self._note(beats)
        self._checks = {asked.destination: asked for asked in checks}
        self._beats = {
            name: tuple(of_one) for name, of_one in groupby(beats, lambda beat: beat.destination)
        }
        for control in controls:
            if control.destination in self._configured:
                self._take(control)

    def _note(self, beats: Sequence[Heartbeat]) -> None:
        at, heard = self._monotonic(), {}
        for beat in beats:
            key, mark = (beat.destination, beat.worker), (beat.at, beat.heard_at)
            known = self._heard.get(key)
            if known is None:
                heard[key] = (mark, at if self._may_live(beat) else None)
            else:
                heard[key] = known if known[0] == mark else (mark, at)
        self._heard = heard

    def _may_live(self, beat: Heartbeat) -> bool:
        apart = abs(self._clock.now() - (beat.heard_at or beat.at)) - APART
        return apart.total_seconds() <= ALIVE_S

    def _take(self, control: Control) -> None:
        known = self._controls.get(control.destination)
        if known is not None and known.version >= control.version:
            return
        self._controls[control.destination] = control
        policy = self._configured[control.destination]
        for name, value in control.settings.items():
            try:
                policy = applied(policy, {name: value})
            except (KeyError, ValueError):
                # A newer gateway of this journal knows settings that this one does not.
                log.warning("control.not_understood", destination=control.destination, setting=name)
        self._policies[control.destination] = policy

    def alive(self, name: DestinationName) -> list[Heartbeat]:
        """Return the last heartbeats of the workers that live, by worker."""
        return [beat for beat in self._beats.get(name, ()) if self.is_alive(beat)]

    def is_alive(self, beat: Heartbeat) -> bool:
        """Tell whether a worker is counted on for a destination, by what was read last."""
        _, at = self._heard.get((beat.destination, beat.worker), (None, None))
        return at is not None and self._monotonic() - at <= ALIVE_S

    def down(self, name: DestinationName, *, after: datetime | None = None) -> Down | None:
        """Return since when no living worker's breaker lets more through than one to try.

        What an earlier worker said before it ended goes before, if it found it down until then.
        ``None`` if one of them sends freely, or none says since when.

        Args:
            name: The destination.
            after: It was not down then, whatever a worker says for itself: something arrived.
        """
        if any(beat.breaker == BreakerState.CLOSED for beat in self.alive(name)):
            return None
        beats = [
            (heard, heard - timedelta(seconds=beat.down_s), beat)
            for beat in self._beats.get(name, ())
            if beat.breaker != BreakerState.CLOSED and beat.down_s is not None
            for heard in [beat.heard_at or beat.at]
        ]
        alive = [one for one in beats if self.is_alive(one[2])]
        if not alive:
            return None
        since = min(began for _, began, _ in alive)
        for heard, began, _ in sorted(beats, key=lambda one: one[0], reverse=True):
            if heard >= since - _BETWEEN:
                since = min(since, began)
        if after is not None and since < after:
            since = min((began for _, began, _ in beats if began >= after), default=after)
        trials = [
            heard + timedelta(seconds=beat.trial_in_s)
            for heard, _, beat in alive
            if beat.trial_in_s is not None
        ]
        return Down(since, min(trials, default=None))

    def heartbeats(self) -> list[Heartbeat]:
        """Return the last heartbeats of all workers, also of those that do not live."""
        return [beat for of_one in self._beats.values() for beat in of_one]

    def hold(self, name: DestinationName) -> Hold | None:
        """Return why nothing is published for a destination now; ``None`` if it is.

        Its breaker holds it only when no living worker would take anything; where none
        lives, copies wait on the broker for the first that comes.
        """
        hold = self._policies[name].hold(self._clock.now())
        if hold is not None:
            return hold
        alive = self.alive(name)
        if alive and all(beat.breaker == BreakerState.OPEN for beat in alive):
            return Hold(code="destination.unavailable")
        return None

    def terms(self, beat: Heartbeat) -> Terms | None:
        """Return what the worker that sent ``beat`` shall do; ``None`` if nothing is configured.

        What the core system takes at once is shared out among the workers that live and
        whose breaker lets something through, and what it takes in a second among those of
        them that have a share. One that was started later stands in for the earlier ones of
        its name: they may be dead and not yet missed. If there is not enough for all, whoever
        was started first comes first: one that dies and is started again and again takes
        nothing from one that works.
        """
        policy = self._policies.get(beat.destination)
        if policy is None:
            return None
        sending = (
            other.worker
            for other in self.alive(beat.destination)
            if other.breaker != BreakerState.OPEN
        )
        workers = _standing({beat.worker, *sending})
        sharing = min(len(workers), policy.max_in_flight)
        return Terms(
            worker=beat.worker,
            destination=beat.destination,
            heard_at=beat.at,
            open=policy.hold(self._clock.now()) is None,
            max_in_flight=_share(policy.max_in_flight, workers, beat.worker),
            rate_per_s=None if policy.rate_per_s is None else policy.rate_per_s / sharing,
            failures=policy.breaker.failures,
            probe_s=policy.breaker.probe_s,
            probe_cap_s=policy.breaker.probe_cap_s,
            check=self._check_wanted(beat.destination),
        )

    def _check_wanted(self, name: DestinationName) -> datetime | None:
        """Return the request of somebody who waits for its answer."""
        asked = self._checks.get(name)
        if asked is None:
            return None
        age_s = abs((self._clock.now() - asked.asked_at).total_seconds())
        return asked.asked_at if age_s <= CHECK_S else None

    def now(self) -> datetime:
        """Return the time of day by which destinations open and close."""
        return self._clock.now()

    def opens_at(self, name: DestinationName) -> datetime | None:
        """Return when the destination's window opens next, ``None`` if it is open or never."""
        now = self._clock.now()
        window = self._policies[name].window
        return None if window.is_open(now) else window.opens_at(now)


def _standing(workers: Iterable[WorkerName]) -> list[WorkerName]:
    """Return the last that was started of each name, and of those the first one first."""
    last = {worker.partition("/")[0]: worker for worker in sorted(workers, key=_started)}
    return sorted(last.values(), key=_started)


def _started(worker: WorkerName) -> tuple[str, str]:
    """Return what sorts workers by their start: their instance does."""
    name, _, instance = worker.partition("/")
    return instance, name


def _share(total: int, workers: Sequence[WorkerName], worker: WorkerName) -> int:
    if worker not in workers:
        return 0
    each, left = divmod(total, len(workers))
    return each + (workers.index(worker) < left)
