"""How each destination stands now: as configured, as operators set it, as its workers find it."""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import groupby
from typing import Final

import structlog

from gateway.domain.claim import BreakerState, Heartbeat, Terms
from gateway.domain.control import Control
from gateway.domain.errors import JournalUnavailableError
from gateway.domain.identifiers import DestinationName, WorkerName
from gateway.ports.clock import Clock
from gateway.ports.journal import Journal
from gateway.services.policy import DestinationPolicy, Hold, applied

log = structlog.get_logger()

LOOK_S: Final = 1.0
"""How often is looked for what operators and workers have said in other processes."""
ALIVE: Final = timedelta(seconds=12)
"""A worker that missed two of its heartbeats of 5 s is not counted on."""


def is_alive(beat: Heartbeat, now: datetime) -> bool:
    """Tell whether a worker is counted on; not if it was heard before the clock was set back."""
    return abs(now - (beat.heard_at or beat.at)) <= ALIVE


class Destinations(Mapping[DestinationName, DestinationPolicy]):
    """Maps each configured destination to its policy as it is in force now.

    What operators set stands in the journal, and so do the heartbeats: every gateway
    process reads both once a second, so that a change needs no restart anywhere.
    """

    def __init__(
        self,
        configured: Mapping[DestinationName, DestinationPolicy],
        *,
        journal: Journal,
        clock: Clock,
    ) -> None:
        """Start with what is configured."""
        self._configured = dict(configured)
        self._journal = journal
        self._clock = clock
        self._policies = dict(configured)
        self._controls: dict[DestinationName, Control] = {}
        self._beats: dict[DestinationName, Sequence[Heartbeat]] = {}

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
        self._beats = {
            name: tuple(of_one) for name, of_one in groupby(beats, lambda beat: beat.destination)
        }
        for control in controls:
            if control.destination in self._configured:
                self._take(control)

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
        now = self._clock.now()
        return [beat for beat in self._beats.get(name, ()) if is_alive(beat, now)]

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

        What the core system takes at once, and in a second, is shared out among the workers
        that live and whose breaker lets something through. If there is not enough for all,
        the last that was started comes first: the others may be dead and not yet missed,
        and it the one that was started in their place.
        """
        policy = self._policies.get(beat.destination)
        if policy is None:
            return None
        sending = (
            other.worker
            for other in self.alive(beat.destination)
            if other.breaker != BreakerState.OPEN
        )
        names = sorted({beat.worker, *sending}, key=_started, reverse=True)
        return Terms(
            worker=beat.worker,
            destination=beat.destination,
            heard_at=beat.at,
            open=policy.hold(self._clock.now()) is None,
            max_in_flight=_share(policy.max_in_flight, names, beat.worker),
            rate_per_s=None if policy.rate_per_s is None else policy.rate_per_s / len(names),
            failures=policy.breaker.failures,
            probe_s=policy.breaker.probe_s,
            probe_cap_s=policy.breaker.probe_cap_s,
        )

    def opens_at(self, name: DestinationName) -> datetime | None:
        """Return when the destination's window opens next, ``None`` if it is open or never."""
        now = self._clock.now()
        window = self._policies[name].window
        return None if window.is_open(now) else window.opens_at(now)


def _started(worker: WorkerName) -> tuple[str, str]:
    """Return what sorts workers by their start: their instance does."""
    name, _, instance = worker.partition("/")
    return instance, name


def _share(total: int, names: Sequence[WorkerName], name: WorkerName) -> int:
    each, left = divmod(total, len(names))
    return each + (names.index(name) < left)
