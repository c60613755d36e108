"""Requests that wait for a second person."""

from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Sequence
from typing import Final, TypeVar

from asyncpg import Connection, Record

from gateway.domain.approval import Approval, ApprovalId, ApprovalState
from gateway.domain.entry import Entry
from gateway.drivers.journal_postgres.transaction import Transaction

T = TypeVar("T")

_ADD: Final = """
INSERT INTO approvals (
    id, operation, arguments, subject, fingerprint, deliveries, requested_by, requested_at,
    expires_at, state
) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, 'waiting')
ON CONFLICT (fingerprint) WHERE state = 'waiting' DO NOTHING
RETURNING id
"""
_LATEST: Final = """
SELECT * FROM approvals WHERE NOT $1::boolean OR state = 'waiting' ORDER BY id DESC LIMIT $2
"""
_ONE: Final = "SELECT * FROM approvals WHERE id = $1"
_DECIDE: Final = """
UPDATE approvals SET state = $2, decided_by = $3, decided_at = $4, decided_reason = $5
WHERE id = $1 AND state = 'waiting'
RETURNING id
"""
_RESULT: Final = "UPDATE approvals SET result = $2 WHERE id = $1"


class PostgresApprovals(ABC):
    """Four eyes in the journal; how it reads and writes, the driver says."""

    async def add_approval(self, approval: Approval, entry: Entry) -> bool:
        """Store a request."""
        return await self._write(lambda transaction: _add(transaction, approval, entry))

    async def approvals(self, *, waiting: bool = False, limit: int = 100) -> Sequence[Approval]:
        """Return the latest requests."""
        return await self._read(lambda connection: _latest(connection, waiting, limit))

    async def approval(self, approval: ApprovalId) -> Approval | None:
        """Return one request."""
        return await self._read(lambda connection: _one(connection, approval))

    async def decide_approval(self, decided: Approval, entry: Entry) -> bool:
        """Decide a request that waits."""
        return await self._write(lambda transaction: _decide(transaction, decided, entry))

    async def note_approval_result(self, approval: ApprovalId, result: str) -> None:
        """Store what a request came to."""
        await self._write(
            lambda transaction: transaction.connection.execute(_RESULT, approval, result)
        )

    @abstractmethod
    async def _write(self, step: Callable[[Transaction], Awaitable[T]]) -> T: ...

    @abstractmethod
    async def _read(self, query: Callable[[Connection], Awaitable[T]]) -> T: ...


async def _add(transaction: Transaction, approval: Approval, entry: Entry) -> bool:
    mark = transaction.mark()
    transaction.append((entry,))
    added = await transaction.connection.fetchval(
        _ADD,
        approval.id,
        approval.operation,
        approval.arguments,
        approval.subject,
        approval.fingerprint,
        approval.deliveries,
        approval.requested_by,
        approval.requested_at,
        approval.expires_at,
    )
    if added is None:
        transaction.rewind(mark)
        return False
    return True


async def _decide(transaction: Transaction, decided: Approval, entry: Entry) -> bool:
    mark = transaction.mark()
    transaction.append((entry,))
    changed = await transaction.connection.fetchval(
        _DECIDE,
        decided.id,
        decided.state.value,
        decided.decided_by,
        decided.decided_at,
        decided.decided_reason,
    )
    if changed is None:
        transaction.rewind(mark)
        return False
    return True


async def _latest(connection: Connection, waiting: bool, limit: int) -> list[Approval]:  # noqa: FBT001 - the port's
    return [_to_approval(row) for row in await connection.fetch(_LATEST, waiting, limit)]


async def _one(connection: Connection, approval: ApprovalId) -> Approval | None:
    row = await connection.fetchrow(_ONE, approval)
    return None if row is None else _to_approval(row)


def _to_approval(row: Record) -> Approval:
    return Approval(
        id=ApprovalId(row["id"]),
        operation=row["operation"],
        arguments=row["arguments"],
        subject=row["subject"],
        fingerprint=row["fingerprint"],
        deliveries=row["deliveries"],
        requested_by=row["requested_by"],
        requested_at=row["requested_at"],
        expires_at=row["expires_at"],
        state=ApprovalState(row["state"]),
        decided_by=row["decided_by"],
        decided_at=row["decided_at"],
        decided_reason=row["decided_reason"],
        result=row["result"],
    )
