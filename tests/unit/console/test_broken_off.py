"""A file that is being written when something goes wrong is no whole one, and holds no page."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from gateway.console.pages import applications
from gateway.console.spreadsheet import Rows
from gateway.testing.console_site import console_site
from gateway.testing.world import World


async def test_a_fault_in_the_midst_of_a_file_breaks_it_off_and_puts_no_page_into_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def rows(*_: object) -> AsyncIterator[Rows]:
        yield [["first"]]
        raise RuntimeError

    monkeypatch.setattr(applications, "rows", rows)
    async with World.make(tmp_path) as world, console_site(world.gateway) as url:
        with capture_logs() as logs:
            reader, writer = await _asked(url)
            got = b""
            with suppress(ConnectionError):
                while part := await asyncio.wait_for(reader.read(65_536), 10):
                    got += part
            writer.close()

    assert b"first" in got
    assert b"<html" not in got
    assert not got.endswith(b"0\r\n\r\n")
    assert [log["event"] for log in logs if log["log_level"] == "error"] == ["console.failed"]


async def test_who_stops_taking_a_file_away_is_no_fault(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ended = asyncio.Event()

    async def rows(*_: object) -> AsyncIterator[Rows]:
        while not ended.is_set():
            yield [["x" * 100_000]]
            await asyncio.sleep(0)

    monkeypatch.setattr(applications, "rows", rows)
    async with World.make(tmp_path) as world, console_site(world.gateway) as url:
        with capture_logs() as logs:
            reader, writer = await _asked(url)
            await reader.read(65_536)
            writer.transport.abort()
            await asyncio.sleep(0.1)
            ended.set()

    assert [log["event"] for log in logs if log["log_level"] == "error"] == []


async def _asked(url: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    host, port = url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(f"GET /applications.csv HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
    return reader, writer
