"""``up`` is killed, and told to stop, at every step of a message's life."""

import asyncio
import signal
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final

import pytest

from gateway.testing.kill_points import STEPS
from tests.acceptance.harness.applications import CARE, CHILDCARE, DISASTER
from tests.fault.processes.counting import First
from tests.fault.processes.footing import CARELESS, Footing, ended_at, ends_at

FIRST: Final = {
    "due": First.DEFER,
    "lookup": First.DOUBT_WITHOUT_EFFECT,
    "replay": First.REJECT,
}
"""What core systems do with first attempts, so that a step is come to at all."""

DOUBTFUL: Final = (
    "claim.after_commit",
    "claim.after_answer",
    "worker.after_go",
    "send.before_effect",
    "send.after_effect",
    "outcome.before_publish",
    "outcome.after_confirm",
    "outcome.before_commit",
)
"""Where a kill leaves the right to send committed and the outcome not."""
RACING: Final = ("published.after_commit", "copy.after_ack")
"""Where the delivery itself goes on beside the step."""

CARRIED: Final = tuple(step for step in STEPS if step.partition(".")[0] not in {"lookup", "replay"})


@pytest.fixture
async def up(tmp_path: Path) -> AsyncIterator[Footing]:
    footing = Footing(tmp_path / "up")
    await asyncio.to_thread(footing.start)
    yield footing
    footing.kill()


@pytest.mark.parametrize("step", CARRIED)
async def test_nothing_is_lost_or_doubled_by_an_end_at(step: str, up: Footing) -> None:
    up.first(FIRST.get(step.partition(".")[0], First.TAKE))
    async with up.front() as front:
        alone = await ends_at(step, signal.SIGKILL, up, front, [CARE])
        [killed] = up.of(alone)
        others = await ends_at(step, signal.SIGKILL, up, front, [CHILDCARE, DISASTER])
        stopped = await ends_at(step, signal.SIGTERM, up, front, [CARE, CHILDCARE, DISASTER])

    up.judge([*alone, *others, *stopped])
    if step not in RACING:
        assert killed["state"] == ("in_doubt" if step in DOUBTFUL else "delivered")
    if step in DOUBTFUL:
        has_effect = list(STEPS).index(step) >= list(STEPS).index("send.after_effect")
        assert up.arrivals(CARELESS)[killed["id"]] == has_effect
    # Whoever is asked to stop knows what it did.
    assert {each["state"] for each in up.of(stopped)} == {"delivered"}


@pytest.mark.parametrize("step", ["lookup.before", "lookup.after"])
async def test_a_doubt_is_cleared_whenever_its_lookup_ends_at(step: str, up: Footing) -> None:
    async with up.front() as front:
        up.first(First.DOUBT_WITHOUT_EFFECT)
        sent = await ends_at(step, signal.SIGKILL, up, front, [CHILDCARE])
        sent += await ends_at(step, signal.SIGTERM, up, front, [CHILDCARE])
        up.first(First.DOUBT_WITH_EFFECT)
        sent += await ends_at(step, signal.SIGKILL, up, front, [CHILDCARE])
        sent += await ends_at(step, signal.SIGTERM, up, front, [CHILDCARE])

    assert up.judge(sent) == {"delivered": 4}


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
@pytest.mark.parametrize("step", ["replay.before_commit", "replay.after_commit"])
async def test_a_replay_is_done_once_or_not_at_all_by_an_end_at(
    step: str, number: signal.Signals, up: Footing
) -> None:
    up.first(First.REJECT)
    async with up.front() as front:
        sent = await front.submit_all([CARE, CHILDCARE, DISASTER])

    await up.until_states(sent, "parked")
    [one, *rest] = up.deliveries()
    up.points.order(step, number)
    asking = asyncio.create_task(
        asyncio.to_thread(up.ask, "parked.replay", delivery=one["id"], reason="rehearsal")
    )
    await ended_at(step, number, up)
    [answered] = await asyncio.gather(asking, return_exceptions=True)
    await asyncio.to_thread(up.start)

    # A person who got no answer looks, and decides again about what is parked still.
    is_parked = [each["id"] for each in up.deliveries() if each["state"] == "parked"]
    if (step, number) == ("replay.before_commit", signal.SIGKILL):
        assert one["id"] in is_parked
    else:
        assert one["id"] not in is_parked
    assert isinstance(answered, Exception) == (number == signal.SIGKILL)
    for delivery in is_parked:
        up.ask("parked.replay", delivery=delivery, reason="rehearsal")
    await up.settle()
    assert len(rest) == 2
    assert up.judge(sent) == {"delivered": 3}
