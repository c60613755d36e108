"""Heartbeats are written together, and while the journal is slow only the last ones."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from gateway.bootstrap.key_names import worker_key
from gateway.crypto import keys
from gateway.crypto.sign import Signer, Verifier
from gateway.domain.claim import Heartbeat
from gateway.domain.identifiers import DestinationName, WorkerName
from gateway.drivers.memory_broker import MemoryBroker
from gateway.drivers.system_clock import SystemClock
from gateway.ports.broker import HEARTBEATS
from gateway.services.record_heartbeats import OLD_S, RecordHeartbeats
from gateway.services.wire import HEARTBEAT_CODEC
from gateway.services.workers import WorkerGrant, WorkerRegister
from gateway.testing.builders import NOW, a_heartbeat
from gateway.testing.world import DESTINATION, World, eventually

CORE = DestinationName(DESTINATION)


@dataclass
class SlowJournal:
    """Commits nothing until it may, and then everything that was asked for."""

    may_commit: asyncio.Event = field(default_factory=asyncio.Event)
    asked: list[Heartbeat] = field(default_factory=list)
    kept: list[Heartbeat] = field(default_factory=list)

    async def put_heartbeat(self, beat: Heartbeat) -> None:
        self.asked.append(beat)
        await self.may_commit.wait()
        self.kept.append(beat)


class Listening:
    """What hears heartbeats, over a slow journal and in a time of its own."""

    def __init__(self, world: World) -> None:
        private = world.store.private(worker_key("w1"))
        public = world.store.public(worker_key("w1"))
        self.signer = Signer(private)
        self.journal, self.broker, self.passed_s = SlowJournal(), MemoryBroker(), 0.0
        slow: Any = self.journal
        grant = WorkerGrant(WorkerName("w1"), frozenset({CORE}))
        kid = keys.thumbprint(public)
        self.record = RecordHeartbeats(
            journal=slow,
            broker=self.broker,
            signer=self.signer,
            verifier=Verifier({kid: public}),
            workers=WorkerRegister({kid: grant}),
            destinations=world.gateway.destinations,
            clock=SystemClock(),
            monotonic=lambda: self.passed_s,
        )

    async def beats(self, *names: str, number: int = 0) -> None:
        """Send one of each worker, and wait until all were heard."""
        for name in names:
            beat = a_heartbeat(
                worker=WorkerName(f"w1/{name}"),
                destination=CORE,
                at=NOW + timedelta(seconds=5 * number),
            )
            message = HEARTBEAT_CODEC.write(beat, self.signer)
            await self.broker.publish(HEARTBEATS, message)
        for _ in range(100):
            await asyncio.sleep(0)

    def written(self) -> list[tuple[str, int]]:
        return [
            (beat.worker.partition("/")[2], int((beat.at - NOW).total_seconds() / 5))
            for beat in self.journal.kept
        ]


@pytest.fixture
async def listening(tmp_path: Path) -> AsyncIterator[Listening]:
    async with World.make(tmp_path) as world:
        listening = Listening(world)
        await listening.broker.open()
        await listening.broker.declare([DESTINATION])
        running = asyncio.create_task(listening.record.run())
        yield listening
        running.cancel()
        await asyncio.wait({running})


async def test_what_waits_is_written_together_and_of_each_worker_only_the_last(
    listening: Listening,
) -> None:
    await listening.beats("a")
    for number in range(1, 150):
        await listening.beats("a", "b", "c", number=number)
    await listening.beats("a", number=3)

    listening.journal.may_commit.set()
    await eventually(lambda: len(listening.journal.kept) >= 4)
    await listening.beats()

    assert listening.written() == [("a", 0), ("a", 149), ("b", 149), ("c", 149)]


async def test_the_journal_is_asked_for_all_that_wait_at_once(listening: Listening) -> None:
    await listening.beats("a")
    await listening.beats("b", "c", "d")
    # Only what has been asked for by now is committed.
    listening.journal.may_commit.set()
    listening.journal.may_commit.clear()
    await eventually(lambda: len(listening.journal.asked) == 4)


async def test_a_sign_of_life_that_has_waited_too_long_says_nothing(listening: Listening) -> None:
    await listening.beats("a")
    await listening.beats("a", "b", number=1)
    listening.passed_s += OLD_S + 1
    await listening.beats("b", number=2)

    listening.journal.may_commit.set()
    await eventually(lambda: len(listening.journal.kept) >= 2)
    await listening.beats()

    assert listening.written() == [("a", 0), ("b", 2)]
