"""A gateway seals the log, says what is wrong with it, and refuses what it must not go on from."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

import pytest
import structlog

from gateway.bootstrap.key_names import log_key
from gateway.bootstrap.log_signing import log_signing
from gateway.crypto import keys
from gateway.domain.errors import ConfigError, LogUnusableError
from gateway.domain.identifiers import NodeName
from gateway.drivers.memory_keys import MemoryKeys
from gateway.drivers.system_clock import SystemClock
from gateway.ports.audit_log import LogHead, Seal, Unsealed
from gateway.services import watch_sealing
from gateway.services.seal_log import BATCH, SealLog
from gateway.testing.builders import an_entry
from gateway.testing.faults import FlakyJournal
from gateway.testing.world import World, eventually

ORIGIN: Final = "audit.example.lg.jp/kakehashi"


@asynccontextmanager
async def running(sealer: SealLog) -> AsyncIterator[None]:
    task = asyncio.create_task(sealer.run())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait({task})


def a_sealer(world: World, origin: str | None = None) -> SealLog:
    return SealLog(
        journal=world.gateway.journal,
        signing=log_signing(world.store),
        origin=origin,
        new_origin="kakehashi/test",
        clock=SystemClock(),
    )


async def put(world: World, count: int) -> None:
    await world.gateway.journal.record([an_entry(facts={"n": n}) for n in range(count)])


def tamper(folder: Path, statement: str, *values: object) -> None:
    with sqlite3.connect(folder / "journal.db") as connection:
        for (drop,) in connection.execute(
            "SELECT 'DROP TRIGGER ' || name FROM sqlite_master WHERE type = 'trigger'"
        ).fetchall():
            connection.execute(drop)
        assert connection.execute(statement, values).rowcount == 1
    connection.close()


async def test_what_there_is_when_a_gateway_begins_gives_the_log_its_origin(world: World) -> None:
    await put(world, 2)
    sealer = a_sealer(world)
    assert sealer.origin is None

    await sealer.begin()

    assert sealer.origin == "kakehashi/test"
    standing = await sealer.standing()
    assert (standing.size, standing.unsealed, standing.breaks, standing.usable) == (2, 0, 0, True)


async def test_an_entry_is_sealed_soon_after_its_commit(world: World) -> None:
    await put(world, 1)
    sealer = a_sealer(world, ORIGIN)
    await sealer.begin()

    async with running(sealer):
        await put(world, 3)
        async with asyncio.timeout(10):
            while (await sealer.standing()).size < 4:  # noqa: ASYNC110 - nothing else tells
                await asyncio.sleep(0.01)

    assert sealer.origin == ORIGIN
    head = await world.gateway.journal.log_head()
    assert head is not None
    assert log_signing(world.store).read(head).size == 4


async def test_a_backlog_is_sealed_at_once_in_batches(world: World) -> None:
    await put(world, 2 * BATCH + 1)
    sealer = a_sealer(world)

    await sealer.begin()
    assert (await sealer.standing()).size == BATCH
    await sealer.finish()

    standing = await sealer.standing()
    assert (standing.size, standing.unsealed) == (2 * BATCH + 1, 0)
    [run] = await world.gateway.journal.runs()
    assert run.length == 2 * BATCH + 1


async def test_an_entry_that_was_changed_before_it_was_sealed_is_told_and_sealed(
    world: World, tmp_path: Path
) -> None:
    sealer = a_sealer(world)
    await put(world, 3)
    last = [entry async for entry in world.gateway.journal.entries()][-1]
    tamper(
        tmp_path,
        "UPDATE entries SET data = ? WHERE nseq = ?",
        last.data.replace(b'"n":2', b'"n":9'),
        last.nseq,
    )

    with structlog.testing.capture_logs() as events:
        await sealer.finish()

    assert [(each["event"], each["nseq"]) for each in events] == [("log.chain_broken", last.nseq)]
    standing = await sealer.standing()
    assert (standing.size, standing.breaks, standing.usable) == (3, 1, True)


async def test_a_sealed_entry_that_was_changed_is_told_when_its_chain_goes_on(
    world: World, tmp_path: Path
) -> None:
    sealer = a_sealer(world)
    await put(world, 2)
    await sealer.finish()
    last = [entry async for entry in world.gateway.journal.entries()][-1]
    changed = last.data.replace(b'"n":1', b'"n":9')
    tamper(tmp_path, "UPDATE entries SET data = ? WHERE nseq = ?", changed, last.nseq)
    await put(world, 1)

    with structlog.testing.capture_logs() as events:
        await sealer.finish()

    assert [(each["event"], each["nseq"]) for each in events] == [("log.chain_broken", 3)]


async def test_a_gateway_without_the_key_that_signed_refuses_to_start(world: World) -> None:
    await put(world, 1)
    await a_sealer(world).begin()
    stranger = MemoryKeys()
    stranger.add(log_key(1), keys.new_signing_key(), private=True)
    other = SealLog(
        journal=world.gateway.journal,
        signing=log_signing(stranger),
        origin=None,
        new_origin="x",
        clock=SystemClock(),
    )

    with pytest.raises(LogUnusableError, match="not signed by a known key"):
        await other.check()


async def test_a_new_key_signs_from_its_first_start_on_and_the_change_is_an_entry(
    world: World,
) -> None:
    await put(world, 1)
    first = a_sealer(world)
    await first.begin()
    assert await first.check() == ()
    world.store.add(log_key(2), keys.new_signing_key(), private=True)

    second = a_sealer(world)
    [changed] = await second.check()
    await world.gateway.journal.record([changed])
    await second.begin()

    assert changed.action == "key.changed"
    assert (changed.facts["was"], changed.facts["key"]) == ("log/1", "log/2")
    assert await second.check() == ()
    head = await world.gateway.journal.log_head()
    assert head is not None
    assert log_signing(world.store).read(head).size == 2


async def test_a_gateway_that_lacks_the_new_key_leaves_sealing_to_those_that_have_it(
    world: World,
) -> None:
    await put(world, 1)
    behind = a_sealer(world)
    await behind.begin()
    world.store.add(log_key(2), keys.new_signing_key(), private=True)
    ahead = a_sealer(world)
    await put(world, 1)
    await ahead.finish()
    await put(world, 1)

    with structlog.testing.capture_logs() as events:
        await behind.finish()
        await behind.finish()

    assert [each["event"] for each in events] == ["log.not_sealed"]
    assert not (await behind.standing()).usable
    await ahead.finish()
    assert (await ahead.standing()).size == 3


async def test_a_configured_origin_must_be_the_log_s_own(world: World) -> None:
    await put(world, 1)
    await a_sealer(world).begin()

    with pytest.raises(ConfigError, match=r"audit\.origin"):
        await a_sealer(world, ORIGIN).check()


async def test_a_log_that_went_back_is_not_signed_a_second_time(
    world: World, tmp_path: Path
) -> None:
    await put(world, 1)
    sealer = a_sealer(world)
    await sealer.begin()
    early = await world.gateway.journal.log_head()
    assert early is not None
    await put(world, 1)
    await sealer.finish()
    tamper(
        tmp_path,
        "UPDATE log_head SET size = ?, root = ?, checkpoint = ?",
        early.size,
        early.root,
        early.checkpoint,
    )
    await put(world, 1)

    with structlog.testing.capture_logs() as events:
        await sealer.finish()

    assert [each["event"] for each in events] == ["log.not_sealed"]
    assert "went back" in events[0]["subject"]
    assert not (await sealer.standing()).usable


async def test_an_outage_of_the_journal_is_told_once_and_its_end_too(
    flaky: World, journal: FlakyJournal
) -> None:
    await put(flaky, 1)
    sealer = a_sealer(flaky)
    await sealer.begin()
    await put(flaky, 1)

    with structlog.testing.capture_logs() as events:
        journal.is_down = True
        await sealer.finish()
        await sealer.finish()
        down = await sealer.standing()
        journal.is_down = False
        await sealer.finish()

    told = [each["event"] for each in events if each["event"].startswith("log.")]
    assert told == ["log.not_sealed", "log.sealed_again"]
    assert down.usable
    assert (await sealer.standing()).size == 2


class Contended(FlakyJournal):
    """A journal at which somebody else may have the sequencer's turn."""

    is_taken = False

    async def seal(self, rule: Callable[[Unsealed], Seal], *, limit: int) -> LogHead | None:
        if self.is_taken:
            return None
        return await super().seal(rule, limit=limit)


@pytest.fixture
async def contended(tmp_path: Path) -> AsyncIterator[World]:
    journal = Contended(tmp_path / "journal.db", node=NodeName("gw-1"))
    async with World.make(tmp_path, opened=journal) as world:
        yield world


async def told(world: World) -> list[str]:
    return [each["action"] for each in await world.log() if each["action"].startswith("log.")]


async def until_told(world: World, *actions: str) -> None:
    async with asyncio.timeout(10):
        while await told(world) != list(actions):  # noqa: ASYNC110 - nothing else tells
            await asyncio.sleep(0.01)


async def test_sealing_that_is_kept_from_its_turn_is_told_in_the_log_and_so_is_its_end(
    contended: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert watch_sealing.STALLED_S == 10.0
    monkeypatch.setattr(watch_sealing, "STALLED_S", 0.05)
    journal = contended.gateway.journal
    assert isinstance(journal, Contended)
    await put(contended, 1)
    sealer = a_sealer(contended)
    await sealer.begin()

    with structlog.testing.capture_logs() as events:
        async with running(sealer):
            journal.is_taken = True
            await put(contended, 1)
            await until_told(contended, "log.not_sealed")
            stalled = await sealer.standing()
            journal.is_taken = False
            await until_told(contended, "log.not_sealed", "log.sealed_again")

    assert (stalled.size, stalled.usable) == (1, False)
    assert (await sealer.standing()).usable
    facts = [each["facts"] for each in await contended.log() if each["action"].startswith("log.")]
    assert (facts[0]["code"], facts[0]["size"]) == ("log.no_turn", 1)
    assert facts[1]["size"] == 3
    said = [each for each in events if each["event"].startswith("log.")]
    assert [(each["event"], each["log_level"]) for each in said] == [
        ("log.not_sealed", "error"),
        ("log.sealed_again", "info"),
    ]


async def test_a_run_that_nobody_sealed_hides_no_entry_that_is_not_sealed(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watch_sealing, "STALLED_S", 0.05)
    await put(world, 1)
    sealer = a_sealer(world)
    await sealer.begin()
    tamper(tmp_path, "INSERT INTO log_runs VALUES (1000000, 'gw-1', 2, 1000000)")

    async with running(sealer):
        await put(world, 1)
        await until_told(world, "log.not_sealed")

    assert not (await sealer.standing()).usable


async def test_what_another_gateway_seals_is_neither_old_nor_waited_for(world: World) -> None:
    await put(world, 1)
    one, other = a_sealer(world), a_sealer(world)
    await one.begin()
    await put(world, 2)
    await other.finish()

    await one.finish()

    assert one.sealed()[0] == other.sealed()[0] == 3
    assert (await one.standing()).age_s == pytest.approx((await other.standing()).age_s, abs=5)


async def test_a_stall_through_an_outage_is_told_afterwards(
    flaky: World, journal: FlakyJournal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watch_sealing, "STALLED_S", 0.05)
    await put(flaky, 1)
    sealer = a_sealer(flaky)
    await sealer.begin()
    await put(flaky, 1)

    with structlog.testing.capture_logs() as events:
        async with running(sealer):
            journal.is_down = True
            await eventually(lambda: "error" in {each["log_level"] for each in events})
            journal.is_down = False
            await until_told(flaky, "log.sealed_again")

    assert (await sealer.standing()).usable
