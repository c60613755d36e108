"""A worker that is killed inside ``send``, again and again, delivers nothing twice."""

import asyncio
import os
import signal

import pytest

from gateway.testing.kill_points import STEPS
from tests.acceptance.harness.applications import CARE
from tests.fault.processes.footing import CARELESS, Footing, ended_at

KILLS = int(os.environ.get("KILLS_IN_SEND", "10"))
AT_ONCE = 3


@pytest.mark.timeout(600)
@pytest.mark.parametrize("step", ["send.after_effect", "send.before_effect"])
async def test_kills_inside_send_double_nothing_where_nobody_deduplicates(
    step: str, production: Footing, report: list[str]
) -> None:
    part, _ = STEPS[step]
    sent = []
    async with production.front() as front:
        for _ in range(KILLS):
            production.points.order(step, signal.SIGKILL)
            sent += await front.submit_all([CARE] * AT_ONCE)
            await ended_at(step, signal.SIGKILL, production)
            await asyncio.to_thread(production.revive, part)
        await production.settle()

    states = production.judge(sent)
    assert sum(states.values()) == KILLS * AT_ONCE
    assert states["in_doubt"] >= KILLS
    arrived = production.arrivals(CARELESS)
    ours = {each["id"]: each["state"] for each in production.of(sent)}
    assert [key for key in ours if arrived[key] > 1] == []
    told = ", ".join(f"{count} {state}" for state, count in states.most_common())
    report.append(f"{KILLS} kills of a worker at {step}: {told}; 0 lost, 0 doubled")
