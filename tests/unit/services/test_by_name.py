"""Operations as the command line asks for them: nobody names somebody else."""

from typing import Any

import pytest

from gateway.domain.entry import Actor, ActorKind
from gateway.services.operate.by_name import operations
from gateway.services.operate.refusals import NotFoundError, OperationError
from gateway.testing.world import CLIENT, World

ME = Actor(ActorKind.OPERATOR, "sato")
NOTHING = "00000000-0000-7000-8000-000000000000"


async def perform(world: World, name: str, **arguments: object) -> Any:
    return await operations(world.gateway.operate)[name](ME, arguments)


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("overview", {}),
        ("messages.list", {"states": ["parked"], "limit": 10}),
        ("parked.list", {"destination": "core"}),
        ("client.list", {}),
        ("client.add", {"client": CLIENT}),
        ("audit.verify", {}),
    ],
)
async def test_an_operation_is_done_by_its_name(
    world: World, name: str, arguments: dict[str, object]
) -> None:
    assert await perform(world, name, **arguments) is not None


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("status", {"subject": "A-0"}),
        ("parked.show", {"delivery": NOTHING}),
        ("client.revoke", {"key": "0"}),
    ],
)
async def test_what_is_not_there_is_said_so(
    world: World, name: str, arguments: dict[str, object]
) -> None:
    with pytest.raises(NotFoundError):
        await perform(world, name, **arguments)


@pytest.mark.parametrize(
    ("name", "arguments", "told"),
    [
        ("overview", {"actor": "root"}, "actor"),
        ("status", {}, "subject"),
        ("status", {"subject": 5}, "subject"),
        ("status", {"subject": "A-1", "secret": "hunter2"}, "secret"),
        ("messages.list", {"limit": "many"}, "limit"),
        ("parked.replay", {"delivery": NOTHING}, "reason"),
        ("parked.cancel", {"delivery": NOTHING, "reason": ["x"]}, "reason"),
    ],
)
async def test_wrong_arguments_are_named_and_not_repeated(
    world: World, name: str, arguments: dict[str, object], told: str
) -> None:
    with pytest.raises(OperationError) as caught:
        await perform(world, name, **arguments)

    assert told in str(caught.value)
    assert "hunter2" not in str(caught.value)


async def test_who_decides_is_who_asks_whatever_the_arguments_say(world: World) -> None:
    await perform(world, "client.add", client=CLIENT, actor={"kind": "operator", "name": "root"})

    entry: Any = (await world.log())[-1]
    assert entry["actor"] == {"kind": "operator", "name": "sato"}
