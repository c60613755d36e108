import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress

import pytest

from gateway.testing.proxy import ProxiedLine

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]
Connect = Callable[[], Awaitable[Streams]]
PATIENCE_S = 5.0


class Upper:
    """A server that answers every line in capitals and remembers what it was sent."""

    def __init__(self) -> None:
        self.heard = b""
        self.hung_up = asyncio.Event()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while chunk := await reader.read(1000):
                self.heard += chunk
                writer.write(chunk.upper())
        except ConnectionResetError:
            pass
        finally:
            self.hung_up.set()
            writer.close()


@pytest.fixture
def upper() -> Upper:
    return Upper()


@pytest.fixture
async def line(upper: Upper) -> AsyncIterator[ProxiedLine]:
    server = await asyncio.start_server(upper.serve, "127.0.0.1", 0)
    line = await ProxiedLine.start(server.sockets[0].getsockname()[1])
    async with asyncio.timeout(PATIENCE_S):
        yield line
        await line.close()
        server.close()


@pytest.fixture
async def connect(line: ProxiedLine) -> AsyncIterator[Connect]:
    made: list[Streams] = []

    async def connect() -> Streams:
        made.append(await asyncio.open_connection("127.0.0.1", line.port))
        return made[-1]

    yield connect
    for _, writer in made:
        writer.transport.abort()
        with suppress(ConnectionError):
            await writer.wait_closed()


async def say(streams: Streams, text: bytes) -> bytes:
    reader, writer = streams
    writer.write(text)
    return await reader.readexactly(len(text))


async def hears_nothing(streams: Streams) -> bool:
    try:
        async with asyncio.timeout(0.05):
            await streams[0].read(1)
    except TimeoutError:
        return True
    return False


async def test_what_is_said_passes_both_ways(line: ProxiedLine, connect: Connect) -> None:
    streams = await connect()

    assert await say(streams, b"abc") == b"ABC"
    assert await say(streams, b"x" * 300_000) == b"X" * 300_000
    assert line.connections == 1


async def test_who_hangs_up_is_heard_on_the_other_side(connect: Connect, upper: Upper) -> None:
    streams = await connect()
    await say(streams, b"abc")

    streams[1].close()

    await upper.hung_up.wait()


async def test_a_black_hole_takes_bytes_and_passes_none_until_it_is_healed(
    line: ProxiedLine, connect: Connect, upper: Upper
) -> None:
    streams = await connect()
    await say(streams, b"abc")
    line.black_hole()

    streams[1].write(b"def")

    assert await hears_nothing(streams)
    assert upper.heard == b"abc"
    line.heal()
    assert await streams[0].readexactly(3) == b"DEF"


async def test_a_black_hole_takes_a_connection_and_hides_that_one_has_ended(
    line: ProxiedLine, connect: Connect, upper: Upper
) -> None:
    old = await connect()
    await say(old, b"abc")
    line.black_hole()
    old[1].close()

    new = await connect()

    new[1].write(b"def")
    assert await hears_nothing(new)
    assert not upper.hung_up.is_set()
    line.heal()
    assert await new[0].readexactly(3) == b"DEF"
    await upper.hung_up.wait()


async def test_a_cut_lets_so_many_bytes_pass_and_ends_that_connection_only(
    line: ProxiedLine, connect: Connect, upper: Upper
) -> None:
    first, second = await connect(), await connect()
    await say(first, b"abc")
    await say(second, b"def")
    line.cut_after(4)

    first[1].write(b"12")
    await first[0].readexactly(2)
    first[1].write(b"3456")

    with pytest.raises((ConnectionResetError, asyncio.IncompleteReadError)):
        await first[0].readexactly(4)
    await upper.hung_up.wait()
    assert upper.heard == b"abcdef1234"
    assert await say(second, b"again") == b"AGAIN"


async def test_a_cut_may_count_what_comes_back(
    line: ProxiedLine, connect: Connect, upper: Upper
) -> None:
    streams = await connect()
    await say(streams, b"abc")
    line.cut_after(2, answers=True)

    streams[1].write(b"def")

    assert await streams[0].readexactly(2) == b"DE"
    with pytest.raises((ConnectionResetError, asyncio.IncompleteReadError)):
        await streams[0].readexactly(1)
    await upper.hung_up.wait()
    assert line.cuts == 1


async def test_a_slow_line_delays_and_does_not_thin_out(
    line: ProxiedLine, connect: Connect
) -> None:
    streams = await connect()
    await say(streams, b"abc")
    line.slow_down(0.1)
    loop = asyncio.get_running_loop()
    began = loop.time()

    for number in range(10):
        streams[1].write(b"%d" % number)
        await asyncio.sleep(0.01)
    heard = await streams[0].readexactly(10)

    assert heard == b"0123456789"
    # Never sooner, by the clock that it sleeps by; later, if the machine is busy.
    assert loop.time() - began >= 0.2


async def test_a_refused_line_ends_what_stands_and_takes_no_more_until_told(
    line: ProxiedLine,
    connect: Connect,
) -> None:
    streams = await connect()
    await say(streams, b"abc")

    await line.refuse()

    with pytest.raises((ConnectionResetError, asyncio.IncompleteReadError)):
        await streams[0].readexactly(1)
    with pytest.raises(ConnectionRefusedError):
        await connect()
    await line.accept()
    again = await connect()
    assert await say(again, b"def") == b"DEF"


async def test_severing_ends_what_stands_and_takes_new_ones(
    line: ProxiedLine, connect: Connect
) -> None:
    streams = await connect()
    await say(streams, b"abc")

    line.sever()

    with pytest.raises((ConnectionResetError, asyncio.IncompleteReadError)):
        await streams[0].readexactly(1)
    again = await connect()
    assert await say(again, b"def") == b"DEF"
