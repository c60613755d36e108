"""The front end: keep-alive connections that send one application after another.

A process of its own, as lean as Python allows: raw sockets, requests built beforehand, no
garbage collection. It reports its own CPU, so that the page can show that it was not the limit.
"""

import argparse
import asyncio
import gc
import json
import math
import time
from collections import Counter
from collections.abc import Iterator
from typing import Final

import uvloop

from benchmarks.applications import requests

_HEAD_END: Final = b"\r\n\r\n"
_LENGTH: Final = b"content-length:"


class _Connection(asyncio.Protocol):
    """Sends the next request as soon as the last one is answered."""

    def __init__(self, run: "_Run") -> None:
        self._run = run
        self._received = b""
        self._sent_at = 0.0
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport  # type: ignore[assignment]

    def send(self) -> None:
        request = next(self._run.waiting, None)
        if request is None:
            self._run.leave()
            return
        self._received = b""
        self._sent_at = time.perf_counter()
        self._transport.write(request)

    def data_received(self, data: bytes) -> None:
        self._received += data
        end = self._received.find(_HEAD_END)
        if end < 0:
            return
        head = self._received[:end].lower()
        start = head.index(_LENGTH) + len(_LENGTH)
        length = int(head[start:].split(b"\r\n", 1)[0])
        if len(self._received) < end + len(_HEAD_END) + length:
            return
        self._run.answered(int(head[9:12]), time.perf_counter() - self._sent_at)
        self.send()

    def connection_lost(self, exc: Exception | None) -> None:
        self._run.lost(exc)


class _Run:
    """One measurement."""

    def __init__(self, waiting: list[bytes], connections: int) -> None:
        self.waiting: Iterator[bytes] = iter(waiting)
        self.latencies: list[float] = []
        self.statuses: Counter[int] = Counter()
        self.over = asyncio.get_running_loop().create_future()
        self._busy = connections

    def answered(self, status: int, latency_s: float) -> None:
        self.statuses[status] += 1
        self.latencies.append(latency_s)

    def leave(self) -> None:
        self._busy -= 1
        if self._busy == 0:
            self.over.set_result(None)

    def lost(self, exc: Exception | None) -> None:
        if not self.over.done():
            self.over.set_exception(exc or ConnectionError("closed by the server"))


async def _main(arguments: argparse.Namespace) -> dict[str, object]:
    host = f"127.0.0.1:{arguments.port}"
    prepared = requests(arguments.run, arguments.count, host=host, api_key=arguments.key)
    loop = asyncio.get_running_loop()
    run = _Run(prepared, arguments.connections)
    connections = []
    for _ in range(arguments.connections):
        _, connection = await loop.create_connection(
            lambda: _Connection(run), "127.0.0.1", arguments.port
        )
        connections.append(connection)
    gc.collect()
    gc.disable()
    cpu_s, began = time.process_time(), time.monotonic()
    for connection in connections:
        connection.send()
    await run.over
    ended, cpu_s = time.monotonic(), time.process_time() - cpu_s
    ordered = sorted(run.latencies)
    return {
        "connections": arguments.connections,
        "statuses": {str(status): count for status, count in run.statuses.items()},
        "began": began,
        "ended": ended,
        "seconds": ended - began,
        "p50_ms": 1000 * _quantile(ordered, 0.50),
        "p99_ms": 1000 * _quantile(ordered, 0.99),
        "client_cpu_s": cpu_s,
    }


def _quantile(ordered: list[float], share: float) -> float:
    """Return the smallest value that at least ``share`` of all do not exceed."""
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


def main() -> None:
    """Send ``--count`` applications and print one JSON document."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--key", required=True)
    parser.add_argument("--count", type=int, required=True)
    parser.add_argument("--connections", type=int, required=True)
    parser.add_argument("--run", required=True)
    arguments = parser.parse_args()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        print(json.dumps(runner.run(_main(arguments))))


if __name__ == "__main__":
    main()
