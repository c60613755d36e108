"""Content headers that the AMQP library cannot decode are emptied on their way in.

The library takes a property that is no UTF-8, a date beyond the year 9999 or an
unknown field type for a broken connection and drops it. The broker then
redelivers the message to the next connection, which it ends too: one hostile
publisher would stop a queue for good. Without its properties the message arrives,
carries no signature, and is refused where messages are judged.
"""

import asyncio
import struct
from typing import Final, Protocol, cast

import pamqp.header
from aiormq.connection import TCPTransportFactory, TLSTransportFactory, TransportFactory
from structlog import get_logger
from yarl import URL

log = get_logger(__name__)

_FRAME_HEAD_BYTES: Final = 7  # Type, channel and length (AMQP 0-9-1, section 2.3.5).
_HEADER_FRAME: Final = 2
_FLAGS: Final = slice(12, 14)  # After class, weight and body size (section 2.3.5.2).


class _Reader(Protocol):
    async def readexactly(self, n: int) -> bytes: ...

    def at_eof(self) -> bool: ...


class GuardedReader:
    """Reads what the library's frame receiver asks for: a frame's head in parts, its rest."""

    def __init__(self, reader: _Reader) -> None:
        """Read from ``reader``, from the start of a frame."""
        self._reader = reader
        self._head = b""

    async def readexactly(self, count: int) -> bytes:
        """Return the next ``count`` bytes; a header frame's rest is decodable."""
        received = await self._reader.readexactly(count)
        if len(self._head) < _FRAME_HEAD_BYTES:
            self._head += received
            return received
        kind, self._head = self._head[0], b""
        if kind == _HEADER_FRAME and not _is_decodable(received[:-1]):
            log.warning("broker.message_properties_dropped", header_bytes=count)
            return received[: _FLAGS.start] + b"\x00\x00" + received[_FLAGS.stop :]
        return received

    def at_eof(self) -> bool:
        """Tell whether the connection has ended."""
        return self._reader.at_eof()


def _is_decodable(payload: bytes) -> bool:
    try:
        pamqp.header.ContentHeader().unmarshal(payload)
    except (ValueError, OverflowError, OSError, IndexError, struct.error):
        return False
    return True


class GuardedTransport(TransportFactory):
    """Connects as the library would and guards what it reads."""

    def __init__(self, *, tls: bool) -> None:
        """Connect with or without TLS."""
        self._factory = TLSTransportFactory() if tls else TCPTransportFactory()

    async def create(
        self, url: URL, **kwargs: object
    ) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """Return the guarded reader and the writer of a new connection."""
        reader, writer = await self._factory.create(url, **kwargs)
        # The library declares the whole StreamReader and uses these two methods of it.
        return cast(asyncio.StreamReader, GuardedReader(reader)), writer
