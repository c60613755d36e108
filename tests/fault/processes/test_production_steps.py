"""Gateway and worker are killed, and told to stop, at the steps that the broker lies between."""

import signal
from typing import Final

import pytest

from gateway.testing.kill_points import STEPS
from tests.acceptance.harness.applications import CARE, CHILDCARE, DISASTER
from tests.fault.processes.footing import CARELESS, Footing, ends_at

BETWEEN: Final = (
    "accept.after_commit",
    "relay.after_confirm",
    "published.before_commit",
    "worker.before_claim",
    "claim.before_commit",
    "claim.after_commit",
    "claim.after_answer",
    "worker.after_go",
    "send.before_effect",
    "send.after_effect",
    "outcome.before_publish",
    "outcome.after_confirm",
    "copy.after_ack",
    "outcome.before_commit",
    "outcome.after_commit",
)

DOUBTFUL: Final = (
    "worker.after_go",
    "send.before_effect",
    "send.after_effect",
    "outcome.before_publish",
)
"""Where a worker dies with what nobody else knows; a gateway that dies leaves no doubt."""


@pytest.mark.parametrize("step", BETWEEN)
async def test_nothing_is_lost_or_doubled_by_an_end_at(step: str, production: Footing) -> None:
    async with production.front() as front:
        alone = await ends_at(step, signal.SIGKILL, production, front, [CARE])
        others = await ends_at(step, signal.SIGKILL, production, front, [CHILDCARE, DISASTER])
        stopped = await ends_at(
            step, signal.SIGTERM, production, front, [CARE, CHILDCARE, DISASTER]
        )

    production.judge([*alone, *others, *stopped])
    [killed] = production.of(alone)
    assert killed["state"] == ("in_doubt" if step in DOUBTFUL else "delivered")
    if step in DOUBTFUL:
        has_effect = list(STEPS).index(step) >= list(STEPS).index("send.after_effect")
        assert production.arrivals(CARELESS)[killed["id"]] == has_effect
    assert {each["state"] for each in production.of(stopped)} == {"delivered"}
