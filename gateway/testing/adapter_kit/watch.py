"""What an adapter leaves open: tasks, sockets, threads."""

import asyncio
import os
import socket
import threading
import weakref
from collections.abc import Coroutine, Generator, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from gateway.testing.adapter_kit.watchdog import THREAD

PATIENCE_S: Final = 3.0
"""How long what is being closed may take to be gone; a loaded machine is slow."""

_LOOK_EVERY_S: Final = 0.02
_DESCRIPTORS: Final = Path("/proc/self/fd")
_POOLED: Final = "asyncio_"
"""Names of the threads of ``asyncio.to_thread``, which the loop keeps for everybody."""

_watched_by: ContextVar["Watch | None"] = ContextVar("watched_by", default=None)
"""Whose check the context belongs to; a peer's server was made before there was any."""


@dataclass(frozen=True, slots=True)
class Open:
    """What is open at one moment.

    Attributes:
        tasks: Unfinished tasks of the adapter.
        sockets: Inodes of TCP sockets that are no server's; none where the system has no
            ``/proc/self/fd``.
        threads: Threads that are nobody's pool.
    """

    tasks: frozenset[asyncio.Task[Any]]
    sockets: frozenset[str]
    threads: frozenset[int]


class Watch:
    """Tells the adapter's tasks from the peer's by the context in which they were made."""

    def __init__(self) -> None:
        """Watch nothing yet."""
        self._tasks: weakref.WeakSet[asyncio.Task[Any]] = weakref.WeakSet()

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Note every task that is made in a context that was marked."""
        loop = asyncio.get_running_loop()
        before = loop.get_task_factory()
        loop.set_task_factory(self._make)
        try:
            yield
        finally:
            loop.set_task_factory(before)

    def mark(self) -> None:
        """Count what this context makes from now on as the adapter's."""
        _watched_by.set(self)

    @contextmanager
    def not_watching(self) -> Iterator[None]:
        """Leave out what the peer makes when it is told something."""
        before = _watched_by.get()
        _watched_by.set(None)
        try:
            yield
        finally:
            _watched_by.set(before)

    def open_now(self) -> Open:
        """Return what is open at this moment, but for the task that asks."""
        asking = asyncio.current_task()
        return Open(
            tasks=frozenset(task for task in self._tasks if not task.done() and task is not asking),
            sockets=frozenset(_client_sockets()),
            threads=frozenset(
                thread.ident or 0
                for thread in threading.enumerate()
                if not thread.name.startswith(_POOLED) and thread.name != THREAD
            ),
        )

    async def left_open(self, before: Open) -> str | None:
        """Return what is open now, was not before, and does not go away; ``None`` if nothing."""
        loop = asyncio.get_running_loop()
        end = loop.time() + PATIENCE_S
        while (left := _more(self.open_now(), before)) is not None and loop.time() < end:  # noqa: ASYNC110 - a socket tells nobody
            await asyncio.sleep(_LOOK_EVERY_S)
        return left

    def _make(
        self,
        loop: asyncio.AbstractEventLoop,
        coroutine: Coroutine[Any, Any, Any] | Generator[Any, None, Any],
        **options: Any,
    ) -> asyncio.Task[Any]:
        task = asyncio.Task(coroutine, loop=loop, **options)
        if _watched_by.get() is self:
            self._tasks.add(task)
        return task


def _more(now: Open, before: Open) -> str | None:
    tasks = [task.get_coro() for task in now.tasks - before.tasks]
    if tasks:
        names = sorted({getattr(each, "__qualname__", "a task") for each in tasks})
        return f"{len(tasks)} task(s): {', '.join(names)}"
    if now.sockets - before.sockets:
        return f"{len(now.sockets - before.sockets)} socket(s)"
    left = [each for each in threading.enumerate() if each.ident in now.threads - before.threads]
    return f"{len(left)} thread(s): {', '.join(each.name for each in left)}" if left else None


def _client_sockets() -> Iterator[str]:
    """Yield the TCP sockets that neither listen nor were taken from one that listens."""
    if not _DESCRIPTORS.is_dir():
        return
    ports: dict[str, int] = {}
    listening: set[int] = set()
    for entry in os.listdir(_DESCRIPTORS):  # noqa: PTH208 - names are numbers here
        try:
            inode = os.readlink(_DESCRIPTORS / entry)  # noqa: PTH115 - what it names is no path
            if not inode.startswith("socket:"):
                continue
            with socket.socket(fileno=os.dup(int(entry))) as each:
                if each.family not in (socket.AF_INET, socket.AF_INET6):
                    continue
                ports[inode] = each.getsockname()[1]
                if each.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
                    listening.add(ports[inode])
        except OSError:
            continue  # closed while we looked
    yield from (inode for inode, port in ports.items() if port not in listening)
