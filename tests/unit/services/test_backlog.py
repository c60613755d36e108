"""Too much unfinished work is noticed, told once, and forgotten once it is drained."""

import asyncio
from pathlib import Path
from typing import Any

from structlog.testing import capture_logs

from gateway.domain.entry import Actor, ActorKind
from gateway.services.accept import Refusal
from gateway.services.watch_backlog import WatchBacklog
from gateway.testing.faults import FlakyJournal
from gateway.testing.world import World, eventually

ME = Actor(ActorKind.OPERATOR, "sato")


def told(logs: list[Any]) -> list[str]:
    return [entry["event"] for entry in logs if entry["event"].startswith("backlog.")]


async def test_a_full_backlog_refuses_until_it_is_drained(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'journal.db'}"
    async with World.make(
        tmp_path, paused=True, journal={"url": url, "max_unfinished": 2}
    ) as world:
        with capture_logs() as logs:
            deliveries = [await world.accepted() for _ in range(2)]
            for _ in range(2):
                await world.gateway.watch_backlog.look()
            refused = await world.submit()
            await world.gateway.operate.decide.cancel(
                str(deliveries[0].id), actor=ME, reason="drill"
            )
            await world.gateway.watch_backlog.look()
        await world.accepted()

    assert isinstance(refused, Refusal)
    assert refused.status == 503
    assert told(logs) == ["backlog.full", "backlog.drained"]


async def test_a_journal_that_is_away_changes_nothing_about_the_last_look(
    flaky: World, journal: FlakyJournal
) -> None:
    watch = WatchBacklog(journal=journal, most=1)
    await flaky.accepted()
    running = asyncio.create_task(watch.run())
    await eventually(lambda: not watch.has_room())
    journal.is_down = True
    await asyncio.sleep(0.1)

    assert not watch.has_room()
    assert not running.done()
    running.cancel()
    await asyncio.wait({running})
