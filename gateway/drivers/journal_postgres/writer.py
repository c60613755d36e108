"""The one writing task: waiting steps share a transaction, and so round trips and an fsync.

It writes on one connection, which holds the node's name (``connections.connect``):
whoever has lost the name cannot write. A step that cannot be stored is found by
writing its batch again one by one. When the connection is lost, those who wait are
told at once, and another task connects anew; the end of the chain is then read anew, and
followed only if it was written here (``audit.head.End``).
"""

import asyncio
import contextlib
import random
from collections import deque
from time import perf_counter
from typing import Final

import structlog
from asyncpg import Connection, UniqueViolationError

from gateway.audit.chain import leaf
from gateway.audit.head import End, Head, Position
from gateway.domain.errors import (
    CommitUnknownError,
    JournalUnavailableError,
    KakehashiError,
)
from gateway.drivers.journal_postgres import accepting, deciding, ordering, queries, rows
from gateway.drivers.journal_postgres.connections import (
    DATABASE_ERRORS,
    Access,
    ContestedError,
    Trouble,
    connect,
    subject,
    trouble,
)
from gateway.drivers.journal_postgres.transaction import (
    Accept,
    Decide,
    Lease,
    Other,
    Transaction,
    Waiting,
)
from gateway.ports.journal import CommitNoted

BATCH_STEPS: Final = 512
"""More steps than this wait for the next transaction, which bounds how long one lasts."""
BATCH_BYTES: Final = 16 * 1024 * 1024
"""The same for sealed payloads, so that a statement's parameters stay small."""
ATTEMPTS: Final = 5
"""How often a transaction that met a deadlock is tried."""
RECONNECT_FIRST_S: Final = 0.05
RECONNECT_CAP_S: Final = 2.0

log = structlog.get_logger()


class Writer:
    """Runs steps on the only connection of this process that writes."""

    def __init__(
        self, connection: Connection, access: Access, lease: Lease, note_commit: CommitNoted
    ) -> None:
        """Take over ``connection`` and start writing; tell ``note_commit`` of each commit."""
        self._note_commit = note_commit
        self._access = access
        self._lease = lease
        self._waiting: deque[Waiting] = deque()
        self._wake = asyncio.Event()
        self._lost = asyncio.Event()
        self._end = End()
        self._is_foreign = False
        self._series: dict[rows.Series, int] = {}
        self._connection: Connection | None = None
        self._closed = False
        self._use(connection)
        self._writing = asyncio.create_task(self._run(), name="journal-writer")
        self._keeping = asyncio.create_task(self._keep(), name="journal-keeper")

    def submit(self, step: Accept | Decide | Other) -> asyncio.Future[object]:
        """Queue ``step``; the future is done once its transaction is durable.

        Cancelling the future does not take the step back.
        """
        future: asyncio.Future[object] = asyncio.get_running_loop().create_future()
        if self._closed:
            future.set_exception(JournalUnavailableError("closed"))
        else:
            self._waiting.append(Waiting(step, future))
            self._wake.set()
        return future

    @property
    def stored(self) -> Position | None:
        """The last entry that was committed here; ``None`` before the first."""
        return self._end.stored

    async def close(self) -> None:
        """Finish what is queued, then give the connection and the name back."""
        self._closed = True
        self._wake.set()
        await self._writing
        self._keeping.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._keeping
        if self._connection is not None:
            with contextlib.suppress(*DATABASE_ERRORS):
                await self._connection.close(timeout=self._access.timeout_s)
            self._connection = None

    def terminate(self) -> None:
        """Hang up, whatever is being written. Idempotent."""
        self._closed = True
        self._writing.cancel()
        self._keeping.cancel()
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.terminate()

    # The connection

    def _use(self, connection: Connection) -> None:
        self._connection = connection
        self._lost.clear()
        connection.add_termination_listener(self._on_termination)

    def _on_termination(self, connection: object) -> None:
        if connection is self._connection and not self._closed:
            self._lose("terminated")

    def _lose(self, reason: str) -> None:
        connection, self._connection = self._connection, None
        if connection is None:
            return
        self._end.doubt()
        self._lost.set()
        log.error("journal.lost", reason=reason)
        connection.terminate()

    async def _keep(self) -> None:
        """Connect anew whenever the connection was lost."""
        wait_s = RECONNECT_FIRST_S
        while True:
            await self._lost.wait()
            try:
                self._use(await connect(self._access))
            except KakehashiError as error:
                log.warning("journal.reconnect_failed", code=error.code)
                await asyncio.sleep(wait_s * (0.5 + random.random() / 2))  # noqa: S311 - jitter
                wait_s = min(RECONNECT_CAP_S, wait_s * 2)
            else:
                wait_s = RECONNECT_FIRST_S
                log.info("journal.recovered")

    # The steps

    async def _run(self) -> None:
        while self._waiting or not self._closed:
            if not self._waiting:
                self._wake.clear()
                await self._wake.wait()
            elif batch := self._take():
                await self._write(batch)

    def _take(self) -> list[Waiting]:
        batch: list[Waiting] = []
        payload_bytes = 0
        while self._waiting and len(batch) < BATCH_STEPS and payload_bytes < BATCH_BYTES:
            waiting = self._waiting.popleft()
            if isinstance(waiting.step, Accept):
                payload_bytes += sum(
                    len(delivery.sealed) for delivery in waiting.step.acceptance.deliveries
                )
            batch.append(waiting)
        return batch

    async def _write(self, batch: list[Waiting]) -> None:
        """Write a batch as one transaction, or one by one if something in it cannot be stored."""
        error = await self._attempt(batch)
        if error is not None and len(batch) > 1:
            for waiting in batch:
                await self._write([waiting])
            return
        for waiting in batch:
            if error is not None:
                waiting.error = _unstorable(error)
            waiting.settle()

    async def _attempt(self, batch: list[Waiting]) -> Exception | None:
        """Bring a batch to its end; return why one of its steps cannot be stored, if so."""
        for attempt in range(1, ATTEMPTS + 1):
            connection = self._connection
            if connection is None:
                self._refuse(batch, JournalUnavailableError("disconnected"))
                return None
            perhaps: Position | None = None
            began = perf_counter()
            try:
                async with asyncio.timeout(self._access.timeout_s):
                    await connection.execute("BEGIN ISOLATION LEVEL READ COMMITTED")
                    head = await self._head(connection)
                    transaction = Transaction(connection, head, self._lease, self._series)
                    await _run_steps(transaction, batch)
                    perhaps = head.position
                    await connection.execute("COMMIT")
            except Exception as error:  # noqa: BLE001 - a value that cannot be stored may raise any
                self._note_commit(len(batch), None)
                if perhaps is not None:
                    self._end.doubt(perhaps)
                kind = await self._after(connection, error)
                if kind is Trouble.CULPRIT or (kind is Trouble.AGAIN and attempt == ATTEMPTS):
                    return error
                if kind is Trouble.AGAIN:
                    continue
                unknown = perhaps is not None and kind is Trouble.LOST
                refusal = CommitUnknownError if unknown else JournalUnavailableError
                self._refuse(batch, refusal(subject(error)), error)
                return None
            self._note_commit(len(batch), perf_counter() - began)
            self._end.reach(head.position)
            self._series |= transaction.new_series
            return None
        return None

    async def _after(self, connection: Connection, error: Exception) -> Trouble:
        """Roll back, or give the connection up.

        The end of the chain stays what it was: on this connection nobody else may write in this
        node's name, and whoever did shall not be followed.
        """
        kind = trouble(error)
        if kind is Trouble.LOST:
            self._lose(subject(error))
            return kind
        try:
            await connection.execute("ROLLBACK", timeout=self._access.timeout_s)
        except DATABASE_ERRORS as failure:
            self._lose(subject(failure))
            return Trouble.REFUSED
        return kind

    async def _head(self, connection: Connection) -> Head:
        """Return the end of the chain.

        Raises:
            JournalUnavailableError: The chain has another end than was written here.
        """
        position = self._end.position
        if position is None:
            row = await connection.fetchrow(queries.HEAD, self._access.node)
            position = Position() if row is None else Position(row["nseq"], leaf(row["data"]))
            was_foreign, self._is_foreign = self._is_foreign, not self._end.read(position)
            if self._is_foreign:
                if not was_foreign:
                    log.error("journal.chain_taken", nseq=position.nseq)
                raise JournalUnavailableError("chain")
        return Head(self._access.node, position)

    def _refuse(
        self,
        batch: list[Waiting],
        refusal: JournalUnavailableError,
        cause: Exception | None = None,
    ) -> None:
        for waiting in batch:
            waiting.error = type(refusal)(*refusal.args)
            waiting.error.__cause__ = cause


def _unstorable(error: Exception) -> Exception:
    if isinstance(error, UniqueViolationError) and error.table_name == "entries":
        # Somebody wrote in this node's name: its chain has another end than it wrote.
        taken = JournalUnavailableError("chain")
        taken.__cause__ = error
        return taken
    if isinstance(error, (*DATABASE_ERRORS, ContestedError)):
        unstorable = ValueError("contradicts what is stored")
        unstorable.__cause__ = error
        return unstorable
    return error


async def _run_steps(transaction: Transaction, batch: list[Waiting]) -> None:
    accepts: list[accepting.Asked] = []
    decides: list[deciding.Asked] = []
    others: list[tuple[Waiting, Other]] = []
    for waiting in batch:
        waiting.answer = waiting.error = None
        match waiting.step:
            case Accept(acceptance):
                accepts.append(accepting.Asked(waiting, acceptance))
            case Decide() as step:
                decides.append(deciding.Asked(waiting, step))
            case Other() as step:
                others.append((waiting, step))
    # Every process takes its locks in this order: applications, deliveries, turns, the rest.
    applications = await accepting.take(transaction, accepts)
    ruled = await deciding.rule_all(transaction, decides)
    await ordering.lock(transaction, applications.turns() | ruled.turns())
    await deciding.write(transaction, ruled)
    await accepting.store(transaction, applications.taken)
    for waiting, step in others:
        waiting.answer = await step.run(transaction)
    await transaction.store_entries()
    await accepting.explain(transaction, applications.refused)
