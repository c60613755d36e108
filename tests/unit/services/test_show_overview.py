"""Is everything well: which findings there are, and in which order."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from gateway import __version__
from gateway.console.words import load_words
from gateway.domain.entry import Actor, ActorKind
from gateway.domain.identifiers import DestinationName, WorkerName
from gateway.domain.lifecycle import State
from gateway.sdk import (
    Application,
    Delivery,
    Receipt,
    RejectedError,
    UnknownOutcomeError,
)
from gateway.services.operate.by_name import operations
from gateway.services.operate.show_overview import FINDINGS
from gateway.testing.builders import a_heartbeat
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


async def test_a_core_system_whose_checks_fail_is_told_of_before_anything_is_sent(tmp_path: Path):
    async with World.make(tmp_path) as world:
        beat = a_heartbeat(
            worker=WorkerName("w1/a"),
            destination=DestinationName(DESTINATION),
            at=datetime.now(UTC),
            version=__version__,
            healthy=False,
        )
        await world.gateway.journal.put_heartbeat(beat)
        found = await overview(world)

    assert found["destinations"][0]["healthy"] is False
    assert [each["code"] for each in found["findings"]] == ["core_unwell"]
    assert found["verdict"] == "warn"


async def test_what_a_worker_looks_up_by_itself_is_not_handed_to_a_person(tmp_path: Path):
    def hang(_application: Application, _delivery: Delivery) -> Receipt:
        raise UnknownOutcomeError("http.answer_late")

    async with World.make(tmp_path, idempotency="lookup") as world:
        world.adapter.script.append(hang)
        world.start_worker()
        await world.until(await world.accepted(), State.IN_DOUBT)
        found = await overview(world)
        groups = await operations(world.gateway.operate)["parked.groups"](HANAKO, {})

    assert groups == []
    assert [(each["code"], each["number"]) for each in found["findings"]] == [("in_doubt_asked", 1)]
    assert found["totals"]["in_doubt"] == 1


async def test_nobody_is_sent_to_start_workers_while_the_broker_that_they_report_by_is_down(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    async with World.make(tmp_path) as world:
        await world.accepted()
        monkeypatch.setattr(world.gateway.operate.watch.overview, "_is_connected", lambda: False)
        found = await overview(world)

    assert [each["code"] for each in found["findings"]] == ["broker_down"]


async def test_a_worker_that_died_is_named_though_another_goes_on_for_it(tmp_path: Path):
    async with World.make(tmp_path) as world:
        now = datetime.now(UTC)
        for worker, ago_s in (("w1/a", 0), ("w2/a", 300), ("w3/a", 300), ("w3/b", 0), ("w4/a", 20)):
            beat = a_heartbeat(
                worker=WorkerName(worker),
                destination=DestinationName(DESTINATION),
                at=now - timedelta(seconds=ago_s),
                version=__version__,
            )
            await world.gateway.journal.put_heartbeat(beat)
        found = await overview(world)

    [gone] = found["findings"]
    assert (gone["code"], gone["subject"], gone["level"]) == ("worker_gone", "w2", "warn")
    since = datetime.fromisoformat(gone["since"])
    assert abs(since - (now - timedelta(seconds=300))) < timedelta(seconds=5)


def test_every_finding_has_words_and_says_what_to_do():
    words = load_words()

    for code in FINDINGS:
        assert f"overview.finding.{code}" in words
        assert f"overview.do.{code}" in words
