"""Is everything well: which findings there are, and in which order."""

from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from gateway.console.words import load_words
from gateway.domain.entry import Actor, ActorKind
from gateway.domain.lifecycle import State
from gateway.sdk import Application, Delivery, Receipt, RejectedError
from gateway.services.operate.by_name import operations
from gateway.services.operate.show_overview import FINDINGS
from gateway.testing.world import DESTINATION, World

HANAKO = Actor(ActorKind.OPERATOR, "hanako")


async def overview(world: World) -> dict[str, Any]:
    found = await operations(world.gateway.operate)["overview"](HANAKO, {})
    assert isinstance(found, dict)
    return found


async def test_nothing_is_wrong_with_a_gateway_that_does_nothing(tmp_path: Path):
    async with World.make(tmp_path) as world:
        found = await overview(world)

    assert (found["verdict"], found["findings"]) == ("well", [])
    assert found["storage"]["bytes"] > 0
    assert found["storage"]["days_left"] is None
    assert found["broker"] is True


async def test_what_waits_is_counted_and_its_age_told(tmp_path: Path):
    async with World.make(tmp_path) as world:
        await world.accepted()
        found = await overview(world)

    [core] = found["destinations"]
    assert (core["waiting"], core["workers"], core["breaker"]) == (1, 0, None)
    assert core["oldest_s"] >= 0
    assert core["in_per_min"] == pytest.approx(0.2)
    assert [each["code"] for each in found["findings"]] == ["no_worker"]


async def test_the_worst_comes_first(tmp_path: Path):
    def refuse(_application: Application, _delivery: Delivery) -> Receipt:
        raise RejectedError("E-1")

    async with World.make(tmp_path, worker_version="0") as world:
        world.adapter.script.append(refuse)
        world.start_worker()
        await world.until(await world.accepted(), State.PARKED)
        ask = operations(world.gateway.operate)
        await ask["destination.pause"](HANAKO, {"destination": DESTINATION, "reason": "点検"})
        found = await overview(world)

    assert [each["code"] for each in found["findings"]] == ["parked", "paused", "other_version"]
    assert found["verdict"] == "bad"
    most, since = found["findings"][0]["most"], found["findings"][0]["since"]
    assert (most["destination"], most["code"], most["deliveries"]) == (DESTINATION, "E-1", 1)
    assert datetime.fromisoformat(since).tzinfo is not None
    assert found["totals"]["error_rate"] == 1.0


def test_every_finding_has_words_and_says_what_to_do():
    words = load_words()

    for code in FINDINGS:
        assert f"overview.finding.{code}" in words
        assert f"overview.do.{code}" in words
