"""The database file takes no writes: nothing is accepted, outcomes wait, and all recovers."""

import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path

from gateway.domain.identifiers import NodeName
from gateway.domain.lifecycle import State
from gateway.drivers.journal_sqlite import SQLiteJournal
from gateway.sdk import Application, Delivery, Receipt
from gateway.testing.world import World
from tests.fault.journal.town import PATIENCE_S, a_town


async def test_an_outcome_waits_while_somebody_holds_the_database(tmp_path: Path) -> None:
    path = tmp_path / "held.db"
    journal = SQLiteJournal(path, node=NodeName("gw-1"))
    async with a_town(World.make(tmp_path, opened=journal)) as town:
        await journal._write(lambda connection, _: connection.execute("PRAGMA busy_timeout = 1"))
        with closing(sqlite3.connect(path, isolation_level=None, timeout=10)) as somebody:

            def send_and_hold(_application: Application, _delivery: Delivery) -> Receipt:
                # In the very send: the claim is committed, and no outcome can be.
                somebody.execute("BEGIN IMMEDIATE")
                return Receipt(reference="K-1")

            town.world.adapter.script.append(send_and_hold)
            application = await town.send()
            async with asyncio.timeout(PATIENCE_S):
                while not town.world.adapter.sent:  # noqa: ASYNC110 - the destination tells nobody
                    await asyncio.sleep(0.01)
            statuses = {(await town.ask(town.next_number())).status for _ in range(5)}
            waiting = await town.world.delivery_of(application)
            somebody.execute("ROLLBACK")
        await town.until_finished()

        assert statuses == {503}
        assert waiting.state == State.SENDING
        await town.assert_every_account_is_square()
        town.assert_refusals_were_honest()
