"""A disk is full: nothing is half-written, and all goes on by itself when there is room."""

import json
import secrets
from dataclasses import replace
from pathlib import Path

import pytest

from adapters.file import FileConfig, FileDestination
from adapters.file.client import STATE_FOLDER
from gateway.bootstrap.key_names import GATEWAY_KEY, destination_key, worker_key
from gateway.crypto import keys
from gateway.crypto.seal import Opener
from gateway.crypto.sign import Signer, Verifier
from gateway.domain.identifiers import DestinationName, MunicipalityCode, NodeName, WorkerName
from gateway.domain.lifecycle import State
from gateway.drivers.journal_postgres import PostgresJournal
from gateway.drivers.journal_sqlite import SQLiteJournal
from gateway.drivers.system_clock import SystemClock
from gateway.sdk import Context, Idempotency
from gateway.services.deliver import Deliver
from gateway.services.delivery_settings import DeliverySettings
from gateway.testing.contracts.journal import chain_of
from gateway.testing.postgres import PostgresNode
from gateway.testing.world import DESTINATION, MUNICIPALITY, World
from tests.fault.journal.conftest import SmallDisk
from tests.fault.journal.town import a_town

WAITING = (State.PENDING, State.QUEUED, State.SENDING, State.RETRYING)


async def test_a_full_disk_under_the_journal_refuses_early_and_loses_nothing(
    disk: SmallDisk, tmp_path: Path
) -> None:
    journal = SQLiteJournal(disk.folder / "journal.db", node=NodeName("gw-1"))
    async with a_town(World.make(tmp_path, opened=journal)) as town:
        async with town.load():
            await town.until_accepted(50)
            disk.fill()
            await town.until_refused(40)
            disk.free()
            await town.until_accepted(50)
        await town.until_finished()

        await town.assert_every_account_is_square()
        town.assert_refusals_were_honest()


async def test_a_journal_that_was_closed_on_a_full_disk_is_whole(
    disk: SmallDisk, tmp_path: Path
) -> None:
    path = disk.folder / "journal.db"
    async with a_town(
        World.make(tmp_path, opened=SQLiteJournal(path, node=NodeName("gw-1")))
    ) as town:
        for _ in range(20):
            await town.send()
        disk.fill()
        while (await town.ask(town.next_number())).status == 202:
            pass
    disk.free()

    again = SQLiteJournal(path, node=NodeName("gw-1"))
    await again.open()

    for application in town.accepted.values():
        assert await again.dossier(application) is not None
    assert sum((await again.counts())[DESTINATION].values()) == len(town.accepted)
    await chain_of(again)
    await again.close()


def a_file_worker(world: World, folder: Path, own: Path) -> Deliver:
    """Return a worker of the world's destination that writes into a drop folder."""
    gateway_key = world.store.public(GATEWAY_KEY)
    return Deliver(
        settings=DeliverySettings(
            destination=DestinationName(DESTINATION),
            municipality=MunicipalityCode(MUNICIPALITY),
            worker=WorkerName(f"w1/{secrets.token_hex(4)}"),
            adapter="file 1.0.0",
            version="0",
            idempotency=Idempotency.LOOKUP,
            max_in_flight=4,
            send_timeout_s=5.0,
            settle_s=0.0,
            key_memory_s=3600.0,
        ),
        context=Context(destination=DESTINATION, municipality=MUNICIPALITY, folder=own),
        adapter=FileDestination(FileConfig(folder=folder, min_free_mib=0)),
        broker=world.broker,
        opener=Opener([world.store.private(destination_key(DESTINATION))]),
        signer=Signer(world.store.private(worker_key("w1"))),
        verifier=Verifier({keys.thumbprint(gateway_key): gateway_key}),
        clock=SystemClock(),
    )


@pytest.mark.postgres
async def test_a_full_drop_folder_holds_its_own_deliveries_and_nobody_else(
    disk: SmallDisk, tmp_path: Path, server: PostgresNode
) -> None:
    journal = PostgresJournal(server.database(), node=NodeName("gw-1"))
    world = World.make(tmp_path, opened=journal, idempotency="lookup", breaker={"probe_s": 0.2})
    drop = disk.folder / "drop"
    world.worker = a_file_worker(world, drop, tmp_path)
    # What is claimed just when the breaker tries whether there is room would wait half a minute.
    policies, core = world.gateway.destinations._policies, DestinationName(DESTINATION)
    policies[core] = replace(policies[core], hold_s=0.2)
    async with a_town(world) as town:
        for _ in range(5):
            await town.send()
        await town.until_finished()
        disk.fill()

        first, *others = [await town.world.delivery_of(await town.send()) for _ in range(5)]
        # The breaker opens at the first; the others are not even tried.
        await town.world.until(first, *WAITING, code="file.disk_full")
        found = [await journal.delivery(record.id) for record in (first, *others)]
        assert {(record.state in WAITING, record.counted) for record in found} == {(True, 0)}
        assert len(list(drop.glob("*.json"))) == 5
        assert town.refused == []

        disk.free()
        await town.until_finished()
        records = await town.deliveries()
        documents = {path.stem: json.loads(path.read_bytes()) for path in drop.glob("*.json")}
        assert {record.state for record in records} == {State.DELIVERED}
        assert documents.keys() == {record.idempotency_key for record in records}
        assert list((drop / STATE_FOLDER).glob("*.tmp")) == []
        await chain_of(journal)
