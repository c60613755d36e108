"""The peer's audit log: a line is on the disk before ``append`` returns.

Lines that wait share one fdatasync, as our journal's do; a plain fsync per request would make
the peer look slower than a careful author would leave it.
"""

import asyncio
import os
import queue
import threading
from pathlib import Path


class SyncedLog:
    """Appends lines from one event loop, on a thread of its own."""

    def __init__(self, path: Path) -> None:
        """Open the file."""
        self._handle = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        self._waiting: queue.SimpleQueue[tuple[bytes, asyncio.Future[None]]] = queue.SimpleQueue()
        self._loop = asyncio.get_running_loop()
        threading.Thread(target=self._run, daemon=True).start()

    async def append(self, line: bytes) -> None:
        """Return once ``line`` is on the disk."""
        future: asyncio.Future[None] = self._loop.create_future()
        self._waiting.put((line, future))
        await future

    def _run(self) -> None:
        while True:
            batch = [self._waiting.get()]
            while not self._waiting.empty():
                batch.append(self._waiting.get())
            os.write(self._handle, b"".join(line + b"\n" for line, _ in batch))
            os.fdatasync(self._handle)
            self._loop.call_soon_threadsafe(_settle, [future for _, future in batch])


def _settle(futures: list[asyncio.Future[None]]) -> None:
    for future in futures:
        if not future.done():
            future.set_result(None)
