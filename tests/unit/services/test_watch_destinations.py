"""How destinations fare, and having one checked by its workers."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from gateway.domain.claim import BreakerState
from gateway.domain.control import CheckAsked
from gateway.domain.entry import Action, Actor, ActorKind, Entry
from gateway.domain.identifiers import DestinationName, WorkerName
from gateway.domain.lifecycle import State
from gateway.sdk import Health
from gateway.services.flow import Flow
from gateway.services.flow_ring import Counted
from gateway.services.operate.refusals import NotFoundError, OperationError
from gateway.testing.builders import a_heartbeat, an_entry
from gateway.testing.world import DESTINATION, World

OPERATOR = Actor(ActorKind.OPERATOR, "suzuki")
NAME = DestinationName(DESTINATION)
PATIENCE_S = 10.0


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with World.make(tmp_path, window={"open": ["mon-fri 08:30-17:15"]}) as world:
        yield world


class Unwell:
    """A core system that is not there, and how often it was asked."""

    def __init__(self) -> None:
        self.asked = 0

    async def check(self) -> Health:
        self.asked += 1
        return Health(ok=False, detail="応答が\nありません")


async def standing(world: World) -> dict[str, Any]:
    return await world.gateway.operate.watch_destinations.one(DESTINATION)


async def answered(world: World) -> dict[str, Any]:
    async with asyncio.timeout(PATIENCE_S):
        while True:
            check = (await standing(world))["check"]
            if not check["waits"]:
                found: dict[str, Any] = check
                return found
            await asyncio.sleep(0.02)


def delivered(flow: Flow, at: datetime) -> None:
    day = flow._day(NAME)
    day.counts[day.row(at) + Counted.DELIVERED] += 1


async def until_alive(world: World) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not world.gateway.destinations.alive(NAME):
            await world.gateway.destinations.refresh()
            await asyncio.sleep(0.02)


async def beats(world: World, *names: str, **over: Any) -> None:
    for name in names:
        beat = a_heartbeat(worker=WorkerName(name), destination=NAME, at=datetime.now(UTC), **over)
        await world.gateway.journal.put_heartbeat(beat)


async def test_a_check_is_made_by_the_worker_and_its_answer_is_shown(world: World) -> None:
    world.start_worker()
    await until_alive(world)
    world.adapter.check = Unwell().check  # type: ignore[method-assign]

    asked = await world.gateway.operate.watch_destinations.check(DESTINATION, actor=OPERATOR)
    check = await answered(world)

    assert asked["waits"]
    assert asked["asked_by"] == "suzuki"
    [answer] = check["workers"]
    assert (answer["answered"], answer["healthy"], answer["said"]) == (
        True,
        False,
        "応答が ありません",
    )
    found = await standing(world)
    assert (found["health"], found["said"]) == ("not_well", ["応答が ありません"])
    [entry] = [entry for entry in await world.log() if entry["action"] == "destination.checked"]
    assert entry["facts"] == {"destination": DESTINATION, "workers": 1}
    assert entry["actor"] == {"kind": "operator", "name": "suzuki"}


async def test_two_who_ask_at_the_same_time_get_one_check(world: World) -> None:
    await beats(world, "w1/a")
    operate = world.gateway.operate.watch_destinations

    first = await operate.check(DESTINATION, actor=OPERATOR)
    second = await operate.check(DESTINATION, actor=replace(OPERATOR, name="sato"))

    assert second["asked_at"] == first["asked_at"]
    assert second["asked_by"] == "suzuki"
    assert (await world.actions()).count("destination.checked") == 1


async def test_a_worker_is_told_of_a_request_for_a_minute_only(world: World) -> None:
    now = datetime.now(UTC)
    beat = a_heartbeat(worker=WorkerName("w1/a"), destination=NAME, at=now)
    for age_s, is_told in ((59, True), (61, False)):
        asked = CheckAsked(
            destination=NAME, asked_at=now - timedelta(seconds=age_s), asked_by="sato"
        )
        await world.gateway.journal.ask_check(asked, _entry())
        await world.gateway.destinations.refresh()

        terms = world.gateway.destinations.terms(beat)

        assert terms is not None
        assert (terms.check is not None) == is_told


async def test_a_request_reaches_workers_through_every_gateway_of_the_journal(
    world: World, tmp_path: Path
) -> None:
    await beats(world, "w1/a")
    other = World.make(tmp_path, store=world.store, opened=world.gateway.journal).gateway

    asked = await world.gateway.operate.watch_destinations.check(DESTINATION, actor=OPERATOR)
    await other.destinations.refresh()

    beat = a_heartbeat(worker=WorkerName("w1/a"), destination=NAME, at=datetime.now(UTC))
    terms = other.destinations.terms(beat)
    assert terms is not None
    assert terms.check is not None
    assert terms.check.isoformat(timespec="milliseconds") == asked["asked_at"]


async def test_a_worker_of_an_earlier_release_is_told_apart_from_one_that_answered(
    world: World,
) -> None:
    asked_at = datetime.now(UTC)
    asked = CheckAsked(destination=NAME, asked_at=asked_at, asked_by="sato")
    await world.gateway.journal.ask_check(asked, _entry())
    await beats(world, "w1/new", answers=asked_at, said="ok")
    await beats(world, "w1/old")

    check = (await standing(world))["check"]

    assert {each["worker"]: each["answered"] for each in check["workers"]} == {
        "w1/new": True,
        "w1/old": False,
    }
    assert check["waits"]


async def test_nobody_is_asked_where_no_worker_lives(world: World) -> None:
    operate = world.gateway.operate.watch_destinations

    with pytest.raises(OperationError, match="no worker"):
        await operate.check(DESTINATION, actor=OPERATOR)
    with pytest.raises(NotFoundError):
        await operate.check("elsewhere", actor=OPERATOR)
    assert Action.DESTINATION_CHECKED not in await world.actions()


async def test_the_worst_breaker_and_any_sickness_are_told(world: World) -> None:
    [empty] = await world.gateway.operate.watch_destinations.all()
    await beats(world, "w1/a")
    await beats(world, "w1/b", healthy=False, breaker=BreakerState.OPEN, said="down")
    [found] = await world.gateway.operate.watch_destinations.all()

    assert (empty["health"], empty["breaker"], empty["workers"]) == ("no_worker", None, 0)
    assert (found["health"], found["breaker"], found["workers"]) == ("partly", "open", 2)
    assert (found["said"], found["adapter"]) == (["down"], "file")


async def test_what_waits_and_since_when_and_who_paused_it_are_told(world: World) -> None:
    operate = world.gateway.operate
    await operate.destinations.pause(DESTINATION, actor=OPERATOR, reason="月次処理")
    delivery = await world.accepted()
    await world.until(delivery, State.PENDING)

    found = await standing(world)

    assert (found["waiting"], found["parked"], found["in_doubt"]) == (1, 0, 0)
    assert found["oldest_at"] is not None
    assert (found["paused"]["by"], found["paused"]["reason"]) == ("suzuki", "月次処理")
    assert found["hold"] == "destination.paused"
    assert found["hour"]["accepted"] == 1


async def test_the_week_begins_today_and_leaves_closed_days_empty(world: World) -> None:
    week = (await standing(world))["week"]

    assert len(week) == 7
    assert {each["weekday"] for each in week} == set(range(7))
    for each in week:
        hours = each["openings"]
        assert hours in ([], [[510, 1035]])
        assert each["weekday"] < 5 or hours == []


async def test_the_history_has_the_destinations_own_changes_with_their_reasons(
    world: World,
) -> None:
    operate = world.gateway.operate
    await operate.destinations.change(
        DESTINATION, actor=OPERATOR, reason="業者の依頼", settings={"rate_per_s": 2}
    )
    await beats(world, "w1/a")
    await operate.watch_destinations.check(DESTINATION, actor=OPERATOR)

    history = await operate.watch_destinations.history(DESTINATION, actor=OPERATOR)

    assert [each["action"] for each in history] == ["destination.checked", "destination.changed"]
    assert history[1]["reason"] == "業者の依頼"
    assert history[1]["facts"]["set"] == "rate_per_s=2.0"  # type: ignore[index]
    assert (await world.actions())[-1] == Action.LOG_READ


def _entry() -> Entry:
    return an_entry(
        action=Action.DESTINATION_CHECKED, facts={"destination": DESTINATION, "workers": 1}
    )


async def test_nobody_says_that_it_is_down_while_one_of_its_workers_sends(world: World) -> None:
    await beats(world, "w1/a", breaker=BreakerState.OPEN, down_s=600.0)
    alone = await standing(world)
    await beats(world, "w2/a")
    together = await standing(world)

    assert alone["down_since"] is not None
    assert (together["breaker"], together["down_since"]) == ("open", None)


async def test_it_is_down_since_the_last_that_arrived_and_not_since_its_first_worker_lost_it(
    world: World,
) -> None:
    await beats(world, "w1/a", breaker=BreakerState.OPEN, down_s=6_000.0)
    await beats(world, "w2/a", breaker=BreakerState.OPEN, down_s=600.0)
    flow, now = world.gateway.operate.watch_destinations._flow, datetime.now(UTC)
    delivered(flow, now - timedelta(seconds=1_200))
    first = await standing(world)
    delivered(flow, now - timedelta(seconds=180))
    second = await standing(world)

    assert first["down_s"] == pytest.approx(600.0, abs=5.0)
    assert 120.0 < second["down_s"] < 250.0
