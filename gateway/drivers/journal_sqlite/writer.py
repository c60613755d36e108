"""The one writing thread: waiting steps share a transaction, and so an fsync.

The thread takes every step that waits, runs them one after another in one
transaction, each in a savepoint of its own, and commits once. A step's own error
undoes that step alone; an error of the database undoes the whole transaction. The end of
the audit chain is then read anew, and followed only if it was written here (``audit.head.End``).
"""

import asyncio
import contextlib
import queue
import sqlite3
import threading
from collections.abc import Callable
from dataclasses import dataclass
from time import perf_counter
from typing import Final, TypeVar, cast

import structlog

from gateway.audit.chain import leaf
from gateway.audit.head import End, Head, Position
from gateway.domain.errors import CommitUnknownError, JournalUnavailableError
from gateway.domain.identifiers import NodeName
from gateway.drivers.journal_sqlite import queries
from gateway.drivers.journal_sqlite.checkpointing import Checkpointer
from gateway.drivers.journal_sqlite.database import subject
from gateway.ports.journal import CommitNoted

T = TypeVar("T")
Step = Callable[[sqlite3.Connection, Head], T]

BATCH_STEPS: Final = 512
"""More steps than this wait for the next transaction, which bounds how long one lasts."""
_PRIMARY_CODE: Final = 0xFF  # https://sqlite.org/rescode.html: extended codes keep it there.

log = structlog.get_logger()


@dataclass(slots=True)
class _Waiting:
    """A step that waits, and then what it came to."""

    step: Step[object] | None
    future: asyncio.Future[object]
    outside: Callable[[sqlite3.Connection], object] | None = None
    answer: object = None
    error: Exception | None = None

    def settle(self) -> None:
        if self.future.done():
            return
        if self.error is None:
            self.future.set_result(self.answer)
        else:
            self.future.set_exception(self.error)


class Writer:
    """Runs steps on the only connection that writes. Submit from one event loop."""

    def __init__(
        self,
        connection: sqlite3.Connection,
        node: NodeName,
        checkpointer: Checkpointer,
        note_commit: CommitNoted,
    ) -> None:
        """Take over ``connection``, which must be in autocommit mode, and ``checkpointer``.

        ``note_commit`` is called in the writer's thread.
        """
        self._note_commit = note_commit
        self._connection = connection
        self._checkpointer = checkpointer
        self._node = node
        self._waiting: queue.SimpleQueue[_Waiting | None] = queue.SimpleQueue()
        self._loop = asyncio.get_running_loop()
        self._end = End()
        self._lost = False
        self._closed = False
        self._thread = threading.Thread(target=self._run, name="journal-writer", daemon=True)
        self._thread.start()

    def submit(self, step: Step[T]) -> asyncio.Future[T]:
        """Queue ``step``; the future is done once its transaction is durable.

        Cancelling the future does not take the step back.
        """
        future: asyncio.Future[object] = self._loop.create_future()
        if self._closed:
            future.set_exception(JournalUnavailableError("closed"))
        else:
            self._waiting.put(_Waiting(step, future))
        return cast("asyncio.Future[T]", future)

    def submit_outside(self, action: Callable[[sqlite3.Connection], T]) -> asyncio.Future[T]:
        """Queue what no transaction may hold: it runs between two of them, alone."""
        future: asyncio.Future[object] = self._loop.create_future()
        if self._closed:
            future.set_exception(JournalUnavailableError("closed"))
        else:
            self._waiting.put(_Waiting(None, future, action))
        return cast("asyncio.Future[T]", future)

    @property
    def stored(self) -> Position | None:
        """The last entry that was committed here; ``None`` before the first."""
        return self._end.stored

    async def close(self) -> None:
        """Finish what is queued and close the connections."""
        self._closed = True
        self._waiting.put(None)
        await asyncio.to_thread(self._thread.join)
        # The last connection to close empties the WAL, and it must be one that writes.
        await asyncio.to_thread(self._checkpointer.close)
        await asyncio.to_thread(self._connection.close)

    def _run(self) -> None:
        closing = False
        while not closing:
            batch, closing = self._take()
            if batch:
                if steps := [waiting for waiting in batch if waiting.step is not None]:
                    self._write(steps)
                for waiting in batch:
                    self._run_outside(waiting)
                # A loop that is gone has nobody left who waits.
                with contextlib.suppress(RuntimeError):
                    self._loop.call_soon_threadsafe(_settle, batch)

    def _take(self) -> tuple[list[_Waiting], bool]:
        """Wait for a step and take those behind it; tell whether the queue has ended."""
        batch: list[_Waiting] = []
        waiting = self._waiting.get()
        while waiting is not None:
            batch.append(waiting)
            if len(batch) == BATCH_STEPS:
                return batch, False
            try:
                waiting = self._waiting.get_nowait()
            except queue.Empty:
                return batch, False
        return batch, True

    def _write(self, batch: list[_Waiting]) -> None:
        perhaps: Position | None = None
        began = perf_counter()
        try:
            self._connection.execute("BEGIN IMMEDIATE")
            head = self._head()
            for waiting in batch:
                self._run_step(waiting, head)
            perhaps = head.position
            self._connection.execute("COMMIT")
        except sqlite3.Error as error:
            self._undo(batch, error, perhaps)
        except JournalUnavailableError as refusal:
            # Of the chain's end: what steps raise is their callers'.
            self._undo(batch, refusal, perhaps)
        else:
            self._note_commit(len(batch), perf_counter() - began)
            self._end.reach(head.position)
            self._checkpointer.note(self._connection.total_changes)
            if self._lost:
                self._lost = False
                log.info("journal.recovered")

    def _run_outside(self, waiting: _Waiting) -> None:
        if waiting.outside is None:
            return
        try:
            waiting.answer = waiting.outside(self._connection)
        except sqlite3.Error as error:
            waiting.error = JournalUnavailableError(subject(error))
            waiting.error.__cause__ = error
        except Exception as error:  # noqa: BLE001 - whatever it is, its caller gets it
            waiting.error = error

    def _run_step(self, waiting: _Waiting, head: Head) -> None:
        if waiting.step is None:
            return
        position = head.position
        self._connection.execute("SAVEPOINT step")
        try:
            waiting.answer = waiting.step(self._connection, head)
        except sqlite3.IntegrityError as error:
            self._undo_step(head, position)
            waiting.error = ValueError("contradicts what is stored")
            waiting.error.__cause__ = error
        except sqlite3.Error:
            raise
        except Exception as error:  # noqa: BLE001 - a rule may raise anything; its caller gets it
            self._undo_step(head, position)
            waiting.error = error
        self._connection.execute("RELEASE step")

    def _undo_step(self, head: Head, position: Position) -> None:
        self._connection.execute("ROLLBACK TO step")
        head.position = position

    def _undo(
        self,
        batch: list[_Waiting],
        error: sqlite3.Error | JournalUnavailableError,
        perhaps: Position | None,
    ) -> None:
        self._end.doubt(perhaps)
        self._note_commit(len(batch), None)
        # On a full disk SQLite may have rolled back by itself (lang_transaction, 3.1).
        with contextlib.suppress(sqlite3.Error):
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
        code = getattr(error, "sqlite_errorcode", 0) & _PRIMARY_CODE
        # The commit record may have reached the disk although synchronising it failed.
        unknown = perhaps is not None and code == sqlite3.SQLITE_IOERR
        kind = CommitUnknownError if unknown else JournalUnavailableError
        name = subject(error) if isinstance(error, sqlite3.Error) else str(error.args[0])
        if not self._lost:
            self._lost = True
            log.error("journal.lost", code=kind.code, reason=name)
        for waiting in batch:
            waiting.error = kind(name)
            waiting.error.__cause__ = error

    def _head(self) -> Head:
        """Return the end of the chain.

        Raises:
            JournalUnavailableError: The chain has another end than was written here.
        """
        position = self._end.position
        if position is None:
            row = self._connection.execute(queries.HEAD, (self._node,)).fetchone()
            position = Position() if row is None else Position(row["nseq"], leaf(row["data"]))
            if not self._end.read(position):
                raise JournalUnavailableError("chain")
        return Head(self._node, position)


def _settle(batch: list[_Waiting]) -> None:
    for waiting in batch:
        waiting.settle()
