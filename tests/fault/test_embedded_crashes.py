"""Kill -9 of the one process of the embedded footing, again and again, under load."""

import asyncio
import os
import random
from pathlib import Path

from tests.acceptance.harness.embedded import Embedded
from tests.acceptance.harness.landscape import Landscape
from tests.acceptance.harness.load import Load
from tests.acceptance.harness.verdict import judge, settled

KILLS = int(os.environ.get("CRASH_KILLS", "6"))
SEED = int(os.environ.get("CRASH_SEED", "20261123"))


async def test_what_was_accepted_survives_kills_of_up_and_nothing_arrives_twice(
    tmp_path: Path, landscape: Landscape, report: list[str]
) -> None:
    chance = random.Random(SEED)  # noqa: S311 - a rehearsal, not a secret
    up = Embedded(tmp_path / "up", landscape.destinations())
    up.start()
    landscape.slow_down(0.05)
    try:
        async with up.front() as front:
            load = Load(front, most=100 * KILLS, seed=SEED)
            sending = asyncio.create_task(load.run())
            for _ in range(KILLS):
                await asyncio.sleep(chance.uniform(0.2, 2.0))
                await asyncio.to_thread(up.program.kill)
                await asyncio.to_thread(up.start)
            load.stop()
            await sending
        settle_s = await settled(up.operator)
        verdict = await asyncio.to_thread(
            judge, load.sent, up.operator, landscape, settle_s=settle_s
        )
        report.append(f"embedded: {KILLS} kills of up: {verdict}")
        assert await asyncio.to_thread(up.program.stop) is not None
    finally:
        up.program.kill()
