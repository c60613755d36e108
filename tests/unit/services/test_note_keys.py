"""Keys are written down at start, whatever somebody has done to the log."""

from pathlib import Path

from gateway.drivers.system_clock import SystemClock
from gateway.services.note_keys import NoteKeys
from gateway.testing.world import World
from tests.unit.services.test_seal_log import tamper


async def test_a_spoilt_entry_keeps_no_gateway_from_starting(world: World, tmp_path: Path) -> None:
    journal = world.gateway.journal
    note = NoteKeys(journal=journal, keys={"gateway/1": "a", "log/1": "b"}, clock=SystemClock())
    await journal.record(list(await note.entries()))
    assert list(await note.entries()) == []
    place = journal.chain_head
    assert place is not None
    tamper(tmp_path, "UPDATE entries SET data = X'00' WHERE nseq = ?", place[0])

    again = await note.entries()

    assert [entry.facts for entry in again] == [{"key": "log/1", "kid": "b"}]
