"""Reading a body that may be too large, too slow, cut off or one of too many."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

from aiohttp import HttpVersion10, HttpVersion11, web

from gateway.http.problems import refused

_MIB: Final = 1 << 20
_BUSY_RETRY_S: Final = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class BodyLimits:
    """How much of a body is taken, for how long, and of how many at once.

    Attributes:
        body_bytes: The largest body, without attachments (design 6.1).
        body_timeout_s: For the whole body, however it trickles in.
        memory_bytes: What bodies may take up together while they are read and accepted.
    """

    body_bytes: int = _MIB
    body_timeout_s: float = 20.0
    memory_bytes: int = 64 * _MIB


class Bodies:
    """Reads bodies within the limits, and counts what they take up together."""

    def __init__(self, limits: BodyLimits) -> None:
        """Start with nothing taken."""
        self._limits = limits
        self._taken_bytes = 0

    @contextmanager
    def room_for(self, request: web.Request) -> Iterator[None]:
        """Hold memory for the request's body: what it announces, or the most it may be.

        Raises:
            RefusedError: It announces too much (413), or too much is held already (503).
        """
        length = request.content_length
        if length is not None and length > self._limits.body_bytes:
            raise refused("request.too_large")
        needed = self._limits.body_bytes if length is None else length
        if self._taken_bytes + needed > self._limits.memory_bytes:
            raise refused("gateway.busy", retry_after_s=_BUSY_RETRY_S)
        self._taken_bytes += needed
        try:
            yield
        finally:
            self._taken_bytes -= needed

    async def read(self, request: web.Request) -> bytes:
        """Return the whole body, or refuse the request.

        Raises:
            RefusedError: It grew too large (413), took too long (408), was cut off or
                wrongly chunked (400).
        """
        if not request.can_read_body:
            return b""
        try:
            async with asyncio.timeout(self._limits.body_timeout_s):
                await _ask_for_it(request)
                return await self._collect(request)
        except TimeoutError:
            raise refused("request.timeout") from None
        except (web.RequestPayloadError, ConnectionError):
            raise refused("request.incomplete") from None

    async def _collect(self, request: web.Request) -> bytes:
        chunks = []
        size = 0
        async for chunk in request.content.iter_any():
            size += len(chunk)
            if size > self._limits.body_bytes:
                raise refused("request.too_large")
            chunks.append(chunk)
        return b"".join(chunks)


async def expectation(request: web.Request) -> None:
    """Refuse expectations but ``100-continue``, which is met when the body is wanted.

    An ``expect_handler`` for aiohttp's routes: its own answers with the header's value.

    Raises:
        RefusedError: Something else is expected (RFC 9110, 10.1.1).
    """
    if request.version > HttpVersion10 and not _waits(request):
        raise refused("request.expectation")


def _waits(request: web.Request) -> bool:
    return request.headers.get("Expect", "").lower() == "100-continue"


async def _ask_for_it(request: web.Request) -> None:
    """Send ``100 Continue`` to a client that waits for it: only now is the body wanted."""
    if request.version == HttpVersion11 and _waits(request):
        await request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        # aiohttp takes what was written before the answer for a part of the answer.
        request.writer.output_size = 0
