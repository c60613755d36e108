"""Kill -9 of gateway, workers and broker in turn, under load."""

import asyncio
import os
import random
import time
from collections import Counter
from collections.abc import Callable

from tests.acceptance.harness.landscape import Landscape
from tests.acceptance.harness.load import Load
from tests.acceptance.harness.production import WORKERS, Production
from tests.acceptance.harness.verdict import judge, settled

KILLS = int(os.environ.get("CRASH_KILLS", "5"))
SEED = int(os.environ.get("CRASH_SEED", "20261123"))


async def test_what_was_accepted_survives_kills_of_every_part_and_nothing_arrives_twice(
    landscape: Landscape, production: Callable[..., Production], report: list[str]
) -> None:
    chance = random.Random(SEED)  # noqa: S311 - a rehearsal, not a secret
    footing = production(landscape.destinations(), nodes=("gw-1", "gw-2"), workers=WORKERS)
    footing.start()
    landscape.slow_down(0.05)
    async with footing.front() as front:
        load = Load(front, most=300 * KILLS, seed=SEED)
        sending = asyncio.create_task(load.run())
        kills = Counter()
        victims: list[str] = []
        for _ in range(KILLS):
            if not victims:
                victims = ["gw-1", "w-1", "rabbitmq", "gw-2", "w-2"]
                chance.shuffle(victims)
            victim = victims.pop()
            await asyncio.sleep(chance.uniform(0.2, 2.0))
            kills[victim] += 1
            await asyncio.to_thread(_kill, footing, victim, chance.uniform(0, 1.0))
        load.stop()
        await sending
    settle_s = await settled(footing.operator)
    verdict = await asyncio.to_thread(
        judge, load.sent, footing.operator, landscape, settle_s=settle_s
    )
    killed = ", ".join(f"{count} of {name}" for name, count in sorted(kills.items()))
    report.append(f"production: {KILLS} kills ({killed}): {verdict}")


def _kill(footing: Production, victim: str, down_s: float) -> None:
    """Kill one part, leave it dead for a moment, start it again."""
    if victim == "rabbitmq":
        footing.rabbit.kill()
        time.sleep(down_s)
        footing.rabbit.restart()
    elif victim in footing.gateways:
        footing.gateways[victim].kill()
        time.sleep(down_s)
        footing.start_gateway(victim)
    else:
        footing.workers[victim].kill()
        time.sleep(down_s)
        footing.workers[victim].start()
