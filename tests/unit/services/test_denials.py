"""Denials are counted and written once a second, however many there are."""

import asyncio
import time
from typing import Any

import pytest
from structlog.testing import capture_logs

from gateway.domain.account import Person, Role
from gateway.domain.errors import JournalUnavailableError
from gateway.domain.identifiers import ClientName
from gateway.drivers.system_clock import SystemClock
from gateway.services import count_denials
from gateway.services.operate.by_name import operations
from gateway.services.operate.guard import Guard, NotPermittedError
from gateway.testing.faults import FlakyJournal
from gateway.testing.world import World, eventually

DENIED = "operation.denied"


async def test_a_flood_of_denials_becomes_one_entry_for_each_reason_and_client(
    world: World,
) -> None:
    for _ in range(1000):
        world.gateway.denials.count("client.key_unknown")
    world.gateway.denials.count("request.too_large", ClientName("portal"))

    await world.gateway.denials.write()
    await world.gateway.denials.write()

    denied: list[Any] = [e for e in await world.log() if e["action"] == "requests.denied"]
    assert [(e["actor"]["name"], e["facts"]["code"], e["facts"]["count"]) for e in denied] == [
        ("front-end", "client.key_unknown", 1000),
        ("portal", "request.too_large", 1),
    ]


async def test_whoever_has_signed_in_floods_the_log_no_more_than_others_do(world: World) -> None:
    gateway = world.gateway
    guard = Guard(
        operations(gateway.operate),
        journal=gateway.journal,
        clock=SystemClock(),
        denials=gateway.denials,
    )
    viewer = Person("hanako", frozenset({Role.VIEWER}))
    guard._written_at["hanako"] = time.monotonic() + 3600  # for a second that lasts
    tried = ["parked.cancel"] * 500 + ["audit.search"] * 2

    for name in tried:
        with pytest.raises(NotPermittedError):
            await guard.perform(viewer, name)
    with pytest.raises(NotPermittedError):
        await guard.perform(Person("taro", frozenset({Role.VIEWER})), "audit.search")

    # The first of each person stands there before they are told no.
    assert [e["actor"]["name"] for e in await world.log() if e["action"] == DENIED] == ["taro"]
    await gateway.denials.write()
    denied: list[Any] = [e for e in await world.log() if e["action"] == DENIED]
    assert [(e["actor"]["name"], e["facts"]) for e in denied[1:]] == [
        ("hanako", {"operation": "parked.cancel", "count": 500}),
        ("hanako", {"operation": "audit.search", "count": 2}),
    ]


async def test_denials_that_could_not_be_written_are_written_later_and_counted_once(
    flaky: World, journal: FlakyJournal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(count_denials, "_EVERY_S", 0.01)
    journal.is_down = True
    denials = flaky.gateway.denials
    denials.count("client.key_unknown")
    running = asyncio.create_task(denials.run())
    with capture_logs() as logs:
        await eventually(lambda: "denials.not_recorded" in [log["event"] for log in logs])
    denials.count("client.key_unknown")
    journal.is_down = False
    await eventually(lambda: not denials._counted)
    await asyncio.sleep(0.05)
    running.cancel()
    await asyncio.wait({running})

    denied: list[Any] = [e for e in await flaky.log() if e["action"] == "requests.denied"]
    assert [entry["facts"]["count"] for entry in denied] == [2]


async def test_a_denial_is_told_of_later_if_it_cannot_be_written_at_once(
    flaky: World, journal: FlakyJournal
) -> None:
    gateway = flaky.gateway
    guard = Guard(
        operations(gateway.operate),
        journal=journal,
        clock=SystemClock(),
        denials=gateway.denials,
    )
    journal.is_down = True
    with pytest.raises(JournalUnavailableError):
        await guard.perform(Person("hanako", frozenset({Role.VIEWER})), "parked.cancel")
    journal.is_down = False

    await gateway.denials.write()

    denied: list[Any] = [e for e in await flaky.log() if e["action"] == DENIED]
    assert [(e["actor"]["name"], e["facts"]["operation"]) for e in denied] == [
        ("hanako", "parked.cancel")
    ]


async def test_denials_are_written_to_their_end_when_the_process_ends(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(count_denials, "_EVERY_S", 0.0)
    begun, going_on = asyncio.Event(), asyncio.Event()
    denials, record = world.gateway.denials, world.gateway.journal.record

    async def slow(entries: Any) -> None:
        begun.set()
        await going_on.wait()
        await record(entries)

    monkeypatch.setattr(world.gateway.journal, "record", slow)
    denials.count("client.key_unknown")
    running = asyncio.create_task(denials.run())
    await begun.wait()
    running.cancel()
    await asyncio.wait({running})
    going_on.set()
    await denials.write()

    denied: list[Any] = [e for e in await world.log() if e["action"] == "requests.denied"]
    assert [entry["facts"]["count"] for entry in denied] == [1]
