"""Forgetting: rows are deleted, and overwritten with zeros as they are (``secure_delete``)."""

import asyncio
import sqlite3
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from itertools import groupby
from typing import Final, TypeVar
from uuid import UUID

from gateway.audit.head import Head
from gateway.domain.entry import Entry
from gateway.domain.errors import JournalUnavailableError
from gateway.domain.identifiers import ApplicationId, DeliveryId, MunicipalityCode, NodeName
from gateway.domain.retention import Cursor, Cutoffs, Expired, Kept, Page, Past, Turn
from gateway.drivers.journal_sqlite import retention_queries as queries
from gateway.drivers.journal_sqlite import rows, shredding, steps
from gateway.drivers.journal_sqlite.writer import Step
from gateway.ports.clock import APART

T = TypeVar("T")

MOST_PAST: Final = 1_000
_LONGEST_TURN: Final = timedelta(days=1)
Entries = Callable[[Sequence[Expired]], Sequence[Entry]]


class SQLiteRetention(ABC):
    """What the journal does to forget; how it reads and writes, the driver says."""

    async def take_turn(self, *, now: datetime, until: datetime, ended_before: datetime) -> bool:
        """Take or keep the turn."""
        parameters = {
            "now": rows.from_time(now),
            "until": rows.from_time(until),
            "too_late": rows.from_time(now + _LONGEST_TURN),
            "ended_before": rows.from_time(ended_before),
            "ahead": rows.from_time(now + APART),
        }

        def step(connection: sqlite3.Connection, head: Head) -> bool:
            return _take(connection, {"node": head.node, **parameters})

        return await self._write(step)

    async def end_turn(self, at: datetime) -> None:
        """End it."""

        def step(connection: sqlite3.Connection, head: Head) -> None:
            connection.execute(queries.END_TURN, (rows.from_time(at), head.node))

        await self._write(step)

    async def last_turn(self) -> Turn | None:
        """Return the last turn."""
        return await self._read(_last_turn)

    async def expirable(
        self, kept: Kept, cutoffs: Cutoffs, *, after: Cursor | None, limit: int
    ) -> Page:
        """Look through a page."""
        return await self._read(lambda connection: _FIND[kept](connection, cutoffs, after, limit))

    async def expire(
        self,
        kept: Kept,
        cutoffs: Cutoffs,
        *,
        after: Cursor | None,
        limit: int,
        entries: Entries,
    ) -> Page:
        """Look through a page and delete; ``entries`` is called in the writer's thread."""

        def step(connection: sqlite3.Connection, head: Head) -> Page:
            page = _FIND[kept](connection, cutoffs, after, limit)
            if page.expired:
                _FORGET[kept](connection, page.expired)
                steps.append(connection, head, entries(page.expired))
            return page

        return await self._write(step)

    async def forget_past(
        self, before: datetime, entries: Callable[[Past], Sequence[Entry]]
    ) -> int:
        """Delete small things of the past; ``entries`` is called in the writer's thread."""
        parameters = {"before": rows.from_time(before), "limit": MOST_PAST}

        def step(connection: sqlite3.Connection, head: Head) -> int:
            gone = [connection.execute(each, parameters).rowcount for each in queries.PAST]
            past = Past(replays=gone[0], approvals=gone[1], notes=gone[2])
            if past.total:
                steps.append(connection, head, entries(past))
            return past.total

        return await self._write(step)

    async def let_go(self) -> None:
        """Cut the WAL."""
        for _ in range(shredding.TRIES):
            if await self._outside(shredding.empty_wal):
                return
            await asyncio.sleep(shredding.PAUSE_S)
        raise JournalUnavailableError("journal_in_use")

    async def rewrite(self) -> None:
        """Write the file anew, without room for what is no more, and cut the WAL."""
        await self._outside(lambda connection: connection.execute("VACUUM").close())
        await self.let_go()

    @abstractmethod
    async def _write(self, step: Step[T]) -> T: ...

    @abstractmethod
    async def _outside(self, action: Callable[[sqlite3.Connection], T]) -> T: ...

    @abstractmethod
    async def _read(self, query: Callable[[sqlite3.Connection], T]) -> T: ...


def _take(connection: sqlite3.Connection, parameters: dict[str, rows.Value | NodeName]) -> bool:
    return connection.execute(queries.TAKE_TURN, parameters).rowcount == 1


def _last_turn(connection: sqlite3.Connection) -> Turn | None:
    row = connection.execute(queries.TURN).fetchone()
    if row is None:
        return None
    return Turn(
        node=row["node"],
        until=rows.to_time(row["until"]),
        ended_at=rows.to_optional_time(row["ended_at"]),
    )


def _payloads(
    connection: sqlite3.Connection, cutoffs: Cutoffs, after: Cursor | None, limit: int
) -> Page:
    parameters = _page(cutoffs, after, limit)
    found = connection.execute(queries.PAYLOADS, parameters).fetchall()
    looked = [
        Expired(
            municipality=MunicipalityCode(row["municipality"]),
            since=rows.to_time(row["updated_at"]),
            deliveries=(DeliveryId(UUID(bytes=row["id"])),),
        )
        for row in found
        if row["is_final"]
    ]
    return Page(
        expired=tuple(each for each in looked if each.since < cutoffs.of(each.municipality)),
        after=found[-1]["id"] if len(found) == limit else None,
    )


def _applications(
    connection: sqlite3.Connection, cutoffs: Cutoffs, after: Cursor | None, limit: int
) -> Page:
    parameters = _page(cutoffs, after, limit)
    found = connection.execute(queries.APPLICATIONS, parameters).fetchall()
    expired: list[Expired] = []
    last, count = None, 0
    for root, members in groupby(found, key=lambda row: bytes(row["root"])):
        last, count = root, count + 1
        chain = list(members)
        together = [_application(row) for row in chain]
        if all(not row["is_held"] for row in chain) and all(
            each.since < cutoffs.of(each.municipality) for each in together
        ):
            expired += together
    return Page(expired=tuple(expired), after=last if count == limit else None)


def _application(row: sqlite3.Row) -> Expired:
    times = (row["accepted_at"], row["ended_at"] or 0, row["heard_at"] or 0)
    return Expired(
        municipality=MunicipalityCode(row["municipality"]),
        since=rows.to_time(max(times)),
        application=ApplicationId(UUID(bytes=row["id"])),
        deliveries=tuple(DeliveryId(UUID(each)) for each in (row["deliveries"] or "").split()),
    )


def _words(
    connection: sqlite3.Connection, cutoffs: Cutoffs, after: Cursor | None, limit: int
) -> Page:
    node, nseq = after if isinstance(after, tuple) else ("", 0)
    parameters = {
        "node": node,
        "nseq": nseq,
        "latest": rows.from_time(cutoffs.latest),
        "limit": limit,
    }
    found = connection.execute(queries.WORDS, parameters).fetchall()
    looked = [
        Expired(
            municipality=MunicipalityCode(row["municipality"]) if row["municipality"] else None,
            since=rows.to_time(row["at"]),
            place=(row["node"], row["nseq"]),
        )
        for row in found
        if row["is_old"]
    ]
    return Page(
        expired=tuple(each for each in looked if each.since < cutoffs.of(each.municipality)),
        after=(found[-1]["node"], found[-1]["nseq"]) if len(found) == limit else None,
    )


_FIND: Final = {
    Kept.PAYLOADS: _payloads,
    Kept.APPLICATIONS: _applications,
    Kept.WORDS: _words,
}


def _page(cutoffs: Cutoffs, after: Cursor | None, limit: int) -> dict[str, rows.Value]:
    # What was accepted later cannot have been final before: ids sort by their time.
    bound = max(int(cutoffs.latest.timestamp() * 1000), 0).to_bytes(6, "big") + bytes(10)
    return {
        "after": after if isinstance(after, bytes) else bytes(16),
        "bound": bound,
        "limit": limit,
    }


def _forget_payloads(connection: sqlite3.Connection, expired: Sequence[Expired]) -> None:
    ids = [(each.deliveries[0].bytes,) for each in expired]
    connection.executemany(queries.FORGET_PAYLOAD, ids)


def _forget_applications(connection: sqlite3.Connection, expired: Sequence[Expired]) -> None:
    # The newest first: it refers to those that it supersedes.
    ids = [(each.application.bytes,) for each in reversed(expired) if each.application is not None]
    for statement in queries.FORGET_APPLICATION:
        connection.executemany(statement, ids)


def _forget_words(connection: sqlite3.Connection, expired: Sequence[Expired]) -> None:
    connection.executemany(queries.FORGET_WORDS, [each.place for each in expired])


_FORGET: Final = {
    Kept.PAYLOADS: _forget_payloads,
    Kept.APPLICATIONS: _forget_applications,
    Kept.WORDS: _forget_words,
}
