"""SIGTERM while everything that can hang hangs: in order, in time, and nothing lost."""

import asyncio
import contextlib
import socket
from pathlib import Path
from urllib.parse import urlsplit

import httpx2

from tests.acceptance.harness.embedded import Embedded
from tests.acceptance.harness.front import until
from tests.acceptance.harness.interruption import (
    assert_resolved_without_resending,
    sent_and_in_hand,
)
from tests.acceptance.harness.landscape import Landscape
from tests.acceptance.harness.processes import STOP_S


def half_a_request(url: str, api_key: str) -> socket.socket:
    """Return a connection whose client has sent its headers and a byte of its body."""
    address = urlsplit(url)
    connection = socket.create_connection((address.hostname or "", address.port or 0))
    connection.sendall(
        b"POST /v1/municipalities/131016/applications HTTP/1.1\r\nHost: localhost\r\n"
        b"Content-Type: application/json\r\nContent-Length: 1000\r\nIdempotency-Key: half\r\n"
        b"Authorization: Bearer " + api_key.encode() + b"\r\n\r\n{"
    )
    return connection


async def test_sigterm_waits_neither_for_core_systems_nor_for_clients_that_hang(
    tmp_path: Path, landscape: Landscape
) -> None:
    up = Embedded(tmp_path / "up", landscape.destinations())
    await asyncio.to_thread(up.start)
    try:
        async with up.front() as front, httpx2.AsyncClient() as probe:
            sent = await sent_and_in_hand(front, landscape, slow_s=40)
            hanging = half_a_request(up.front_url, up.api_key)
            ready = await probe.get(f"{up.operations_url}/readyz")
            stopping = asyncio.create_task(asyncio.to_thread(up.program.stop))
            told: list[int] = []

            async def is_not_ready() -> bool:
                with contextlib.suppress(httpx2.TransportError):
                    told.append((await probe.get(f"{up.operations_url}/readyz")).status_code)
                return 503 in told or stopping.done()

            await until(is_not_ready, timeout_s=10, what="still ready", every_s=0.02)
            code, seconds = await stopping
            hanging.close()
            landscape.slow_down(0)
            await asyncio.to_thread(up.start)

            await assert_resolved_without_resending(sent, up.operator, landscape)
        assert ready.status_code == 200
        assert 503 in told
        assert code == 0, up.program.tail()
        assert seconds <= STOP_S
    finally:
        up.program.kill()
