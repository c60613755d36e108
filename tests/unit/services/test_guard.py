"""Nobody does what no line says they may; every role is tried at every operation."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from gateway.domain.account import Person, Role
from gateway.domain.entry import Actor
from gateway.drivers.system_clock import SystemClock
from gateway.services.operate.by_name import operations
from gateway.services.operate.four_eyes import DECIDED_FOR_OTHERS
from gateway.services.operate.guard import Guard, NotPermittedError
from gateway.services.operate.permissions import PERMITTED
from gateway.testing.world import World


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with World.make(tmp_path) as world:
        yield world


async def nothing(_: Actor, _arguments: Any) -> object:
    return "done"


def guard_of(world: World, *names: str) -> Guard:
    return Guard(dict.fromkeys(names, nothing), journal=world.gateway.journal, clock=SystemClock())


async def test_an_operation_without_a_line_is_nobodys_and_trying_it_is_an_entry(world: World):
    guard, person = guard_of(world, "journal.wipe"), Person("hanako", frozenset(Role))

    with pytest.raises(NotPermittedError):
        await guard.perform(person, "journal.wipe")

    assert not guard.may(person, "journal.wipe")
    entry = (await world.log())[-1]
    assert (entry["action"], entry["facts"]["operation"]) == ("operation.denied", "journal.wipe")


@pytest.mark.parametrize("role", Role)
async def test_a_role_does_what_its_lines_say_and_nothing_else(world: World, role: Role):
    names = [*(operations(world.gateway.operate).keys() - DECIDED_FOR_OTHERS)]
    guard, person = guard_of(world, *names), Person("hanako", frozenset({role}))
    found = await asyncio.gather(
        *(guard.perform(person, name) for name in names), return_exceptions=True
    )
    done = {name for name, each in zip(names, found, strict=True) if each == "done"}

    assert all(each == "done" or isinstance(each, NotPermittedError) for each in found)
    assert done == {name for name in names if role in PERMITTED.get(name, ())}
    denied = [each for each in await world.log() if each["action"] == "operation.denied"]
    assert {each["facts"]["operation"] for each in denied} == set(names) - done
