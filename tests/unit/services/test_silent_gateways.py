"""Which other gateways of a journal fell silent without saying that they stop."""

from datetime import datetime, timedelta
from pathlib import Path

from gateway.console.words import load_words
from gateway.domain.entry import Action
from gateway.domain.identifiers import NodeName
from gateway.drivers.journal_sqlite.driver import SQLiteJournal
from gateway.services.operate.silent_gateways import SilentGateways
from gateway.testing.builders import NOW, an_entry

CLOCK, STARTED, STOPPED = Action.CLOCK_OBSERVED, Action.NODE_STARTED, Action.NODE_STOPPED


class SetClock:
    """Tells the time that it is set to."""

    def __init__(self) -> None:
        self.at = NOW

    def now(self) -> datetime:
        return self.at


async def written(path: Path, node: str, *signs: tuple[Action, float]) -> None:
    """Have a gateway write so many seconds before ``NOW``."""
    journal = SQLiteJournal(path, node=NodeName(node))
    await journal.open()
    await journal.record(
        [an_entry(action=action, at=NOW - timedelta(seconds=ago_s)) for action, ago_s in signs]
    )
    await journal.close()


async def test_a_gateway_that_stopped_writing_is_told_of_and_one_that_said_that_it_stops_is_not(
    tmp_path: Path,
):
    path = tmp_path / "journal.db"
    await written(path, "gw-1", (STARTED, 900), (CLOCK, 400))
    await written(path, "dead", (STARTED, 900), (CLOCK, 300), (CLOCK, 240))
    await written(path, "ended", (CLOCK, 300), (STOPPED, 290))
    await written(path, "lives", (CLOCK, 140))
    await written(path, "anew", (CLOCK, 600), (STARTED, 20))
    await written(path, "long-ago", (CLOCK, 4_000))
    journal = SQLiteJournal(path, node=NodeName("gw-1"))
    await journal.open()
    clock, steady = SetClock(), [0.0]
    silent = SilentGateways(journal=journal, clock=clock, monotonic=lambda: steady[0])
    try:
        found = await silent()
        clock.at += timedelta(seconds=3_500)
        steady[0] += 60.0
        later = await silent()
    finally:
        await journal.close()

    assert found == {"dead": NOW - timedelta(seconds=240)}
    assert set(later) == {"anew"}


def test_a_silent_gateway_has_words():
    assert "overview.finding.gateway_silent" in load_words()
