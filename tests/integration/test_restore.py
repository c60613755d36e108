"""A journal that is put back: what waited goes on, nothing doubles, nothing is lost silently."""

import asyncio
import shutil
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from gateway.bootstrap.operate import build_operate
from gateway.domain.entry import Actor, ActorKind
from gateway.domain.identifiers import DeliveryId
from gateway.domain.lifecycle import State
from gateway.domain.records import DeliveryRecord
from gateway.drivers.memory_keys import MemoryKeys
from gateway.sdk import Receipt
from gateway.services.accept import AcceptanceReceipt
from gateway.services.operate.by_name import Operations
from gateway.services.operate.refusals import OperationError
from gateway.settings.load import build
from gateway.testing.postgres import PostgresNode
from gateway.testing.world import World, document

ME = Actor(ActorKind.OPERATOR, "sato")
REASON = "昨夜のバックアップから復元"
WAITING = 6


@dataclass(slots=True)
class Footing:
    """A journal that can be backed up while it is written to, and put back."""

    folder: Path
    url: str
    back_up: Callable[[World], Awaitable[object]]
    put_back: Callable[[], str]

    def world(self, store: MemoryKeys, idempotency: str) -> World:
        return World.make(
            self.folder, store=store, journal={"url": self.url}, idempotency=idempotency
        )


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def footing(request: pytest.FixtureRequest, tmp_path: Path) -> Footing:
    copy = tmp_path / "backup"
    if request.param == "sqlite":
        journal = tmp_path / "journal.db"

        async def back_up(world: World) -> object:
            return await world.gateway.operate.log.back_up(str(copy), actor=ME)

        def put_back() -> str:
            for part in tmp_path.glob("journal.db*"):
                part.unlink()
            shutil.copyfile(copy, journal)
            return f"sqlite:///{journal}"

        return Footing(tmp_path, f"sqlite:///{journal}", back_up, put_back)
    node: PostgresNode = request.getfixturevalue("postgres_node")
    url = node.database()

    async def dump(_: World) -> object:
        # A folder of the server's, which does not run as us.
        return await asyncio.to_thread(node.dump, url)

    def restore() -> str:
        restored = node.database()
        node.restore(url, restored)
        return restored

    return Footing(tmp_path, url, dump, restore)


def beside(footing: Footing, world: World, idempotency: str) -> Operations:
    """Return the operations as a command has them while no gateway runs."""
    members = document(footing.folder, idempotency=idempotency)
    settings = build({**members, "journal": {"url": footing.url}})
    return build_operate(settings, world.store, world.gateway.journal)


async def seal(world: World) -> None:
    await world.gateway.journal.record(await world.gateway.seal_log.check())
    await world.gateway.seal_log.finish()


async def backed_up_and_delivered(
    footing: Footing, store: MemoryKeys, idempotency: str
) -> tuple[list[DeliveryRecord], list[DeliveryRecord], dict[str, Receipt]]:
    """Back up under load, then deliver everything; return what waited before, what came later."""
    async with footing.world(store, idempotency) as world:
        waiting = [await world.accepted() for _ in range(WAITING)]
        await seal(world)
        backup = asyncio.ensure_future(footing.back_up(world))
        meanwhile: list[DeliveryRecord] = []
        while not backup.done() or len(meanwhile) < WAITING:
            meanwhile.append(await world.accepted())
            await asyncio.sleep(0)
        await backup
        meanwhile.append(await world.accepted())
        world.start_worker()
        for record in (*waiting, *meanwhile):
            await world.until(record, State.DELIVERED)
        await seal(world)
        return waiting, meanwhile, world.adapter.held


@pytest.mark.parametrize("idempotency", ["native", "lookup", "none"])
async def test_what_a_backup_holds_goes_on_after_a_restore_and_nothing_doubles(
    footing: Footing, idempotency: str
) -> None:
    store = MemoryKeys()
    waiting, meanwhile, core = await backed_up_and_delivered(footing, store, idempotency)
    footing.url = footing.put_back()

    restored = footing.world(store, idempotency)
    restored.adapter.held.update(core)
    await restored.gateway.journal.open()
    command = beside(footing, restored, idempotency)
    doubted = await command.log.doubt_restored(actor=ME)
    async with restored as world:
        await seal(world)
        went_back = not (await world.gateway.seal_log.standing()).usable
        await world.gateway.operate.log.accept_restore(actor=ME, reason=REASON)
        await seal(world)
        usable = (await world.gateway.seal_log.standing()).usable
        with pytest.raises(OperationError, match="a gateway runs"):
            await world.gateway.operate.log.doubt_restored(actor=ME)
        world.start_worker()
        ended = State.IN_DOUBT if idempotency == "none" else State.DELIVERED
        for record in waiting:
            await world.until(record, ended)
        known: dict[DeliveryId, bool] = {}
        for record in meanwhile:
            found = await world.gateway.journal.delivery(record.id)
            known[record.id] = found is not None
            if found is not None:
                await world.until(record, ended)
        sent = [delivery.idempotency_key for _, delivery in world.adapter.sent]
        held = world.adapter.held.keys() | set()
        # What came after the backup is gone: whoever has a receipt sends it again.
        world._submitted = WAITING + len(meanwhile) - 1
        again = await world.submit()

    in_backup = WAITING + sum(known.values())
    assert (went_back, usable) == (True, True)
    assert held == core.keys()
    assert known[meanwhile[-1].id] is False
    if idempotency == "native":
        # Sent again under the same keys, which the core system knows.
        assert len(sent) == in_backup
    else:
        assert doubted == {"doubted": {"core": in_backup}}
        assert sent == []
    assert isinstance(again, AcceptanceReceipt)
    assert not again.replayed
