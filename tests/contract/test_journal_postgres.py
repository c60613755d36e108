"""The PostgreSQL journal keeps the contract, and a few promises of its own."""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import asyncpg
import pytest
from structlog.testing import capture_logs

from gateway.domain.identifiers import NodeName
from gateway.domain.records import DeliveryRecord
from gateway.drivers.journal_postgres import PostgresJournal
from gateway.ports.journal import Decision
from gateway.testing.builders import an_entry
from gateway.testing.contracts.journal import (
    NodeMaker,
    RawSQL,
    SharedJournalContract,
    accepted,
    chain_of,
    delivery_of,
)
from gateway.testing.contracts.journal_accounts import SharedAccountsContract
from gateway.testing.contracts.journal_attention import SharedAttentionContract
from gateway.testing.contracts.journal_controls import SharedControlsContract
from gateway.testing.contracts.journal_measured import MeasuredContract
from gateway.testing.contracts.journal_order import SharedOrderContract
from gateway.testing.contracts.journal_repairs import SharedRepairsContract
from gateway.testing.contracts.journal_retention import SharedRetentionContract
from gateway.testing.contracts.journal_search import SearchContract
from gateway.testing.contracts.journal_totals import SharedTotalsContract
from gateway.testing.contracts.journal_webhooks import SharedWebhooksContract
from gateway.testing.postgres import PostgresNode

pytestmark = pytest.mark.postgres


@pytest.fixture(scope="module")
def server() -> Iterator[PostgresNode]:
    server = PostgresNode.start()
    yield server
    server.remove()


@pytest.fixture
def url(server: PostgresNode) -> str:
    return server.database()


class TestPostgresJournal(
    SharedJournalContract,
    SharedOrderContract,
    SharedControlsContract,
    MeasuredContract,
    SharedRepairsContract,
    SharedRetentionContract,
    SearchContract,
    SharedTotalsContract,
    SharedWebhooksContract,
    SharedAttentionContract,
    SharedAccountsContract,
):
    @pytest.fixture
    def a_node(self, url: str) -> NodeMaker:
        return lambda name: PostgresJournal(url, node=NodeName(name))

    @pytest.fixture
    def behind(self, url: str) -> RawSQL:
        async def run(statement: str) -> None:
            connection = await asyncpg.connect(url)
            await connection.execute(statement)
            await connection.close()

        return run


async def test_of_several_hosts_the_primary_is_written_to_and_read_from(
    server: PostgresNode, url: str
) -> None:
    host = f"127.0.0.1:{server.port}"
    several = url.replace(host, f"127.0.0.1:1,{host}") + "?target_session_attrs=primary"
    journal = PostgresJournal(several, node=NodeName("gw-1"))
    await journal.open()

    await journal.ping()

    assert several.count("127.0.0.1") == 2
    assert await journal.counts() == {}
    await journal.close()


@dataclass
class WrongClock:
    """Is off by so much."""

    off: timedelta = timedelta()

    def now(self) -> datetime:
        return datetime.now(UTC) + self.off


async def test_a_clock_that_is_far_from_the_database_s_is_named_once(url: str) -> None:
    clock = WrongClock()
    journal = PostgresJournal(url, node=NodeName("gw-1"), now=clock.now)
    await journal.open()

    with capture_logs() as logs:
        for off_s in (0, 13, -20, -20, 0, 20):
            clock.off = timedelta(seconds=off_s)
            await journal.ping()
    await journal.close()

    said = [(entry["event"], round(entry["off_s"])) for entry in logs]
    assert said == [("clock.differs_from_database", -20), ("clock.differs_from_database", 20)]


def count(record: DeliveryRecord) -> Decision[int]:
    changed = replace(record, counted=record.counted + 1)
    return Decision(answer=changed.counted, record=changed, entries=(an_entry(),))


WAITING = "SELECT count(*) FROM pg_locks WHERE NOT granted"


async def until_a_session_waits(connection: asyncpg.Connection) -> None:
    async with asyncio.timeout(60):
        while not await connection.fetchval(WAITING):  # noqa: ASYNC110 - a server tells nobody
            await asyncio.sleep(0.01)


async def test_a_rule_sees_the_row_as_the_one_before_it_left_it(url: str) -> None:
    journal = PostgresJournal(url, node=NodeName("gw-1"))
    await journal.open()
    delivery_id = delivery_of(await accepted(journal))
    other = await asyncpg.connect(url)
    await other.execute("BEGIN")
    await other.execute("UPDATE deliveries SET counted = 7")

    deciding = asyncio.create_task(journal.decide(delivery_id, count))
    await until_a_session_waits(other)
    await other.execute("COMMIT")

    assert await deciding == 8
    delivery = await journal.delivery(delivery_id)
    assert delivery is not None
    assert delivery.counted == 8
    await other.close()
    await journal.close()


async def test_a_deadlock_is_tried_again(url: str) -> None:
    journal = PostgresJournal(url, node=NodeName("gw-1"))
    await journal.open()
    first, second = [delivery_of(await accepted(journal)) for _ in range(2)]
    other = await asyncpg.connect(url)
    # So that it is the journal's session that finds the deadlock, and is its victim.
    await other.execute("SET deadlock_timeout = '1h'")
    await other.execute("BEGIN")
    change = "UPDATE deliveries SET counted = 7 WHERE id = $1"
    await other.execute(change, second)

    deciding = asyncio.gather(journal.decide(first, count), journal.decide(second, count))
    await until_a_session_waits(other)
    await other.execute(change, first)
    await other.execute("COMMIT")

    assert list(await deciding) == [8, 8]
    assert await chain_of(journal) == {"gw-1": 4}
    await other.close()
    await journal.close()
