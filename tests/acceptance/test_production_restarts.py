"""``serve`` and ``work``: stopped, killed and started again, each by itself."""

import asyncio
from collections.abc import AsyncIterator, Callable

import pytest

from tests.acceptance.harness.interruption import (
    assert_resolved_without_resending,
    nothing_is_lost_across,
    sent_and_in_hand,
)
from tests.acceptance.harness.landscape import Landscape
from tests.acceptance.harness.processes import STOP_S, Program
from tests.acceptance.harness.production import Production
from tests.acceptance.harness.verdict import judge, settled


@pytest.fixture
async def footing(
    landscape: Landscape, production: Callable[..., Production]
) -> AsyncIterator[Production]:
    footing: Production = await asyncio.to_thread(production, landscape.destinations())
    await asyncio.to_thread(footing.start)
    yield footing
    await asyncio.to_thread(footing.kill)


def _stop(program: Program) -> None:
    code, seconds = program.stop()
    assert code == 0, program.tail()
    assert seconds <= STOP_S


async def test_what_waits_goes_on_after_everything_was_stopped(
    footing: Production, landscape: Landscape
) -> None:
    async def restart() -> None:
        for program in (*footing.workers.values(), *footing.gateways.values()):
            await asyncio.to_thread(_stop, program)
        await asyncio.to_thread(footing.start)

    async with footing.front() as front:
        await nothing_is_lost_across(restart, front, footing.operator, landscape)


async def test_what_waits_goes_on_after_everything_was_killed(
    footing: Production, landscape: Landscape
) -> None:
    async def restart() -> None:
        footing.kill()
        footing.rabbit.kill()
        await asyncio.to_thread(footing.rabbit.restart)
        await asyncio.to_thread(footing.start)

    async with footing.front() as front:
        await nothing_is_lost_across(restart, front, footing.operator, landscape, kills=True)


@pytest.mark.parametrize("killed", ["the worker", "everything"])
async def test_what_was_being_sent_when_it_was_killed_is_resolved_never_resent(
    footing: Production, landscape: Landscape, killed: str
) -> None:
    async with footing.front() as front:
        sent = await sent_and_in_hand(front, landscape, slow_s=5)
        footing.workers["w-1"].kill()
        if killed == "everything":
            footing.kill()
            footing.rabbit.kill()
            await asyncio.to_thread(footing.rabbit.restart)
            await asyncio.to_thread(footing.start)
        else:
            footing.workers["w-1"].start()

        await assert_resolved_without_resending(sent, footing.operator, landscape)


async def test_a_worker_finishes_what_it_is_sending_whatever_happens_behind_it(
    footing: Production, landscape: Landscape
) -> None:
    async with footing.front() as front:
        sent = await sent_and_in_hand(front, landscape, slow_s=3)
        footing.gateways["gw-1"].kill()
        footing.rabbit.kill()
        await asyncio.to_thread(footing.rabbit.restart)
        await asyncio.to_thread(footing.start_gateway, "gw-1")

        settle_s = await settled(footing.operator)
        verdict = await asyncio.to_thread(
            judge, sent, footing.operator, landscape, settle_s=settle_s
        )

    # It was never killed and knows what became of it: nobody has to guess.
    assert set(verdict.states) == {"delivered"}


async def test_sigterm_lets_a_worker_finish_what_it_is_sending(
    footing: Production, landscape: Landscape
) -> None:
    async with footing.front() as front:
        await sent_and_in_hand(front, landscape, slow_s=2)

        await asyncio.to_thread(_stop, footing.workers["w-1"])
        await settled(footing.operator)

    assert footing.operator.states() == {"delivered": 4}


async def test_sigterm_ends_a_worker_whose_core_system_hangs(
    footing: Production, landscape: Landscape
) -> None:
    async with footing.front() as front:
        sent = await sent_and_in_hand(front, landscape, slow_s=40)

        await asyncio.to_thread(_stop, footing.workers["w-1"])
        footing.workers["w-1"].start()

        await assert_resolved_without_resending(sent, footing.operator, landscape)
