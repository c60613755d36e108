"""A gateway seals only behind the last head it knows, also after a restart, unless told to."""

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import structlog

from gateway.bootstrap.key_names import log_key
from gateway.bootstrap.log_signing import log_public, log_signing
from gateway.crypto import keys
from gateway.domain.entry import Action, Actor, ActorKind
from gateway.domain.errors import LogUnusableError
from gateway.drivers.file_checkpoint import FileCheckpoint
from gateway.drivers.system_clock import SystemClock
from gateway.services.operate.accept_restore import AcceptRestore
from gateway.services.operate.refusals import OperationError
from gateway.services.seal_log import SealLog
from gateway.testing.builders import an_entry
from gateway.testing.world import World

SATO = Actor(ActorKind.OPERATOR, "sato")
SEALED = ("log_head", "log_runs", "log_tiles", "log_checkpoints")

Rows = dict[str, Sequence[tuple[object, ...]]]


@dataclass
class Homes:
    """A journal, and homes of gateways of it.

    Attributes:
        world: Has the journal and the keys.
        folder: Where everything is.
        told: What every gateway logged.
    """

    world: World
    folder: Path
    told: list[Any] = field(default_factory=list)

    def kept(self, home: str = "home") -> FileCheckpoint:
        return FileCheckpoint(self.folder / home / "log-checkpoint")

    def sealer(self, home: str = "home") -> SealLog:
        return SealLog(
            journal=self.world.gateway.journal,
            signing=log_signing(self.world.store),
            origin=None,
            new_origin="kakehashi/test",
            clock=SystemClock(),
            kept=self.kept(home),
            reread=lambda: log_public(self.world.store),
        )

    async def started(self, home: str = "home") -> SealLog:
        """Return a gateway's sealer as it is after a start."""
        sealer = self.sealer(home)
        with structlog.testing.capture_logs() as events:
            await self.world.gateway.journal.record(await sealer.check())
            await sealer.begin()
            await sealer.finish()
        self.told = events
        return sealer

    async def put(self, count: int) -> None:
        await self.world.gateway.journal.record([an_entry(facts={"n": n}) for n in range(count)])

    async def accept(self, home: str = "home") -> dict[str, object]:
        operation = AcceptRestore(
            journal=self.world.gateway.journal,
            clock=SystemClock(),
            signing=lambda: log_signing(self.world.store),
            kept=self.kept(home),
        )
        return await operation(actor=SATO, reason="バックアップから復元した")

    async def size(self) -> int | None:
        head = await self.world.gateway.journal.log_head()
        return None if head is None else head.size

    def taken(self) -> Rows:
        with sqlite3.connect(self.folder / "journal.db") as connection:
            rows = {each: connection.execute(f"SELECT * FROM {each}").fetchall() for each in SEALED}  # noqa: S608 - constants
        connection.close()
        return rows

    def put_back(self, rows: Rows) -> None:
        """Make the sealed log what it was: what somebody does with rights over the database."""
        with sqlite3.connect(self.folder / "journal.db", timeout=10) as connection:
            for table in SEALED:
                connection.execute(f"DELETE FROM {table}")  # noqa: S608 - a constant
                for row in rows.get(table, ()):
                    marks = ", ".join("?" * len(row))
                    connection.execute(f"INSERT INTO {table} VALUES ({marks})", row)  # noqa: S608 - as above
        connection.close()


@pytest.fixture
def homes(world: World, tmp_path: Path) -> Homes:
    return Homes(world, tmp_path)


async def test_a_restarted_gateway_seals_nothing_anew_where_seals_were_wiped(
    homes: Homes,
) -> None:
    await homes.put(3)
    await homes.started()
    homes.put_back({})

    sealer = await homes.started()

    assert await homes.size() is None
    assert not (await sealer.standing()).usable
    [refusal] = [each for each in homes.told if each["event"] == "log.not_sealed"]
    assert (refusal["log_level"], refusal["code"]) == ("error", "log.unusable")
    assert "gone, 3 entries were sealed" in refusal["subject"]
    assert "kakehashi audit accept-restore" in refusal["subject"]


async def test_a_restarted_gateway_signs_nothing_behind_an_earlier_head(homes: Homes) -> None:
    await homes.put(2)
    await homes.started()
    early = homes.taken()
    await homes.put(2)
    await homes.started()
    homes.put_back(early)

    sealer = await homes.started()

    assert await homes.size() == 2
    assert not (await sealer.standing()).usable


async def test_a_head_that_grew_out_of_another_history_is_not_gone_on_from(homes: Homes) -> None:
    await homes.put(2)
    await homes.started()
    homes.put_back({})
    await homes.put(3)
    await homes.started("another-home")
    assert await homes.size() == 5
    # The same first entries make the same first root, in spite of all.
    assert (await (await homes.started()).standing()).usable
    homes.put_back({})
    with sqlite3.connect(homes.folder / "journal.db", timeout=10) as connection:
        for (drop,) in connection.execute(
            "SELECT 'DROP TRIGGER ' || name FROM sqlite_master WHERE type = 'trigger'"
        ).fetchall():
            connection.execute(drop)
        connection.execute("UPDATE entries SET data = CAST(data || ' ' AS BLOB) WHERE nseq = 1")
    connection.close()
    await homes.put(1)
    await homes.started("a-third-home")

    sealer = await homes.started()

    assert await homes.size() == 6
    assert not (await sealer.standing()).usable
    assert "another history than was signed at 5 entries" in homes.told[0]["subject"]


async def test_without_a_kept_checkpoint_a_gateway_says_so_and_seals(homes: Homes) -> None:
    await homes.put(1)

    sealer = await homes.started()
    told = [(each["event"], each["reason"]) for each in homes.told]
    again = await homes.started()

    assert told == [("log.checkpoint_not_kept", "none_there")]
    assert homes.told == []
    assert (await sealer.standing()).usable
    assert (await again.standing()).usable


async def test_a_checkpoint_that_cannot_be_written_is_told_once_and_stops_nothing(
    homes: Homes,
) -> None:
    await homes.put(1)
    sealer = await homes.started()
    (homes.folder / "home/log-checkpoint").unlink()
    (homes.folder / "home").rmdir()
    (homes.folder / "home").write_text("not a folder", encoding="utf-8")
    with structlog.testing.capture_logs() as events:
        for _ in range(2):
            await homes.put(1)
            await sealer.finish()
    assert [(each["event"], each["reason"]) for each in events] == [
        ("log.checkpoint_not_kept", "not_written")
    ]
    assert (await sealer.standing()).size == 3


async def test_a_gateway_keeps_what_another_one_sealed(homes: Homes) -> None:
    await homes.put(1)
    one = await homes.started("one")
    other = await homes.started("other")
    await homes.put(1)
    await one.finish()

    await other.finish()

    assert homes.kept("other").read() == homes.kept("one").read()
    assert "\n2\n" in str(homes.kept("other").read())


async def test_an_operator_lets_the_log_go_on_and_the_log_says_from_where(homes: Homes) -> None:
    await homes.put(2)
    await homes.started()
    early = homes.taken()
    await homes.put(3)
    await homes.started()
    homes.put_back(early)
    sealer = await homes.started()

    done = await homes.accept()
    await sealer.finish()

    assert (done["kept"], done["size"]) == (5, 2)
    assert "\n5\n" in Path(str(done["aside"])).read_text(encoding="utf-8")
    assert (await sealer.standing()).usable
    assert await homes.size() == 6
    restored = (await homes.world.log())[-1]
    assert (restored["action"], restored["actor"]["name"]) == ("log.restored", "sato")
    assert (restored["facts"]["kept"], restored["facts"]["size"]) == (5, 2)
    assert (await (await homes.started()).standing()).usable


async def test_a_running_gateway_goes_on_when_the_loss_of_all_seals_is_accepted(
    homes: Homes,
) -> None:
    await homes.put(2)
    sealer = await homes.started()
    homes.put_back({})
    await homes.put(1)
    await sealer.finish()
    assert not (await sealer.standing()).usable

    done = await homes.accept()
    await sealer.finish()

    assert (done["kept"], done["size"]) == (2, 0)
    assert (await sealer.standing()).usable
    assert await homes.size() == 4


async def test_a_checkpoint_that_somebody_takes_away_is_put_back_and_accepts_nothing(
    homes: Homes,
) -> None:
    await homes.put(3)
    sealer = await homes.started()
    kept = homes.kept().read()
    homes.put_back({})
    await sealer.finish()
    (homes.folder / "home/log-checkpoint").unlink()

    with structlog.testing.capture_logs() as events:
        await sealer.finish()
        await sealer.finish()

    assert [each.get("reason") for each in events] == ["taken_away"]
    assert not (await sealer.standing()).usable
    assert await homes.size() is None
    assert homes.kept().read() == kept
    assert not (await (await homes.started()).standing()).usable


async def test_that_nothing_is_sealed_is_accepted_once_and_by_an_operator(homes: Homes) -> None:
    await homes.put(2)
    await homes.started()
    homes.put_back({})
    await homes.accept()

    with pytest.raises(OperationError, match="nothing to accept"):
        await homes.accept()
    sealer = await homes.started()

    assert homes.told == []
    assert (await sealer.standing()).usable
    assert await homes.size() == 3


async def test_nothing_is_accepted_where_nothing_went_back(homes: Homes) -> None:
    await homes.put(1)
    await homes.started()
    await homes.put(1)
    await homes.started("other")

    with pytest.raises(OperationError, match="nothing to accept"):
        await homes.accept()

    assert [each["action"] for each in await homes.world.log()].count("log.restored") == 0


@pytest.mark.parametrize("damaged", [b"\xff", b"nonsense", b""])
async def test_a_damaged_checkpoint_stops_sealing_until_it_is_accepted(
    homes: Homes, damaged: bytes
) -> None:
    await homes.put(1)
    await homes.started()
    (homes.folder / "home/log-checkpoint").write_bytes(damaged)
    sealer = await homes.started()
    assert not (await sealer.standing()).usable

    done = await homes.accept()
    await sealer.finish()

    assert (done["kept"], done["size"]) == (None, 1)
    assert (await sealer.standing()).usable


# Keys


async def test_a_new_key_that_first_signs_behind_a_restore_is_told_in_the_log(
    homes: Homes,
) -> None:
    await homes.put(2)
    await homes.started()
    early = homes.taken()
    await homes.put(1)
    await homes.started()
    homes.put_back(early)
    homes.world.store.add(log_key(2), keys.new_signing_key(), private=True)
    sealer = await homes.started()
    await homes.accept()

    await sealer.finish()
    await sealer.finish()

    actions = [each["action"] for each in await homes.world.log()]
    assert actions[-2:] == ["log.restored", "key.changed"]
    assert (await sealer.standing()).size == len(actions)
    assert (await (await homes.started()).standing()).usable


async def test_a_history_signed_with_a_retired_key_is_not_gone_on_from(homes: Homes) -> None:
    await homes.put(1)
    await homes.started()
    retired = log_signing(homes.world.store)
    homes.world.store.add(log_key(2), keys.new_signing_key(), private=True)
    await homes.started()
    homes.put_back({})
    thief = SealLog(
        journal=homes.world.gateway.journal,
        signing=retired,
        origin=None,
        new_origin="kakehashi/test",
        clock=SystemClock(),
    )
    await homes.put(1)
    await thief.finish()

    with_it = await homes.started()
    assert not (await with_it.standing()).usable
    assert "signed by a key that had been replaced" in homes.told[0]["subject"]
    without_it = await homes.started("new-home")

    assert not (await without_it.standing()).usable
    told = [each for each in homes.told if each["event"] == "log.not_sealed"]
    assert "signed by a key that had been replaced" in told[0]["subject"]
    await homes.accept("new-home")
    assert (await (await homes.started("new-home")).standing()).usable


async def test_while_gateways_change_their_key_one_by_one_the_older_ones_only_wait(
    homes: Homes,
) -> None:
    await homes.put(1)
    older = await homes.started("older")
    homes.world.store.add(log_key(2), keys.new_signing_key(), private=True)
    newer = await homes.started("newer")
    await homes.put(1)

    with structlog.testing.capture_logs() as events:
        await older.finish()
        await older.finish()

    assert [(each["event"], each["key"]) for each in events] == [("log.signing_waits", "log/2")]
    assert (await older.standing()).usable
    assert (await older.standing()).unsealed == 1
    await newer.finish()
    await older.finish()
    assert (await older.standing()).size == (await newer.standing()).size == 3
    assert homes.kept("older").read() == homes.kept("newer").read()


async def test_a_change_of_key_is_not_sealed_with_the_older_key(homes: Homes) -> None:
    await homes.put(1)
    older = await homes.started("older")
    homes.world.store.add(log_key(2), keys.new_signing_key(), private=True)
    newer = homes.sealer("newer")
    await homes.world.gateway.journal.record(await newer.check())

    await older.finish()

    assert await homes.size() == 1
    await newer.finish()
    await older.finish()
    assert (await older.standing()).size == 2


async def test_a_change_to_a_key_that_nobody_knows_keeps_nobody_from_sealing(
    homes: Homes,
) -> None:
    await homes.put(1)
    sealer = await homes.started()
    for facts in ({"key_id": "00000000"}, {}):
        await homes.world.gateway.journal.record([an_entry(action=Action.KEY_CHANGED, facts=facts)])

    await sealer.finish()

    assert (await sealer.standing()).size == 3


async def test_a_checkpoint_that_cannot_be_read_or_moved_is_a_refusal(homes: Homes) -> None:
    (homes.folder / "home").write_text("not a folder", encoding="utf-8")

    with pytest.raises(LogUnusableError, match="ENOTDIR"):
        homes.kept().read()
    with pytest.raises(LogUnusableError, match="ENOTDIR"):
        homes.kept().set_aside()

    assert not homes.kept().keep("x")
    assert homes.kept("elsewhere").set_aside() is None
