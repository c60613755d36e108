"""Seal the audit log: at most 200 ms after an entry a signed checkpoint stands for it."""

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

log = structlog.get_logger()

BATCH: Final = 1_000
"""Entries sealed in one transaction: some ten milliseconds in which nothing else commits."""

_EVERY_S: Final = 0.1
_IDLE_TICKS: Final = 10
"""What other processes left is looked for this many times more seldom than our own entries."""

_TRIES: Final = 3
"""How often in a row nothing may be found to seal, because another gateway does, before our own
entries are taken for sealed."""

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
        usable: Whether the log's head is one that this process goes on from.
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
    ) -> None:
        """Keep what it works with; opens nothing.

        Args:
            journal: Where the log is.
            signing: The log's keys.
            origin: Which log this is, as configured, if it is.
            new_origin: Which it shall be if it was never sealed and nothing is configured.
            clock: The time of day.
        """
        self._journal = journal
        self._signing = signing
        self._configured = origin
        self._new_origin = origin or new_origin
        self._clock = clock
        self._head: LogHead | None = None
        self._sealed_to: tuple[int, bytes] | None = None
        self._breaks = 0
        self._trouble: str | None = None

    @property
    def origin(self) -> str | None:
        """Which log this is; ``None`` before it was first sealed."""
        return None if self._head is None else _origin(self._head)

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
            usable=self._trouble != LogUnusableError.code,
        )

    async def check(self) -> Sequence[Entry]:
        """Return what is to be recorded at start: that another key signs from here on.

        Raises:
            LogUnusableError: The log's head is signed by none of our keys: another gateway of
                this journal has keys that this one lacks.
            ConfigError: The configured origin is another than the log's own.
            JournalUnavailableError: The head cannot be read.
        """
        head = await self._journal.log_head()
        if head is None:
            return ()
        own = self._signing.read(head).origin
        if self._configured not in (None, own):
            raise ConfigError(f"audit.origin: this journal's log is {own!r}, for ever")
        self._head = head
        keys = self._signing.keys(own)
        opened = note.open_note(head.checkpoint.encode(), keys, self._signing.verify)
        if keys[-1] in opened.by:
            return ()
        names = dict(zip(keys, self._signing.names, strict=True))
        facts = {
            "key": self._signing.names[-1],
            "key_id": keys[-1].id.hex(),
            "was": names[opened.by[0]],
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
                self._head = await self._journal.log_head()
        except LogUnusableError as error:
            self._tell_trouble(error)

    async def run(self) -> None:
        """Seal until cancelled."""
        ticks, tries = 0, 0
        while True:
            await asyncio.sleep(_EVERY_S)
            ticks += 1
            if self._journal.chain_head != self._sealed_to:
                self._sealed_to, tries = self._journal.chain_head, _TRIES
            if tries or ticks >= _IDLE_TICKS:
                ticks = 0
                tries = 0 if await self._seal_all() else max(0, tries - 1)

    async def finish(self) -> None:
        """Seal what this process left, unless the journal cannot be had."""
        for _ in range(_TRIES):
            if await self._seal_all():
                return
            await asyncio.sleep(_PAUSE_S)

    async def _seal_all(self) -> bool:
        """Seal everything that there is; tell whether there was something."""
        found = False
        try:
            while (sealed := await self._batch()) is not None:
                found = True
                if sealed < BATCH:
                    break
        except (JournalUnavailableError, LogUnusableError) as error:
            self._tell_trouble(error)
            return False
        if self._trouble is not None:
            self._trouble = None
            log.info("log.sealed_again")
        return found

    def _tell_trouble(self, error: JournalUnavailableError | LogUnusableError) -> None:
        """Say once what keeps the log from being sealed."""
        if self._trouble != error.code:
            tell = log.error if isinstance(error, LogUnusableError) else log.warning
            tell("log.not_sealed", code=error.code, subject=str(error))
        self._trouble = error.code

    async def _batch(self) -> int | None:
        """Seal one batch; return how many entries, ``None`` if another does or there are none."""
        known, latest = self._journal.chain_head, self._head
        done: list[Sealed] = []

        def rule(found: Unsealed) -> Seal:
            _require_progress(found.head, latest)
            sealed = seal(
                found, signing=self._signing, origin=self._new_origin, at=self._clock.now()
            )
            changed = self._changed(found, known)
            done[:] = [Sealed(sealed.seal, (*changed, *sealed.breaks))]
            return sealed.seal

        try:
            head = await self._journal.seal(rule, limit=BATCH)
        except ValueError as error:
            # Somebody wrote into its tables: entries are kept and accepted nevertheless.
            raise LogUnusableError("seal", "it contradicts what is stored") from error
        if head is None or not done:
            return None
        self._head = head
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


def _require_progress(head: LogHead | None, latest: LogHead | None) -> None:
    """Refuse to sign a second history beside one that this process has seen signed.

    Raises:
        LogUnusableError: The head went back, or is another one of the same size.
    """
    if latest is None:
        return
    if (
        head is None
        or head.size < latest.size
        or (head.size == latest.size and head.root != latest.root)
    ):
        raise LogUnusableError("head", "it went back behind a checkpoint that was signed")


def _origin(head: LogHead) -> str:
    return checkpoints.parse(note.parse(head.checkpoint.encode()).text).origin
