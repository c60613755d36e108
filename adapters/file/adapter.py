"""The file adapter: a drop folder out, a folder of result files back."""

import asyncio
import contextlib
import threading
import time
from collections.abc import AsyncIterator
from functools import partial
from typing import ClassVar, Final

import structlog

from adapters.file.batches import BatchFolder, Entry
from adapters.file.client import DropFolder
from adapters.file.config import FileConfig
from adapters.file.inbox import ResultFolder
from adapters.file.mapping import checked_document, feedback_of, file_bytes, preview
from adapters.file.open_batch import OpenBatch
from adapters.file.threads import Threads
from gateway.sdk import (
    AdapterSpec,
    Application,
    Context,
    Delivery,
    DestinationUnavailableError,
    Feedback,
    Health,
    Idempotency,
    Receipt,
    TransientError,
)

MAX_IN_FLIGHT: Final = 2000
"""As many as a batch may have records: each waits for its file."""
PRUNE_EVERY_S: Final = 24 * 3600.0

log = structlog.get_logger()


class FileDestination:
    """Writes files of one application or of many; what a crash leaves: ``client``, ``batches``."""

    spec: ClassVar[AdapterSpec] = AdapterSpec(
        name="file",
        version="1.0.0",
        config=FileConfig,
        idempotency=Idempotency.LOOKUP,
        max_in_flight=MAX_IN_FLIGHT,
        feedback=True,
        # A lookup takes the temporary file away: no send can still rename it afterwards.
        settle_s=0.0,
    )

    def __init__(self, config: FileConfig) -> None:
        """Keep the configuration; touches no file."""
        self._config = config
        self._threads = Threads()
        records = config.records
        self._folder = DropFolder(
            config.folder, suffix=records.suffix, min_free_mib=config.min_free_mib
        )
        self._batches = BatchFolder(self._folder, records, config.batch)
        self._batch: OpenBatch | None = None
        if config.batch is not None:
            self._batch = OpenBatch(self._batches, self._threads, config.batch)
        self._results = ResultFolder.of(config)
        self._prune_at = 0.0

    async def open(self, context: Context) -> None:
        """Make the folders and recognise the drop folder."""
        self._threads.open(context.destination)
        try:
            await self._threads.run(partial(self._folder.open, context.folder / "drop-folder-id"))
        except TransientError as error:
            raise DestinationUnavailableError(error.reason) from error
        self._prune_at = time.monotonic() + PRUNE_EVERY_S
        await self._threads.run(self._prune)
        if self._batch is not None:
            self._batch.keep_the_day()

    async def check(self) -> Health:
        """Tell whether the folder is the known one, writable and not full."""
        try:
            await self._threads.run(self._folder.check)
        except TransientError as error:
            return Health(ok=False, detail=error.reason)
        return Health(ok=True)

    async def send(self, application: Application, delivery: Delivery) -> Receipt:
        """Write the application's file, or wait until its batch is written; once for each key."""
        key = delivery.idempotency_key
        if delivery.dry_run:
            shown = preview(file_bytes(application, key, self._config), self._config)
            return Receipt(preview=shown)
        self._prune_daily()
        if self._batch is not None:
            entry = Entry(key, checked_document(application, key, self._config), delivery.deadline)
            return Receipt(reference=await self._batch.add(entry))
        content = file_bytes(application, key, self._config)
        stop = threading.Event()
        try:
            name = await self._threads.run(partial(self._folder.put, key, content, stop))
        except asyncio.CancelledError:
            stop.set()  # the thread cannot be cancelled; it stops before the rename, if not past it
            raise
        return Receipt(reference=name)

    async def lookup(self, idempotency_key: str) -> Receipt | None:
        """Tell from the records whether it was delivered, even if the file was taken away since."""
        name = await self._threads.run(partial(self._find, idempotency_key))
        return None if name is None else Receipt(reference=name)

    async def feedback(self) -> AsyncIterator[Feedback]:
        """Yield what result files say; a file is moved away once all of it is durable."""
        results = self._results
        if results is None:
            await asyncio.Event().wait()  # without end, as the contract says
            return
        while True:
            for path in await self._threads.run(results.settled):
                read = await self._threads.run(partial(results.read, path))
                if read is None:
                    continue
                for result in read.results:
                    yield feedback_of(result)
                await self._threads.run(partial(results.finish, read))
            await asyncio.sleep(results.poll_interval_s)

    async def close(self) -> None:
        """Close the batch, wait for running writes and end the threads."""
        if self._batch is not None:
            await self._batch.drain()
        await self._threads.close()

    def _find(self, key: str) -> str | None:
        """Look into files of one and of many: the configuration may have been the other once."""
        return self._folder.find(key) or self._batches.find(key)

    def _prune(self) -> None:
        """Forget old deliveries."""
        with contextlib.suppress(TransientError):  # tomorrow, then
            now = self._folder.trusted_time()
            if now is None:
                log.warning("file.clock_jumped")
                return
            memory = self._config.key_memory
            removed = self._folder.prune(memory, now) + self._batches.prune(memory, now)
            if removed:
                log.info("file.keys_forgotten", files=removed)

    def _prune_daily(self) -> None:
        """Forget old deliveries beside the others, once a day: no delivery waits for it."""
        if time.monotonic() >= self._prune_at:
            self._prune_at = time.monotonic() + PRUNE_EVERY_S
            self._threads.start(self._prune)
