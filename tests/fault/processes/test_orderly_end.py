"""While PostgreSQL hangs: SIGTERM ends the gateway in order and in time, and readiness tells."""

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import asyncpg
import pytest

from gateway.drivers.journal_postgres.schema import SCHEMA_LOCK, WAITING_LOCK
from gateway.testing.postgres import PostgresNode
from gateway.testing.proxy import ProxiedLine
from tests.acceptance.harness.applications import CARE
from tests.acceptance.harness.processes import STOP_S
from tests.fault.processes.footing import Footing

pytestmark = pytest.mark.postgres
_LISTENS_S = 8.0
"""A journal's own patience is longer, and load balancers' mostly shorter."""
WAITING = """
SELECT count(*) FROM pg_locks l JOIN pg_database d ON d.oid = l.database
WHERE d.datname = current_database() AND locktype = 'advisory'
AND classid::bigint << 32 | objid::bigint = $1
"""


@pytest.fixture
async def line(postgres_node: PostgresNode) -> AsyncIterator[ProxiedLine]:
    """The way from the gateway to PostgreSQL."""
    line = await ProxiedLine.start(postgres_node.port)
    yield line
    await line.close()


async def stopped(footing: Footing) -> float:
    """Stop it; return how many seconds that took."""
    began = time.monotonic()
    assert await asyncio.to_thread(footing.gateway.stop) == 0, footing.gateway.tail()
    return time.monotonic() - began


async def test_a_database_that_hangs_holds_up_no_end(
    tmp_path: Path, postgres_node: PostgresNode, line: ProxiedLine
) -> None:
    url = postgres_node.database().replace(f":{postgres_node.port}/", f":{line.port}/")
    footing = Footing(tmp_path / "up", journal=url)
    try:
        await asyncio.to_thread(footing.start)
        # In a thread: the line is in this loop.
        async with await asyncio.to_thread(footing.front) as front:
            await front.submit_all([CARE])
            line.black_hole()
            asked = asyncio.create_task(front.submit_all([CARE]))
            await asyncio.sleep(0.2)
            seconds = await stopped(footing)
            asked.cancel()
    finally:
        footing.kill()

    assert seconds <= STOP_S


async def test_a_database_that_hangs_is_told_while_who_asks_still_listens(
    tmp_path: Path, postgres_node: PostgresNode, line: ProxiedLine
) -> None:
    url = postgres_node.database().replace(f":{postgres_node.port}/", f":{line.port}/")
    footing = Footing(tmp_path / "up", journal=url)
    try:
        await asyncio.to_thread(footing.start)
        async with aiohttp.ClientSession() as asking:
            line.black_hole()
            patience = aiohttp.ClientTimeout(_LISTENS_S)
            async with asking.get(footing.readiness, timeout=patience) as answer:
                status, told = answer.status, await answer.json()
    finally:
        footing.kill()

    assert (status, told["checks"]) == (503, {"journal": False, "running": True})


async def test_a_gateway_that_waits_to_migrate_is_stopped_at_once(
    tmp_path: Path, postgres_node: PostgresNode
) -> None:
    url = postgres_node.database()
    footing = Footing(tmp_path / "up", journal=url)
    other = await asyncpg.connect(url)
    try:
        await other.execute("SELECT pg_advisory_lock($1)", SCHEMA_LOCK)
        footing.gateway.start()
        while not await other.fetchval(WAITING, WAITING_LOCK):
            assert footing.gateway.is_running, footing.gateway.tail()
            await asyncio.sleep(0.02)
        seconds = await stopped(footing)
        still_waiting = await other.fetchval(WAITING, WAITING_LOCK)
    finally:
        footing.kill()
        await other.close()

    assert seconds <= STOP_S / 2
    assert not still_waiting
