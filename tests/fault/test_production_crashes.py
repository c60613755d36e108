"""Kill -9 of gateway, workers and broker in turn, under load."""

import asyncio
import json
import os
import random
import time
from collections import Counter
from collections.abc import Callable

import pytest

from gateway.testing.postgres import PostgresNode
from tests.acceptance.harness.landscape import CARELESS, Landscape
from tests.acceptance.harness.load import Load
from tests.acceptance.harness.processes import CommandFailedError
from tests.acceptance.harness.production import WORKERS, Production
from tests.acceptance.harness.verdict import judge, settled
from tests.fault.restored import REASON, assert_goes_on, lost_under_load, quick_to_answer

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


async def test_a_dump_of_what_runs_goes_on_in_another_database_and_nothing_arrives_twice(
    landscape: Landscape,
    production: Callable[..., Production],
    postgres_node: PostgresNode,
    report: list[str],
) -> None:
    footing = production(quick_to_answer(landscape))
    operator, config = footing.operator, footing.gateway_machine.config
    document = json.loads(config.read_text())
    url = document["journal"]["url"]
    footing.start()

    def back_up() -> None:
        with pytest.raises(CommandFailedError, match=r"docs/howto/restore\.md"):
            operator.ask("backup", str(config.with_name("copy.db")))
        postgres_node.dump(url)

    async with footing.front() as front:
        async with lost_under_load(front, landscape, back_up=back_up, kill=footing.kill) as before:
            document["journal"]["url"] = postgres_node.database()
            await asyncio.to_thread(postgres_node.restore, url, document["journal"]["url"])
            config.write_text(json.dumps(document))
            doubted = await asyncio.to_thread(operator.ask, "restored")
            await asyncio.to_thread(footing.start)
            went_back = await asyncio.to_thread(
                operator.ask, "audit", "accept-restore", "--reason", REASON
            )
        states = await assert_goes_on(before, operator, landscape)
    assert went_back["kept"] > went_back["size"]
    assert CARELESS in doubted["doubted"]
    report.append(f"production: restored, {doubted}: {dict(states)}; 0 lost, 0 doubled")


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
