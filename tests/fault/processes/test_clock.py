"""The clock of every process jumps, in the middle of everything."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.acceptance.harness.applications import CARE, CHILDCARE, DISASTER
from tests.fault.processes.counting import First
from tests.fault.processes.footing import ASKED, DESTINATIONS, Footing

HOUR_S = 3600.0
RETRY_S = 5.0
JUMPS = pytest.mark.parametrize("jump_s", [HOUR_S, -HOUR_S], ids=["forward", "back"])


@pytest.fixture
async def up(tmp_path: Path) -> AsyncIterator[Footing]:
    """``up`` with retries long enough to be seen waiting, and sends that may take five seconds."""
    patient = {"retry": {"base_s": RETRY_S, "cap_s": RETRY_S}, "send_timeout_s": 5.0}
    over = dict.fromkeys(DESTINATIONS, patient)
    footing = Footing(tmp_path / "up", over={**over, ASKED: {**patient, "settle_s": 6.0}})
    await asyncio.to_thread(footing.start)
    yield footing
    footing.kill()


@JUMPS
async def test_what_is_in_hand_when_the_clock_jumps_is_delivered_once(
    jump_s: float, production: Footing
) -> None:
    production.first(First.SLOW)
    async with production.front() as front:
        sent = await front.submit_all([CARE, DISASTER])
        await production.until_states(sent, "sending")
        production.set_clock(jump_s)
        sent += await front.submit_all([CARE, DISASTER])
        production.let_go()
        production.first(First.DEFER)
        sent += await front.submit_all([CARE, CHILDCARE, DISASTER])
        await production.settle()
        production.set_clock(0)
        sent += await front.submit_all([CARE, CHILDCARE, DISASTER])
        await production.settle()

    assert production.judge(sent) == {"delivered": 10}


@pytest.mark.parametrize(
    ("was_s", "becomes_s"),
    [
        pytest.param(0, -HOUR_S, id="back"),
        # What is stamped meanwhile is due in an hour, as the right clock tells it.
        pytest.param(HOUR_S, 0, id="forward-and-right-again"),
    ],
)
async def test_a_retry_waits_no_longer_because_the_clock_jumped(
    was_s: float, becomes_s: float, up: Footing
) -> None:
    up.first(First.DEFER)
    async with up.front() as front:
        up.set_clock(was_s)
        sent = await front.submit_all([CARE, CHILDCARE, DISASTER])
        await up.until_states(sent, "retrying")
        up.set_clock(becomes_s)
        await up.settle(3 * RETRY_S)

    assert up.judge(sent) == {"delivered": 3}


async def test_a_no_proves_nothing_while_a_send_is_under_way_whatever_the_clock_says(
    up: Footing,
) -> None:
    up.first(First.SLOW)
    async with up.front() as front:
        sent = await front.submit_all([CHILDCARE])
        await up.until_states(sent, "sending")
        up.set_clock(HOUR_S)
        # Reconciliation reads a claim of an hour ago, and must leave it; the send goes on.
        await asyncio.sleep(3.0)
        assert not up.arrivals(ASKED), "sent again"
        up.let_go()
        await up.settle()

    assert up.judge(sent) == {"delivered": 1}
