"""Threads of one destination: a share that hangs must not hold up the others."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Final, TypeVar

from gateway.sdk import DestinationUnavailableError

T = TypeVar("T")

AT_ONCE: Final = 10


class Threads:
    """A few threads for blocking calls."""

    def __init__(self) -> None:
        """Start none yet."""
        self._threads: ThreadPoolExecutor | None = None

    def open(self, name: str) -> None:
        """Be ready; again is no matter."""
        if self._threads is None:
            self._threads = ThreadPoolExecutor(
                max_workers=AT_ONCE, thread_name_prefix=f"file-{name}"
            )

    async def run(self, call: Callable[[], T]) -> T:
        """Return what ``call`` returns in a thread. Cancelled, the thread goes on.

        Raises:
            DestinationUnavailableError: Not open.
        """
        if self._threads is None:
            raise DestinationUnavailableError("file.not_open")
        return await asyncio.get_running_loop().run_in_executor(self._threads, call)

    def start(self, call: Callable[[], object]) -> None:
        """Run ``call`` beside the others, if open; nobody waits for it."""
        if self._threads is not None:
            self._threads.submit(call)

    async def close(self) -> None:
        """Wait for what runs and end the threads."""
        threads, self._threads = self._threads, None
        if threads is not None:
            await asyncio.to_thread(threads.shutdown)
