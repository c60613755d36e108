"""What is seen from outside of every destination: how much waits, how long, and why."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Final, TypeVar

from gateway.domain.account import Account, Role, Token
from gateway.domain.claim import BreakerState
from gateway.domain.errors import JournalUnavailableError
from gateway.domain.identifiers import ClientName, DestinationName
from gateway.domain.lifecycle import State
from gateway.domain.webhook import EndpointStanding
from gateway.ports.clock import Clock
from gateway.ports.journal import Journal
from gateway.services.destinations import Destinations
from gateway.services.machine import Disk, Machine
from gateway.services.seal_log import LogStanding

HOLDS: Final = ("destination.paused", "destination.closed", "destination.unavailable")
"""Why nothing may be published for a destination (``Destinations.hold``)."""

READ_S: Final = 2.0
"""How long each part of the journal is waited for: whoever scrapes gives up after ten seconds."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class ObservedEndpoint:
    """Where a client's webhooks go.

    Attributes:
        waiting: How many were not taken yet.
        oldest_s: How long ago the oldest of these was recorded.
        disabled: Nothing is sent until a person enables it.
    """

    waiting: int
    oldest_s: float | None
    disabled: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Observed:
    """Everything at one instant, by destination; what could not be read is missing.

    Attributes:
        deliveries: How many are in each state, if any.
        oldest_s: How long ago the oldest in each state that is not final was accepted.
        halted_keys: Order keys that stand still behind a parked delivery or one in doubt.
        workers: How many live, by what their breaker lets through.
        holds: The code of why nothing is published now, ``None`` if it is.
        log: The sealed audit log.
        endpoints: Where webhooks go, of clients for which some wait, or whose endpoint failed.
        is_readable: The journal answered in time.
        journal_bytes: How much room it takes.
        machine: What this process stands on.
        tokens: When the next token expires that an account of each role uses.
    """

    deliveries: Mapping[DestinationName, Mapping[State, int]] = field(default_factory=dict)
    oldest_s: Mapping[DestinationName, Mapping[State, float]] = field(default_factory=dict)
    halted_keys: Mapping[DestinationName, int] = field(default_factory=dict)
    workers: Mapping[DestinationName, Mapping[BreakerState, int]] = field(default_factory=dict)
    holds: Mapping[DestinationName, str | None] = field(default_factory=dict)
    log: LogStanding | None = None
    endpoints: Mapping[ClientName, ObservedEndpoint] = field(default_factory=dict)
    is_readable: bool = True
    journal_bytes: int | None = None
    machine: Machine = field(default_factory=Machine)
    tokens: Mapping[Role, datetime] = field(default_factory=dict)


class Observe:
    """Looks at the journal's totals, and at destinations as this process knows them."""

    def __init__(
        self,
        *,
        journal: Journal,
        destinations: Destinations,
        clock: Clock,
        log: Callable[[], Awaitable[LogStanding]] | None = None,
        machine: Callable[[], Awaitable[Machine]] | None = None,
        journal_disk_bytes: int | None = None,
    ) -> None:
        """Keep what it works with; opens nothing.

        ``log`` tells how the audit log stands, ``machine`` what this process stands on;
        ``journal_disk_bytes`` is what the journal may take on a disk that is not seen from here.
        """
        self._journal_disk_bytes = journal_disk_bytes
        self._machine = machine
        self._log = log
        self._journal = journal
        self._destinations = destinations
        self._clock = clock

    async def __call__(self) -> Observed:
        """Look once. Costs the same however many deliveries there are."""
        names = list(self._destinations)
        workers = {
            name: Counter(beat.breaker for beat in self._destinations.alive(name)) for name in names
        }
        holds = {name: self._destinations.hold(name) for name in names}
        codes = {name: None if hold is None else hold.code for name, hold in holds.items()}
        # What this process knows by itself matters most when the journal is down, or hangs.
        (
            (log, machine),
            (size, deliveries, oldest, halted, endpoints),
            (tokens, accounts),
        ) = await asyncio.gather(
            asyncio.gather(
                _nothing() if self._log is None else self._log(),
                _nothing() if self._machine is None else _in_time(self._machine()),
            ),
            asyncio.gather(
                _in_time(self._journal.size_bytes()),
                _in_time(self._journal.counts()),
                _in_time(self._journal.oldest()),
                _in_time(self._journal.halted_keys()),
                _in_time(self._journal.endpoints()),
            ),
            asyncio.gather(_in_time(self._journal.tokens()), _in_time(self._journal.accounts())),
        )
        now = self._clock.now()
        return Observed(
            deliveries={} if deliveries is None else {**{name: {} for name in names}, **deliveries},
            oldest_s={
                # Who accepted it may have a clock that is ahead of ours.
                name: {state: max(0.0, (now - at).total_seconds()) for state, at in states.items()}
                for name, states in (oldest or {}).items()
            },
            halted_keys={} if halted is None else {**dict.fromkeys(names, 0), **halted},
            workers=workers,
            holds=codes,
            log=log,
            endpoints={one.endpoint.client: _endpoint(one, now) for one in endpoints or ()},
            is_readable=deliveries is not None,
            journal_bytes=size,
            machine=self._with_journal(machine or Machine(), size),
            tokens=_next_to_expire(tokens or (), accounts or (), now),
        )

    def _with_journal(self, machine: Machine, size: int | None) -> Machine:
        most = self._journal_disk_bytes
        if most is None or size is None or "journal" in machine.disks:
            return machine
        disk = Disk(free_bytes=max(0, most - size), size_bytes=most)
        return replace(machine, disks={**machine.disks, "journal": disk})


def _next_to_expire(
    tokens: Iterable[Token], accounts: Iterable[Account], now: datetime
) -> dict[Role, datetime]:
    """Return by role when the first of those tokens expires that still let somebody in."""
    roles = {each.name: each.roles for each in accounts if each.disabled_at is None}
    soonest: dict[Role, datetime] = {}
    for token in tokens:
        if token.revoked_at is None and token.expires_at > now:
            for role in roles.get(token.account, ()):
                soonest[role] = min(token.expires_at, soonest.get(role, token.expires_at))
    return soonest


def _endpoint(standing: EndpointStanding, now: datetime) -> ObservedEndpoint:
    oldest = standing.oldest_at
    return ObservedEndpoint(
        waiting=standing.waiting,
        oldest_s=None if oldest is None else max(0.0, (now - oldest).total_seconds()),
        disabled=standing.endpoint.disabled_at is not None,
    )


async def _nothing() -> None:
    """Tell nothing of what nobody looks at here."""


async def _in_time(reading: Awaitable[T]) -> T | None:
    """Return what is read, ``None`` if the journal does not say within ``READ_S``."""
    try:
        async with asyncio.timeout(READ_S):
            return await reading
    except (JournalUnavailableError, TimeoutError):
        return None
