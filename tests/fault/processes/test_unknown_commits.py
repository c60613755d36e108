"""The gateway's connection to PostgreSQL is cut round a COMMIT: nobody knows whether it was."""

import pytest

from tests.acceptance.harness.applications import CARE, CHILDCARE, DISASTER
from tests.fault.processes.cutter import Cut, Cutter
from tests.fault.processes.footing import Footing


@pytest.mark.parametrize("cut", Cut)
@pytest.mark.parametrize(
    "action", ["application.accepted", "delivery.queued", "delivery.claimed", "delivery.delivered"]
)
async def test_a_commit_that_nobody_knows_of_is_neither_lost_nor_done_twice(
    action: str, cut: Cut, production: Footing, cutter: Cutter
) -> None:
    before = cutter.cuts
    async with production.front() as front:
        cutter.order(action, cut)
        sent = await front.submit_all([CARE, CHILDCARE, DISASTER])
        await production.settle()

    assert cutter.cuts == before + 1
    # No worker died, and each knows what it did: nobody has to guess.
    assert production.judge(sent) == {"delivered": 3}
