"""Kill -9 of the one process of the embedded footing, again and again, under load."""

import asyncio
import os
import random
import shutil
from pathlib import Path

import pytest

from tests.acceptance.harness.embedded import Embedded
from tests.acceptance.harness.interruption import sent_and_in_hand
from tests.acceptance.harness.landscape import CARELESS, Landscape
from tests.acceptance.harness.load import Load
from tests.acceptance.harness.verdict import judge, settled
from tests.fault.restored import REASON, assert_goes_on, lost_under_load, quick_to_answer

KILLS = int(os.environ.get("CRASH_KILLS", "5"))
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
            load = Load(front, most=300 * KILLS, seed=SEED)
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


async def test_a_backup_of_what_runs_goes_on_in_another_place_and_nothing_arrives_twice(
    tmp_path: Path, landscape: Landscape, report: list[str]
) -> None:
    up = Embedded(tmp_path / "up", quick_to_answer(landscape))
    copy, journal = tmp_path / "copy.db", up.home / "journal.db"
    up.start()
    try:
        async with up.front() as front:
            async with lost_under_load(
                front,
                landscape,
                back_up=lambda: up.operator.ask("backup", str(copy)),
                kill=up.program.kill,
            ) as before:
                for part in up.home.glob("journal.db*"):
                    part.unlink()
                shutil.copyfile(copy, journal)
                doubted = await asyncio.to_thread(up.operator.ask, "restored")
                await asyncio.to_thread(up.start)
                went_back = await asyncio.to_thread(
                    up.operator.ask, "audit", "accept-restore", "--reason", REASON
                )
            states = await assert_goes_on(before, up.operator, landscape)
        assert went_back["kept"] > went_back["size"]
        assert CARELESS in doubted["doubted"]
        report.append(f"embedded: restored, {doubted}: {dict(states)}; 0 lost, 0 doubled")
        assert await asyncio.to_thread(up.program.stop) is not None
    finally:
        up.program.kill()


async def test_a_double_is_seen_where_a_core_system_only_claims_to_deduplicate(
    tmp_path: Path, landscape: Landscape
) -> None:
    """The control: were anything sent twice, the verdict of the runs above would say so."""
    destinations = landscape.destinations()
    destinations[CARELESS]["idempotency"] = "native"
    up = Embedded(tmp_path / "up", destinations)
    up.start()
    try:
        async with up.front() as front:
            sent = await sent_and_in_hand(front, landscape, slow_s=5)
            up.program.kill()
            await asyncio.to_thread(up.start)
        settle_s = await settled(up.operator)

        with pytest.raises(AssertionError, match=f"{CARELESS}: doubled"):
            judge(sent, up.operator, landscape, settle_s=settle_s)
    finally:
        up.program.kill()
