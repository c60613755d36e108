"""Seal the audit log: some 200 ms after an entry of ours a signed checkpoint stands for it.

What another process left, one that ended or the command line, is looked for every second.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import structlog

from gateway.audit import checkpoint as checkpoints
from gateway.audit import note
from gateway.audit.chain import leaf
from gateway.audit.sealing import Break, Sealed, Signing, seal
from gateway.domain.entry import Action, Actor, ActorKind, Entry
from gateway.domain.errors import ConfigError, JournalUnavailableError, LogUnusableError
from gateway.ports.audit_log import LogHead, Seal, Unsealed
from gateway.ports.clock import Clock
from gateway.ports.journal import Journal
from gateway.ports.kept_checkpoint import KeptCheckpoint
from gateway.services.known_head import KnownHead, Reread
from gateway.services.watch_sealing import NO_TURN, WatchSealing

log = structlog.get_logger()

BATCH: Final = 1_000
"""Entries sealed in one transaction: some ten milliseconds in which nothing else commits."""

_EVERY_S: Final = 0.1
_IDLE_TICKS: Final = 10
"""What other processes left is looked for this many times more seldom than our own entries."""

_TRIES: Final = 3
"""How often in a row nothing may be found to seal, because another gateway does, before our own
entries wait for the next look at what other processes left."""

_PAUSE_S: Final = 0.02

_LOOK_S: Final = 2.0
"""How long ``standing`` waits for the journal."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LogStanding:
    """How the sealed log stands, as this process knows it.

    Attributes:
        size: How many entries have an index.
        age_s: How long ago the last checkpoint was signed, ``None`` before the first.
        unsealed: How many entries have no index yet; ``None`` if the journal does not say.
        breaks: Places seen by this process at which a chain does not go on.
        usable: Whether the log's head is one that this process goes on from, and this process's
            entries get their index (``watch_sealing.STALLED_S``).
    """

    size: int
    age_s: float | None
    unsealed: int | None
    breaks: int
    usable: bool


class SealLog:
    """One gateway's turn at sealing. Every gateway of a journal tries; one does at a time.

    A process notices its own entries without asking the journal, so that an idle one reads
    once a second and no more.
    """

    def __init__(
        self,
        *,
        journal: Journal,
        signing: Signing,
        origin: str | None,
        new_origin: str,
        clock: Clock,
        kept: KeptCheckpoint | None = None,
        reread: Reread | None = None,
    ) -> None:
        """Keep what it works with; opens nothing.

        Args:
            journal: Where the log is.
            signing: The log's keys.
            origin: Which log this is, as configured, if it is.
            new_origin: Which it shall be if it was never sealed and nothing is configured.
            clock: The time of day.
            kept: Where the last signed checkpoint outlives this process.
            reread: Reads the log's public keys again, when one is met that ``signing`` lacks.
        """
        self._journal = journal
        self._configured = origin
        self._new_origin = origin or new_origin
        self._clock = clock
        self._known = KnownHead(journal, signing=signing, kept=kept, reread=reread)
        self._sealed_to: tuple[int, bytes] | None = None
        self._breaks = 0
        self._trouble: str | None = None
        self._is_change_open = False
        self._watch = WatchSealing(journal=journal, clock=clock)

    @property
    def _head(self) -> LogHead | None:
        return self._known.head

    @property
    def origin(self) -> str | None:
        """Which log this is; ``None`` before it was first sealed."""
        return None if self._head is None else _origin(self._head)

    def sealed(self) -> tuple[int, int | None]:
        """Return how many entries are sealed and how many seconds ago that was signed."""
        head = self._head
        if head is None:
            return 0, None
        return head.size, round((self._clock.now() - head.sealed_at).total_seconds())

    async def standing(self) -> LogStanding:
        """Return how the log stands now."""
        try:
            async with asyncio.timeout(_LOOK_S):
                unsealed = await self._journal.unsealed()
        except (JournalUnavailableError, TimeoutError):
            unsealed = None
        head = self._head
        return LogStanding(
            size=0 if head is None else head.size,
            age_s=None if head is None else (self._clock.now() - head.sealed_at).total_seconds(),
            unsealed=unsealed,
            breaks=self._breaks,
            usable=self._trouble != LogUnusableError.code and not self._watch.is_stalled,
        )

    async def check(self) -> Sequence[Entry]:
        """Return what is to be recorded at start: that another key signs from here on.

        A head that does not go on from the last one that was kept is told, and not sealed behind.

        Raises:
            LogUnusableError: The log's head is signed by none of our keys: another gateway of
                this journal has keys that this one lacks.
            ConfigError: The configured origin is another than the log's own.
            JournalUnavailableError: The head cannot be read.
        """
        head = await self._journal.log_head()
        own = None if head is None else self._known.believe(head).origin
        if own is not None and self._configured not in (None, own):
            raise ConfigError(f"audit.origin: this journal's log is {own!r}, for ever")
        try:
            await self._known.follow(head)
        except LogUnusableError as error:
            self._tell_trouble(error)
            self._is_change_open = True
            return ()
        return self._change_of_key()

    def _change_of_key(self) -> Sequence[Entry]:
        """Return that another key signs from here on, if one does."""
        if self._head is None:
            return ()
        signing = self._known.signing
        said, rank = signing.opened(self._head.checkpoint)
        ours = len(signing.public) - 1
        if rank >= ours:
            return ()
        facts = {
            "key": signing.name_of(ours),
            "key_id": signing.keys(said.origin)[ours].id.hex(),
            "was": signing.name_of(rank),
        }
        actor = Actor(ActorKind.GATEWAY, "sequencer")
        return (Entry(action=Action.KEY_CHANGED, at=self._clock.now(), actor=actor, facts=facts),)

    async def begin(self) -> None:
        """Seal a first batch, so that the log has its origin.

        Raises:
            JournalUnavailableError: Nothing can be sealed.
        """
        try:
            while await self._batch() is None and self._head is None:
                # Another gateway seals it first.
                await asyncio.sleep(_PAUSE_S)
                await self._follow()
        except LogUnusableError as error:
            self._tell_trouble(error)

    async def run(self) -> None:
        """Seal until cancelled."""
        ticks, tries = 0, 0
        while True:
            await asyncio.sleep(_EVERY_S)
            await self._known.keep()
            ticks += 1
            if self._journal.chain_head != self._sealed_to:
                self._sealed_to, tries = self._journal.chain_head, _TRIES
            if tries or ticks >= _IDLE_TICKS:
                ticks = 0
                tries = 0 if await self._seal_all() else max(0, tries - 1)
                size = 0 if self._head is None else self._head.size
                await self._watch.tell(code=self._trouble or NO_TURN, size=size)

    async def finish(self) -> None:
        """Seal what this process left, unless the journal cannot be had."""
        for _ in range(_TRIES):
            if await self._seal_all():
                break
            await asyncio.sleep(_PAUSE_S)
        await self._known.keep(now=True)

    async def _seal_all(self) -> bool:
        """Seal everything that there is; tell whether there was something."""
        found = False
        self._watch.notice()
        try:
            while (sealed := await self._batch()) is not None:
                found = True
                if sealed < BATCH:
                    break
            if not found:
                await self._look()
        except (JournalUnavailableError, LogUnusableError) as error:
            self._tell_trouble(error)
            return False
        if self._trouble is not None and (found or not self._watch.is_waiting):
            self._trouble = None
            if not self._watch.is_told:
                log.info("log.sealed_again")
        return found

    async def _look(self) -> None:
        """Learn what another gateway has sealed.

        Raises:
            LogUnusableError: The head is not one to go on from.
            JournalUnavailableError: It cannot be read.
        """
        head = await self._journal.log_head()
        if head != self._head:
            await self._known.follow(head)
        await self._watch.ask(0 if head is None else head.size)

    def _tell_trouble(self, error: JournalUnavailableError | LogUnusableError) -> None:
        """Say once what keeps the log from being sealed."""
        if self._trouble != error.code:
            tell = log.error if isinstance(error, LogUnusableError) else log.warning
            tell("log.not_sealed", code=error.code, subject=str(error))
        self._trouble = error.code

    async def _batch(self) -> int | None:
        """Seal one batch; return how many entries, ``None`` if another does or there are none."""
        for _ in range(_TRIES):
            if not self._known.is_settled:
                await self._follow()
            if self._known.is_signing_elsewhere:
                return None
            try:
                return await self._seal_behind(self._head)
            except _LeftToOthersError:
                return None
            except _MovedOnError:
                await self._follow()
        return None

    async def _follow(self) -> None:
        """Take the journal's head for ours, if it goes on from ours."""
        await self._known.follow(await self._journal.log_head())
        if self._is_change_open:
            # It was refused at start, and an operator has accepted it since.
            await self._journal.record(self._change_of_key())
            self._is_change_open = False

    async def _seal_behind(self, latest: LogHead | None) -> int | None:
        """Seal one batch behind the head that we know."""
        known, signing = self._journal.chain_head, self._known.signing
        done: list[Sealed] = []

        def rule(found: Unsealed) -> Seal:
            if found.head != latest:
                raise _MovedOnError
            if self._known.is_left_to_others(found.entries):
                raise _LeftToOthersError
            sealed = seal(found, signing=signing, origin=self._new_origin, at=self._clock.now())
            changed = self._changed(found, known)
            done[:] = [Sealed(sealed.seal, (*changed, *sealed.breaks))]
            return sealed.seal

        try:
            head = await self._journal.seal(rule, limit=BATCH)
        except ValueError as error:
            # Somebody wrote into its tables: entries are kept and accepted nevertheless.
            await self._follow()
            raise LogUnusableError("seal", "it contradicts what is stored") from error
        if head is None or not done:
            return None
        await self._known.take(head)
        self._watch.note_sealed(done[0].seal.runs)
        for broken in done[0].breaks:
            self._breaks += 1
            log.error("log.chain_broken", node=broken.node, nseq=broken.nseq)
        return sum(run.length for run in done[0].seal.runs)

    def _changed(self, found: Unsealed, known: tuple[int, bytes] | None) -> tuple[Break, ...]:
        """Return our own last entry if what is stored is not what we stored."""
        if known is None:
            return ()
        return tuple(
            Break(entry.node, entry.nseq)
            for entry in found.entries
            if entry.node == self._journal.node
            and entry.nseq == known[0]
            and leaf(entry.data) != known[1]
        )


class _MovedOnError(Exception):
    """The head is not the one that we know: another gateway sealed, or somebody put it back."""


class _LeftToOthersError(Exception):
    """A newer key, which is not in use here, shall sign from these entries on."""


def _origin(head: LogHead) -> str:
    return checkpoints.parse(note.parse(head.checkpoint.encode()).text).origin
