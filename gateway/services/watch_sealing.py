"""Do this process's own entries get their index, and since when not?

Whoever can keep the log from being sealed has time to write anew what is not sealed. Accepting
goes on meanwhile, so the log itself says when that began and how long it lasted.
"""

from collections.abc import Iterable
from time import monotonic
from typing import Final

import structlog

from gateway.domain.entry import Action, Actor, ActorKind, Entry, Fact, StoredEntry
from gateway.domain.errors import JournalUnavailableError
from gateway.ports.audit_log import Run
from gateway.ports.clock import Clock
from gateway.ports.journal import Journal

log = structlog.get_logger()

STALLED_S: Final = 10.0
"""So long may an entry of ours be without an index before that is an event. Sealing takes some
hundred milliseconds, and another gateway's longest transaction is as long as this."""

NO_TURN: Final = "log.no_turn"
"""Nothing failed: it was another process's turn all the time, or there was nothing to seal."""


class WatchSealing:
    """Follows one entry of ours at a time, from when it is noticed until it has its index."""

    def __init__(self, *, journal: Journal, clock: Clock) -> None:
        """Keep what it works with.

        Args:
            journal: Where the log is.
            clock: The time of day.
        """
        self._journal = journal
        self._clock = clock
        self._sealed = 0
        self._waiting: tuple[int, float] | None = None
        self._lasted_s = 0.0
        self._is_told = False
        self._is_recorded = False

    @property
    def is_waiting(self) -> bool:
        """Whether an entry of ours is known to have no index."""
        return self._waiting is not None

    @property
    def is_stalled(self) -> bool:
        """Whether one has been waiting for longer than sealing may take."""
        return self._waited_s() > STALLED_S

    @property
    def is_told(self) -> bool:
        """Whether it was said that sealing stands still, and not yet that it goes on."""
        return self._is_told

    def notice(self) -> None:
        """Begin to follow our last entry, unless an earlier one is followed."""
        known = self._journal.chain_head
        if self._waiting is None and known is not None and known[0] > self._sealed:
            self._waiting = (known[0], monotonic())

    def note_sealed(self, runs: Iterable[Run]) -> None:
        """Take it that these runs were sealed."""
        ends = [run.first_nseq + run.length - 1 for run in runs if run.node == self._journal.node]
        self._reach(max(ends, default=0))

    async def ask(self, size: int) -> None:
        """Ask whether another process has sealed the entry that is followed.

        Args:
            size: How many entries the log's signed head stands for: an index behind it was
                written by nobody who seals.

        Raises:
            JournalUnavailableError: It does not say.
        """
        if self._waiting is None:
            return
        entry = StoredEntry(node=self._journal.node, nseq=self._waiting[0], data=b"")
        index = await self._journal.index_of(entry)
        if index is not None and index < size:
            self._reach(entry.nseq)

    async def tell(self, *, code: str, size: int) -> None:
        """Say that sealing stands still, or that it goes on: in the process's log, and in the log.

        Args:
            code: What is known to keep it from being sealed.
            size: How many entries are sealed.
        """
        if self.is_stalled:
            await self._tell_stalled(code=code, size=size)
        elif self._is_told or self._lasted_s > STALLED_S:
            lasted_s = round(self._lasted_s)
            if await self._record(Action.LOG_SEALED_AGAIN, lasted_s=lasted_s, size=size):
                log.info("log.sealed_again", lasted_s=lasted_s, size=size)
                self._is_told = self._is_recorded = False
                self._lasted_s = 0.0

    async def _tell_stalled(self, *, code: str, size: int) -> None:
        waited_s = round(self._waited_s())
        if not self._is_told:
            log.error("log.not_sealed", code=code, waited_s=waited_s, size=size)
            self._is_told = True
        if not self._is_recorded:
            self._is_recorded = await self._record(
                Action.LOG_NOT_SEALED, code=code, waited_s=waited_s, size=size
            )

    async def _record(self, action: Action, **facts: Fact) -> bool:
        actor = Actor(ActorKind.GATEWAY, "sequencer")
        entry = Entry(action=action, at=self._clock.now(), actor=actor, facts=facts)
        try:
            await self._journal.record([entry])
        except JournalUnavailableError:
            # It is tried again: nothing is accepted meanwhile, either.
            return False
        return True

    def _reach(self, nseq: int) -> None:
        self._sealed = max(self._sealed, nseq)
        if self._waiting is not None and self._sealed >= self._waiting[0]:
            self._lasted_s = max(self._lasted_s, self._waited_s())
            self._waiting = None

    def _waited_s(self) -> float:
        return 0.0 if self._waiting is None else monotonic() - self._waiting[1]
