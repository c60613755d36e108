"""An upgrade of PostgreSQL: who may still be connected, and who waits for whom."""

import asyncio
from pathlib import Path

import asyncpg
import pytest
from structlog.testing import capture_logs

from gateway.domain.errors import JournalUnusableError
from gateway.domain.identifiers import NodeName
from gateway.drivers.journal_postgres import PostgresJournal, schema
from gateway.drivers.journal_postgres.schema import SCHEMA_LOCK
from gateway.testing.postgres import PostgresNode

pytestmark = pytest.mark.postgres

RELEASE_1 = Path(__file__).parents[1] / "data" / "release-1" / "postgres" / "journal.sql"
MIGRATED = "SELECT version FROM schema_migrations ORDER BY version"


@pytest.fixture
async def url(postgres_node: PostgresNode) -> str:
    """A database as release 1 left it."""
    url = postgres_node.database()
    connection = await asyncpg.connect(url)
    await connection.execute(RELEASE_1.read_text("utf-8"))
    await connection.close()
    return url


async def versions(url: str) -> list[int]:
    connection = await asyncpg.connect(url)
    found = [row["version"] for row in await connection.fetch(MIGRATED)]
    await connection.close()
    return found


async def test_an_upgrade_beside_a_gateway_that_runs_is_refused_and_changes_nothing(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(schema, "_LOOKS", 2)
    # As a gateway of release 1 is connected: it has the lock of no migration.
    other = await asyncpg.connect(url, server_settings={"application_name": "kakehashi gw-1"})
    journal = PostgresJournal(url, node=NodeName("gw-2"))

    with pytest.raises(JournalUnusableError, match="gateways_running gw-1"):
        await journal.open()
    refused = await versions(url)
    await other.close()
    with capture_logs() as logs:
        await journal.open()
    await journal.close()

    assert refused == [1]
    assert await versions(url) == [1, 2, 3, 4, 5, 6]
    migrated = [one["versions"] for one in logs if one["event"] == "journal.migrating"]
    assert migrated == [[2, 3, 4, 5, 6]]


async def test_gateways_that_start_together_upgrade_once_and_all_open(url: str) -> None:
    journals = [PostgresJournal(url, node=NodeName(f"gw-{number}")) for number in range(4)]

    await asyncio.gather(*(journal.open() for journal in journals))
    for journal in journals:
        await journal.ping()
        await journal.close()

    assert await versions(url) == [1, 2, 3, 4, 5, 6]


async def test_who_waits_for_another_to_migrate_waits_longer_than_for_a_statement(
    url: str,
) -> None:
    other = await asyncpg.connect(url)
    await other.execute("SELECT pg_advisory_lock($1)", SCHEMA_LOCK)
    journal = PostgresJournal(url, node=NodeName("gw-1"), timeout_s=0.5)

    opening = asyncio.create_task(journal.open())
    waited, _ = await asyncio.wait({opening}, timeout=1.5)
    await other.close()
    await opening
    await journal.close()

    assert not waited
