"""Accept that the journal was put back: the log goes on from where it is now, and says so."""

import asyncio
from collections.abc import Callable

from gateway.audit.checkpoint import Checkpoint
from gateway.audit.sealing import Signing
from gateway.crypto.detail import conceal
from gateway.domain.entry import Action, Actor, Entry
from gateway.domain.errors import LogUnusableError
from gateway.ports.clock import Clock
from gateway.ports.journal import Journal
from gateway.ports.kept_checkpoint import NOTHING, KeptCheckpoint
from gateway.services.known_head import require_going_on
from gateway.services.operate.refusals import OperationError, printable


class AcceptRestore:
    """Lets this gateway seal behind a head that does not go on from the last one it knew."""

    def __init__(
        self,
        *,
        journal: Journal,
        clock: Clock,
        signing: Callable[[], Signing],
        kept: KeptCheckpoint,
    ) -> None:
        """Keep what it works with; the keys are read when they are asked for."""
        self._journal = journal
        self._clock = clock
        self._signing = signing
        self._kept = kept

    async def __call__(self, *, actor: Actor, reason: str) -> dict[str, object]:
        """Record what is given up, then keep the journal's head as the last one.

        What was kept is left beside: it proves to auditors that there are two histories.

        Args:
            actor: Who says so.
            reason: Why; 1 to 200 printable characters.

        Returns:
            ``kept`` (the size that was signed last, ``None`` if that cannot be read), ``size``
            (that of the journal's log, 0 if nothing is sealed) and ``aside`` (the file with the
            checkpoint that was kept).

        Raises:
            OperationError: The log goes on from what was kept, or no reason is given.
            LogUnusableError: The journal's head is signed by none of our keys.
        """
        reason = printable(reason, "reason")
        signing = self._signing()
        head = await self._journal.log_head()
        if head is not None:
            signing.read(head)
        gone: Checkpoint | None = None
        try:
            kept = await asyncio.to_thread(self._kept.read)
            kept = None if kept == NOTHING else kept
            gone = None if kept is None else signing.opened(kept)[0]
            await require_going_on(self._journal, signing, kept, head, at_start=True)
        except LogUnusableError:
            pass
        else:
            raise OperationError("the log goes on from the last checkpoint: nothing to accept")
        facts = {
            "kept": None if gone is None else gone.size,
            "kept_root": None if gone is None else gone.root.hex(),
            "size": 0 if head is None else head.size,
            "root": None if head is None else head.root.hex(),
        }
        entry = Entry(
            action=Action.LOG_RESTORED,
            at=self._clock.now(),
            actor=actor,
            detail=conceal({"reason": reason}),
            facts=facts,
        )
        await self._journal.record([entry])
        aside = await asyncio.to_thread(self._kept.set_aside)
        accepted = NOTHING if head is None else head.checkpoint
        if not await asyncio.to_thread(self._kept.keep, accepted):
            raise OperationError("home: the checkpoint cannot be written")
        return {"kept": facts["kept"], "size": facts["size"], "aside": aside}
