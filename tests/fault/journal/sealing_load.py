"""A gateway's journal and sequencer under load; prints what was acknowledged.

Usage: sealing_load.py URL NODE KEYS, with how many keys the log has. Prints, each after the call
returned: ``accepted APPLICATION LEAF``, ``wrote COUNT NSEQ LEAF`` (so many further entries; what
the node's chain ended with then, so that all up to there are acknowledged), and
``sealed CHECKPOINT`` (in base64).
"""

import asyncio
import base64
import sys
from typing import Final

from gateway.domain.entry import Action
from gateway.domain.errors import JournalUnavailableError, NodeNameTakenError
from gateway.drivers.system_clock import SystemClock
from gateway.ports.journal import Journal
from gateway.testing.builders import an_entry
from tests.integration.lives import accepted, delivered, journal_at, sealing

CALLERS: Final = 16
TOGETHER: Final = 25
"""So many entries that concern no application are recorded at once: they make the log long."""


def say(*words: object) -> None:
    sys.stdout.write(" ".join(map(str, words)) + "\n")
    sys.stdout.flush()


async def open_patiently(journal: Journal) -> None:
    """Open when the server has noticed that the name's last holder is dead."""
    while True:
        try:
            return await journal.open()
        except (NodeNameTakenError, JournalUnavailableError):
            await asyncio.sleep(0.02)


async def call_for_ever(journal: Journal) -> None:
    clock = SystemClock()

    def wrote(count: int) -> None:
        head = journal.chain_head
        assert head is not None
        say("wrote", count, head[0], head[1].hex())

    while True:
        acceptance, leaf = await accepted(journal, clock)
        say("accepted", acceptance.application.id, leaf)
        await delivered(journal, clock, acceptance, stored=lambda: wrote(1))
        observed = an_entry(action=Action.CLOCK_OBSERVED, at=clock.now())
        await journal.record([observed] * TOGETHER)
        wrote(TOGETHER)


async def tell_checkpoints(journal: Journal) -> None:
    told = ""
    while True:
        head = await journal.log_head()
        if head is not None and head.checkpoint != told:
            told = head.checkpoint
            say("sealed", base64.b64encode(told.encode()).decode())
        await asyncio.sleep(0.05)


async def main() -> None:
    url, node, keys = sys.argv[1:]
    journal = journal_at(url, node)
    await open_patiently(journal)
    sealer = sealing(journal, SystemClock(), keys=int(keys))
    await journal.record([an_entry(at=SystemClock().now()), *await sealer.check()])
    async with asyncio.TaskGroup() as tasks:
        for _ in range(CALLERS):
            tasks.create_task(call_for_ever(journal))
        tasks.create_task(sealer.run())
        tasks.create_task(tell_checkpoints(journal))


if __name__ == "__main__":
    asyncio.run(main())
