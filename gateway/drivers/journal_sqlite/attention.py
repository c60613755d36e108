"""What people make of what waits for them: groups, notes, and what waits one by one."""

import sqlite3
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Final, TypeVar
from uuid import UUID

from gateway.audit.head import Head
from gateway.domain.attention import AttentionGroup, AttentionNote, AttentionState, WaitingHour
from gateway.domain.entry import Entry
from gateway.domain.identifiers import DeliveryId
from gateway.domain.lifecycle import State
from gateway.domain.records import DeliveryRecord
from gateway.domain.repair import WaitingFilter
from gateway.drivers.journal_sqlite import rows, steps
from gateway.drivers.journal_sqlite.writer import Step

T = TypeVar("T")

_HOUR_US: Final = 3_600_000_000
_GROUPS: Final = """
SELECT g.*, (SELECT count(*) FROM attention_notes n WHERE n.group_id = g.id) AS notes
FROM attention_groups g ORDER BY g.id
"""
_PUT: Final = """
INSERT INTO attention_groups (
    id, version, waits, destination, code, adapter, state, since, acknowledged_by,
    acknowledged_until, reopened_at
) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (id) DO UPDATE SET
    version = excluded.version, state = excluded.state, since = excluded.since,
    acknowledged_by = excluded.acknowledged_by, acknowledged_until = excluded.acknowledged_until,
    reopened_at = excluded.reopened_at
WHERE attention_groups.version = excluded.version - 1
"""
_ADD_NOTE: Final = """
INSERT INTO attention_notes (id, group_id, noted_at, noted_by, words) VALUES (?, ?, ?, ?, ?)
"""
_NOTES: Final = "SELECT * FROM attention_notes WHERE group_id = ? ORDER BY id DESC LIMIT ?"
_HOURS: Final = """
SELECT state, destination, code, adapter, updated_at / :hour_us AS hour, count(*) AS deliveries
FROM deliveries INDEXED BY deliveries_waiting
WHERE (state = 'parked' OR state = 'in_doubt' AND due_at IS NULL AND copy IS NULL)
    AND updated_at >= :since
GROUP BY destination, state, code, adapter, hour
"""
# ``IS`` finds rows of one code, or of none, in the order of the index.
_WAITING: Final = """
SELECT * FROM deliveries INDEXED BY deliveries_waiting
WHERE (state = 'parked' OR state = 'in_doubt' AND due_at IS NULL AND copy IS NULL)
    AND state = :state
    AND (:destination IS NULL OR destination = :destination)
    AND (:any_code OR code IS :code)
    AND (:any_adapter OR adapter IS :adapter)
    AND (:municipality IS NULL OR municipality = :municipality)
    AND (:since IS NULL OR updated_at >= :since)
    AND (:until IS NULL OR updated_at < :until)
    AND (:at IS NULL OR (updated_at, id) < (:at, :id))
ORDER BY updated_at DESC, id DESC LIMIT :limit
"""
_WAITING_IN_GROUP: Final = """
SELECT * FROM deliveries INDEXED BY deliveries_waiting
WHERE (state = 'parked' OR state = 'in_doubt' AND due_at IS NULL AND copy IS NULL)
    AND state = :state AND destination = :destination
    AND code IS :code AND adapter IS :adapter
    AND (:municipality IS NULL OR municipality = :municipality)
    AND (:since IS NULL OR updated_at >= :since)
    AND (:until IS NULL OR updated_at < :until)
    AND updated_at <= :latest AND (:at IS NULL OR (updated_at, id) < (:at, :id))
ORDER BY updated_at DESC, id DESC LIMIT :limit
"""
_LATEST: Final = 2**62


class SQLiteAttention(ABC):
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
        return await self._write(
            lambda connection, head: _put(connection, head, group, note, entry)
        )

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
    async def _write(self, step: Step[T]) -> T: ...

    @abstractmethod
    async def _read(self, query: Callable[[sqlite3.Connection], T]) -> T: ...


def _groups(connection: sqlite3.Connection) -> list[AttentionGroup]:
    return [
        AttentionGroup(
            id=row["id"],
            version=row["version"],
            waits=State(row["waits"]),
            destination=row["destination"],
            code=row["code"],
            adapter=row["adapter"],
            state=AttentionState(row["state"]),
            since=rows.to_time(row["since"]),
            acknowledged_by=row["acknowledged_by"],
            acknowledged_until=rows.to_optional_time(row["acknowledged_until"]),
            reopened_at=rows.to_optional_time(row["reopened_at"]),
            notes=row["notes"],
        )
        for row in connection.execute(_GROUPS)
    ]


def _put(
    connection: sqlite3.Connection,
    head: Head,
    group: AttentionGroup,
    note: AttentionNote | None,
    entry: Entry | None,
) -> bool:
    parameters = (
        group.id,
        group.version,
        group.waits.value,
        group.destination,
        group.code,
        group.adapter,
        group.state.value,
        rows.from_time(group.since),
        group.acknowledged_by,
        rows.from_optional_time(group.acknowledged_until),
        rows.from_optional_time(group.reopened_at),
    )
    if connection.execute(_PUT, parameters).rowcount == 0:
        return False
    if note is not None:
        noted = (note.id.bytes, note.group, rows.from_time(note.at), note.by, note.text)
        connection.execute(_ADD_NOTE, noted)
    if entry is not None:
        steps.append(connection, head, (entry,))
    return True


def _notes(connection: sqlite3.Connection, group: str, limit: int) -> list[AttentionNote]:
    return [
        AttentionNote(
            id=UUID(bytes=row["id"]),
            group=row["group_id"],
            at=rows.to_time(row["noted_at"]),
            by=row["noted_by"],
            text=row["words"],
        )
        for row in connection.execute(_NOTES, (group, limit))
    ]


def _hours(connection: sqlite3.Connection, since: datetime) -> list[WaitingHour]:
    parameters = {"since": rows.from_time(since), "hour_us": _HOUR_US}
    return [
        WaitingHour(
            state=State(row["state"]),
            destination=row["destination"],
            code=row["code"],
            adapter=row["adapter"],
            hour=rows.to_time(row["hour"] * _HOUR_US),
            deliveries=row["deliveries"],
        )
        for row in connection.execute(_HOURS, parameters)
    ]


def _waiting(
    connection: sqlite3.Connection,
    where: WaitingFilter,
    after: tuple[datetime, DeliveryId] | None,
    limit: int,
) -> list[DeliveryRecord]:
    [state] = where.states
    at = None if after is None else rows.from_time(after[0])
    parameters = {
        "state": state.value,
        "destination": where.destination,
        "any_code": where.code is None,
        "code": where.code or None,
        "any_adapter": where.adapter is None,
        "adapter": where.adapter or None,
        "municipality": where.municipality,
        "since": rows.from_optional_time(where.since),
        "until": rows.from_optional_time(where.until),
        "at": at,
        "latest": _LATEST if at is None else at,
        "id": None if after is None else after[1].bytes,
        "limit": limit,
    }
    is_group = None not in (where.destination, where.code, where.adapter)
    found = connection.execute(_WAITING_IN_GROUP if is_group else _WAITING, parameters)
    return [rows.to_delivery(row) for row in found]
