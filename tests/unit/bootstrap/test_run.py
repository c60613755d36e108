"""How a process starts, what it waits for, and in which order it stops."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from gateway.audit.verify import read
from gateway.bootstrap import run
from gateway.bootstrap.key_names import log_key
from gateway.bootstrap.listening import Addresses
from gateway.bootstrap.run import run_gateway, run_workers, stop_on_signals
from gateway.crypto import keys
from gateway.domain.errors import ConfigError, JournalUnavailableError, NodeNameTakenError
from gateway.domain.identifiers import NodeName
from gateway.domain.lifecycle import State
from gateway.drivers.memory_keys import MemoryKeys
from gateway.sdk import Application, Delivery, Receipt
from gateway.settings.model import SOCKET_NAME
from gateway.testing.faults import FlakyBroker, FlakyJournal
from gateway.testing.world import World, eventually

LOOPBACK = {"host": "127.0.0.1", "port": 0, "operations_host": "127.0.0.1", "operations_port": 0}


@pytest.fixture(autouse=True)
def _brief_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run, "_PAUSE_S", 0.02)


@asynccontextmanager
async def running(world: World, stop: asyncio.Event, **over: Any) -> AsyncIterator[Addresses]:
    """Run the world's gateway, and its worker unless told otherwise, until the end of the block."""
    started: asyncio.Future[Addresses] = asyncio.get_running_loop().create_future()

    async def start(addresses: Addresses) -> None:
        started.set_result(addresses)

    workers = over.pop("workers", [world.worker])
    task = asyncio.create_task(
        run_gateway(world.gateway, stop=stop, workers=workers, started=start, **over)
    )
    try:
        async with asyncio.timeout(10):
            await asyncio.wait({task, started}, return_when=asyncio.FIRST_COMPLETED)
        if task.done():
            await task
        yield await started
    finally:
        stop.set()
        await asyncio.wait({task}, timeout=10)
    await task


def a_world(folder: Path, **over: Any) -> World:
    world = World.make(folder, **over)
    http = world.gateway.settings.http.model_copy(update=LOOPBACK)
    world.gateway.settings.__dict__["http"] = http
    return world


async def asked(url: str, path: str) -> int:
    host, _, port = url.removeprefix("http://").rpartition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
    status = int((await reader.readline()).split()[1])
    writer.close()
    return status


async def test_a_gateway_starts_delivers_and_stops_in_order(tmp_path: Path) -> None:
    world, stop = a_world(tmp_path), asyncio.Event()

    async with running(world, stop) as addresses:
        delivered = await world.until(await world.accepted(), State.DELIVERED)
        ready = await asked(addresses.operations, "/readyz")
        socket = addresses.socket
        mode = socket.stat().st_mode & 0o777

    assert (ready, mode) == (200, 0o600)
    assert not socket.exists()
    again = FlakyJournal(tmp_path / "journal.db", node=NodeName("gw-1"))
    await again.open()
    record = await again.delivery(delivered.id)
    await again.close()
    assert record == delivered


async def logged(folder: Path) -> tuple[list[Any], int]:
    """Return every entry, and how many of them are not sealed."""
    journal = FlakyJournal(folder / "journal.db", node=NodeName("gw-1"))
    await journal.open()
    entries = [read(stored.data) async for stored in journal.entries()]
    unsealed = await journal.unsealed()
    await journal.close()
    return entries, unsealed


async def test_what_a_gateway_leaves_is_sealed_its_own_end_included(tmp_path: Path) -> None:
    world = a_world(tmp_path)

    async with running(world, asyncio.Event()):
        await world.until(await world.accepted(), State.DELIVERED)

    entries, unsealed = await logged(tmp_path)
    assert entries[-1]["action"] == "node.stopped"
    assert unsealed == 0


async def test_keys_are_noted_when_they_are_first_used_and_a_change_of_settings_is_seen(
    tmp_path: Path,
) -> None:
    first = a_world(tmp_path)
    async with running(first, asyncio.Event()):
        pass
    first.store.add(log_key(2), keys.new_signing_key(), private=True)
    for over in ({}, {"rate_per_s": 3.0}):
        async with running(a_world(tmp_path, store=first.store, **over), asyncio.Event()):
            pass

    entries, _ = await logged(tmp_path)

    noted = [entry["facts"]["key"] for entry in entries if entry["action"] == "key.made"]
    assert sorted(noted) == sorted(first.store.names())
    assert noted[-1] == "log/2"
    changed = [entry["facts"] for entry in entries if entry["action"] == "key.changed"]
    assert [(facts["was"], facts["key"]) for facts in changed] == [("log/1", "log/2")]
    settings = [
        entry["facts"]["configuration"] for entry in entries if entry["action"] == "node.started"
    ]
    assert settings[0] == settings[1] != settings[2]


async def test_a_key_that_is_gone_is_written_down_once_and_again_when_it_is_back(
    tmp_path: Path,
) -> None:
    private, store = keys.new_signing_key(), MemoryKeys()
    store.add("worker/gone", private, private=True)
    first = a_world(tmp_path, store=store)
    async with running(first, asyncio.Event()):
        pass
    without = MemoryKeys()
    for name in first.store.names():
        if name != "worker/gone":
            without.add(name, first.store.private(name), private=True)
    for _ in range(2):
        async with running(a_world(tmp_path, store=without), asyncio.Event()):
            pass
    without.add("worker/gone", private, private=True)
    async with running(a_world(tmp_path, store=without), asyncio.Event()):
        pass

    entries, _ = await logged(tmp_path)

    noted = [
        entry["action"]
        for entry in entries
        if entry["action"].startswith("key.") and entry["facts"]["key"] == "worker/gone"
    ]
    assert noted == ["key.made", "key.gone", "key.made"]


async def test_what_a_worker_holds_at_the_signal_is_finished_and_written_down(
    tmp_path: Path,
) -> None:
    world, stop = a_world(tmp_path), asyncio.Event()
    sending, may_end = asyncio.Event(), asyncio.Event()

    async def send(_: Application, __: Delivery) -> Receipt:
        sending.set()
        await may_end.wait()
        return Receipt(reference="K-1")

    world.adapter.send = send  # type: ignore[method-assign]
    async with running(world, stop):
        delivery = await world.accepted()
        await asyncio.wait_for(sending.wait(), 5)
        stop.set()
        await asyncio.sleep(0.05)
        may_end.set()

    journal = FlakyJournal(tmp_path / "journal.db", node=NodeName("gw-1"))
    await journal.open()
    record = await journal.delivery(delivery.id)
    await journal.close()
    assert record is not None
    assert (record.state, record.reference) == (State.DELIVERED, "K-1")


async def test_what_takes_longer_than_a_stop_may_is_left_to_the_next_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run, "DRAIN_S", 0.05)
    world, stop = a_world(tmp_path), asyncio.Event()

    async def never(_: Application, __: Delivery) -> Receipt:
        await asyncio.sleep(3600)
        raise AssertionError

    world.adapter.send = never  # type: ignore[method-assign]
    async with running(world, stop):
        delivery = await world.until(await world.accepted(), State.SENDING)

    async with World.make(tmp_path, store=world.store) as after:
        after.start_worker()
        await after.until(delivery, State.IN_DOUBT)
    assert after.adapter.sent == []


async def test_two_gateways_in_one_home_are_one_too_many(tmp_path: Path) -> None:
    first, stop = a_world(tmp_path / "one"), asyncio.Event()
    second = a_world(tmp_path / "two")
    second.gateway.settings.__dict__["home"] = first.gateway.settings.home

    async with running(first, stop):
        with pytest.raises(BaseExceptionGroup) as caught:
            async with running(second, asyncio.Event()):
                pass
        first_goes_on = await first.until(await first.accepted(), State.DELIVERED)

    assert caught.group_contains(ConfigError, match="home: another gateway uses")
    assert first_goes_on


async def test_a_home_too_deep_for_a_socket_is_named(tmp_path: Path) -> None:
    world = a_world(tmp_path)
    world.gateway.settings.__dict__["home"] = tmp_path / ("deep" * 40)

    with pytest.raises(BaseExceptionGroup) as caught:
        async with running(world, asyncio.Event()):
            pass

    assert caught.group_contains(ConfigError, match="107 bytes of a socket's path")


async def test_one_node_name_is_one_process_s(tmp_path: Path) -> None:
    first, stop = a_world(tmp_path), asyncio.Event()

    async with running(first, stop):
        with pytest.raises(NodeNameTakenError):
            async with running(a_world(tmp_path), asyncio.Event()):
                pass


async def test_a_socket_that_a_killed_gateway_left_is_cleared(tmp_path: Path) -> None:
    (tmp_path / SOCKET_NAME).touch()
    world, stop = a_world(tmp_path), asyncio.Event()

    async with running(world, stop) as addresses:
        assert addresses.socket.is_socket()


async def test_a_broker_that_cannot_be_reached_holds_up_no_acceptance(tmp_path: Path) -> None:
    broker = ShyBroker(refusals=4)
    world, stop = a_world(tmp_path, broker=broker), asyncio.Event()
    object.__setattr__(world.gateway, "broker_forgets", False)

    with capture_logs() as logs:
        async with running(world, stop) as addresses:
            delivery = await world.accepted()
            ready = await asked(addresses.operations, "/readyz")
            await world.until(delivery, State.DELIVERED)

    assert ready == 200
    assert [log["event"] for log in logs].count("broker.not_reached") == 1


class ShyBroker(FlakyBroker):
    """Cannot be opened or declared at first."""

    def __init__(self, *, refusals: int) -> None:
        super().__init__()
        self.refusals = refusals

    async def open(self) -> None:
        self._shy()
        await super().open()

    async def declare(self, destinations: Any) -> None:
        self._shy()
        await super().declare(destinations)

    def _shy(self) -> None:
        self.is_down = self.refusals > 0 and self.refusals != 2
        self.refusals -= 1
        self._refuse_when_down("shy")


async def test_a_gateway_whose_journal_is_away_is_alive_and_not_ready_and_stops(
    tmp_path: Path,
) -> None:
    journal = FlakyJournal(tmp_path / "journal.db", node=NodeName("gw-1"))
    world, stop = a_world(tmp_path, opened=journal), asyncio.Event()

    async with running(world, stop, workers=[]) as addresses:
        world.gateway.denials.count("client.key_unknown")
        journal.is_down = True
        ready = await asked(addresses.operations, "/readyz")
        alive = await asked(addresses.operations, "/livez")

    assert (ready, alive) == (503, 200)


async def test_a_journal_that_is_away_at_the_start_is_said(tmp_path: Path) -> None:
    journal = FlakyJournal(tmp_path / "journal.db", node=NodeName("gw-1"))
    journal.is_down = True

    with pytest.raises(JournalUnavailableError):
        async with running(a_world(tmp_path, opened=journal), asyncio.Event()):
            pass


# Workers apart


async def test_workers_stop_at_the_signal_and_finish_what_they_hold(tmp_path: Path) -> None:
    async with World.make(tmp_path) as world:
        stop = asyncio.Event()
        working = asyncio.create_task(run_workers([world.worker], world.broker, stop=stop))
        delivery = await world.accepted()
        await world.until(delivery, State.DELIVERED)

        stop.set()
        await asyncio.wait_for(working, 5)


async def test_workers_that_take_too_long_are_cancelled(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run, "DRAIN_S", 0.05)
    async with World.make(tmp_path) as world:
        stop, sending = asyncio.Event(), asyncio.Event()

        async def never(_: Application, __: Delivery) -> Receipt:
            sending.set()
            await asyncio.sleep(3600)
            raise AssertionError

        world.adapter.send = never  # type: ignore[method-assign]
        working = asyncio.create_task(run_workers([world.worker], world.broker, stop=stop))
        await world.accepted()
        await asyncio.wait_for(sending.wait(), 5)

        stop.set()
        await asyncio.wait_for(working, 5)


async def test_workers_that_wait_for_their_broker_stop_at_the_signal(tmp_path: Path) -> None:
    broker, stop = ShyBroker(refusals=10**6), asyncio.Event()
    world = World.make(tmp_path, broker=broker)
    with capture_logs() as logs:
        working = asyncio.create_task(run_workers([world.worker], broker, stop=stop))
        await eventually(lambda: bool(logs))

        stop.set()
        await asyncio.wait_for(working, 5)


async def test_a_worker_that_cannot_work_says_so(tmp_path: Path) -> None:
    async with World.make(tmp_path) as world:

        async def open_(_: object) -> None:
            raise ConfigError("folder: is a file")

        world.adapter.open = open_  # type: ignore[method-assign]
        with pytest.raises(ConfigError, match="folder: is a file"):
            await run_workers([world.worker], world.broker, stop=asyncio.Event())


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_signal_to_stop_is_an_event(number: signal.Signals) -> None:
    stop = stop_on_signals()
    try:
        os.kill(os.getpid(), number)
        await asyncio.wait_for(stop.wait(), 5)
    finally:
        for handled in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().remove_signal_handler(handled)
