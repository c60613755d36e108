"""Does the log's head go on from the last one that this gateway knows?

Whoever has every right over the database, and no key, can take away what was sealed and let a
gateway seal another history with the real key. So the last signed checkpoint is kept in the
gateway's home as well, and what the journal shows must extend it: the size, the root at that
size (RFC 9162, 2.1.4.2), and a signer that is not older. ``audit accept-restore`` puts another
checkpoint there, and says so in the log.
"""

import asyncio
import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from time import monotonic
from typing import Final

import structlog

from gateway.audit import tiles
from gateway.audit.checkpoint import Checkpoint
from gateway.audit.sealing import Signing
from gateway.audit.tree import verify_consistency
from gateway.domain.entry import Action, StoredEntry
from gateway.domain.errors import LogUnusableError
from gateway.ports.audit_log import AuditLog, EntryFilter, LogHead
from gateway.ports.kept_checkpoint import NOTHING, KeptCheckpoint

log = structlog.get_logger()

ACCEPT: Final = "if you restored it: kakehashi audit accept-restore (docs/howto/restore.md)"

_KEEP_EVERY_S: Final = 1.0
"""So much younger than the file may be what a process that was killed had signed."""

_LATEST: Final = 50
"""Among so many changes of key the last sealed one is looked for."""

Reread = Callable[[], Sequence[tuple[str, bytes]]]
"""Names and public halves (32 bytes) of all of the log's keys in the store now, oldest first."""


class KnownHead:
    """The last head that this process believes, in memory and in its home."""

    def __init__(
        self,
        log: AuditLog,
        *,
        signing: Signing,
        kept: KeptCheckpoint | None = None,
        reread: Reread | None = None,
    ) -> None:
        """Keep what it works with; reads nothing.

        Args:
            log: Where the head is.
            signing: The log's keys, as they were at start.
            kept: Where the last checkpoint is kept; without one it is known while this lives.
            reread: Called when a key is met that ``signing`` does not have.
        """
        self._log = log
        self._kept = kept
        self._reread = reread
        self._known: str | None = None
        self._in_home: str | None = None
        self._is_loaded = False
        self._is_keeping = True
        self._keep_at = 0.0
        self.signing: Signing = signing
        self.head: LogHead | None = None
        self.is_settled: bool = False
        """Whether the journal's head was one to go on from when it was last looked at."""
        self.is_signing_elsewhere: bool = False
        """Whether a newer key signs by now, whose private half is not in use here."""

    async def follow(self, head: LogHead | None) -> None:
        """Take the journal's head for ours.

        Raises:
            LogUnusableError: It does not go on from the last one, or none of our keys signed it.
            JournalUnavailableError: The tree cannot be read.
        """
        self.is_settled = False
        await self._load()
        if head is not None:
            self.believe(head)
        try:
            await self._require(head)
        except LogUnusableError:
            if not await self._was_accepted():
                raise
            await self._require(head)
        await self.take(head)

    async def take(self, head: LogHead | None) -> None:
        """Take a head that goes on from ours, and keep its checkpoint within a second."""
        self.head, self.is_settled = head, True
        if head is None:
            return
        _, rank = self.signing.opened(head.checkpoint)
        is_elsewhere = self.signing.is_newer(rank)
        if is_elsewhere and not self.is_signing_elsewhere:
            log.info("log.signing_waits", key=self.signing.name_of(rank))
        self.is_signing_elsewhere = is_elsewhere
        self._known = head.checkpoint
        await self.keep()

    async def keep(self, *, now: bool = False) -> None:
        """Keep the checkpoint in the home, if that is due and another one is there."""
        if self._kept is None or self._known is None or self._known == self._in_home:
            return
        if now or monotonic() >= self._keep_at:
            self._keep_at = monotonic() + _KEEP_EVERY_S
            before, self._in_home = self._in_home, self._known
            if await asyncio.to_thread(self._kept.keep, self._known):
                self._is_keeping = True
                return
            self._in_home = before
            if self._is_keeping:
                self._is_keeping = False
                log.warning("log.checkpoint_not_kept", reason="not_written")

    def believe(self, head: LogHead) -> Checkpoint:
        """Return what a head says, looking for its key in the store if it is unknown.

        Raises:
            LogUnusableError: None of the log's keys signed it.
        """
        try:
            return self.signing.read(head)
        except LogUnusableError:
            if not self._found_newer():
                raise
            return self.signing.read(head)

    def is_left_to_others(self, entries: Sequence[StoredEntry]) -> bool:
        """Return whether a newer key that we know of shall sign from one of these on.

        Sealed with an older key, the change would look as if it were taken back.
        """
        changes = [_changed_to(entry) for entry in entries if _is_change(entry)]
        if not changes or self.head is None:
            return False
        origin = self.signing.read(self.head).origin
        known = [key.id.hex() for key in self.signing.keys(origin)]
        if not set(changes) <= set(known) and self._found_newer():
            known = [key.id.hex() for key in self.signing.keys(origin)]
        return any(self.signing.is_newer(known.index(each)) for each in changes if each in known)

    def _found_newer(self) -> bool:
        if self._reread is None:
            return False
        found = list(self._reread())
        names = [name for name, _ in found]
        if self.signing.names[-1] not in names:
            return False
        newer = tuple(found[names.index(self.signing.names[-1]) + 1 :])
        is_new = newer != self.signing.newer
        self.signing = replace(self.signing, newer=newer)
        return is_new

    async def _load(self) -> None:
        if self._is_loaded or self._kept is None:
            return
        self._in_home = await asyncio.to_thread(self._kept.read)
        self._known = None if self._in_home == NOTHING else self._in_home
        self._is_loaded = True
        if self._in_home is None and (
            await self._log.log_head() is not None or await self._log.unsealed()
        ):
            # Nothing says that this is the log that was signed last: compare it by hand.
            log.warning("log.checkpoint_not_kept", reason="none_there")

    async def _require(self, head: LogHead | None) -> None:
        await require_going_on(
            self._log, self.signing, self._known, head, at_start=self.head is None
        )

    async def _was_accepted(self) -> bool:
        """Take what an operator put into the home meanwhile; tell whether there was something."""
        if self._kept is None:
            return False
        # What this process knows counts, however lately it was signed.
        await self.keep(now=True)
        found = await asyncio.to_thread(self._kept.read)
        if found in (self._in_home, self._known):
            return False
        if found is None:
            # Somebody took it away: no operator has accepted anything.
            log.warning("log.checkpoint_not_kept", reason="taken_away")
            self._in_home = None
            await self.keep(now=True)
            return False
        self._known, self._in_home = None if found == NOTHING else found, found
        return True


async def require_going_on(
    log: AuditLog,
    signing: Signing,
    known: str | None,
    head: LogHead | None,
    *,
    at_start: bool,
) -> None:
    """Return when ``head`` extends the checkpoint that is known.

    Args:
        log: Where its tree is.
        signing: The log's keys.
        known: The checkpoint, if one is.
        head: The journal's, which one of our keys has signed.
        at_start: Whether to compare with the last change of key that the log tells of, too.

    Raises:
        LogUnusableError: It does not.
        JournalUnavailableError: The tree cannot be read.
    """
    since = 0
    if known is not None:
        said, rank = signing.opened(known)
        if head is None:
            raise LogUnusableError("head", f"gone, {said.size} entries were sealed; {ACCEPT}")
        if (head.size, head.root) == (said.size, said.root):
            return
        found, new_rank = signing.opened(head.checkpoint)
        if found.origin != said.origin:
            raise LogUnusableError("head", f"of another log than was signed last; {ACCEPT}")
        if head.size <= said.size:
            what = f"it went back behind a checkpoint that was signed, of {said.size} entries"
            raise LogUnusableError("head", f"{what}; {ACCEPT}")
        if new_rank < rank:
            raise LogUnusableError("head", f"signed by a key that had been replaced; {ACCEPT}")
        await _require_growth(log, said, head)
        since = said.size
    if at_start and head is not None:
        await _require_latest_key(log, signing, head, since=since)


async def _require_growth(log: AuditLog, old: Checkpoint, head: LogHead) -> None:
    wanted = tiles.tiles_for_consistency(old.size, head.size)
    stored = await log.tiles(wanted)
    try:
        path = tiles.consistency_path(old.size, head.size, stored)
        verify_consistency(old.size, head.size, old.root, head.root, path)
    except ValueError as error:
        what = f"another history than was signed at {old.size} entries ({error})"
        raise LogUnusableError("head", f"{what}; {ACCEPT}") from None


async def _require_latest_key(
    log: AuditLog, signing: Signing, head: LogHead, *, since: int
) -> None:
    """Compare the head's signer with the last change of key that is sealed, from an index on.

    By what entries are searched by, which is not sealed: it sees what nobody has hidden.
    """
    where = EntryFilter(actions=frozenset({Action.KEY_CHANGED}))
    changes = [
        found
        for found in await log.find_entries(where, limit=_LATEST)
        if found.index is not None and since <= found.index < head.size
    ]
    if not changes:
        return
    last = _changed_to(max(changes, key=lambda found: found.index or 0).entry)
    said, rank = signing.opened(head.checkpoint)
    ids = [key.id.hex() for key in signing.keys(said.origin)]
    if last not in ids or ids.index(last) > rank:
        raise LogUnusableError("head", f"signed by a key that had been replaced; {ACCEPT}")


def _is_change(entry: StoredEntry) -> bool:
    return entry.data.startswith(b'{"action":"key.changed",')


def _changed_to(entry: StoredEntry) -> str:
    try:
        return str(json.loads(entry.data)["facts"]["key_id"])
    except (ValueError, KeyError, TypeError):
        return ""
