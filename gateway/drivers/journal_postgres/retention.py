"""Forgetting: rows are deleted, and vacuumed; or their tables are written anew."""

from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import groupby
from typing import Final, TypeVar
from uuid import UUID

from asyncpg import Connection, Record

from gateway.domain.entry import Entry
from gateway.domain.identifiers import ApplicationId, DeliveryId, MunicipalityCode
from gateway.domain.retention import Cursor, Cutoffs, Expired, Kept, Page, Past, Turn
from gateway.drivers.journal_postgres import retention_queries as queries
from gateway.drivers.journal_postgres import shredding
from gateway.drivers.journal_postgres.connections import Access
from gateway.drivers.journal_postgres.transaction import Transaction
from gateway.ports.clock import APART

T = TypeVar("T")

MOST_PAST: Final = 1_000
_LONGEST_TURN: Final = timedelta(days=1)
Entries = Callable[[Sequence[Expired]], Sequence[Entry]]


class PostgresRetention(ABC):
    """What the journal does to forget; how it reads and writes, the driver says."""

    _access: Access

    async def take_turn(self, *, now: datetime, until: datetime, ended_before: datetime) -> bool:
        """Take or keep the turn."""
        too_late, ahead = now + _LONGEST_TURN, now + APART

        async def step(transaction: Transaction) -> bool:
            taken = await transaction.connection.fetchval(
                queries.TAKE_TURN,
                transaction.head.node,
                until,
                now,
                too_late,
                ended_before,
                ahead,
            )
            return taken is not None

        return await self._write(step)

    async def end_turn(self, at: datetime) -> None:
        """End it."""

        async def step(transaction: Transaction) -> None:
            await transaction.connection.execute(queries.END_TURN, at, transaction.head.node)

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
        """Look through a page and delete; ``entries`` is called in this task's event loop."""

        async def step(transaction: Transaction) -> Page:
            connection = transaction.connection
            page = await _FIND[kept](connection, cutoffs, after, limit)
            if page.expired:
                # Somebody may have added to it until it was locked: it is looked at again.
                await _LOCK[kept](connection, page.expired)
                page = await _FIND[kept](connection, cutoffs, after, limit)
            if page.expired:
                await _FORGET[kept](connection, page.expired)
                transaction.append(entries(page.expired))
            return page

        return await self._write(step)

    async def forget_past(
        self, before: datetime, entries: Callable[[Past], Sequence[Entry]]
    ) -> int:
        """Delete small things of the past; ``entries`` is called in this task's event loop."""

        async def step(transaction: Transaction) -> int:
            done = [
                await transaction.connection.execute(each, before, MOST_PAST)
                for each in queries.PAST
            ]
            gone = [int(each.removeprefix("DELETE ")) for each in done]
            past = Past(replays=gone[0], approvals=gone[1], notes=gone[2])
            if past.total:
                transaction.append(entries(past))
            return past.total

        return await self._write(step)

    async def let_go(self) -> None:
        """Vacuum, and write the keys of words anew."""
        await shredding.vacuum(self._access, queries.VACUUM)
        await shredding.rewrite(self._access)

    async def rewrite(self) -> None:
        """Write every table anew that holds anything of an application."""
        await shredding.rewrite(self._access, queries.REWRITE)
        await shredding.rewrite(self._access)

    @abstractmethod
    async def _write(self, step: Callable[[Transaction], Awaitable[T]]) -> T: ...

    @abstractmethod
    async def _read(self, query: Callable[[Connection], Awaitable[T]]) -> T: ...


async def _last_turn(connection: Connection) -> Turn | None:
    row = await connection.fetchrow(queries.TURN)
    if row is None:
        return None
    return Turn(node=row["node"], until=row["until"], ended_at=row["ended_at"])


async def _payloads(
    connection: Connection, cutoffs: Cutoffs, after: Cursor | None, limit: int
) -> Page:
    found = await connection.fetch(queries.PAYLOADS, *_page(cutoffs, after), limit)
    looked = [
        Expired(
            municipality=MunicipalityCode(row["municipality"]),
            since=row["updated_at"],
            deliveries=(DeliveryId(row["id"]),),
        )
        for row in found
        if row["is_final"]
    ]
    return Page(
        expired=tuple(each for each in looked if each.since < cutoffs.of(each.municipality)),
        after=found[-1]["id"].bytes if len(found) == limit else None,
    )


async def _applications(
    connection: Connection, cutoffs: Cutoffs, after: Cursor | None, limit: int
) -> Page:
    found = await connection.fetch(queries.APPLICATIONS, *_page(cutoffs, after), limit)
    expired: list[Expired] = []
    last, count = None, 0
    for root, members in groupby(found, key=lambda row: row["root"].bytes):
        last, count = root, count + 1
        chain = list(members)
        together = [_application(row) for row in chain]
        if all(not row["is_held"] for row in chain) and all(
            each.since < cutoffs.of(each.municipality) for each in together
        ):
            expired += together
    return Page(expired=tuple(expired), after=last if count == limit else None)


def _application(row: Record) -> Expired:
    times = (row["accepted_at"], row["ended_at"], row["heard_at"])
    return Expired(
        municipality=MunicipalityCode(row["municipality"]),
        since=max(each for each in times if each is not None),
        application=ApplicationId(row["id"]),
        deliveries=tuple(DeliveryId(each) for each in row["deliveries"] or ()),
    )


async def _words(
    connection: Connection, cutoffs: Cutoffs, after: Cursor | None, limit: int
) -> Page:
    node, nseq = after if isinstance(after, tuple) else ("", 0)
    found = await connection.fetch(queries.WORDS, node, nseq, cutoffs.latest, limit)
    looked = [
        Expired(
            municipality=MunicipalityCode(row["municipality"]) if row["municipality"] else None,
            since=row["at"],
            place=(row["node"], row["nseq"]),
        )
        for row in found
        if row["is_old"]
    ]
    return Page(
        expired=tuple(each for each in looked if each.since < cutoffs.of(each.municipality)),
        after=(found[-1]["node"], found[-1]["nseq"]) if len(found) == limit else None,
    )


def _page(cutoffs: Cutoffs, after: Cursor | None) -> tuple[UUID, UUID]:
    """Return between which ids a page lies."""
    # What was accepted later cannot have been final before: ids sort by their time.
    bound = max(int(cutoffs.latest.timestamp() * 1000), 0).to_bytes(6, "big") + bytes(10)
    return UUID(bytes=after if isinstance(after, bytes) else bytes(16)), UUID(bytes=bound)


def _deliveries(expired: Sequence[Expired]) -> list[DeliveryId]:
    return [delivery for each in expired for delivery in each.deliveries]


def _ids(expired: Sequence[Expired]) -> list[ApplicationId]:
    return [each.application for each in expired if each.application is not None]


async def _lock_deliveries(connection: Connection, expired: Sequence[Expired]) -> None:
    await connection.execute(queries.LOCK_DELIVERIES, _deliveries(expired))


async def _lock_applications(connection: Connection, expired: Sequence[Expired]) -> None:
    await connection.execute(queries.LOCK_APPLICATIONS, _ids(expired))
    await connection.execute(queries.LOCK_THEIR_DELIVERIES, _ids(expired))


async def _lock_nothing(_connection: Connection, _expired: Sequence[Expired]) -> None:
    """Entries never change."""


async def _forget_payloads(connection: Connection, expired: Sequence[Expired]) -> None:
    await connection.execute(queries.FORGET_PAYLOADS, _deliveries(expired))


async def _forget_applications(connection: Connection, expired: Sequence[Expired]) -> None:
    for statement in queries.FORGET_APPLICATIONS:
        await connection.execute(statement, _ids(expired))


async def _forget_words(connection: Connection, expired: Sequence[Expired]) -> None:
    nodes, places = zip(*(each.place for each in expired), strict=True)
    await connection.execute(queries.FORGET_WORDS, nodes, places)


_Find = Callable[[Connection, Cutoffs, Cursor | None, int], Awaitable[Page]]
_Each = Callable[[Connection, Sequence[Expired]], Awaitable[None]]
_FIND: Final[Mapping[Kept, _Find]] = {
    Kept.PAYLOADS: _payloads,
    Kept.APPLICATIONS: _applications,
    Kept.WORDS: _words,
}
_LOCK: Final[Mapping[Kept, _Each]] = {
    Kept.PAYLOADS: _lock_deliveries,
    Kept.APPLICATIONS: _lock_applications,
    Kept.WORDS: _lock_nothing,
}
_FORGET: Final[Mapping[Kept, _Each]] = {
    Kept.PAYLOADS: _forget_payloads,
    Kept.APPLICATIONS: _forget_applications,
    Kept.WORDS: _forget_words,
}
