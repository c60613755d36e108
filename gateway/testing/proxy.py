"""A TCP line between two parts that a test can make deaf, slow, or cut in mid-frame.

It stands on 127.0.0.1 in front of one port and passes bytes on, both ways. What it is
told holds for connections that stand and for those that come.
"""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import Final, Self

_HOST: Final = "127.0.0.1"
_CHUNK_BYTES: Final = 65_536
_CHUNKS_UNDER_WAY: Final = 64
"""The most that waits in a slow line; then it takes no more, as a full network would."""

_Chunk = tuple[float, bytes]


class ProxiedLine:
    """One listening port and the connections through it; make it with ``start``.

    Attributes:
        port: Where it listens on 127.0.0.1.
        connections: How many it has taken since it was made.
    """

    def __init__(self, upstream: int, port: int) -> None:
        """Plan a line from ``port`` to ``upstream``; nothing is opened."""
        self.port = port
        self.connections = 0
        self._upstream = upstream
        self._server: asyncio.Server | None = None
        self._open: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._flowing = asyncio.Event()
        self._flowing.set()
        self._latency_s = 0.0
        self._bytes_left: int | None = None

    @classmethod
    async def start(cls, upstream: int) -> Self:
        """Return a line to ``upstream`` that passes everything on."""
        line = cls(upstream, 0)
        await line.accept()
        return line

    def black_hole(self) -> None:
        """Take bytes, and that somebody hangs up, and pass nothing on, until ``heal``.

        Nothing is lost of what arrived before: it comes late, as after TCP's retransmissions.
        """
        self._flowing.clear()

    def slow_down(self, seconds: float) -> None:
        """Let every chunk be under way for so long in each direction; 0 for no delay."""
        self._latency_s = seconds

    def cut_after(self, count: int) -> None:
        """Pass ``count`` more bytes on to the server, then abort that connection. Once."""
        self._bytes_left = count

    def sever(self) -> None:
        """Abort every connection that stands; new ones are taken."""
        for writer in self._open:
            writer.transport.abort()

    async def refuse(self) -> None:
        """Abort every connection and take no more, until ``accept``."""
        server, self._server = self._server, None
        if server is not None:
            server.close()
        self.sever()

    async def accept(self) -> None:
        """Take connections, on the same port as before."""
        if self._server is None:
            self._server = await asyncio.start_server(self._spawn, _HOST, self.port)
            self.port = self._server.sockets[0].getsockname()[1]

    def heal(self) -> None:
        """Pass everything on again, at once."""
        self._latency_s = 0.0
        self._bytes_left = None
        self._flowing.set()

    async def close(self) -> None:
        """End every connection and stop listening. Idempotent."""
        await self.refuse()
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)

    def _spawn(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(self._serve(reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self._open.add(writer)
        other: asyncio.StreamWriter | None = None
        try:
            await self._flowing.wait()
            answers, other = await asyncio.open_connection(_HOST, self._upstream)
            self._open.add(other)
            async with asyncio.TaskGroup() as tasks:
                self._connect(tasks, reader, other, self._within_cut)
                self._connect(tasks, answers, writer, _everything)
        except* OSError:
            pass  # One end is gone: so is the other.
        finally:
            for end in (writer, other):
                if end is not None:
                    self._open.discard(end)
                    end.transport.abort()

    def _connect(
        self,
        tasks: asyncio.TaskGroup,
        source: asyncio.StreamReader,
        target: asyncio.StreamWriter,
        passed: Callable[[bytes], bytes],
    ) -> None:
        under_way: asyncio.Queue[_Chunk] = asyncio.Queue(_CHUNKS_UNDER_WAY)
        tasks.create_task(self._take(source, under_way))
        tasks.create_task(self._give(under_way, target, passed))

    async def _take(self, source: asyncio.StreamReader, under_way: asyncio.Queue[_Chunk]) -> None:
        loop = asyncio.get_running_loop()
        while True:
            chunk = await source.read(_CHUNK_BYTES)
            await under_way.put((loop.time() + self._latency_s, chunk))
            if not chunk:
                return

    async def _give(
        self,
        under_way: asyncio.Queue[_Chunk],
        target: asyncio.StreamWriter,
        passed: Callable[[bytes], bytes],
    ) -> None:
        loop = asyncio.get_running_loop()
        while True:
            due_at, chunk = await under_way.get()
            await asyncio.sleep(due_at - loop.time())
            await self._flowing.wait()
            if not chunk:
                raise ConnectionResetError
            rest = passed(chunk)
            target.write(rest)
            with suppress(ConnectionResetError):
                await target.drain()
            if len(rest) < len(chunk):
                raise ConnectionAbortedError

    def _within_cut(self, chunk: bytes) -> bytes:
        """Return as much of ``chunk`` as may still pass; the one cut is then made."""
        if self._bytes_left is None or len(chunk) < self._bytes_left:
            if self._bytes_left is not None:
                self._bytes_left -= len(chunk)
            return chunk
        passed, self._bytes_left = chunk[: self._bytes_left], None
        return passed


def _everything(chunk: bytes) -> bytes:
    return chunk
