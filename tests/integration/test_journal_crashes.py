"""What a journal has acknowledged is there, whatever was killed in between."""

import asyncio
import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from uuid import UUID

import pytest

from gateway.audit import tiles
from gateway.audit.chain import leaf
from gateway.domain.errors import JournalUnavailableError, NodeNameTakenError
from gateway.domain.identifiers import ApplicationId, DeliveryId, NodeName
from gateway.domain.lifecycle import State
from gateway.drivers.journal_postgres import PostgresJournal
from gateway.drivers.journal_sqlite import SQLiteJournal
from gateway.ports.journal import Acceptance, Journal
from gateway.testing.builders import DESTINATION, an_acceptance
from gateway.testing.contracts.journal import accepted, chain_of, delivery_of
from gateway.testing.contracts.journal_audit import places, sealing
from gateway.testing.postgres import PostgresNode

PATIENCE_S = 60.0
LOAD = Path(__file__).with_name("journal_load.py")
LINES_BEFORE_KILL = 200


@pytest.fixture
def server() -> Iterator[PostgresNode]:
    server = PostgresNode.start()
    yield server
    server.remove()


async def lines_until_killed(url: str, node: str) -> list[list[str]]:
    """Run the load until it has acknowledged enough, kill it, return all it had printed."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        LOAD,
        url,
        node,
        stdout=asyncio.subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert process.stdout is not None
    async with asyncio.timeout(PATIENCE_S):
        lines = [await process.stdout.readline() for _ in range(LINES_BEFORE_KILL)]
        process.send_signal(signal.SIGKILL)
        rest = (await process.stdout.read()).splitlines(keepends=True)
        await process.wait()
    return [line.decode().split() for line in [*lines, *rest] if line.endswith(b"\n")]


async def open_patiently(journal: Journal) -> None:
    """Open when the server has noticed that the name's last holder is dead."""
    async with asyncio.timeout(PATIENCE_S):
        while True:
            try:
                return await journal.open()
            except (NodeNameTakenError, JournalUnavailableError):
                await asyncio.sleep(0.05)


async def assert_all_there(journal: Journal, lines: list[list[str]]) -> None:
    leaves = [leaf(entry.data) async for entry in journal.sealed_entries()]
    for words in lines:
        match words:
            case ["accepted", application_id, delivery_id]:
                dossier = await journal.dossier(ApplicationId(UUID(application_id)))
                assert dossier is not None
                assert [str(record.id) for record in dossier.deliveries] == [delivery_id]
            case ["queued", delivery_id]:
                delivery = await journal.delivery(DeliveryId(UUID(delivery_id)))
                assert delivery is not None
                assert delivery.state == State.QUEUED
            case ["sealed", size, root]:
                assert tiles.grow(0, {}, leaves[: int(size)]).root.hex() == root
                assert len(leaves) >= int(size)
            case _:
                pytest.fail(f"not of the load: {words}")
    chain = await chain_of(journal)
    counts = (await journal.counts())[DESTINATION]
    assert sum(chain.values()) == counts[State.PENDING] + 2 * counts[State.QUEUED]
    while await journal.seal(sealing(), limit=50) is not None:
        pass
    assert len(await places(journal)) == sum(chain.values())
    assert "sealed" in {words[0] for words in lines}


async def test_a_killed_process_loses_nothing_it_acknowledged_on_sqlite(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    lines = []
    for _ in range(3):
        lines += await lines_until_killed(f"sqlite:///{path}", "gw-1")

    journal = SQLiteJournal(path, node=NodeName("gw-1"))
    await journal.open()

    await assert_all_there(journal, lines)
    await accepted(journal)
    await chain_of(journal)
    await journal.close()


@pytest.mark.postgres
async def test_killed_processes_lose_nothing_they_acknowledged_on_postgres(
    server: PostgresNode,
) -> None:
    url = server.database()
    both = await asyncio.gather(lines_until_killed(url, "gw-1"), lines_until_killed(url, "gw-2"))

    first, second = (PostgresJournal(url, node=NodeName(name)) for name in ("gw-1", "gw-2"))
    await open_patiently(first)
    await open_patiently(second)

    await assert_all_there(first, [line for lines in both for line in lines])
    await accepted(first)
    await accepted(second)
    assert (await chain_of(first)).keys() == {"gw-1", "gw-2"}
    await first.close()
    await second.close()


class Load:
    """Callers in this process, who go on whatever happens and note what was acknowledged."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self.acknowledged: list[Acceptance] = []
        self.refusals = 0

    async def call_for_ever(self) -> None:
        while True:
            acceptance = an_acceptance()
            try:
                await self._journal.accept(acceptance)
            except JournalUnavailableError:
                self.refusals += 1
                await asyncio.sleep(0.01)
            else:
                self.acknowledged.append(acceptance)

    async def until(self, count: int) -> None:
        async with asyncio.timeout(PATIENCE_S):
            while len(self.acknowledged) < count:  # noqa: ASYNC110 - many callers, one onlooker
                await asyncio.sleep(0.01)


@pytest.mark.postgres
async def test_a_killed_server_loses_nothing_and_writing_goes_on_by_itself(
    server: PostgresNode,
) -> None:
    journal = PostgresJournal(server.database(), node=NodeName("gw-1"))
    await journal.open()
    load = Load(journal)

    callers = [asyncio.create_task(load.call_for_ever()) for _ in range(16)]
    for _ in range(3):
        await load.until(len(load.acknowledged) + 100)
        await asyncio.to_thread(server.kill)
        await asyncio.to_thread(server.restart)
    await load.until(len(load.acknowledged) + 100)
    for caller in callers:
        caller.cancel()
    await asyncio.gather(*callers, return_exceptions=True)

    assert load.refusals > 0
    for acceptance in load.acknowledged:
        assert await journal.delivery(delivery_of(acceptance)) == acceptance.deliveries[0].record
    counted = (await journal.counts())[DESTINATION][State.PENDING]
    assert await chain_of(journal) == {"gw-1": counted}
    await journal.close()
