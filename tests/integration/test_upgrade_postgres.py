"""An upgrade of PostgreSQL: who may still be connected, and who waits for whom."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import asyncpg
import pytest
from structlog.testing import capture_logs

from gateway.domain.errors import JournalUnusableError
from gateway.domain.identifiers import ApplicationId, NodeName
from gateway.drivers.journal_postgres import PostgresJournal, schema
from gateway.drivers.journal_postgres.schema import LAST_STOPPED, SCHEMA_LOCK, Migration
from gateway.drivers.journal_postgres.standing import look
from gateway.testing.builders import an_acceptance
from gateway.testing.postgres import PostgresNode

pytestmark = pytest.mark.postgres

RELEASE_1 = Path(__file__).parents[1] / "data" / "release-1" / "postgres" / "journal.sql"
LATEST = [script.version for script in schema.shipped()]
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


async def test_who_only_looks_is_told_the_schema_and_migrates_nothing(url: str) -> None:
    found = await look(url, timeout_s=10)

    assert (found.schema, found.newest) == (1, LATEST[-1])
    assert found.server.startswith(f"PostgreSQL {found.major}")
    assert abs(found.clock_off_s or 0) < 5
    assert await versions(url) == [1]


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
    assert await versions(url) == LATEST
    migrated = [one["versions"] for one in logs if one["event"] == "journal.migrating"]
    assert migrated == [LATEST[1:]]


async def test_gateways_that_start_together_upgrade_once_and_all_open(url: str) -> None:
    journals = [PostgresJournal(url, node=NodeName(f"gw-{number}")) for number in range(4)]

    await asyncio.gather(*(journal.open() for journal in journals))
    for journal in journals:
        await journal.ping()
        await journal.close()

    assert await versions(url) == LATEST


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


# Beside a gateway that runs

NEXT = [
    Migration(LATEST[-1] + 1, "next", "ALTER TABLE applications ADD COLUMN next text;"),
    Migration(
        LATEST[-1] + 2,
        "next_index",
        "CREATE INDEX CONCURRENTLY applications_next ON applications (next, id);",
    ),
]
"""What a release after this one may bring."""


@asynccontextmanager
async def accepting(journal: PostgresJournal) -> AsyncIterator[list[ApplicationId]]:
    """Accept all the while; yields what was accepted so far. Whatever fails fails the test."""
    accepted: list[ApplicationId] = []
    stop = asyncio.Event()

    async def accept() -> None:
        while not stop.is_set():
            acceptance = an_acceptance()
            await journal.accept(acceptance)
            accepted.append(acceptance.application.id)

    async with asyncio.TaskGroup() as group:
        for _ in range(4):
            group.create_task(accept())
        yield accepted
        stop.set()


async def more(accepted: list[ApplicationId]) -> None:
    """Wait until twenty more were accepted."""
    goal = len(accepted) + 20
    async with asyncio.timeout(20):
        while len(accepted) < goal:  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(0.01)


async def test_a_new_release_joins_while_the_old_one_goes_on_accepting(
    postgres_node: PostgresNode, monkeypatch: pytest.MonkeyPatch
) -> None:
    url, scripts = postgres_node.database(), schema.shipped()
    monkeypatch.setattr(schema, "shipped", lambda: scripts[:LAST_STOPPED])
    old = PostgresJournal(url, node=NodeName("gw-1"))
    await old.open()
    new = PostgresJournal(url, node=NodeName("gw-2"))

    async with accepting(old) as accepted:
        await more(accepted)
        monkeypatch.setattr(schema, "shipped", lambda: [*scripts, *NEXT])
        await new.open()
        await more(accepted)
        async with accepting(new) as by_new:
            await more(by_new)
    found = [await new.dossier(each) for each in (*accepted, *by_new)]
    counted = await new.unfinished()
    await old.close()
    await new.close()

    assert None not in found
    assert counted == len(found)
    assert await versions(url) == [*LATEST, *(script.version for script in NEXT)]


async def test_a_script_that_waits_for_a_table_lets_traffic_pass_and_tries_again(
    postgres_node: PostgresNode, monkeypatch: pytest.MonkeyPatch
) -> None:
    url, scripts = postgres_node.database(), schema.shipped()
    old = PostgresJournal(url, node=NodeName("gw-1"))
    await old.open()
    monkeypatch.setattr(schema, "shipped", lambda: [*scripts, *NEXT])
    new = PostgresJournal(url, node=NodeName("gw-2"))
    report = await asyncpg.connect(url)

    async with accepting(old) as accepted:
        with capture_logs() as logs:
            async with report.transaction():
                # Somebody's long report: nobody may change the table while it is read.
                await report.execute("LOCK TABLE applications IN ACCESS SHARE MODE")
                opening = asyncio.create_task(new.open())
                while not any("put_off" in one["event"] for one in logs):  # noqa: ASYNC110 - nobody tells
                    await asyncio.sleep(0.01)
                await more(accepted)
                waited = not opening.done()
            await opening
        await more(accepted)
    await report.close()
    await old.close()
    await new.close()

    assert waited
    assert await versions(url) == [*LATEST, *(script.version for script in NEXT)]
