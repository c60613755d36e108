"""The core system at the end: takes applications over HTTP as cheaply as Python allows.

``POST`` anywhere answers 201 with a 整理番号, ``GET /stats`` how many arrived, how many of
them for the first time, and when the last did. Keeps nothing on disk: what is measured stands
in front of it.
"""

import asyncio
import json
import time
from typing import Final

import uvloop

_HEAD_END: Final = b"\r\n\r\n"
_LENGTH: Final = b"content-length:"
_KEY: Final = b"idempotency-key:"


class Ledger:
    """What has arrived."""

    def __init__(self) -> None:
        self.arrived = 0
        self.keys: set[bytes] = set()
        self.last = 0.0

    def take(self, key: bytes, request: bytes) -> bytes:
        """Count a request with this idempotency key; return the answer's body."""
        del request
        self.arrived += 1
        self.keys.add(key)
        self.last = time.monotonic()
        return b'{"reference":"R-%07d"}' % self.arrived

    def stats(self) -> bytes:
        """Return the body for ``GET /stats``."""
        stats = {"arrived": self.arrived, "distinct": len(self.keys), "last": self.last}
        return json.dumps(stats).encode()


class Connection(asyncio.Protocol):
    """One sender's connection: one request after another."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._received = b""
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport  # type: ignore[assignment]

    def data_received(self, data: bytes) -> None:
        self._received += data
        end = self._received.find(_HEAD_END)
        if end < 0:
            return
        head = self._received[:end].lower()
        length = int(_header(head, _LENGTH) or b"0")
        if len(self._received) < end + len(_HEAD_END) + length:
            return
        request, self._received = self._received, b""
        if head.startswith(b"post"):
            self._answer(b"201 Created", self._ledger.take(_header(head, _KEY), request))
        else:
            self._answer(b"200 OK", self._ledger.stats())

    def _answer(self, status: bytes, body: bytes) -> None:
        self._transport.write(
            b"HTTP/1.1 %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s"
            % (status, len(body), body)
        )


def _header(head: bytes, name: bytes) -> bytes:
    at = head.find(name)
    return b"" if at < 0 else head[at + len(name) :].split(b"\r\n", 1)[0].strip()


async def _main() -> None:
    ledger = Ledger()
    server = await asyncio.get_running_loop().create_server(
        lambda: Connection(ledger), "127.0.0.1", 0
    )
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_main())
