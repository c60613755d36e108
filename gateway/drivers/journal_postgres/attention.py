"""What people make of what waits for them: groups, notes, and what waits one by one."""

from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from typing import Final, TypeVar

from asyncpg import Connection

from gateway.domain.attention import AttentionGroup, AttentionNote, AttentionState, WaitingHour
from gateway.domain.entry import Entry
from gateway.domain.identifiers import DeliveryId
from gateway.domain.lifecycle import State
from gateway.domain.records import DeliveryRecord
from gateway.domain.repair import WaitingFilter
from gateway.drivers.journal_postgres import rows
from gateway.drivers.journal_postgres.transaction import Transaction

T = TypeVar("T")

_HOUR_S: Final = 3600
_GROUPS: Final = """
SELECT g.*, (SELECT count(*) FROM attention_notes n WHERE n.group_id = g.id) AS notes
FROM attention_groups g ORDER BY g.id
"""
_PUT: Final = """
INSERT INTO attention_groups (
    id, version, waits, destination, code, adapter, state, since, acknowledged_by,
    acknowledged_until, reopened_at
) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
ON CONFLICT (id) DO UPDATE SET
    version = excluded.version, state = excluded.state, since = excluded.since,
    acknowledged_by = excluded.acknowledged_by, acknowledged_until = excluded.acknowledged_until,
    reopened_at = excluded.reopened_at
WHERE attention_groups.version = excluded.version - 1
RETURNING id
"""
_ADD_NOTE: Final = """
INSERT INTO attention_notes (id, group_id, noted_at, noted_by, words) VALUES ($1, $2, $3, $4, $5)
"""
_NOTES: Final = "SELECT * FROM attention_notes WHERE group_id = $1 ORDER BY id DESC LIMIT $2"
_IS_WAITING: Final = (
    "(d.state = 'parked' OR d.state = 'in_doubt' AND d.due_at IS NULL AND d.copy IS NULL)"
)
_HOURS: Final = f"""
SELECT d.state, d.destination, d.code, d.adapter,
    floor(extract(epoch FROM d.updated_at) / {_HOUR_S})::bigint AS hour, count(*) AS deliveries
FROM deliveries d WHERE {_IS_WAITING} AND d.updated_at >= $1
GROUP BY d.state, d.destination, d.code, d.adapter, hour
"""  # noqa: S608 - put together from constants
_WAITING: Final = f"""
SELECT d.* FROM deliveries d
WHERE {_IS_WAITING} AND d.state = $1
    AND ($2::text IS NULL OR d.municipality = $2)
    AND ($3::timestamptz IS NULL OR d.updated_at >= $3)
    AND ($4::timestamptz IS NULL OR d.updated_at < $4)
    AND ($5::timestamptz IS NULL OR (d.updated_at, d.id) < ($5, $6::uuid))
"""  # noqa: S608 - put together from constants
_PAGE: Final = " ORDER BY d.updated_at DESC, d.id DESC LIMIT $7"


class PostgresAttention(ABC):
    """How groups stand; how it reads and writes, the driver says."""

    async def attention(self) -> Sequence[AttentionGroup]:
        """Return every group that was seen."""
        return await self._read(_groups)

    async def put_attention(
        self,
        group: AttentionGroup,
        *,
        note: AttentionNote | None = None,
        entry: Entry | None = None,
    ) -> bool:
        """Store the next version of a group."""
        return await self._write(lambda transaction: _put(transaction, group, note, entry))

    async def attention_notes(self, group: str, *, limit: int = 100) -> Sequence[AttentionNote]:
        """Return a group's notes."""
        return await self._read(lambda connection: _notes(connection, group, limit))

    async def waiting_hours(self, *, since: datetime) -> Sequence[WaitingHour]:
        """Count what began to wait, by hour."""
        return await self._read(lambda connection: _hours(connection, since))

    async def waiting_deliveries(
        self,
        where: WaitingFilter,
        *,
        after: tuple[datetime, DeliveryId] | None = None,
        limit: int = 50,
    ) -> Sequence[DeliveryRecord]:
        """Return a page of what waits."""
        return await self._read(lambda connection: _waiting(connection, where, after, limit))

    @abstractmethod
    async def _write(self, step: Callable[[Transaction], Awaitable[T]]) -> T: ...

    @abstractmethod
    async def _read(self, query: Callable[[Connection], Awaitable[T]]) -> T: ...


async def _groups(connection: Connection) -> list[AttentionGroup]:
    return [
        AttentionGroup(
            id=row["id"],
            version=row["version"],
            waits=State(row["waits"]),
            destination=row["destination"],
            code=row["code"],
            adapter=row["adapter"],
            state=AttentionState(row["state"]),
            since=row["since"],
            acknowledged_by=row["acknowledged_by"],
            acknowledged_until=row["acknowledged_until"],
            reopened_at=row["reopened_at"],
            notes=row["notes"],
        )
        for row in await connection.fetch(_GROUPS)
    ]


async def _put(
    transaction: Transaction,
    group: AttentionGroup,
    note: AttentionNote | None,
    entry: Entry | None,
) -> bool:
    mark = transaction.mark()
    if entry is not None:
        transaction.append((entry,))
    stored = await transaction.connection.fetchval(
        _PUT,
        group.id,
        group.version,
        group.waits.value,
        group.destination,
        group.code,
        group.adapter,
        group.state.value,
        group.since,
        group.acknowledged_by,
        group.acknowledged_until,
        group.reopened_at,
    )
    if stored is None:
        transaction.rewind(mark)
        return False
    if note is not None:
        await transaction.connection.execute(
            _ADD_NOTE, note.id, note.group, note.at, note.by, note.text
        )
    return True


async def _notes(connection: Connection, group: str, limit: int) -> list[AttentionNote]:
    return [
        AttentionNote(
            id=row["id"],
            group=row["group_id"],
            at=row["noted_at"],
            by=row["noted_by"],
            text=row["words"],
        )
        for row in await connection.fetch(_NOTES, group, limit)
    ]


async def _hours(connection: Connection, since: datetime) -> list[WaitingHour]:
    return [
        WaitingHour(
            state=State(row["state"]),
            destination=row["destination"],
            code=row["code"],
            adapter=row["adapter"],
            hour=datetime.fromtimestamp(row["hour"] * _HOUR_S, UTC),
            deliveries=row["deliveries"],
        )
        for row in await connection.fetch(_HOURS, since)
    ]


async def _waiting(
    connection: Connection,
    where: WaitingFilter,
    after: tuple[datetime, DeliveryId] | None,
    limit: int,
) -> list[DeliveryRecord]:
    [state] = where.states
    # No statement that fits every filter could go through the index in its order.
    statement = _WAITING
    parameters: list[object] = [
        state.value,
        where.municipality,
        where.since,
        where.until,
        None if after is None else after[0],
        None if after is None else after[1],
        limit,
    ]
    wanted = (("destination", where.destination), ("code", where.code), ("adapter", where.adapter))
    for column, value in wanted:
        if value == "":
            statement += f" AND d.{column} IS NULL"
        elif value is not None:
            parameters.append(value)
            statement += f" AND d.{column} = ${len(parameters)}"
    found = await connection.fetch(statement + _PAGE, *parameters)
    return [rows.to_delivery(row) for row in found]
