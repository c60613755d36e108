"""What a process logs changes while it runs, and is written down."""

from pathlib import Path

import pytest

from gateway.domain.account import Role
from gateway.domain.entry import Action, Actor, ActorKind
from gateway.drivers.system_clock import SystemClock
from gateway.services.log_levels import About, LogLevels
from gateway.services.operate.log_level import OperateLogLevel
from gateway.services.operate.permissions import PERMITTED
from gateway.services.operate.refusals import OperationError
from gateway.testing.world import DESTINATION, World, eventually

OPERATOR = Actor(ActorKind.OPERATOR, "hanako")


async def test_a_change_is_in_force_and_written_down_with_who_asked(tmp_path: Path) -> None:
    levels = LogLevels("info")
    async with World.make(tmp_path) as world:
        operate = OperateLogLevel(levels=levels, journal=world.gateway.journal, clock=SystemClock())

        found = await operate(level="debug", events="journal.", for_s=600, actor=OPERATOR)
        entry = (await world.log())[-1]

    assert found["changed"][0]["level"] == "debug"  # type: ignore[index]
    assert levels.lets_through("debug", "journal.lost", None)
    assert not levels.lets_through("debug", "lane.recovered", None)
    assert entry["action"] == Action.LOG_LEVEL_CHANGED
    assert entry["actor"]["name"] == "hanako"
    assert entry["facts"] == {
        "level": "debug",
        "destination": None,
        "events": "journal.",
        "for_s": 600,
    }


async def test_who_only_looks_changes_and_writes_nothing(tmp_path: Path) -> None:
    async with World.make(tmp_path) as world:
        operate = OperateLogLevel(
            levels=LogLevels("warning"), journal=world.gateway.journal, clock=SystemClock()
        )

        found = await operate(actor=OPERATOR)

        assert (found["configured"], found["changed"]) == ("warning", [])
        assert Action.LOG_LEVEL_CHANGED not in await world.actions()


@pytest.mark.parametrize(
    "asked",
    [
        {"destination": DESTINATION},
        {"level": "debug", "destination": DESTINATION},
        {"level": "debug", "destination": "No Name", "for_s": 60.0},
    ],
)
async def test_what_does_not_fit_together_is_refused(
    tmp_path: Path, asked: dict[str, object]
) -> None:
    async with World.make(tmp_path) as world:
        operate = OperateLogLevel(
            levels=LogLevels("info"), journal=world.gateway.journal, clock=SystemClock()
        )

        with pytest.raises(OperationError):
            await operate(**asked, actor=OPERATOR)  # type: ignore[arg-type]


async def test_without_a_gateway_there_is_no_level_to_change(tmp_path: Path) -> None:
    async with World.make(tmp_path) as world:
        operate = OperateLogLevel(levels=None, journal=world.gateway.journal, clock=SystemClock())

        with pytest.raises(OperationError, match="no gateway runs here"):
            await operate(level="debug", actor=OPERATOR)


async def test_a_destination_s_level_reaches_its_workers_and_ends_there(tmp_path: Path) -> None:
    now = 0.0
    gateway, worker = LogLevels("info"), LogLevels("info", monotonic=lambda: now)
    async with World.make(tmp_path) as world:
        world.gateway.record_heartbeats._levels = gateway
        world.worker._ask_terms._levels = worker
        gateway.change(About(DESTINATION), "debug", for_s=60)

        world.start_worker()
        await eventually(lambda: bool(worker.changes()))

    assert worker.lets_through("debug", "thing.happened", DESTINATION)
    assert not worker.lets_through("debug", "thing.happened", "another")
    now = 61.0
    assert not worker.lets_through("debug", "thing.happened", DESTINATION)


def test_operators_and_admins_may_change_it() -> None:
    assert PERMITTED["log.level"] == {Role.OPERATOR, Role.ADMIN}
