"""One transaction: what its steps share, and what is stored at its end."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field

from asyncpg import Connection

from gateway.audit.head import ChainedEntry, Head, Position
from gateway.domain.entry import Entry
from gateway.domain.identifiers import DeliveryId
from gateway.domain.records import DeliveryRecord
from gateway.drivers.journal_postgres import queries, rows
from gateway.ports.journal import Acceptance, Decision


@dataclass(frozen=True, slots=True)
class Lease:
    """Whose deliveries those are that this process accepts.

    Attributes:
        opening: How often this node's journal was opened; older leases are void.
        seconds: How long they are its own.
    """

    opening: int
    seconds: float


@dataclass(slots=True)
class Transaction:
    """An open transaction and the end of the node's chain in it.

    Attributes:
        known_series: Numbers of series that are committed.
        new_series: Those that this transaction looked up, or added: known once it is committed.
    """

    connection: Connection
    head: Head
    lease: Lease
    known_series: Mapping[rows.Series, int]
    new_series: dict[rows.Series, int] = field(default_factory=dict)
    _appended: list[ChainedEntry] = field(default_factory=list)

    def append(self, entries: Iterable[Entry]) -> bytes:
        """Give entries their places, all or none; return the chain's new end.

        Raises:
            ValueError: One cannot be encoded.
        """
        mark = self.mark()
        try:
            for entry in entries:
                self._appended.append(self.head.append(entry))
        except BaseException:
            self.rewind(mark)
            raise
        return self.head.position.last

    def mark(self) -> tuple[Position, int]:
        """Return where to go back to."""
        return self.head.position, len(self._appended)

    def rewind(self, mark: tuple[Position, int]) -> None:
        """Forget what was appended since."""
        self.head.position = mark[0]
        del self._appended[mark[1] :]

    async def store_entries(self) -> None:
        """Insert what was appended."""
        if not self._appended:
            return
        node, entries = self.head.node, self._appended
        wanted = [rows.series_of(one.entry) for one in entries]
        await self._find_series({one for one in wanted if one not in self.known_series})
        series = {**self.known_series, **self.new_series} if self.new_series else self.known_series
        columns = rows.columns(
            [rows.from_entry(one, series[of]) for one, of in zip(entries, wanted, strict=True)]
        )
        await self.connection.execute(queries.INSERT_ENTRIES, node, *columns)
        keys = [
            rows.from_detail_key(one, detail)
            for one in entries
            if (detail := one.entry.detail) is not None
        ]
        if keys:
            await self.connection.execute(queries.INSERT_DETAIL_KEYS, node, *rows.columns(keys))

    async def _find_series(self, unknown: AbstractSet[rows.Series]) -> None:
        """Look up the numbers of series, or give them some."""
        if not unknown:
            return
        columns = rows.columns(sorted(unknown))
        await self.connection.execute(queries.ADD_SERIES, *columns)
        for row in await self.connection.fetch(queries.SERIES, *columns):
            self.new_series[rows.to_series(row)] = row["id"]


@dataclass(frozen=True, slots=True)
class Accept:
    """Store an acceptance."""

    acceptance: Acceptance


@dataclass(frozen=True, slots=True)
class Decide:
    """Apply a rule to a delivery."""

    delivery_id: DeliveryId
    rule: Callable[[DeliveryRecord], Decision[object]]


@dataclass(frozen=True, slots=True)
class Other:
    """Whatever is too rare to be put together with its like."""

    run: Callable[[Transaction], Awaitable[object]]


@dataclass(slots=True)
class Waiting:
    """A step that waits, and then what it came to."""

    step: Accept | Decide | Other
    future: asyncio.Future[object]
    answer: object = None
    error: Exception | None = None

    def settle(self) -> None:
        """Tell the caller, if it still waits."""
        if self.future.done():
            return
        if self.error is None:
            self.future.set_result(self.answer)
        else:
            self.future.set_exception(self.error)
