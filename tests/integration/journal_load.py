"""A process that writes to a journal as fast as it can and prints what was acknowledged.

Usage: journal_load.py URL NODE, with ``sqlite:///PATH`` or ``postgresql://…``. Prints
``accepted APPLICATION DELIVERY``, ``queued DELIVERY`` and ``sealed SIZE ROOT``, each after the
call returned.
"""

import asyncio
import sys
from pathlib import Path

from gateway.domain.identifiers import NodeName
from gateway.domain.lifecycle import State
from gateway.drivers.journal_postgres import PostgresJournal
from gateway.drivers.journal_sqlite import SQLiteJournal
from gateway.ports.journal import Journal
from gateway.testing.builders import an_acceptance
from gateway.testing.contracts.journal import becomes, delivery_of
from gateway.testing.contracts.journal_audit import sealing

CALLERS = 32


def journal_at(url: str, node: str) -> Journal:
    if url.startswith("sqlite:///"):
        return SQLiteJournal(Path(url.removeprefix("sqlite:///")), node=NodeName(node))
    return PostgresJournal(url, node=NodeName(node))


async def call_for_ever(journal: Journal) -> None:
    while True:
        acceptance = an_acceptance()
        delivery = delivery_of(acceptance)
        await journal.accept(acceptance)
        sys.stdout.write(f"accepted {acceptance.application.id} {delivery}\n")
        sys.stdout.flush()
        await journal.decide(delivery, becomes(State.QUEUED))
        sys.stdout.write(f"queued {delivery}\n")
        sys.stdout.flush()


async def seal_for_ever(journal: Journal) -> None:
    while True:
        head = await journal.seal(sealing(), limit=50)
        if head is not None:
            sys.stdout.write(f"sealed {head.size} {head.root.hex()}\n")
            sys.stdout.flush()
        await asyncio.sleep(0.01)


async def main() -> None:
    journal = journal_at(*sys.argv[1:])
    await journal.open()
    async with asyncio.TaskGroup() as callers:
        for _ in range(CALLERS):
            callers.create_task(call_for_ever(journal))
        callers.create_task(seal_for_ever(journal))


if __name__ == "__main__":
    asyncio.run(main())
