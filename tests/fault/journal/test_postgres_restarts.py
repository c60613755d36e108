"""PostgreSQL goes away under load and comes back: nothing is lost, nothing is doubled."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import pytest

from gateway.domain.identifiers import NodeName
from gateway.drivers.journal_postgres import PostgresJournal
from gateway.testing.postgres import PostgresNode
from gateway.testing.world import World
from tests.fault.journal.town import PATIENCE_S, a_town
from tests.fault.processes.cutter import Cut, Cutter

pytestmark = pytest.mark.postgres

QUICKLY = "recovery_init_sync_method=syncfs"
"""Recovery syncs a thousand files one by one otherwise, which takes seconds."""
EVERYBODY_ELSE = """
SELECT pg_terminate_backend(pid) FROM pg_stat_activity
WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()
"""


def a_world(server: PostgresNode, folder: Path, *, port: int | None = None) -> World:
    url = server.database().replace(f":{server.port}/", f":{port or server.port}/")
    journal = PostgresJournal(url, node=NodeName("gw-1"), timeout_s=5.0)
    return World.make(folder, opened=journal)


@pytest.fixture
def cutter(server: PostgresNode) -> Iterator[Cutter]:
    """The way from the gateway to PostgreSQL."""
    with Cutter(server.port) as cutter:
        yield cutter


@pytest.mark.parametrize("cut", Cut)
@pytest.mark.parametrize("action", ["application.accepted", "delivery.delivered"])
async def test_a_server_that_is_killed_at_a_commit_costs_no_application(
    server: PostgresNode, cutter: Cutter, tmp_path: Path, action: str, cut: Cut
) -> None:
    async with a_town(a_world(server, tmp_path, port=cutter.port)) as town:
        async with town.load():
            await town.until_accepted(10)
            cutter.order(action, cut, at_cut=server.kill)
            async with asyncio.timeout(PATIENCE_S):
                while not cutter.cuts:  # noqa: ASYNC110 - told by another thread
                    await asyncio.sleep(0.01)
            await asyncio.to_thread(server.restart, QUICKLY)
            await town.until_accepted(10)
        await town.until_finished()

        await town.assert_every_account_is_square()
        town.assert_refusals_were_honest()


async def test_a_server_that_is_shut_down_under_load_costs_no_application(
    server: PostgresNode, tmp_path: Path
) -> None:
    async with a_town(a_world(server, tmp_path)) as town:
        async with town.load():
            for _ in range(2):
                await town.until_accepted(40)
                await asyncio.to_thread(server.stop)
                await town.until_refused(8)
                await asyncio.to_thread(server.restart, QUICKLY)
            await town.until_accepted(40)
        await town.until_finished()

        await town.assert_every_account_is_square()
        town.assert_refusals_were_honest()


async def test_sessions_that_are_ended_again_and_again_cost_no_application(
    server: PostgresNode, tmp_path: Path
) -> None:
    async with a_town(a_world(server, tmp_path)) as town:
        operator = await asyncpg.connect(f"postgresql://postgres@127.0.0.1:{server.port}/postgres")
        async with town.load():
            for _ in range(10):
                await town.until_accepted(10)
                await operator.execute(EVERYBODY_ELSE)
            await operator.execute(EVERYBODY_ELSE)
            await operator.close()
            await asyncio.to_thread(server.restart, QUICKLY)
            await town.until_accepted(40)
        await town.until_finished()

        await town.assert_every_account_is_square()
        town.assert_refusals_were_honest()
