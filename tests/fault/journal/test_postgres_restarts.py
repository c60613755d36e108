"""PostgreSQL goes away under load and comes back: nothing is lost, nothing is doubled."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import asyncpg
import pytest

from gateway.domain.identifiers import NodeName
from gateway.drivers.journal_postgres import PostgresJournal
from gateway.testing.postgres import PostgresNode
from gateway.testing.world import World
from tests.fault.journal.town import a_town

pytestmark = pytest.mark.postgres

QUICKLY = "recovery_init_sync_method=syncfs"
"""Recovery syncs a thousand files one by one otherwise, which takes seconds."""
EVERYBODY_ELSE = """
SELECT pg_terminate_backend(pid) FROM pg_stat_activity
WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()
"""


def a_world(server: PostgresNode, folder: Path) -> World:
    journal = PostgresJournal(server.database(), node=NodeName("gw-1"), timeout_s=5.0)
    return World.make(folder, opened=journal)


@pytest.mark.parametrize(
    "end",
    [
        pytest.param(PostgresNode.kill, id="killed"),
        pytest.param(PostgresNode.stop, id="shut_down"),
    ],
)
async def test_a_server_that_ends_under_load_costs_no_application(
    server: PostgresNode, tmp_path: Path, end: Callable[[PostgresNode], None]
) -> None:
    async with a_town(a_world(server, tmp_path)) as town:
        async with town.load():
            for _ in range(2):
                await town.until_accepted(40)
                await asyncio.to_thread(end, server)
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
