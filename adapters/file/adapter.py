"""The file adapter: a drop folder out, a folder of result files back."""

import asyncio
import contextlib
import threading
import time
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import ClassVar, Final, TypeVar

import structlog

from adapters.file.client import DropFolder
from adapters.file.config import FileConfig
from adapters.file.inbox import ResultFolder
from adapters.file.mapping import file_bytes, preview
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

T = TypeVar("T")

MAX_IN_FLIGHT: Final = 8
PRUNE_EVERY_S: Final = 24 * 3600.0

log = structlog.get_logger()


class FileDestination:
    """Writes one file for each application; see ``client`` for what a crash leaves."""

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
        self._folder = DropFolder(
            config.folder, suffix=config.suffix, min_free_mib=config.min_free_mib
        )
        self._results = ResultFolder.of(config)
        self._threads: ThreadPoolExecutor | None = None
        self._prune_at = 0.0

    async def open(self, context: Context) -> None:
        """Make the folders and recognise the drop folder."""
        if self._threads is None:
            # Threads of its own: a share that hangs must not hold up other destinations.
            self._threads = ThreadPoolExecutor(
                max_workers=MAX_IN_FLIGHT + 2, thread_name_prefix=f"file-{context.destination}"
            )
        try:
            await self._in_thread(partial(self._folder.open, context.folder / "drop-folder-id"))
        except TransientError as error:
            raise DestinationUnavailableError(error.reason) from error
        self._prune_at = time.monotonic() + PRUNE_EVERY_S
        await self._in_thread(self._prune)

    async def check(self) -> Health:
        """Tell whether the folder is the known one, writable and not full."""
        try:
            await self._in_thread(self._folder.check)
        except TransientError as error:
            return Health(ok=False, detail=error.reason)
        return Health(ok=True)

    async def send(self, application: Application, delivery: Delivery) -> Receipt:
        """Write the application's file, once for each idempotency key."""
        key = delivery.idempotency_key
        content = file_bytes(application, key, self._config)
        if delivery.dry_run:
            return Receipt(preview=preview(content, self._config))
        self._prune_daily()
        stop = threading.Event()
        try:
            name = await self._in_thread(partial(self._folder.put, key, content, stop))
        except asyncio.CancelledError:
            stop.set()  # the thread cannot be cancelled; it stops before the rename, if not past it
            raise
        return Receipt(reference=name)

    async def lookup(self, idempotency_key: str) -> Receipt | None:
        """Tell from the intent record whether the file was delivered, even if taken away since."""
        name = await self._in_thread(partial(self._folder.find, idempotency_key))
        return None if name is None else Receipt(reference=name)

    async def feedback(self) -> AsyncIterator[Feedback]:
        """Yield what result files say; a file is moved away once all of it is durable."""
        results = self._results
        if results is None:
            await asyncio.Event().wait()  # without end, as the contract says
            return
        while True:
            for path in await self._in_thread(results.settled):
                read = await self._in_thread(partial(results.read, path))
                if read is None:
                    continue
                for item in read.feedback:
                    yield item
                await self._in_thread(partial(results.finish, read))
            await asyncio.sleep(results.poll_interval_s)

    async def close(self) -> None:
        """Wait for running writes and end the threads."""
        threads, self._threads = self._threads, None
        if threads is not None:
            await asyncio.to_thread(threads.shutdown)

    def _prune(self) -> None:
        """Forget old deliveries."""
        with contextlib.suppress(TransientError):  # tomorrow, then
            removed = self._folder.prune(self._config.key_memory)
            if removed:
                log.info("file.keys_forgotten", files=removed)

    def _prune_daily(self) -> None:
        """Forget old deliveries beside the others, once a day: no delivery waits for it."""
        if self._threads is not None and time.monotonic() >= self._prune_at:
            self._prune_at = time.monotonic() + PRUNE_EVERY_S
            self._threads.submit(self._prune)

    async def _in_thread(self, call: Callable[[], T]) -> T:
        if self._threads is None:
            raise DestinationUnavailableError("file.not_open")
        return await asyncio.get_running_loop().run_in_executor(self._threads, call)
