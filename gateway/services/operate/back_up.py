"""Copy the embedded journal while it is in use, and record who has a copy."""

import asyncio
import threading
from collections.abc import Callable
from pathlib import Path

from gateway.audit import tiles
from gateway.audit.sealing import Signing
from gateway.crypto.detail import conceal
from gateway.domain.entry import Action, Actor, Entry
from gateway.domain.errors import LogUnusableError
from gateway.ports.audit_log import LogHead
from gateway.ports.backup import BackUp, ReadTiles
from gateway.ports.clock import Clock
from gateway.ports.journal import Journal
from gateway.services.operate.refusals import OperationError

_ELSEWHERE = "this journal is a PostgreSQL database: see docs/howto/restore.md"


class BackUpJournal:
    """Writes a backup to a path on this machine: so it is asked for over the socket only."""

    def __init__(
        self,
        *,
        journal: Journal,
        clock: Clock,
        signing: Callable[[], Signing],
        back_up: BackUp | None,
    ) -> None:
        """Keep what it works with; ``back_up`` is ``None`` where the database has its own."""
        self._journal = journal
        self._clock = clock
        self._signing = signing
        self._back_up = back_up
        self._turn = asyncio.Lock()

    async def __call__(self, path: str, *, actor: Actor) -> dict[str, object]:
        """Copy the journal as it is now.

        Args:
            path: Absolute: a file that is not there yet, or a folder that is.
            actor: Who asks.

        Returns:
            ``file``, ``size_bytes``, ``entries``, ``until`` (when the last of them was recorded),
            ``size`` and ``root`` of its sealed log (0 and ``None``: nothing is sealed).

        Raises:
            OperationError: There is such a file, it cannot be written, another backup is being
                made, or the journal is no file.
            LogUnusableError: None of our keys signed the head in the copy; nothing is left.
        """
        if self._back_up is None:
            raise OperationError(_ELSEWHERE)
        if self._turn.locked():
            raise OperationError("a backup is being made")
        async with self._turn:
            target, stopped = self._target(path), threading.Event()
            try:
                done = await asyncio.to_thread(self._back_up, target, self._check, stopped.is_set)
            except asyncio.CancelledError:
                stopped.set()
                raise
            except FileExistsError as error:
                raise OperationError(f"{error.filename or target}: is there already") from None
            except OSError as error:
                raise OperationError(f"{target}: {error.strerror}") from None
        root = None if done.head is None else done.head.root.hex()
        size = 0 if done.head is None else done.head.size
        entry = Entry(
            action=Action.JOURNAL_BACKED_UP,
            at=self._clock.now(),
            actor=actor,
            detail=conceal({"file": str(target)}),
            facts={"bytes": done.size_bytes, "entries": done.entries, "size": size, "root": root},
        )
        await self._journal.record([entry])
        return {
            "file": str(target),
            "size_bytes": done.size_bytes,
            "entries": done.entries,
            "until": None if done.until is None else done.until.isoformat(),
            "size": size,
            "root": root,
        }

    def _target(self, path: str) -> Path:
        given = Path(path)
        if not given.is_absolute():
            raise OperationError("path: must be absolute")
        if given.is_dir():
            return given / f"journal-{self._clock.now():%Y%m%dT%H%M%SZ}.db"
        if not given.parent.is_dir():
            raise OperationError(f"{given.parent}: there is no such folder")
        return given

    def _check(self, head: LogHead | None, read: ReadTiles) -> None:
        if head is None:
            return
        self._signing().read(head)
        try:
            root = tiles.root(head.size, read(tiles.edge_of(head.size)))
        except ValueError as error:
            raise LogUnusableError("tiles", str(error)) from None
        if root != head.root:
            raise LogUnusableError("tiles", "they come to another root than the head's")
