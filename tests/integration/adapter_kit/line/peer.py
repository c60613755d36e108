"""The core system of the line adapter, and every fault that a check asks for."""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from types import MappingProxyType
from typing import Any

from gateway.testing.adapter_kit import FOR_EVER, Arrived, Fault

PASSWORD = "hirakegoma-2026"
MOST_BYTES = 4 * 1024 * 1024


class LinePeer:
    """It ignores a key it has, and answers as before."""

    absent: Mapping[Fault, str] = MappingProxyType({})
    refusal = ("E12", "/content/claim_date")
    port = 0

    def __init__(self) -> None:
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._fault, self._times, self._seconds = Fault.NONE, 0, 0.0
        self._taken: dict[str, Arrived] = {}
        self._in_hand = self._most = 0
        self._statuses: list[dict[str, str]] = []

    def config(self) -> dict[str, object]:
        return self.config_through(self.port)

    def config_through(self, port: int) -> dict[str, object]:
        return {"port": port, "password": PASSWORD}

    def config_that_tells(self) -> dict[str, object]:
        return self.config()

    async def tell(self, key: str) -> None:
        status = {"id": f"S-{key}", "key": key, "at": "2026-11-20T10:00:00+09:00"}
        self._statuses.append(status)

    def secrets(self) -> list[str]:
        return [PASSWORD]

    async def behave(self, fault: Fault, *, times: int = FOR_EVER, seconds: float = 0.0) -> None:
        self._fault, self._times, self._seconds = fault, times, seconds
        if fault is Fault.REFUSING:
            self._stop()
        elif self._server is None:
            await self._listen()

    def arrivals(self) -> list[Arrived]:
        return list(self._taken.values())

    def touched(self) -> int:
        return len(self._taken)

    def most_at_once(self) -> int:
        return self._most

    @classmethod
    @asynccontextmanager
    async def running(cls) -> AsyncIterator["LinePeer"]:
        peer = cls()
        await peer._listen()
        try:
            yield peer
        finally:
            peer._stop()
            for task in peer._tasks:
                task.cancel()
            await asyncio.gather(*peer._tasks, return_exceptions=True)

    async def _listen(self) -> None:
        self._server = await asyncio.start_server(
            self._spawn, "127.0.0.1", self.port, limit=MOST_BYTES
        )
        self.port = self._server.sockets[0].getsockname()[1]

    def _stop(self) -> None:
        server, self._server = self._server, None
        if server is not None:
            server.close()

    def _spawn(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(self._serve(reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            with suppress(OSError):
                if self._fault is Fault.CUT and self._next() is Fault.CUT:
                    await reader.read(20)
                elif (line := await reader.readline()).endswith(b"\n"):
                    writer.write(await self._answer(json.loads(line)))
                    await writer.drain()
                    writer.close()
        finally:
            if not writer.is_closing():
                writer.transport.abort()

    async def _answer(self, question: dict[str, Any]) -> bytes:
        if self._fault is Fault.BAD_CREDENTIALS:
            return line(unauthorised=True)
        if question["op"] == "check":
            return line(ok=True)
        if question["op"] == "status":
            return line(status=self._statuses[0] if self._statuses else None)
        if question["op"] == "forget":
            self._statuses = [each for each in self._statuses if each["id"] != question["id"]]
            return line(ok=True)
        if question["op"] == "find":
            known = self._taken.get(question["key"])
            return line(reference=known and reference(known.key))
        self._in_hand += 1
        self._most = max(self._most, self._in_hand)
        try:
            return await self._take(question)
        finally:
            self._in_hand -= 1

    async def _take(self, question: dict[str, Any]) -> bytes:
        fault, seconds = self._next(), self._seconds
        if fault is Fault.BUSY:
            return line(busy_s=seconds)
        if fault is Fault.REFUSE:
            return line(refused=self.refusal[0], at=self.refusal[1])
        key = question["key"]
        headers = {"traceparent": question["traceparent"]} if question["traceparent"] else {}
        arrived = Arrived(key=key, data=question["body"].encode(), headers=headers)
        self._taken.setdefault(key, arrived)
        if fault in (Fault.SLOW, Fault.SILENT):
            await asyncio.sleep(seconds if fault is Fault.SLOW else 60)
        answer = line(reference=reference(key))
        unreadable = {Fault.GARBLED: b"%%%\n", Fault.TRUNCATED: answer[:9], Fault.EMPTY: b"\n"}
        if fault is Fault.CUT_AFTER:
            raise ConnectionAbortedError
        return unreadable.get(fault, answer)

    def _next(self) -> Fault:
        if self._times <= 0:
            return Fault.NONE
        self._times -= 1
        return self._fault


class LazyPeer(LinePeer):
    """It says that it can misbehave, and never does."""

    async def behave(self, fault: Fault, *, times: int = FOR_EVER, seconds: float = 0.0) -> None:
        pass


def reference(key: str) -> str:
    return f"R-{key}"


def line(**answer: object) -> bytes:
    return json.dumps(answer).encode() + b"\n"
