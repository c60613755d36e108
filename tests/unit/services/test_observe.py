"""What is seen of every destination: totals, ages, order keys, workers, and what holds it."""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from sqlite3 import Connection
from typing import TypeVar

import pytest

from gateway.domain.account import Account, Role
from gateway.domain.claim import BreakerState
from gateway.domain.entry import Actor, ActorKind
from gateway.domain.identifiers import DestinationName, NodeName, WorkerName
from gateway.domain.lifecycle import State
from gateway.drivers.journal_sqlite import SQLiteJournal
from gateway.drivers.system_clock import SystemClock
from gateway.ports.accounts import AccountDecision
from gateway.services import observe, seal_log
from gateway.services.observe import Observe, Observed
from gateway.testing.builders import a_heartbeat, an_acceptance
from gateway.testing.contracts.journal import becomes
from gateway.testing.world import DESTINATION, World

NAME = DestinationName(DESTINATION)
T = TypeVar("T")


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    """A destination whose deliveries stay where they are put."""
    async with World.make(tmp_path, paused=True) as world:
        yield world


async def observed(world: World) -> Observed:
    gateway = world.gateway
    look = Observe(journal=gateway.journal, destinations=gateway.destinations, clock=SystemClock())
    seen = await look()
    assert seen.journal_bytes is None or seen.journal_bytes > 0
    return replace(seen, journal_bytes=None)


async def resumed(world: World) -> None:
    await world.gateway.operate.destinations.resume(
        DESTINATION, actor=Actor(ActorKind.OPERATOR, "suzuki"), reason="over"
    )


async def beats(world: World, breaker: BreakerState, *names: str, at: datetime) -> None:
    for name in names:
        beat = a_heartbeat(
            worker=WorkerName(name), destination=NAME, at=at, heard_at=at, breaker=breaker
        )
        await world.gateway.journal.put_heartbeat(beat)
    await world.gateway.destinations.refresh()


async def test_a_destination_that_nothing_was_sent_to_is_shown_with_zeros(world: World) -> None:
    assert await observed(world) == Observed(
        deliveries={NAME: {}},
        halted_keys={NAME: 0},
        workers={NAME: {}},
        holds={NAME: "destination.paused"},
    )


async def test_the_next_token_of_each_role_to_expire_is_told_while_it_lets_somebody_in(
    world: World,
) -> None:
    journal, people = world.gateway.journal, world.gateway.operate.people
    now = SystemClock().now()
    for name, roles in (("nightly", {Role.OPERATOR}), ("probe", {Role.VIEWER, Role.OPERATOR})):
        account = Account(
            name=name, roles=frozenset(roles), digest="-", created_at=now, changed_at=now
        )
        await journal.decide_account(name, lambda _, made=account: AccountDecision(account=made))
    actor = Actor(ActorKind.OPERATOR, "suzuki")
    for name, days in (("nightly", 5), ("probe", 40)):
        await people.access.add_token(name, "monitoring", days, actor=actor)
    revoked = await people.access.add_token("probe", "old", 1, actor=actor)
    await people.access.revoke_token(str(revoked["id"]), actor=actor)

    told = {role: (at - now).days for role, at in (await observed(world)).tokens.items()}

    assert told == {Role.OPERATOR: 5, Role.VIEWER: 40}


async def test_deliveries_are_counted_and_the_oldest_has_its_age(world: World) -> None:
    first = await world.accepted()
    await world.accepted()
    await world.gateway.journal.decide(first.id, becomes(State.PARKED))

    seen = await observed(world)

    assert seen.deliveries == {NAME: {State.PARKED: 1, State.PENDING: 1}}
    assert seen.oldest_s[NAME].keys() == {State.PARKED, State.PENDING}
    assert seen.oldest_s[NAME][State.PARKED] > seen.oldest_s[NAME][State.PENDING] >= 0


async def test_what_was_accepted_by_a_clock_ahead_of_ours_has_no_age_yet(world: World) -> None:
    ahead = an_acceptance(
        destinations=(DESTINATION,), accepted_at=datetime.now(UTC) + timedelta(seconds=20)
    )
    await world.gateway.journal.accept(ahead)

    assert (await observed(world)).oldest_s[NAME] == {State.PENDING: 0.0}


async def test_workers_that_live_are_counted_by_their_breaker(world: World) -> None:
    now = datetime.now(UTC)
    await resumed(world)

    await beats(world, BreakerState.OPEN, "a/1", "b/1", at=now)
    all_open = await observed(world)
    await beats(world, BreakerState.CLOSED, "c/1", at=now)
    await beats(world, BreakerState.CLOSED, "d/1", at=now - timedelta(minutes=1))
    one_sends = await observed(world)

    assert all_open.workers == {NAME: {BreakerState.OPEN: 2}}
    assert all_open.holds == {NAME: "destination.unavailable"}
    assert one_sends.workers == {NAME: {BreakerState.OPEN: 2, BreakerState.CLOSED: 1}}
    assert one_sends.holds == {NAME: None}


async def test_what_the_process_knows_is_shown_when_the_journal_cannot_be_read(
    world: World,
) -> None:
    await world.accepted()
    await beats(world, BreakerState.HALF_OPEN, "a/1", at=datetime.now(UTC))
    await world.gateway.journal.close()

    seen = await observed(world)
    await world.gateway.journal.open()

    assert seen == Observed(
        workers={NAME: {BreakerState.HALF_OPEN: 1}},
        holds={NAME: "destination.paused"},
        is_readable=False,
    )


class HangingJournal(SQLiteJournal):
    """Once it ``hangs``, whoever reads waits for ever."""

    hangs = False

    async def _read(self, query: Callable[[Connection], T]) -> T:
        if self.hangs:
            await asyncio.Event().wait()
        return await super()._read(query)


async def test_a_journal_that_hangs_keeps_nobody_from_what_this_process_knows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module, name in ((observe, "READ_S"), (seal_log, "_LOOK_S")):
        monkeypatch.setattr(module, name, 0.05)
    journal = HangingJournal(tmp_path / "journal.db", node=NodeName("gw-1"))
    async with World.make(tmp_path, opened=journal, paused=True) as world:
        look = Observe(
            journal=journal,
            destinations=world.gateway.destinations,
            clock=SystemClock(),
            log=world.gateway.seal_log.standing,
        )
        journal.hangs = True
        async with asyncio.timeout(5):
            seen = await look()
        journal.hangs = False

    assert seen.log is not None
    assert seen.log.unsealed is None
    assert replace(seen, log=None, journal_bytes=None) == Observed(
        workers={NAME: {}}, holds={NAME: "destination.paused"}, is_readable=False
    )
