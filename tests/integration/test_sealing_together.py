"""Two gateways of one journal seal one log."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager

import pytest

from gateway.audit import tiles
from gateway.audit.chain import leaf
from gateway.bootstrap.key_names import log_key
from gateway.bootstrap.log_signing import log_signing
from gateway.crypto import keys
from gateway.domain.identifiers import NodeName
from gateway.drivers.journal_postgres import PostgresJournal
from gateway.drivers.memory_keys import MemoryKeys
from gateway.drivers.system_clock import SystemClock
from gateway.services.seal_log import SealLog
from gateway.testing.builders import an_entry
from gateway.testing.postgres import PostgresNode

pytestmark = pytest.mark.postgres
EACH = 300
PATIENCE_S = 60.0


@pytest.fixture(scope="module")
def database() -> Iterator[str]:
    server = PostgresNode.start()
    yield server.database()
    server.remove()


@asynccontextmanager
async def a_gateway(
    database: str, node: str, store: MemoryKeys
) -> AsyncIterator[tuple[PostgresJournal, SealLog]]:
    journal = PostgresJournal(database, node=NodeName(node))
    await journal.open()
    sealer = SealLog(
        journal=journal,
        signing=log_signing(store),
        origin=None,
        new_origin=f"kakehashi/{node}",
        clock=SystemClock(),
    )
    await journal.record([an_entry()])
    await sealer.begin()
    task = asyncio.create_task(sealer.run())
    try:
        yield journal, sealer
    finally:
        task.cancel()
        await asyncio.wait({task})
        await sealer.finish()
        await journal.close()


async def test_what_two_gateways_write_at_once_becomes_one_tree_without_a_false_alarm(
    database: str,
) -> None:
    store = MemoryKeys()
    store.add(log_key(1), keys.new_signing_key(), private=True)
    async with AsyncExitStack() as stack, asyncio.timeout(PATIENCE_S):
        gateways = await asyncio.gather(
            *(
                stack.enter_async_context(a_gateway(database, node, store))
                for node in ("gw-1", "gw-2")
            )
        )

        async def write(journal: PostgresJournal) -> None:
            for _ in range(EACH):
                await journal.record([an_entry()])

        await asyncio.gather(*(write(journal) for journal, _ in gateways))
        journal = gateways[0][0]
        while await journal.unsealed():  # noqa: ASYNC110 - nothing else tells
            await asyncio.sleep(0.02)

        head = await journal.log_head()
        assert head is not None
        leaves = [leaf(entry.data) async for entry in journal.sealed_entries()]
        assert head.size == len(leaves) == 2 * (EACH + 1)
        assert tiles.grow(0, {}, leaves).root == head.root
        assert log_signing(store).read(head).size == head.size
        assert {sealer.origin for _, sealer in gateways} <= {"kakehashi/gw-1", "kakehashi/gw-2"}
        assert len({sealer.origin for _, sealer in gateways}) == 1
        standings = [await sealer.standing() for _, sealer in gateways]
        assert [(standing.breaks, standing.usable) for standing in standings] == [(0, True)] * 2
