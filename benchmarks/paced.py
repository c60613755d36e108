"""Front end and core systems in one process, so that one clock sees both ends.

Prints one line of JSON: the ports of the core system that answers at once (``sink``), of one
that takes connections, reads and stays silent (``silent``), and of ``control``. Whoever sends a
line of JSON to ``control`` (``Order``) gets a line with a ``Report`` back when it is done.

Applications are sent at a fixed rate, whatever becomes of those before: each has a time when it
is due, and what it waits for a free connection counts as its own delay.
"""

import asyncio
import gc
import json
import math
import time
from collections import Counter, deque
from typing import Any, Final

import uvloop

from benchmarks.applications import requests
from benchmarks.sink import Connection, Ledger

CONNECTIONS: Final = 32
_PATIENCE_S: Final = 30.0
_LOOK_S: Final = 0.1
_MARK: Final = b'"receipt_number":"'
_HEAD_END: Final = b"\r\n\r\n"


class _Arrivals(Ledger):
    """Remembers when each 受付番号 arrived first."""

    def __init__(self) -> None:
        super().__init__()
        self.at: dict[str, float] = {}

    def take(self, key: bytes, request: bytes) -> bytes:
        start = request.index(_MARK) + len(_MARK)
        number = request[start : request.index(b'"', start)].decode()
        self.at.setdefault(number, time.monotonic())
        return super().take(key, request)


class _Silent(asyncio.Protocol):
    """Takes whatever comes and never answers."""

    def __init__(self, counted: Counter[str]) -> None:
        self._counted = counted

    def data_received(self, data: bytes) -> None:
        self._counted["bytes"] += len(data)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        del transport
        self._counted["connections"] += 1


class _Door(asyncio.Protocol):
    """One keep-alive connection to the front door; one request at a time."""

    def __init__(self) -> None:
        self._received = b""
        self._transport: asyncio.Transport | None = None
        self._answered: asyncio.Future[int] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport  # type: ignore[assignment]

    def post(self, request: bytes) -> asyncio.Future[int]:
        """Send a request; the future is its status."""
        self._received = b""
        self._answered = asyncio.get_running_loop().create_future()
        self._transport.write(request)
        return self._answered

    def close(self) -> None:
        self._transport.close()

    def data_received(self, data: bytes) -> None:
        self._received += data
        head, end, body = self._received.partition(_HEAD_END)
        if not end:
            return
        length = int(head.lower().partition(b"content-length:")[2].split(b"\r\n", 1)[0])
        if len(body) >= length and not self._answered.done():
            self._answered.set_result(int(head[9:12]))

    def connection_lost(self, exc: Exception | None) -> None:
        if self._answered is not None and not self._answered.done():
            self._answered.set_exception(exc or ConnectionError("closed by the gateway"))


class _Paced:
    """One run."""

    def __init__(self, order: dict[str, Any], arrivals: _Arrivals) -> None:
        self._order = order
        self._arrivals = arrivals
        self._idle: deque[_Door] = deque()
        self._freed = asyncio.Semaphore(0)
        self._statuses: Counter[str] = Counter()
        self._due: dict[str, float] = {}
        self._answered: dict[str, float] = {}

    async def run(self) -> dict[str, Any]:
        rate, count = self._order["per_s"], round(self._order["per_s"] * self._order["seconds"])
        host = f"127.0.0.1:{self._order['port']}"
        prepared = requests(self._order["run"], count, host=host, api_key=self._order["key"])
        loop = asyncio.get_running_loop()
        for _ in range(CONNECTIONS):
            _, door = await loop.create_connection(_Door, "127.0.0.1", self._order["port"])
            self._idle.append(door)
            self._freed.release()
        gc.collect()
        gc.freeze()
        began, cpu_s = time.monotonic(), time.process_time()
        async with asyncio.TaskGroup() as tasks:
            for number, request in enumerate(prepared):
                due = began + number / rate
                await asyncio.sleep(max(0.0, due - time.monotonic()))
                mark = f"{self._order['run']}-{number:06}"
                self._due[mark] = due
                tasks.create_task(self._send(mark, request))
        ended = time.monotonic()
        cpu_s = time.process_time() - cpu_s
        if self._order["delivered"]:
            await self._all_arrived()
        for door in self._idle:
            door.close()
        return self._report(ended - began, cpu_s)

    async def _send(self, mark: str, request: bytes) -> None:
        await self._freed.acquire()
        door = self._idle.popleft()
        status = await door.post(request)
        self._answered[mark] = time.monotonic()
        self._statuses[str(status)] += 1
        self._idle.append(door)
        self._freed.release()

    async def _all_arrived(self) -> None:
        for _ in range(round(_PATIENCE_S / _LOOK_S)):
            if all(mark in self._arrivals.at for mark in self._due):
                return
            await asyncio.sleep(_LOOK_S)

    def _report(self, seconds: float, cpu_s: float) -> dict[str, Any]:
        at = self._arrivals.at
        arrived = [mark for mark in self._due if mark in at]
        return {
            "count": len(self._due),
            "statuses": dict(self._statuses),
            "missing": len(self._due) - len(arrived),
            "client_busy": cpu_s / seconds,
            "accept": spread([self._answered[m] - self._due[m] for m in self._answered]),
            "deliver": spread([at[m] - self._answered[m] for m in arrived]),
            "both": spread([at[m] - self._due[m] for m in arrived]),
        }


def spread(seconds: list[float]) -> dict[str, float]:
    """Return median, 95th and 99th percentile and the greatest, in milliseconds."""
    ordered = sorted(seconds) or [math.nan]

    def quantile(share: float) -> float:
        return 1000 * ordered[max(0, math.ceil(share * len(ordered)) - 1)]

    return {
        "p50_ms": quantile(0.50),
        "p95_ms": quantile(0.95),
        "p99_ms": quantile(0.99),
        "max_ms": 1000 * ordered[-1],
    }


async def _main() -> None:
    loop = asyncio.get_running_loop()
    arrivals, silent = _Arrivals(), Counter[str]()

    async def control(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        order = json.loads(await reader.readline())
        answer = await _Paced(order, arrivals).run() if order else {}
        answer["silent"] = dict(silent)
        writer.write(json.dumps(answer).encode() + b"\n")
        await writer.drain()
        writer.close()

    servers = {
        "sink": await loop.create_server(lambda: Connection(arrivals), "127.0.0.1", 0),
        "silent": await loop.create_server(lambda: _Silent(silent), "127.0.0.1", 0),
        "control": await asyncio.start_server(control, "127.0.0.1", 0),
    }
    ports = {name: server.sockets[0].getsockname()[1] for name, server in servers.items()}
    print(json.dumps(ports), flush=True)
    await asyncio.gather(*(server.serve_forever() for server in servers.values()))


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_main())
