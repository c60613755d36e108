"""The log proves itself, and says where it was altered."""

import sqlite3
from collections.abc import AsyncIterator, Awaitable
from contextlib import closing
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from gateway.audit.chain import leaf
from gateway.audit.note import NoteKey
from gateway.domain.entry import Actor, ActorKind, StoredEntry
from gateway.domain.identifiers import ApplicationId, DeliveryId, NodeName
from gateway.drivers.journal_sqlite import SQLiteJournal
from gateway.drivers.system_clock import SystemClock
from gateway.services.operate.refusals import OperationError
from gateway.testing.world import World
from tests.integration.lives import accepted, delivered
from tests.integration.lives import verified as verified_as

ME = Actor(ActorKind.OPERATOR, "sato")


async def test_an_untouched_log_is_well_and_that_it_was_read_is_in_it(world: World) -> None:
    await world.accepted()

    report: Any = await world.gateway.operate.verify_log(actor=ME)

    assert report["ok"]
    assert report["failures"] == []
    assert report["nodes"]["gw-1"]["nseq"] == report["entries"]
    first, second = (await world.log())[-2:]
    for entry in (first, second):
        assert (entry["action"], entry["actor"]["name"]) == ("log.read", "sato")
    assert first["facts"] == {"purpose": "verify"}
    found = {"ok": True, "entries": report["entries"]}
    assert second["facts"] == {"purpose": "verify.result", **found}


async def test_whoever_ends_the_process_while_it_reads_has_left_an_entry(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    await world.accepted()

    def ended(_: object, **_arguments: object) -> AsyncIterator[StoredEntry]:
        raise KeyboardInterrupt

    for reading in ("checkpoints", "runs", "sealed_entries", "entries_behind"):
        monkeypatch.setattr(SQLiteJournal, reading, ended)
    with pytest.raises(KeyboardInterrupt):
        await verified(world)
    monkeypatch.undo()

    assert (await world.log())[-1]["facts"] == {"purpose": "verify"}


@pytest.mark.parametrize(
    ("tampering", "nseq"),
    [
        ("UPDATE entries SET data = replace(data, ':1}', ':2}') WHERE nseq = 2", 3),
        ("DELETE FROM entries WHERE nseq = 2", 3),
        ("UPDATE entries SET data = X'00' WHERE nseq = 2", 2),
    ],
    ids=["altered", "removed", "destroyed"],
)
async def test_what_was_altered_behind_our_back_is_found_at_its_place(
    tmp_path: Path, tampering: str, nseq: int
) -> None:
    async with World.make(tmp_path, paused=True) as world:
        for _ in range(4):
            await world.accepted()
        with sqlite3.connect(tmp_path / "journal.db") as connection:
            connection.create_function("replace", 3, _replace)
            for (statement,) in connection.execute(
                "SELECT 'DROP TRIGGER ' || name FROM sqlite_master WHERE type = 'trigger'"
            ).fetchall():
                connection.execute(statement)
            assert connection.execute(tampering).rowcount == 1
        connection.close()

        report: Any = await world.gateway.operate.verify_log(actor=ME)

    assert not report["ok"]
    [failure] = report["failures"]
    assert (failure["node"], failure["nseq"]) == ("gw-1", nseq)
    assert failure["problem"]


async def seal(world: World) -> str:
    """Seal everything; return the signed checkpoint."""
    await world.gateway.seal_log.begin()
    await world.gateway.seal_log.finish()
    head = await world.gateway.journal.log_head()
    assert head is not None
    return head.checkpoint


async def verified(world: World, **arguments: Any) -> Any:
    return await world.gateway.operate.verify_log(actor=ME, **arguments)


def rewrite(folder: Path, *statements: str) -> None:
    """Change the journal as somebody would who has its file."""
    with closing(sqlite3.connect(folder / "journal.db")) as connection, connection:
        connection.create_function("replace", 3, _replace)
        triggers = "SELECT name FROM sqlite_master WHERE type = 'trigger'"
        for (name,) in connection.execute(triggers).fetchall():
            connection.execute(f'DROP TRIGGER "{name}"')
        for statement in statements:
            assert connection.execute(statement).rowcount >= 1


@pytest.fixture
async def sealed(tmp_path: Path) -> AsyncIterator[World]:
    """Four accepted applications, all sealed, and nobody at work."""
    async with World.make(tmp_path, paused=True) as world:
        for _ in range(4):
            await world.accepted()
        await seal(world)
        yield world


async def test_a_sealed_log_agrees_with_its_checkpoints_and_what_is_behind_is_read_too(
    sealed: World,
) -> None:
    kept = await seal(sealed)
    await sealed.accepted()

    report = await verified(sealed, checkpoints={"mine": kept})

    assert report["ok"], report["failures"]
    assert 0 < report["sealed"] < report["entries"]
    assert report["matched"] >= 2
    assert (report["unsettled"], report["keys"]) == (0, "own")


async def test_an_entry_that_is_hidden_from_searches_is_named(
    sealed: World, tmp_path: Path
) -> None:
    rewrite(tmp_path, "UPDATE entries SET application_id = NULL WHERE nseq = 2")

    report = await verified(sealed)

    [failure] = report["failures"]
    assert failure["index"] == report["first_bad_index"]
    assert failure["problem"] == "it is not found by what it says: application"
    assert (await verified(sealed, known=[failure["index"]]))["ok"]


async def test_the_first_bad_index_is_named(sealed: World, tmp_path: Path) -> None:
    rewrite(tmp_path, "UPDATE entries SET data = replace(data, 'portal', 'partal') WHERE nseq = 2")

    report = await verified(sealed)

    assert (report["ok"], report["first_bad_index"]) == (False, 1)
    assert report["failures"][0]["problem"].startswith("the entry is not what was sealed")


async def test_what_was_examined_is_a_warning_and_what_comes_later_is_not(
    sealed: World, tmp_path: Path
) -> None:
    rewrite(tmp_path, "UPDATE entries SET data = replace(data, 'portal', 'partal') WHERE nseq = 2")
    known = [each["index"] for each in (await verified(sealed))["failures"] if each["index"]]

    examined = await verified(sealed, known=known)
    rewrite(tmp_path, "UPDATE entries SET data = replace(data, 'portal', 'partal') WHERE nseq = 4")
    again = await verified(sealed, known=known)

    assert examined["ok"], examined["failures"]
    noted = {each["index"] for each in examined["warnings"] if each["problem"].startswith("known:")}
    assert noted == set(known)
    assert (again["ok"], again["first_bad_index"]) == (False, 3)


async def test_a_sealed_entry_that_is_gone_is_named(sealed: World, tmp_path: Path) -> None:
    rewrite(tmp_path, "DELETE FROM entries WHERE nseq = 2")

    report = await verified(sealed)

    assert (report["ok"], report["first_bad_index"]) == (False, 1)


async def test_a_journal_that_was_rolled_back_is_seen_against_a_kept_checkpoint(
    sealed: World, tmp_path: Path
) -> None:
    async with World.make(tmp_path / "other", store=sealed.store) as other:
        for _ in range(6):
            await other.accepted()
        later = await seal(other)

    report = await verified(sealed, checkpoints={"mine": later})

    problems = [failure["problem"] for failure in report["failures"]]
    assert any(problem.startswith("cut off: mine stands for") for problem in problems)


async def test_a_checkpoint_that_somebody_else_signed_is_not_believed(sealed: World) -> None:
    foreign = NoteKey("kakehashi/other", bytes(32)).vkey()

    report = await verified(sealed, keys=[foreign])

    assert not report["ok"]
    assert "not signed by a known key" in report["failures"][0]["problem"]


async def test_the_head_has_to_be_what_was_signed(sealed: World, tmp_path: Path) -> None:
    rewrite(tmp_path, "UPDATE log_head SET size = size - 1")

    report = await verified(sealed)

    problems = [failure["problem"] for failure in report["failures"]]
    assert "the latest checkpoint is not the log's head" in problems


async def test_a_tile_that_was_changed_is_seen(sealed: World, tmp_path: Path) -> None:
    rewrite(tmp_path, "UPDATE log_tiles SET hashes = zeroblob(length(hashes))")

    assert (await verified(sealed))["first_bad_index"] == 0


async def test_a_receipt_is_looked_for(sealed: World) -> None:
    receipt: Any = await sealed.submit()
    stored = await sealed.gateway.journal.acceptance_of(receipt.id)
    assert stored is not None
    good, bad = leaf(stored.data).hex(), "00" * 32

    assert (await verified(sealed, receipts={str(receipt.id): good}))["ok"]
    [failure] = (await verified(sealed, receipts={str(receipt.id): bad}))["failures"]
    assert (failure["nseq"], failure["problem"].split()[0]) == (stored.nseq, "not")
    [failure] = (await verified(sealed, receipts={str(UUID(int=1)): good}))["failures"]
    assert "there is a receipt" in failure["problem"]


async def test_what_was_asked_wrongly_is_refused(sealed: World) -> None:
    with pytest.raises(OperationError, match="keys"):
        await verified(sealed, keys=["nonsense"])
    with pytest.raises(OperationError, match="receipts"):
        await verified(sealed, receipts={str(UUID(int=1)): "leaf"})


async def test_applications_and_acceptances_go_together(sealed: World, tmp_path: Path) -> None:
    rewrite(
        tmp_path,
        "DELETE FROM applications WHERE id = (SELECT min(id) FROM applications)",
        "UPDATE applications SET id = zeroblob(16) WHERE id = (SELECT max(id) FROM applications)",
    )

    report = await verified(sealed)

    problems = sorted(failure["problem"].split(" ", 2)[2] for failure in report["failures"])
    assert len(problems) == 3, report["failures"]
    assert problems[0].startswith("of 00000000-0000-0000-0000-000000000000 is not in the log")
    assert all(problem.endswith("the journal lacks it") for problem in problems[1:])
    assert report["first_bad_index"] is not None


_FORGED_ROW = """
INSERT INTO entries (node, nseq, at, action, application_id, data, series)
SELECT '{node}', {nseq}, at, 'application.accepted', zeroblob(16), {data}, series
FROM entries WHERE nseq = 1
"""
_FORGED_APPLICATION = (
    "UPDATE applications SET id = zeroblob(16) WHERE id = (SELECT max(id) FROM applications)"
)


@pytest.mark.parametrize(
    ("node", "nseq", "data"),
    [
        ("", 0, "CAST('{}' AS BLOB)"),
        ("", 0, "replace(data, '\"nseq\":1', '\"nseq\":0')"),
        ("gw-1", 0, "CAST('{}' AS BLOB)"),
        ("gw-1", -1, "data"),
    ],
)
async def test_a_row_that_is_never_sealed_vouches_for_no_application(
    sealed: World, tmp_path: Path, node: str, nseq: int, data: str
) -> None:
    row = _FORGED_ROW.format(node=node, nseq=nseq, data=data)

    rewrite(tmp_path, _FORGED_APPLICATION, row)
    report = await verified(sealed)

    assert not report["ok"]
    assert (node, nseq) in [(each["node"], each["nseq"]) for each in report["failures"]]


async def test_a_sealed_entry_whose_row_claims_another_application_vouches_for_none(
    sealed: World, tmp_path: Path
) -> None:
    rewrite(
        tmp_path,
        _FORGED_APPLICATION,
        "UPDATE entries SET application_id = zeroblob(16) WHERE nseq = 1",
    )

    problems = [each["problem"] for each in (await verified(sealed))["failures"]]

    missing = "the acceptance of 00000000-0000-0000-0000-000000000000 is not in the log"
    assert missing in problems


def _replace(data: bytes, old: str, new: str) -> bytes:
    return data.replace(old.encode(), new.encode())


@pytest.mark.parametrize(
    ("state", "told"),
    [
        ("delivered", "stands as delivered in the journal; in the log it did not end"),
        ("cancelled", "stands as cancelled in the journal; in the log it did not end"),
    ],
)
async def test_a_delivery_that_is_finished_in_the_database_alone_is_named(
    tmp_path: Path, state: str, told: str
) -> None:
    async with World.make(tmp_path, paused=True) as world:
        delivery = await world.accepted()
        await world.accepted()
        with closing(sqlite3.connect(tmp_path / "journal.db")) as journal, journal:
            change = "UPDATE deliveries SET state = ? WHERE id = ?"
            assert journal.execute(change, (state, delivery.id.bytes)).rowcount == 1

        report: Any = await world.gateway.operate.verify_log(actor=ME)

    assert not report["ok"]
    assert [each["problem"] for each in report["failures"]] == [f"delivery {delivery.id} {told}"]


async def test_a_delivery_that_is_not_in_the_database_is_named(tmp_path: Path) -> None:
    async with World.make(tmp_path, paused=True) as world:
        delivery = await world.accepted()
        await world.accepted()
        with closing(sqlite3.connect(tmp_path / "journal.db")) as journal, journal:
            journal.execute("DELETE FROM deliveries WHERE id = ?", (delivery.id.bytes,))

        report: Any = await world.gateway.operate.verify_log(actor=ME)

    [failure] = report["failures"]
    assert failure["problem"] == f"delivery {delivery.id} is in the log, and the journal lacks it"


async def test_a_delivery_that_is_unfinished_in_the_database_alone_is_named(
    tmp_path: Path,
) -> None:
    async with World.make(tmp_path, paused=True) as world:
        delivery = await world.accepted()
        await world.gateway.operate.decide.cancel(str(delivery.id), actor=ME, reason="x")
        before: Any = await world.gateway.operate.verify_log(actor=ME)
        with closing(sqlite3.connect(tmp_path / "journal.db")) as journal, journal:
            journal.execute("UPDATE deliveries SET state = 'pending'")

        report: Any = await world.gateway.operate.verify_log(actor=ME)

    assert before["ok"]
    [failure] = report["failures"]
    assert failure["problem"] == (
        f"delivery {delivery.id} is unfinished in the journal; in the log it was cancelled"
    )


class BusyJournal(SQLiteJournal):
    """Ends a delivery when all entries have been read, and before the states are."""

    async def delivery_states(self) -> AsyncIterator[tuple[ApplicationId, DeliveryId, str]]:
        """Yield what stands there after the step."""
        await self.step
        async for each in super().delivery_states():
            yield each

    step: Awaitable[None]


async def test_a_delivery_that_ends_while_it_is_read_is_no_alarm(tmp_path: Path) -> None:
    journal = BusyJournal(tmp_path / "journal.db", node=NodeName("gw-1"))
    await journal.open()
    acceptance, _ = await accepted(journal, SystemClock())
    journal.step = delivered(journal, SystemClock(), acceptance)

    report = await verified_as(journal, SystemClock(), keys=1)

    assert (report["ok"], report["failures"]) == (True, [])
    # With the entry that it is read.
    assert report["entries"] == 2
    await journal.close()
