"""``up``: stopped, killed and started again; nothing lost, everything unfinished goes on."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final

import pytest

from tests.acceptance.harness.applications import CARE
from tests.acceptance.harness.embedded import Embedded
from tests.acceptance.harness.front import Sent
from tests.acceptance.harness.interruption import (
    assert_resolved_without_resending,
    nothing_is_lost_across,
    sent_and_in_hand,
)
from tests.acceptance.harness.landscape import Landscape
from tests.acceptance.harness.processes import STOP_S

TOO_LARGE: Final = 413
ABUSE_BYTES: Final = 2 * 1024 * 1024
GENEROUS_KIB: Final = 150 * 1024


@pytest.fixture
async def up(tmp_path: Path, landscape: Landscape) -> AsyncIterator[Embedded]:
    running = Embedded(tmp_path / "up", landscape.destinations())
    await asyncio.to_thread(running.start)
    yield running
    running.program.kill()


def _stop(up: Embedded) -> None:
    code, seconds = up.program.stop()
    assert code == 0, up.program.tail()
    assert seconds <= STOP_S


@pytest.mark.parametrize("ending", ["SIGTERM", "SIGKILL"])
async def test_what_waits_goes_on_after_a_restart(
    up: Embedded, landscape: Landscape, ending: str
) -> None:
    async def restart() -> None:
        await asyncio.to_thread(_stop if ending == "SIGTERM" else _kill, up)
        await asyncio.to_thread(up.start)

    async with up.front() as front:
        await nothing_is_lost_across(
            restart, front, up.operator, landscape, kills=ending == "SIGKILL"
        )


def _kill(up: Embedded) -> None:
    up.program.kill()


async def test_what_was_being_sent_when_it_was_killed_is_resolved_never_resent(
    up: Embedded, landscape: Landscape
) -> None:
    async with up.front() as front:
        sent = await sent_and_in_hand(front, landscape, slow_s=5)
        up.program.kill()
        await asyncio.to_thread(up.start)

        await assert_resolved_without_resending(sent, up.operator, landscape)


async def test_sigterm_lets_what_is_being_sent_finish(up: Embedded, landscape: Landscape) -> None:
    async with up.front() as front:
        await sent_and_in_hand(front, landscape, slow_s=2)

        await asyncio.to_thread(_stop, up)

    assert up.operator.states() == {"delivered": 4}


async def test_sigterm_does_not_wait_for_a_core_system_that_hangs(
    up: Embedded, landscape: Landscape
) -> None:
    async with up.front() as front:
        sent = await sent_and_in_hand(front, landscape, slow_s=40)

        await asyncio.to_thread(_stop, up)
        await asyncio.to_thread(up.start)

        await assert_resolved_without_resending(sent, up.operator, landscape)


async def test_bodies_beyond_the_limit_do_not_make_memory_grow(up: Embedded) -> None:
    async with up.front() as front:
        await front.submit_all([CARE] * 20)
        before = up.program.resident_kib()

        for _ in range(10):
            answers = await asyncio.gather(
                *(front.post(Sent(b'{"procedure":"' + b"x" * ABUSE_BYTES)) for _ in range(16))
            )
            # 0: the connection was closed while the rest of the body was still being sent.
            assert {status for status, _, _ in answers} <= {TOO_LARGE, 0}
        grown = up.program.resident_kib() - before
        await front.submit_all([CARE])

    assert grown < GENEROUS_KIB
