"""Denials are counted and written once a second, however many there are."""

import asyncio
from typing import Any

import pytest
from structlog.testing import capture_logs

from gateway.domain.identifiers import ClientName
from gateway.services import count_denials
from gateway.testing.faults import FlakyJournal
from gateway.testing.world import World, eventually


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
