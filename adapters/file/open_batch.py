"""The batch that deliveries wait in: closed by count, by age, before anybody's deadline.

A delivery is done only when its file is durable under its final name, so each ``send``
waits here. Nothing is on the disk before that: a worker that dies now has delivered
nothing, and the gateway finds that out by ``lookup``.
"""

import asyncio
import contextlib
from collections.abc import Coroutine, Sequence
from datetime import UTC, datetime, time
from functools import partial
from typing import Final

import structlog

from adapters.file.batches import BatchFolder, Entry
from adapters.file.threads import Threads
from gateway.formats.batch_config import BatchConfig
from gateway.sdk import JST, TransientError, UnknownOutcomeError

SHARE_OF_TIME: Final = 2 / 3
"""How much of the time until a record's deadline may pass before its file is closed."""

LOOKS_AT_THE_CLOCK_EVERY_S: Final = 30.0

_Waiting = tuple[Entry, "asyncio.Future[str]"]

log = structlog.get_logger()


class OpenBatch:
    """Collects records and closes them into files, one file after the other."""

    def __init__(self, folder: BatchFolder, threads: Threads, config: BatchConfig) -> None:
        """Begin empty."""
        self._folder = folder
        self._threads = threads
        self._config = config
        self._waiting: list[_Waiting] = []
        self._timer: asyncio.TimerHandle | None = None
        self._one_after_the_other = asyncio.Lock()
        self._tasks: set[asyncio.Task[None]] = set()

    async def add(self, entry: Entry) -> str:
        """Return the name of the entry's file and its number in it, once that is durable.

        Cancelled before its file is being written, it comes into none.

        Raises:
            TransientError: It is in no file.
            UnknownOutcomeError: It may be in one.
        """
        loop = asyncio.get_running_loop()
        future: asyncio.Future[str] = loop.create_future()
        self._waiting.append((entry, future))
        if len(self._waiting) >= self._config.max_records:
            self._close()
        else:
            left = (entry.deadline - datetime.now(UTC)).total_seconds()
            due = loop.time() + max(0.0, min(self._config.max_age_s, left * SHARE_OF_TIME))
            if self._timer is None or due < self._timer.when():
                self._set_timer(due)
        try:
            return await future
        except asyncio.CancelledError:
            entry.withdrawn = True
            with contextlib.suppress(ValueError):
                self._waiting.remove((entry, future))
            raise

    def keep_the_day(self) -> None:
        """Write a file of no record on every day that has none by ``empty_file_at``."""
        if self._config.empty_file_at is not None and not self._clocks():
            self._start(self._watch_the_clock(self._config.empty_file_at))

    async def drain(self) -> None:
        """Close the file at once, wait until it is written, and look at no clock any more."""
        self._close()
        for task in self._clocks():
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _clocks(self) -> "list[asyncio.Task[None]]":
        return [task for task in self._tasks if task.get_name() == "clock"]

    def _set_timer(self, due: float | None) -> None:
        if self._timer is not None:
            self._timer.cancel()
        loop = asyncio.get_running_loop()
        self._timer = None if due is None else loop.call_at(due, self._close)

    def _close(self) -> None:
        """Take what waits and write it, while others begin to wait for the next file."""
        self._set_timer(None)
        waiting, self._waiting = self._waiting, []
        if waiting:
            self._start(self._write(waiting), name="close")

    def _start(self, work: Coroutine[object, object, None], name: str = "clock") -> None:
        task = asyncio.get_running_loop().create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _write(self, waiting: Sequence[_Waiting]) -> None:
        try:
            async with self._one_after_the_other:
                entries = [entry for entry, _ in waiting]
                outcomes = await self._threads.run(partial(self._folder.put, entries))
        except Exception as error:  # noqa: BLE001 - whoever waits must hear of it, whatever it is
            for _, future in waiting:
                _fail(future, error)
            return
        for (_, future), outcome in zip(waiting, outcomes, strict=True):
            if isinstance(outcome, str):
                if not future.done():
                    future.set_result(outcome)
            else:
                _fail(future, outcome)

    async def _watch_the_clock(self, at: time) -> None:
        is_down = False
        while True:
            now = datetime.now(JST)
            if now.time() >= at:
                try:
                    name = await self._threads.run(partial(self._folder.put_empty, now))
                except (TransientError, UnknownOutcomeError) as error:
                    if not is_down:
                        log.warning("file.empty_batch_failed", reason=error.reason)
                    is_down = True
                else:
                    is_down = False
                    if name is not None:
                        log.info("file.empty_batch_written", file=name)
            await asyncio.sleep(LOOKS_AT_THE_CLOCK_EVERY_S)


def _fail(future: "asyncio.Future[str]", error: Exception) -> None:
    if not future.done():
        future.set_exception(error)
