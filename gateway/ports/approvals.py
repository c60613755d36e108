"""Where requests are kept that wait for a second person."""

from collections.abc import Sequence
from typing import Protocol

from gateway.domain.approval import Approval, ApprovalId
from gateway.domain.entry import Entry


class Approvals(Protocol):
    """The part of the journal that keeps requests. Errors are the journal's."""

    async def add_approval(self, approval: Approval, entry: Entry) -> bool:
        """Store a request and its entry.

        Returns:
            ``False``, and nothing is written, when one with its fingerprint waits already.
        """

    async def approvals(self, *, waiting: bool = False, limit: int = 100) -> Sequence[Approval]:
        """Return the latest requests, newest first; with ``waiting`` only those that wait."""

    async def approval(self, approval: ApprovalId) -> Approval | None:
        """Return one request."""

    async def decide_approval(self, decided: Approval, entry: Entry) -> bool:
        """Store how a request was decided, and its entry, if it still waits.

        Of several that decide at once, in this or another process, one gets ``True``.

        Args:
            decided: The request as it is then: ``state`` and the ``decided_*`` are read.
            entry: What the log says of it.

        Returns:
            ``False``, and nothing is written, when it waits no more.
        """

    async def note_approval_result(self, approval: ApprovalId, result: str) -> None:
        """Store what an approved request came to."""
