"""A TCP line between two parts that a test can make deaf, slow, or cut in mid-frame.

It stands on 127.0.0.1 in front of one port and passes bytes on, both ways. What it is
told holds for connections that stand and for those that come.
"""

import asyncio
from contextlib import suppress
from enum import Enum, auto
from typing import Final, Self

_HOST: Final = "127.0.0.1"
_CHUNK_BYTES: Final = 65_536
_CHUNKS_UNDER_WAY: Final = 64
"""The most that waits in a slow line; then it takes no more, as a full network would."""

_Chunk = tuple[float, bytes]


class _Way(Enum):
    THERE = auto()
    BACK = auto()


class ProxiedLine:
    """One listening port and the connections through it; make it with ``start``.

    Attributes:
        port: Where it listens on 127.0.0.1.
        connections: How many it has taken since it was made.
        cuts: How many cuts that it was told to make it has made.
    """

    def __init__(self, upstream: int, port: int) -> None:
        """Plan a line from ``port`` to ``upstream``; nothing is opened."""
        self.port = port
        self.connections = 0
        self.cuts = 0
        self._upstream = upstream
        self._server: asyncio.Server | None = None
        self._open: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._flowing = asyncio.Event()
        self._flowing.set()
        self._latency_s = 0.0
        self._bytes_left: dict[_Way, int] = {}

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

    def cut_after(self, count: int, *, answers: bool = False) -> None:
        """Pass ``count`` more bytes on, then abort the connection that brought them. Once.

        Args:
            count: Of bytes, over all connections, 0 or more.
            answers: Count the server's bytes, not the client's.
        """
        self._bytes_left[_Way.BACK if answers else _Way.THERE] = count

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
        self._bytes_left.clear()
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
                self._connect(tasks, reader, other, _Way.THERE)
                self._connect(tasks, answers, writer, _Way.BACK)
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
        way: _Way,
    ) -> None:
        under_way: asyncio.Queue[_Chunk] = asyncio.Queue(_CHUNKS_UNDER_WAY)
        tasks.create_task(self._take(source, under_way))
        tasks.create_task(self._give(under_way, target, way))

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
        way: _Way,
    ) -> None:
        loop = asyncio.get_running_loop()
        while True:
            due_at, chunk = await under_way.get()
            await asyncio.sleep(due_at - loop.time())
            await self._flowing.wait()
            if not chunk:
                raise ConnectionResetError
            rest, is_cut = self._passed(chunk, way)
            target.write(rest)
            with suppress(ConnectionResetError):
                await target.drain()
            if is_cut:
                self.cuts += 1
                raise ConnectionAbortedError

    def _passed(self, chunk: bytes, way: _Way) -> tuple[bytes, bool]:
        """Return as much of ``chunk`` as may still pass, and whether to cut behind it."""
        if way not in self._bytes_left:
            return chunk, False
        if len(chunk) < self._bytes_left[way]:
            self._bytes_left[way] -= len(chunk)
            return chunk, False
        return chunk[: self._bytes_left.pop(way)], True
