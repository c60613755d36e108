"""The PostgreSQL journal keeps the contract, and a few promises of its own."""

from collections.abc import Iterator

import asyncpg
import pytest

from gateway.domain.identifiers import NodeName
from gateway.drivers.journal_postgres import PostgresJournal
from gateway.testing.contracts.journal import NodeMaker, RawSQL, SharedJournalContract
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


class TestPostgresJournal(SharedJournalContract):
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
