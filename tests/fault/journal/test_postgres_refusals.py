"""PostgreSQL is there and does not take what it is given: the gateway waits, and says so."""

import asyncio
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import asyncpg
import pytest

from gateway.domain.identifiers import NodeName
from gateway.domain.lifecycle import State
from gateway.drivers.journal_postgres import PostgresJournal
from gateway.sdk import Application, Delivery, Receipt
from gateway.testing.builders import DESTINATION, NOW, an_acceptance
from gateway.testing.contracts.journal import becomes, chain_of, delivery_of
from gateway.testing.postgres import PostgresNode
from gateway.testing.world import World
from tests.fault.journal.town import PATIENCE_S, a_town

pytestmark = pytest.mark.postgres


def a_world(url: str, folder: Path, *, timeout_s: float = 0.5) -> World:
    journal = PostgresJournal(url, node=NodeName("gw-1"), timeout_s=timeout_s)
    return World.make(folder, opened=journal)


async def end_sessions_of(url: str, *changes: str) -> None:
    """Make changes, then end every other session: those that come next find them."""
    name = url.rpartition("/")[2]
    operator = await asyncpg.connect(url.replace(name, "postgres"))
    for change in changes:
        await operator.execute(change.format(name=name))
    await operator.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1", name
    )
    await operator.close()


async def reload(operator: asyncpg.Connection, *changes: str) -> None:
    """Change the server's settings for all sessions that there are."""
    for change in changes:
        await operator.execute(change)
    await operator.execute("SELECT pg_reload_conf()")


async def test_a_server_that_turns_read_only_takes_nothing_and_recovers_by_itself(
    server: PostgresNode, tmp_path: Path
) -> None:
    async with a_town(a_world(server.database(), tmp_path)) as town:
        operator = await asyncpg.connect(f"postgresql://postgres@127.0.0.1:{server.port}/postgres")
        async with town.load():
            await town.until_accepted(20)
            await reload(operator, "ALTER SYSTEM SET default_transaction_read_only = on")
            await town.until_refused(8)
            accepted = len(town.accepted)
            await town.until_refused(24)
            assert len(town.accepted) == accepted
            await reload(operator, "ALTER SYSTEM RESET default_transaction_read_only")
            await town.until_accepted(20)
        await operator.close()
        await town.until_finished()

        await town.assert_every_account_is_square()
        town.assert_refusals_were_honest()


async def test_an_outcome_waits_while_sessions_are_a_standby_s(
    server: PostgresNode, tmp_path: Path
) -> None:
    url = server.database()
    async with a_town(a_world(url, tmp_path)) as town:

        def send_and_fail_over(_application: Application, _delivery: Delivery) -> Receipt:
            # In the very send: the claim is committed, and no outcome can be.
            change = "ALTER DATABASE {name} SET default_transaction_read_only = on"
            with ThreadPoolExecutor() as thread:
                thread.submit(asyncio.run, end_sessions_of(url, change)).result(PATIENCE_S)
            return Receipt(reference="K-1")

        town.world.adapter.script.append(send_and_fail_over)
        application = await town.send()
        async with asyncio.timeout(PATIENCE_S):
            while not town.world.adapter.sent:  # noqa: ASYNC110 - the destination tells nobody
                await asyncio.sleep(0.01)
        for _ in range(5):
            assert (await town.ask(town.next_number())).status == 503
            await asyncio.sleep(0.1)
        assert (await town.world.delivery_of(application)).state == State.SENDING

        # The standby is promoted. Only sessions that begin from now on may write.
        name = url.rpartition("/")[2]
        operator = await asyncpg.connect(f"postgresql://postgres@127.0.0.1:{server.port}/postgres")
        await operator.execute(f"ALTER DATABASE {name} RESET default_transaction_read_only")
        await operator.close()
        await town.until_finished()

        await town.assert_every_account_is_square()
        town.assert_refusals_were_honest()


async def test_a_statement_that_hangs_is_given_up_and_tried_again(
    server: PostgresNode, tmp_path: Path
) -> None:
    url = server.database()
    async with a_town(a_world(url, tmp_path)) as town:
        somebody = await asyncpg.connect(url)
        async with town.load():
            await town.until_accepted(20)
            await somebody.execute("BEGIN")
            await somebody.execute("LOCK TABLE entries IN SHARE ROW EXCLUSIVE MODE")
            await town.until_refused(8)
            accepted = len(town.accepted)
            await town.until_refused(8)
            assert len(town.accepted) == accepted
            await somebody.execute("COMMIT")
            await town.until_accepted(20)
        await somebody.close()
        await town.until_finished()

        await town.assert_every_account_is_square()
        town.assert_refusals_were_honest()


def deadlocks_of(server: PostgresNode) -> int:
    """Return how many deadlocks the server has ended so far."""
    return (server.folder / "server.log").read_bytes().count(b"deadlock detected")


async def quick_to_find_deadlocks(url: str) -> str:
    """Let the sessions that begin from now on look for deadlocks soon; return ``url``."""
    operator = await asyncpg.connect(url)
    name = url.rpartition("/")[2]
    await operator.execute(f"ALTER DATABASE {name} SET deadlock_timeout = '10ms'")
    await operator.close()
    return url


LATEST_FIRST = """
SELECT id FROM deliveries WHERE state NOT IN ('delivered', 'cancelled') ORDER BY id DESC LIMIT 20
"""


async def test_deadlocks_cost_nobody_anything(server: PostgresNode, tmp_path: Path) -> None:
    url = await quick_to_find_deadlocks(server.database())
    before = deadlocks_of(server)
    async with a_town(a_world(url, tmp_path, timeout_s=10.0)) as town:
        somebody = await asyncpg.connect(url)
        # So that it is mostly the gateway's session that finds the deadlock, and is its victim.
        # Whoever waits looks once, so it cannot be left to the gateway alone.
        await somebody.execute("SET deadlock_timeout = '500ms'")
        lost_by_somebody = 0
        async with town.load(), asyncio.timeout(PATIENCE_S):
            while deadlocks_of(server) - lost_by_somebody < before + 5:
                try:
                    async with somebody.transaction():
                        for row in await somebody.fetch(LATEST_FIRST):
                            await somebody.execute(
                                "SELECT FROM deliveries WHERE id = $1 FOR UPDATE", row["id"]
                            )
                except asyncpg.DeadlockDetectedError:
                    lost_by_somebody += 1
                await asyncio.sleep(0.01)
        await somebody.close()
        await town.until_finished()

        await town.assert_every_account_is_square()
        assert town.refused == []


async def test_a_turn_that_ends_at_one_node_and_is_given_up_at_another_frees_the_third(
    server: PostgresNode,
) -> None:
    url = await quick_to_find_deadlocks(server.database())
    before = deadlocks_of(server)
    first, second = (PostgresJournal(url, node=NodeName(name)) for name in ("gw-1", "gw-2"))
    await first.open()
    await second.open()
    for _ in range(40):
        key = os.urandom(32)
        turns = [an_acceptance(order_key=key) for _ in range(3)]
        for acceptance in turns:
            await first.accept(acceptance)
        delivered, given_up, third = (delivery_of(acceptance) for acceptance in turns)

        # Each holds its row and the lock of the key, or waits for one and holds the other.
        await asyncio.gather(
            first.decide(delivered, becomes(State.DELIVERED)),
            second.decide(given_up, becomes(State.CANCELLED)),
        )

        due = await first.lease(DESTINATION, limit=9, now=NOW, until=NOW)
        assert [sealed.record.id for sealed in due] == [third]
        await first.decide(third, becomes(State.DELIVERED))
    assert deadlocks_of(server) > before
    await chain_of(first)
    await first.close()
    await second.close()
