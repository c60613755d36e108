"""Who comes next where many want to sign in: staff, in turns, whoever floods."""

import asyncio
from collections.abc import Iterator
from ipaddress import IPv4Address

import pytest

from gateway.services.passwords import BusyError
from gateway.services.sign_in_line import NetworkBusyError, SignInLine

STAFF = "192.0.2.7"


@pytest.fixture
def line() -> SignInLine:
    return SignInLine()


def strangers(count: int) -> Iterator[str]:
    return (str(IPv4Address("198.51.100.0") + number) for number in range(count))


async def come(line: SignInLine, network: str, came: list[str]) -> None:
    async with line.turn(network):
        came.append(network)
        await asyncio.sleep(0)


async def test_staff_come_in_while_the_whole_world_signs_in(line: SignInLine) -> None:
    line.know(STAFF)
    came: list[str] = []
    async with asyncio.TaskGroup() as tasks:
        flood = [tasks.create_task(tried(line, each, came)) for each in strangers(1000)]
        await asyncio.sleep(0)
        tasks.create_task(come(line, STAFF, came))

    # One is being compared; and staff are next.
    assert came.index(STAFF) <= 2
    refused = sum(task.result() for task in flood)
    assert refused == 1000 - 17


async def tried(line: SignInLine, network: str, came: list[str]) -> bool:
    try:
        await come(line, network, came)
    except BusyError:
        return True
    return False


async def test_no_network_has_more_than_its_share_and_networks_take_turns(
    line: SignInLine,
) -> None:
    came: list[str] = []
    async with asyncio.TaskGroup() as tasks:
        for network in ("first", "flood", "flood", "flood", "other"):
            tasks.create_task(tried(line, network, came))

    assert came == ["first", "flood", "other", "flood"]
    async with line.turn("flood"), asyncio.TaskGroup() as tasks:
        waiting = [tasks.create_task(come(line, "flood", came)) for _ in range(2)]
        await asyncio.sleep(0)
        with pytest.raises(NetworkBusyError):
            async with line.turn("flood"):
                pass
        for task in waiting:
            task.cancel()


async def test_a_stranger_comes_in_however_many_staff_wait(line: SignInLine) -> None:
    line.know(STAFF)
    came: list[str] = []
    async with asyncio.TaskGroup() as tasks:
        for network in (*[STAFF] * 10, "somebody"):
            tasks.create_task(come(line, network, came))

    assert came.index("somebody") <= 4


async def test_whoever_leaves_holds_nobody_up(line: SignInLine) -> None:
    came: list[str] = []
    async with line.turn("first"):
        leaving = asyncio.create_task(come(line, "leaving", came))
        staying = asyncio.create_task(come(line, "staying", came))
        await asyncio.sleep(0)
        leaving.cancel()
    await staying

    assert came == ["staying"]
    async with line.turn("next"):
        came.append("next")
    assert came[-1] == "next"
