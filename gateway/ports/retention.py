"""Forgetting what is final and has been kept for long enough; part of the journal."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Protocol

from gateway.domain.entry import Entry
from gateway.domain.retention import Cursor, Cutoffs, Expired, Kept, Page, Past, Turn


class Retention(Protocol):
    """What a journal forgets. Raises what ``Journal`` says.

    Never found are: what is not final, an application that superseded or was superseded by one
    that is not yet to go, and one of whose deliveries an open order to replay has an item.
    Entries of the audit log are never deleted.
    """

    async def take_turn(self, *, now: datetime, until: datetime, ended_before: datetime) -> bool:
        """Take the turn to expire things, or keep it; ``False`` when it is not ours.

        It is somebody else's until theirs ends, unless that is more than a day away: the clock was
        set back. It is nobody's when one came to its end at ``ended_before`` or later.
        """

    async def end_turn(self, at: datetime) -> None:
        """Note that everything was looked through, and let others have the next turn."""

    async def last_turn(self) -> Turn | None:
        """Return who had it last; ``None`` before the first."""

    async def expirable(
        self, kept: Kept, cutoffs: Cutoffs, *, after: Cursor | None, limit: int
    ) -> Page:
        """Look through up to ``limit`` rows that may have expired; change nothing."""

    async def expire(
        self,
        kept: Kept,
        cutoffs: Cutoffs,
        *,
        after: Cursor | None,
        limit: int,
        entries: Callable[[Sequence[Expired]], Sequence[Entry]],
    ) -> Page:
        """Do the same, and delete what is found in one transaction with its entries.

        Args:
            kept: Which class.
            cutoffs: Since when it must be final.
            after: Where the page before ended.
            limit: How many rows are looked at; of applications that supersede one another, only
                the first counts.
            entries: Called once if anything was found, inside the transaction.
        """

    async def forget_past(
        self, before: datetime, entries: Callable[[Past], Sequence[Entry]]
    ) -> int:
        """Delete ended replay orders without items, decided approvals, and notes from before.

        Args:
            before: When they ended, or were written.
            entries: Called once if there were any, inside the transaction.

        Returns:
            How many rows, at most 1,000 of each kind.
        """

    async def let_go(self) -> None:
        """Let go of what deleted rows left where the store does so while it is used.

        SQLite: the WAL, as the file itself is overwritten at once. PostgreSQL: dead rows are
        vacuumed, and their room is written over by and by; keys of words leave at once.

        Raises:
            JournalUnavailableError: Somebody was reading all the time. It may be tried again.
        """

    async def rewrite(self) -> None:
        """Write everything anew, so that nothing of deleted rows is left in the store's files.

        Nobody else writes meanwhile, and with PostgreSQL nobody reads: some seconds for each GB.

        Raises:
            JournalUnavailableError: As ``let_go``.
        """
