"""Requests that wait for a second person."""

import sqlite3
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import Final, TypeVar
from uuid import UUID

from gateway.audit.head import Head
from gateway.domain.approval import Approval, ApprovalId, ApprovalState
from gateway.domain.entry import Entry
from gateway.drivers.journal_sqlite import rows, steps
from gateway.drivers.journal_sqlite.writer import Step

T = TypeVar("T")

_ADD: Final = """
INSERT INTO approvals (
    id, operation, arguments, subject, fingerprint, deliveries, requested_by, requested_at,
    expires_at, state
) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, 'waiting')
ON CONFLICT (fingerprint) WHERE state = 'waiting' DO NOTHING
"""
_LATEST: Final = """
SELECT * FROM approvals WHERE NOT :waiting OR state = 'waiting' ORDER BY id DESC LIMIT :limit
"""
_ONE: Final = "SELECT * FROM approvals WHERE id = ?"
_DECIDE: Final = """
UPDATE approvals SET state = ?2, decided_by = ?3, decided_at = ?4, decided_reason = ?5
WHERE id = ?1 AND state = 'waiting'
"""
_RESULT: Final = "UPDATE approvals SET result = ?2 WHERE id = ?1"


class SQLiteApprovals(ABC):
    """Four eyes in the journal; how it reads and writes, the driver says."""

    async def add_approval(self, approval: Approval, entry: Entry) -> bool:
        """Store a request."""
        return await self._write(lambda connection, head: _add(connection, head, approval, entry))

    async def approvals(self, *, waiting: bool = False, limit: int = 100) -> Sequence[Approval]:
        """Return the latest requests."""
        return await self._read(lambda connection: _latest(connection, waiting, limit))

    async def approval(self, approval: ApprovalId) -> Approval | None:
        """Return one request."""
        return await self._read(lambda connection: _one(connection, approval))

    async def decide_approval(self, decided: Approval, entry: Entry) -> bool:
        """Decide a request that waits."""
        return await self._write(lambda connection, head: _decide(connection, head, decided, entry))

    async def note_approval_result(self, approval: ApprovalId, result: str) -> None:
        """Store what a request came to."""
        parameters = (approval.bytes, result)
        await self._write(lambda connection, _: connection.execute(_RESULT, parameters).rowcount)

    @abstractmethod
    async def _write(self, step: Step[T]) -> T: ...

    @abstractmethod
    async def _read(self, query: Callable[[sqlite3.Connection], T]) -> T: ...


def _add(connection: sqlite3.Connection, head: Head, approval: Approval, entry: Entry) -> bool:
    parameters = (
        approval.id.bytes,
        approval.operation,
        approval.arguments,
        approval.subject,
        approval.fingerprint,
        approval.deliveries,
        approval.requested_by,
        rows.from_time(approval.requested_at),
        rows.from_time(approval.expires_at),
    )
    if connection.execute(_ADD, parameters).rowcount == 0:
        return False
    steps.append(connection, head, (entry,))
    return True


def _decide(connection: sqlite3.Connection, head: Head, decided: Approval, entry: Entry) -> bool:
    parameters = (
        decided.id.bytes,
        decided.state.value,
        decided.decided_by,
        rows.from_optional_time(decided.decided_at),
        decided.decided_reason,
    )
    if connection.execute(_DECIDE, parameters).rowcount == 0:
        return False
    steps.append(connection, head, (entry,))
    return True


def _latest(connection: sqlite3.Connection, waiting: bool, limit: int) -> list[Approval]:  # noqa: FBT001 - the port's
    found = connection.execute(_LATEST, {"waiting": waiting, "limit": limit})
    return [_to_approval(row) for row in found]


def _one(connection: sqlite3.Connection, approval: ApprovalId) -> Approval | None:
    row = connection.execute(_ONE, (approval.bytes,)).fetchone()
    return None if row is None else _to_approval(row)


def _to_approval(row: sqlite3.Row) -> Approval:
    return Approval(
        id=ApprovalId(UUID(bytes=row["id"])),
        operation=row["operation"],
        arguments=row["arguments"],
        subject=row["subject"],
        fingerprint=row["fingerprint"],
        deliveries=row["deliveries"],
        requested_by=row["requested_by"],
        requested_at=rows.to_time(row["requested_at"]),
        expires_at=rows.to_time(row["expires_at"]),
        state=ApprovalState(row["state"]),
        decided_by=row["decided_by"],
        decided_at=rows.to_optional_time(row["decided_at"]),
        decided_reason=row["decided_reason"],
        result=row["result"],
    )
