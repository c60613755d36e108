"""The security team's tools over a PostgreSQL journal: its queries are others than SQLite's."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from gateway.domain.identifiers import NodeName
from gateway.drivers.journal_postgres import PostgresJournal
from gateway.services.operate.by_name import operations
from gateway.testing.builders import an_entry
from gateway.testing.postgres import PostgresNode
from gateway.testing.world import MUNICIPALITY, World
from tests.integration.test_audit_export import AUDITOR, by_itself, export

pytestmark = pytest.mark.postgres
NUMBER = "A-000001"


@pytest.fixture(scope="module")
def server() -> Iterator[PostgresNode]:
    server = PostgresNode.start()
    yield server
    server.remove()


@pytest.fixture
async def world(server: PostgresNode, tmp_path: Path) -> AsyncIterator[World]:
    journal = PostgresJournal(server.database(), node=NodeName("gw-1"))
    async with World.make(tmp_path / "gateway", opened=journal) as world:
        yield world


async def perform(world: World, name: str, **arguments: object) -> Any:
    return await operations(world.gateway.operate)[name](AUDITOR, arguments)


async def search(world: World, **where: object) -> list[Any]:
    found: list[Any] = (await perform(world, "audit.search", where=where))["entries"]
    return found


async def test_entries_are_found_by_number_and_by_every_filter_together(world: World) -> None:
    delivery = await world.accepted()
    await world.accepted()

    found = await search(world, receipt_number=NUMBER)

    assert {entry["application"] for entry in found} == {str(delivery.application_id)}
    assert "application.accepted" in {entry["action"] for entry in found}
    assert (await search(world, receipt_number=NUMBER))[0]["action"] == "log.read"
    [entry] = await search(
        world,
        municipality=MUNICIPALITY,
        application=str(delivery.application_id),
        actor="portal",
        actor_kind="client",
        actions=["application."],
        outcomes=["done"],
        since="2020-01-01",
        until="2199-01-01",
    )
    assert entry["action"] == "application.accepted"


@pytest.mark.parametrize(
    "where",
    [{"actor": "'; DROP TABLE entries; --"}, {"actor": "%"}, {"receipt_number": "田中' OR ''='"}],
)
async def test_hostile_words_find_nothing_and_break_nothing(
    world: World, where: dict[str, str]
) -> None:
    await world.accepted()

    assert await search(world, **where) == []
    assert await search(world, actions=["application."])


async def test_the_log_is_exported_proved_and_reported(world: World, tmp_path: Path) -> None:
    delivery = await world.accepted()
    await world.gateway.journal.record([an_entry() for _ in range(600)])
    await world.gateway.seal_log.begin()
    await world.gateway.seal_log.finish()

    done = await export(world, tmp_path / "out")
    proved = await perform(world, "audit.prove", application=str(delivery.application_id))
    report = await perform(world, "audit.report", since="2020-01-01", until="2199-01-01")

    assert done.size > 600
    own = await by_itself(tmp_path / "out")
    assert own.code == 0, own.said
    assert proved["proof"].startswith("c2sp.org/tlog-proof@v1\n")
    assert report["entries"] == report["log"]["size"]
    assert sum(row["count"] for row in report["volumes"]) == 1
