"""Sealing fails, and nothing else: entries go on, it is seen from outside, and it recovers."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from pathlib import Path

import asyncpg
import pytest
import structlog

from gateway.bootstrap.key_names import log_key
from gateway.bootstrap.log_signing import log_signing
from gateway.crypto import keys
from gateway.domain.entry import Actor, ActorKind
from gateway.domain.errors import KeyNotFoundError
from gateway.domain.identifiers import NodeName
from gateway.drivers.file_keys import FileKeys
from gateway.drivers.journal_postgres import PostgresJournal
from gateway.drivers.journal_postgres.sealing import _LOCK
from gateway.drivers.system_clock import SystemClock
from gateway.services.seal_log import LogStanding, SealLog
from gateway.testing.builders import an_entry
from gateway.testing.postgres import PostgresNode
from gateway.testing.world import World
from tests.fault.journal.town import PATIENCE_S, Town, a_town

HOLDS_THE_LOCK = f"""
SELECT pg_terminate_backend(pid) FROM pg_locks
WHERE locktype = 'advisory' AND granted AND objid = {_LOCK & 0xFFFFFFFF} LIMIT 1
"""  # noqa: S608 - a constant

SEALING = {"log.not_sealed", "log.sealed_again"}


@asynccontextmanager
async def sealing(sealer: SealLog) -> AsyncIterator[None]:
    """Let a gateway seal, as it does while it runs."""
    await sealer.begin()
    task = asyncio.create_task(sealer.run())
    try:
        yield
    finally:
        assert not task.done()
        task.cancel()
        await asyncio.wait({task})


async def until_sealed(sealer: SealLog) -> LogStanding:
    async with asyncio.timeout(PATIENCE_S):
        while (await sealer.standing()).unsealed != 0:  # noqa: ASYNC110 - a state of the journal
            await asyncio.sleep(0.05)
    # The journal tells of the commit a moment before whoever sealed has heard of it.
    await asyncio.sleep(0.05)
    return await sealer.standing()


async def assert_log_is_whole(town: Town) -> None:
    sealer = town.world.gateway.seal_log
    await sealer.finish()
    standing = await sealer.standing()
    report = await town.world.gateway.operate.verify_log(actor=Actor(ActorKind.OPERATOR, "test"))
    assert (report["ok"], standing.breaks, standing.usable) == (True, 0, True)
    assert standing.unsealed == 0
    assert standing.size == len(await town.world.log()) - 2  # That it was read, and what was found.


@pytest.mark.postgres
@pytest.mark.parametrize("table", ["log_head", "log_tiles", "log_runs"])
async def test_a_locked_table_of_the_log_holds_sealing_up_and_nothing_else(
    server: PostgresNode, tmp_path: Path, table: str
) -> None:
    url = server.database()
    journal = PostgresJournal(url, node=NodeName("gw-1"), timeout_s=0.3)
    async with a_town(World.make(tmp_path, opened=journal)) as town:
        await town.send()
        sealer = town.world.gateway.seal_log
        somebody = await asyncpg.connect(url)
        with structlog.testing.capture_logs() as events:
            async with sealing(sealer):
                before = await until_sealed(sealer)
                await somebody.execute(f"BEGIN; LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE")
                async with town.load():
                    await town.until_accepted(100)
                held_up = await sealer.standing()
                await town.until_finished()
                await somebody.execute("COMMIT")
                await until_sealed(sealer)
        await somebody.close()

        assert town.refused == []
        assert held_up.size - before.size < 10
        assert held_up.age_s is not None
        assert held_up.age_s > 0.3
        told = [each["event"] for each in events if each["event"] in SEALING]
        assert told == ["log.not_sealed", "log.sealed_again"]
        await town.assert_every_account_is_square()
        await assert_log_is_whole(town)


@pytest.mark.postgres
async def test_a_sealing_connection_that_dies_again_and_again_costs_no_entry(
    server: PostgresNode, tmp_path: Path
) -> None:
    url = server.database()
    journal = PostgresJournal(url, node=NodeName("gw-1"), timeout_s=0.5)
    async with a_town(World.make(tmp_path, opened=journal)) as town:
        await town.send()
        somebody = await asyncpg.connect(url)
        with structlog.testing.capture_logs() as events:
            async with sealing(town.world.gateway.seal_log), town.load():
                for _ in range(5):
                    await town.until_accepted(10)
                    await end_session_of_sequencer(somebody)
        await somebody.close()
        await town.until_finished()

        assert town.refused == []
        assert "log.not_sealed" in {each["event"] for each in events}
        await town.assert_every_account_is_square()
        await assert_log_is_whole(town)


async def test_a_log_whose_tables_somebody_wrote_into_stops_no_gateway(tmp_path: Path) -> None:
    async with a_town(World.make(tmp_path)) as town:
        await town.send()
        sealer = town.world.gateway.seal_log
        path = next(tmp_path.rglob("journal.db"))
        with structlog.testing.capture_logs() as events:
            async with sealing(sealer):
                before = await until_sealed(sealer)
                execute(
                    path,
                    "CREATE TRIGGER refuses BEFORE UPDATE ON log_head"
                    " BEGIN SELECT RAISE(ABORT, 'no'); END",
                )
                async with town.load():
                    await town.until_accepted(50)
                await town.until_finished()
                await asyncio.sleep(0.3)
                held_up = await sealer.standing()
                execute(path, "DROP TRIGGER refuses")
                await until_sealed(sealer)
                async with asyncio.timeout(PATIENCE_S):  # It is told after it was sealed.
                    while not any(each["event"] == "log.sealed_again" for each in events):  # noqa: ASYNC110 - a log
                        await asyncio.sleep(0.01)

        assert town.refused == []
        assert (held_up.size, held_up.usable) == (before.size, False)
        told = [each["event"] for each in events if each["event"] in SEALING]
        assert told == ["log.not_sealed", "log.sealed_again"]
        await town.assert_every_account_is_square()
        await assert_log_is_whole(town)


async def end_session_of_sequencer(somebody: asyncpg.Connection) -> None:
    """End the session that holds the sequencer's lock, as soon as one does."""
    async with asyncio.timeout(PATIENCE_S):
        while not await somebody.fetchval(HOLDS_THE_LOCK):
            pass


def execute(path: Path, statement: str) -> None:
    with closing(sqlite3.connect(path, timeout=10)) as connection, connection:
        connection.execute(statement)


async def test_a_key_that_cannot_be_read_any_more_signs_until_the_process_ends(
    tmp_path: Path,
) -> None:
    store = FileKeys(tmp_path / "keys")
    store.add(log_key(1), keys.new_signing_key(), private=True)
    async with World.make(tmp_path / "world") as world:
        journal = world.gateway.journal
        sealer = SealLog(
            journal=journal,
            signing=log_signing(store),
            origin=None,
            new_origin="kakehashi/test",
            clock=SystemClock(),
        )
        await journal.record([an_entry()])
        async with sealing(sealer):
            for file in (tmp_path / "keys").rglob("*.private.jwk"):
                file.unlink()
            await journal.record([an_entry()])
            standing = await until_sealed(sealer)

    assert (standing.size, standing.usable) == (2, True)
    with pytest.raises(KeyNotFoundError):
        log_signing(store)


@pytest.mark.postgres
async def test_a_run_that_somebody_put_there_is_told_as_what_it_is(
    server: PostgresNode, tmp_path: Path
) -> None:
    url = server.database()
    journal = PostgresJournal(url, node=NodeName("gw-1"), timeout_s=5)
    async with World.make(tmp_path, opened=journal) as world:
        await journal.record([an_entry()])
        sealer = world.gateway.seal_log
        await sealer.begin()
        nseq = len(await world.log())
        somebody = await asyncpg.connect(url)
        # The next entry belongs where this row says that there is nothing.
        await somebody.execute(
            "INSERT INTO log_runs (first_index, node, first_nseq, length)"
            " VALUES (1000000, 'gw-1', $1, 0)",
            nseq + 1,
        )
        await somebody.close()
        await journal.record([an_entry()])
        with structlog.testing.capture_logs() as events:
            await sealer.finish()

        told = [(each["event"], each["code"]) for each in events if each["event"] in SEALING]
        assert told == [("log.not_sealed", "log.unusable")]
        assert not (await sealer.standing()).usable
