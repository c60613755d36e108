"""What somebody with every right over the database can do to the log, and how it is seen.

Each row of the matrix is one attack on a journal with three stages of two gateways, the last one
signed by a second key, and a few entries that are not sealed yet. ``ALONE`` are seen by the log
itself, whoever did them; ``FORGED`` are by somebody who has all of the log's keys and makes one
consistent history: those are seen by what was kept outside, and are shown not to be seen
without it.
"""

import asyncio
import copy
import json
import runpy
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any, Final
from uuid import UUID, uuid4

import pytest

from gateway.audit import tiles
from gateway.crypto.detail import conceal
from gateway.domain.entry import Action
from gateway.domain.errors import JournalUnavailableError
from gateway.domain.identifiers import ApplicationId
from gateway.drivers.file_checkpoint import FileCheckpoint
from gateway.ports.audit_log import EntryFilter
from gateway.ports.journal import Journal
from gateway.testing.builders import an_entry
from gateway.testing.contracts.journal_audit import found
from gateway.testing.notes import NoteSigner
from gateway.testing.postgres import PostgresNode
from tests.integration.intruder import (
    Loot,
    PostgresStore,
    SQLiteStore,
    Store,
    size_of,
    tile_ids,
)
from tests.integration.lives import (
    ORIGIN,
    SetClock,
    accepted,
    delivered,
    journal_at,
    note_keys,
    sealing,
    signer,
    verified,
)

KEYS = 2
STAGES = (("gw-1", 25, 1), ("gw-2", 40, 1), ("gw-1", 25, KEYS))
"""Who wrote, how many applications, and how many keys the log had."""
AT_ONCE = 5
MIDDLE = 150
"""An index within the second stage."""
STANDALONE = Path(__file__).parents[2] / "gateway/audit/standalone/verify.py"
standalone: Final = runpy.run_path(str(STANDALONE), run_name="standalone")


@dataclass
class Honest:
    """An honest log, and what others kept of it."""

    store: Store
    earlier: Store
    clock: SetClock = field(default_factory=SetClock)
    checkpoints: list[str] = field(default_factory=list)
    receipts: dict[str, str] = field(default_factory=dict)

    async def write(self) -> None:
        for stage, (node, count, keys) in enumerate(STAGES):
            journal = journal_at(self.store.url, node)
            await journal.open()
            sealer = sealing(journal, self.clock, keys=keys)
            await journal.record([an_entry(at=self.clock.now()), *await sealer.check()])

            async with asyncio.TaskGroup() as callers:
                for _ in range(AT_ONCE):
                    callers.create_task(self._live(journal, count // AT_ONCE))
            about = ApplicationId(UUID(list(self.receipts)[-1]))
            words = an_entry(
                action=Action.DESTINATION_CHANGED,
                at=self.clock.now(),
                application=about,
                detail=conceal({"reason": "試験"}),
            )
            await journal.record([words])
            await sealer.finish()
            head = await journal.log_head()
            assert head is not None
            self.checkpoints.append(head.checkpoint)
            if stage == len(STAGES) - 1:
                for _ in range(3):
                    acceptance, leaf = await accepted(journal, self.clock)
                    self.receipts[str(acceptance.application.id)] = leaf
            await journal.close()
            if stage == 1:
                self.earlier = await self.store.copied(f"earlier-{uuid4().hex[:8]}")
            self.clock.move(timedelta(hours=1))

    async def _live(self, journal: Journal, count: int) -> None:
        for _ in range(count):
            acceptance, leaf = await accepted(journal, self.clock)
            self.receipts[str(acceptance.application.id)] = leaf
            await delivered(journal, self.clock, acceptance)


@pytest.fixture(
    scope="module", params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)]
)
def honest(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Honest:
    store: Store
    if request.param == "sqlite":
        store = SQLiteStore(tmp_path_factory.mktemp("honest") / "store" / "journal.db")
    else:
        server: PostgresNode = request.getfixturevalue("postgres_node")
        store = PostgresStore(server, server.database())
    log = Honest(store, store)
    # With a factory it leaves alone what pytest-asyncio has set as the current loop.
    with asyncio.Runner(loop_factory=asyncio.new_event_loop) as runner:
        runner.run(log.write())
    return log


async def spoilt(honest: Honest, attack: Callable[[Loot], int | None]) -> tuple[Store, int | None]:
    """Return a copy of the store after an attack, and what the attack says of its place."""
    store = await honest.store.copied(f"spoilt-{uuid4().hex[:8]}")
    loot = Loot(await store.take())
    index = attack(loot)
    await store.put(loot.stored())
    return store, index


async def audit(honest: Honest, store: Store, **outside: Mapping[str, str]) -> Any:
    """Verify as somebody else does, after a restart: no process remembers anything."""
    journal = journal_at(store.url, "cli")
    await journal.open()
    try:
        return await verified(journal, honest.clock, keys=KEYS, **outside)
    finally:
        await journal.close()


async def exported(store: Store, folder: Path) -> Path:
    """Write the sealed log as docs/adr/0014 says."""
    journal = journal_at(store.url, "gw-9")
    await journal.open()
    head = await journal.log_head()
    assert head is not None
    (folder / "entries").mkdir(parents=True)
    lines = [entry.data + b"\n" async for entry in journal.sealed_entries()][: head.size]
    (folder / "entries/0.jsonl").write_bytes(b"".join(lines))
    for tile, data in (await journal.tiles(tile_ids(head.size))).items():
        file = folder / tiles.path(tile.level, tile.position, len(data) // 32)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(data)
    (folder / "checkpoints").mkdir()
    for number, text in enumerate(await journal.checkpoints()):
        (folder / f"checkpoints/{number}").write_text(text, encoding="utf-8")
    (folder / "checkpoint").write_text(head.checkpoint, encoding="utf-8")
    await journal.close()
    return folder


def second_opinion(
    folder: Path,
    checkpoints: Mapping[str, str] | None = None,
    receipts: Mapping[str, str] | None = None,
) -> tuple[int | None, list[str]]:
    """Return what the stand-alone verifier says of an export: first bad index, and words."""
    keys = [standalone["Key"](key.vkey()) for key in note_keys(KEYS)]
    export = standalone["Export"](folder, keys)
    export.add_checkpoints()
    for name, text in (checkpoints or {}).items():
        export.add_checkpoint(name, text.encode())
    export.receipts |= {name: bytes.fromhex(leaf) for name, leaf in (receipts or {}).items()}
    findings = export.verify()
    return findings.first(), [words for _, words in findings.bad]


def problems(report: Any) -> str:
    return "\n".join(str(failure["problem"]) for failure in report["failures"])


# 1. Seen by the log itself


def edit(loot: Loot) -> int:
    index = loot.find(Action.DELIVERY_CLAIMED, MIDDLE)
    loot.edit(loot.log[index])
    return index


def edit_and_chain(loot: Loot) -> int:
    index = edit(loot)
    loot.rechain()
    return index


def destroy(loot: Loot) -> int:
    loot.log[MIDDLE]["data"] = b"\x00"
    return MIDDLE


def edit_the_first(loot: Loot) -> int:
    first = loot.log[0]
    assert b'"name":"gw-1"' in first["data"]
    first["data"] = first["data"].replace(b'"name":"gw-1"', b'"name":"gw-3"')
    return 0


def insert(loot: Loot) -> int:
    loot.log.insert(MIDDLE, loot.copy_of(loot.log[MIDDLE + 7]))
    loot.rechain()
    return MIDDLE


def delete(loot: Loot) -> int:
    del loot.log[MIDDLE]
    return MIDDLE


def delete_and_chain(loot: Loot) -> int:
    del loot.log[MIDDLE]
    loot.rechain()
    return MIDDLE


def swap(loot: Loot) -> int:
    one, other = loot.log[MIDDLE], loot.log[MIDDLE + 5]
    one["data"], other["data"] = other["data"], one["data"]
    return MIDDLE


def swap_and_chain(loot: Loot) -> int:
    loot.log[MIDDLE], loot.log[MIDDLE + 5] = loot.log[MIDDLE + 5], loot.log[MIDDLE]
    loot.rechain()
    return MIDDLE


def duplicate(loot: Loot) -> int:
    twin = loot.copy_of(loot.log[MIDDLE])
    node = twin["node"]
    for row in [*loot.log[MIDDLE + 1 :], *loot.rest]:
        row["nseq"] += row["node"] == node
    twin["nseq"] += 1
    loot.log.insert(MIDDLE + 1, twin)
    loot.reindex()
    return MIDDLE + 1


def truncate(loot: Loot) -> int:
    del loot.log[-5:]
    loot.rest.clear()
    return len(loot.log)


def truncate_and_index(loot: Loot) -> int:
    truncate(loot)
    loot.reindex()
    return len(loot.log)


def truncate_and_grow(loot: Loot) -> int:
    truncate(loot)
    loot.reindex()
    loot.regrow()
    return len(loot.log)


def forge_a_leaf(loot: Loot) -> int:
    tile = loot.tile(0, 0)
    tile["hashes"] = tile["hashes"][: 32 * 70] + bytes(32) + tile["hashes"][32 * 71 :]
    return 70


def forge_a_node(loot: Loot) -> int:
    loot.tile(1, 0)["hashes"] = bytes(32)
    return 0


def lose_a_tile(loot: Loot) -> int:
    loot.tables["log_tiles"].remove(loot.tile(0, 1))
    return 256


def run_shortened(loot: Loot) -> int:
    run = loot.tables["log_runs"][0]
    run["length"] -= 3
    return int(run["first_index"] + run["length"])


def run_moved(loot: Loot) -> int:
    run = loot.tables["log_runs"][1]
    run["first_nseq"] += 1
    return int(run["first_index"])


def run_of_another_node(loot: Loot) -> int:
    run = loot.tables["log_runs"][1]
    run["node"] = "gw-8"
    return int(run["first_index"])


def run_removed(loot: Loot) -> int:
    return int(loot.tables["log_runs"].pop(1)["first_index"])


def order_of_nodes_changed(loot: Loot) -> int:
    first = int(loot.tables["log_runs"][1]["first_index"])
    loot.log = [*loot.log[:first], *sorted(loot.log[first:], key=lambda row: str(row["node"]))]
    loot.reindex()
    return first


def unknown_key(loot: Loot) -> None:
    loot.resign_head(NoteSigner(ORIGIN, "a stranger"))


def unsigned_growth(loot: Loot) -> int:
    """Give an entry an index that nobody signed."""
    size = len(loot.log)
    loot.log.append(loot.rest.pop(0))
    loot.reindex()
    loot.regrow()
    [head] = loot.tables["log_head"]
    head["size"] = size + 1
    return size


def another_origin(loot: Loot) -> None:
    loot.resign_head(NoteSigner("kakehashi/another", f"log/{KEYS}"))


def head_of_before(loot: Loot) -> int:
    """Put back the head of the second stage; what was sealed since stays."""
    kept = loot.tables["log_checkpoints"][1]
    size = int(kept["size"])
    [head] = loot.tables["log_head"]
    whole, loot.log = loot.log, loot.log[:size]
    loot.resign_head(signer(1))
    loot.log = whole
    assert head["checkpoint"] == kept["checkpoint"]
    return size


def head_of_before_alone(loot: Loot) -> int:
    """Put back the head, and remove the later checkpoint that was kept."""
    index = head_of_before(loot)
    del loot.tables["log_checkpoints"][2:]
    return index


def acceptance_removed(loot: Loot) -> int:
    index = loot.find(Action.APPLICATION_ACCEPTED, MIDDLE)
    after = loot.about(index)[1]
    del loot.log[index]
    loot.forge(signer(KEYS))
    return after - 1


def claim_removed(loot: Loot) -> int:
    index = loot.find(Action.DELIVERY_CLAIMED, MIDDLE)
    [outcome] = [at for at in loot.about(index) if loot.log[at]["action"] == "delivery.delivered"]
    del loot.log[index]
    loot.forge(signer(KEYS))
    return outcome - 1


def accepted_again(loot: Loot) -> int:
    loot.log.append(loot.copy_of(loot.log[loot.find(Action.APPLICATION_ACCEPTED, MIDDLE)]))
    loot.forge(signer(KEYS))
    return len(loot.log) - 1


def delivered_again(loot: Loot) -> int:
    loot.log.append(loot.copy_of(loot.log[loot.find(Action.DELIVERY_DELIVERED, MIDDLE)]))
    loot.forge(signer(KEYS))
    return len(loot.log) - 1


def row_removed(loot: Loot) -> int:
    index = loot.find(Action.APPLICATION_ACCEPTED, MIDDLE)
    application = loot.log[index]["application_id"]
    rows = loot.tables["applications"]
    rows.remove(next(row for row in rows if row["id"] == application))
    return index


def row_added(loot: Loot) -> None:
    """Put an application into the state that nobody ever accepted."""
    row, new = loot.tables["applications"][0], uuid4()
    own = {"id": new.bytes if isinstance(row["id"], bytes) else new}
    own |= {"idempotency_mac": new.bytes * 2, "receipt_mac": new.bytes * 2}
    loot.tables["applications"].append({**row, **own})


def delivery_finished(loot: Loot) -> None:
    """Let a delivery look as if it had arrived, so that it is never sent."""
    next(row for row in loot.tables["deliveries"] if row["state"] == "pending").update(
        {"state": "delivered"}
    )


def deliveries_removed(loot: Loot) -> None:
    """Leave no delivery of an application that was taken out of the state."""
    there = {row["id"] for row in loot.tables["applications"]}
    rows = loot.tables["deliveries"]
    loot.tables["deliveries"] = [row for row in rows if row["application_id"] in there]


def entries_removed(loot: Loot) -> None:
    """Leave the application, and take every entry about it out of history."""
    index = loot.find(Action.APPLICATION_ACCEPTED, MIDDLE)
    for at in reversed(loot.about(index)):
        del loot.log[at]
    loot.forge(signer(KEYS))


BOTH, JOURNAL = True, False
"""Whether an export shows it as well."""
ALONE = [
    (edit, "the entry is not what was sealed", BOTH),
    (edit_and_chain, "the entry is not what was sealed", BOTH),
    (edit_the_first, "the entry is not what was sealed", BOTH),
    (destroy, "not an entry", BOTH),
    (insert, "the entry is not what was sealed", BOTH),
    (delete, "cut off", BOTH),
    (delete_and_chain, "the entry is not what was sealed", BOTH),
    (swap, "moved", BOTH),
    (swap_and_chain, "the entry is not what was sealed", BOTH),
    (duplicate, "moved", BOTH),
    (truncate, "cut off: the latest checkpoint stands for", BOTH),
    (truncate_and_index, "cut off: the latest checkpoint stands for", BOTH),
    (truncate_and_grow, "cut off: the latest checkpoint stands for", BOTH),
    (forge_a_leaf, "the tree has another hash", BOTH),
    (forge_a_node, "the tree has another hash", BOTH),
    (lose_a_tile, "tile 0/1 of the tree is missing", BOTH),
    (run_shortened, "cut off", BOTH),
    (run_moved, "out of sequence", BOTH),
    (run_of_another_node, "cut off", BOTH),
    (run_removed, "cut off", BOTH),
    (order_of_nodes_changed, "the entry is not what was sealed", BOTH),
    (unknown_key, "not signed by a known key", BOTH),
    (another_origin, "different logs", BOTH),
    (unsigned_growth, "nobody signed the entries from here on", BOTH),
    (head_of_before, "cut off: kept checkpoint 3", BOTH),
    (head_of_before_alone, "the head was put back", JOURNAL),
    (acceptance_removed, "never accepted", BOTH),
    (claim_removed, "without a claim", BOTH),
    (accepted_again, "accepted again", BOTH),
    (delivered_again, "ends a second time", BOTH),
    (row_removed, "the journal lacks it", JOURNAL),
    (row_added, "is not in the log", JOURNAL),
    (entries_removed, "is not in the log", JOURNAL),
    (delivery_finished, "stands as delivered in the journal", JOURNAL),
]


async def test_an_honest_log_is_well_with_all_that_was_kept(honest: Honest, tmp_path: Path) -> None:
    kept = {f"kept {number}": text for number, text in enumerate(honest.checkpoints)}
    sealed_ones = dict(list(honest.receipts.items())[:-3])
    folder = await exported(honest.store, tmp_path / "export")

    report = await audit(honest, await honest.store.copied(f"honest-{uuid4().hex[:8]}"),
                         checkpoints=kept, receipts=honest.receipts)  # fmt: skip

    assert (report["ok"], report["failures"], report["warnings"]) == (True, [], [])
    assert report["entries"] == report["sealed"] + 4
    assert report["matched"] == 2 * len(kept) + 1
    assert second_opinion(folder, kept, sealed_ones) == (None, [])


@pytest.mark.parametrize(
    ("attack", "words", "in_export"), ALONE, ids=[attack.__name__ for attack, _, _ in ALONE]
)
async def test_the_log_itself_shows_where_it_was_tampered_with(
    honest: Honest,
    attack: Callable[[Loot], int | None],
    words: str,
    in_export: bool,  # noqa: FBT001 - a column of the matrix
    tmp_path: Path,
) -> None:
    store, index = await spoilt(honest, attack)

    report = await audit(honest, store)
    first, said = second_opinion(await exported(store, tmp_path / "export"))

    assert not report["ok"]
    assert report["first_bad_index"] == index
    assert words in problems(report)
    assert bool(said) == in_export
    if in_export:
        assert first == index, said


async def test_tiles_rewritten_with_the_chain_leave_the_signed_sizes_as_bounds(
    honest: Honest, tmp_path: Path
) -> None:
    def attack(loot: Loot) -> None:
        edit_and_chain(loot)
        loot.regrow()

    store, _ = await spoilt(honest, attack)

    report = await audit(honest, store)
    _, said = second_opinion(await exported(store, tmp_path / "export"))

    first, second = map(size_of, honest.checkpoints[:2])
    assert first <= MIDDLE < second
    assert f"kept checkpoint 2 stands for {second} entries" in problems(report)
    assert f"at index {first} or behind it" in problems(report)
    assert any(f"at index {first} or behind it" in each for each in said)


# 2. Seen by what was kept outside, and by nothing else


def rewrite(loot: Loot) -> int:
    index = loot.find(Action.APPLICATION_ACCEPTED, MIDDLE)
    loot.edit(loot.log[index])
    loot.forge(signer(1))
    loot.resign_head(signer(KEYS))
    return index


def reseal_with_the_newest_key(loot: Loot) -> int:
    index = loot.find(Action.APPLICATION_ACCEPTED, MIDDLE)
    loot.edit(loot.log[index])
    loot.forge(signer(KEYS))
    return index


def forget_an_application(loot: Loot) -> int:
    """Take an application out of history and out of the journal's state."""
    index = row_removed(loot)
    deliveries_removed(loot)
    entries_removed(loot)
    return index


def cut_off(loot: Loot) -> int:
    """End the history earlier, with the state of that time."""
    index = loot.find(Action.APPLICATION_ACCEPTED, len(loot.log) - 30)
    gone = {row["application_id"] for row in [*loot.log[index:], *loot.rest]}
    gone -= {None}
    loot.log = [row for row in loot.log if row["application_id"] not in gone]
    loot.rest.clear()
    rows = loot.tables["applications"]
    loot.tables["applications"] = [row for row in rows if row["id"] not in gone]
    deliveries_removed(loot)
    loot.forge(signer(KEYS))
    return len(loot.log)


FORGED = [rewrite, reseal_with_the_newest_key, forget_an_application, cut_off]


@pytest.mark.parametrize("attack", FORGED)
async def test_a_history_forged_with_the_keys_is_seen_by_a_checkpoint_kept_outside(
    honest: Honest, attack: Callable[[Loot], int], tmp_path: Path
) -> None:
    store, _ = await spoilt(honest, attack)
    folder = await exported(store, tmp_path / "export")

    without = await audit(honest, store)
    kept = {"the one that was kept": honest.checkpoints[-1]}
    report = await audit(honest, store, checkpoints=kept)

    assert (without["ok"], second_opinion(folder)) == (True, (None, []))
    assert not report["ok"]
    assert "the one that was kept" in problems(report)
    assert any("the one that was kept" in each for each in second_opinion(folder, kept)[1])


@pytest.mark.parametrize("attack", [rewrite, reseal_with_the_newest_key])
async def test_an_acceptance_forged_with_the_keys_is_named_by_its_receipt(
    honest: Honest, attack: Callable[[Loot], int], tmp_path: Path
) -> None:
    store, index = await spoilt(honest, attack)
    report = await audit(honest, store, receipts=honest.receipts)

    assert report["first_bad_index"] == index
    assert "not the acceptance that the receipt was given for" in problems(report)
    sealed_ones = dict(list(honest.receipts.items())[:-3])
    folder = await exported(store, tmp_path / "export")
    assert second_opinion(folder, receipts=sealed_ones)[0] == index


@pytest.mark.parametrize("attack", [forget_an_application, cut_off])
async def test_an_acceptance_taken_out_with_the_keys_is_missed_by_its_receipt(
    honest: Honest, attack: Callable[[Loot], int]
) -> None:
    store, _ = await spoilt(honest, attack)

    report = await audit(honest, store, receipts=honest.receipts)

    assert not report["ok"]
    assert "is missing: there is a receipt" in problems(report)


async def test_two_histories_of_one_log_are_seen_by_whoever_sees_both(
    honest: Honest, tmp_path: Path
) -> None:
    """Split view: each half is whole, and the checkpoint shown to one is no part of the other."""
    store, _ = await spoilt(honest, rewrite)
    other_journal = journal_at(store.url, "gw-9")
    await other_journal.open()
    other = await other_journal.log_head()
    await other_journal.close()
    assert other is not None
    folder = await exported(honest.store, tmp_path / "export")
    shown = {"what was shown to the other": other.checkpoint}

    report = await audit(
        honest, await honest.store.copied(f"v-{uuid4().hex[:8]}"), checkpoints=shown
    )

    assert (await audit(honest, store))["ok"]
    assert "there are two logs" in problems(report)
    assert any("there are two logs" in each for each in second_opinion(folder, shown)[1])


async def test_a_database_rolled_back_is_seen_by_what_was_kept_since(
    honest: Honest, tmp_path: Path
) -> None:
    store = await honest.earlier.copied(f"rolled-back-{uuid4().hex[:8]}")
    kept = {"the one that was kept": honest.checkpoints[-1]}
    size = size_of(honest.checkpoints[1])

    without = await audit(honest, store)
    report = await audit(honest, store, checkpoints=kept)
    by_receipts = await audit(honest, store, receipts=honest.receipts)

    assert without["ok"]
    assert report["first_bad_index"] == size
    assert "cut off: the one that was kept" in problems(report)
    assert "is missing: there is a receipt" in problems(by_receipts)
    assert second_opinion(await exported(store, tmp_path / "export"), kept)[0] == size


async def test_a_kept_checkpoint_that_was_removed_leaves_those_that_others_have(
    honest: Honest,
) -> None:
    """The hours' checkpoints are for convenience: that one is missing is not promised to show."""

    def remove(loot: Loot) -> None:
        del loot.tables["log_checkpoints"][0]

    store, _ = await spoilt(honest, remove)

    without = await audit(honest, store)
    with_it = await audit(honest, store, checkpoints={"kept": honest.checkpoints[0]})

    assert (without["ok"], without["matched"]) == (True, 3)
    assert (with_it["ok"], with_it["matched"]) == (True, 4)


async def test_a_detail_key_removed_in_secret_takes_words_away_and_nothing_else(
    honest: Honest,
) -> None:
    """Entries prove what was written, not that it can be read for ever."""

    def remove(loot: Loot) -> None:
        assert len(loot.tables["detail_keys"]) == len(STAGES)
        loot.tables["detail_keys"].clear()

    store, _ = await spoilt(honest, remove)
    journal = journal_at(store.url, "gw-9")
    await journal.open()

    details = await found(journal, EntryFilter(actions=frozenset({Action.DESTINATION_CHANGED})))
    shredded = await found(journal, EntryFilter(actions=frozenset({Action.DETAIL_SHREDDED})))
    await journal.close()

    assert [each.detail_key for each in details] == [None] * len(STAGES)
    assert shredded == []
    said = {each["problem"] for each in (await audit(honest, store))["failures"]}
    assert said == {"its words cannot be read, and nobody erased them: their key is gone"}


async def test_an_entry_hidden_from_a_search_is_in_the_log_and_in_every_export(
    honest: Honest, tmp_path: Path
) -> None:
    """What entries are searched by stands beside them and is not sealed; the entries are."""
    hidden: list[bytes] = []

    def hide(loot: Loot) -> None:
        row = loot.log[loot.find(Action.DELIVERY_CLAIMED, MIDDLE)]
        hidden.append(row["data"])
        row["application_id"] = loot.log[0]["application_id"]

    store, _ = await spoilt(honest, hide)
    members = json.loads(hidden[0])
    journal = journal_at(store.url, "gw-9")
    await journal.open()

    about = EntryFilter(application=ApplicationId(UUID(members["application"])))
    searched = [each.entry.data for each in await found(journal, about)]
    await journal.close()
    folder = await exported(store, tmp_path / "export")

    assert hidden[0] not in searched
    assert searched
    [failure] = (await audit(honest, store))["failures"]
    assert failure["problem"] == "it is not found by what it says: application"
    assert hidden[0] in (folder / "entries/0.jsonl").read_bytes().split(b"\n")


# 3. The unsealed window


def edit_unsealed(loot: Loot) -> None:
    loot.edit(loot.rest[0])


def edit_the_last(loot: Loot) -> None:
    loot.edit(loot.rest[-1])


def remove_unsealed(loot: Loot) -> None:
    del loot.rest[1]


def remove_the_last(loot: Loot) -> None:
    gone = loot.rest.pop()["application_id"]
    rows = loot.tables["applications"]
    rows.remove(next(row for row in rows if row["id"] == gone))


@pytest.mark.parametrize(
    ("attack", "words"), [(edit_unsealed, "chain broken"), (remove_unsealed, "out of sequence")]
)
async def test_an_entry_changed_before_it_is_sealed_is_seen_by_the_next_one(
    honest: Honest, attack: Callable[[Loot], None], words: str
) -> None:
    place = Loot(await honest.store.take()).rest
    store, _ = await spoilt(honest, attack)

    report = await audit(honest, store)

    [failure] = [each for each in report["failures"] if words in each["problem"]]
    # The second of them follows from the first; without it the third is out of place.
    nseq = place[1 if attack is edit_unsealed else 2]["nseq"]
    assert (failure["index"], failure["node"], failure["nseq"]) == (None, "gw-1", nseq)


@pytest.mark.parametrize(
    ("attack", "words"),
    [
        (edit_the_last, "not the acceptance that the receipt was given for"),
        (remove_the_last, "is missing: there is a receipt"),
    ],
)
async def test_the_last_entry_changed_before_it_is_sealed_is_seen_by_its_receipt_only(
    honest: Honest, attack: Callable[[Loot], None], words: str
) -> None:
    store, _ = await spoilt(honest, attack)

    without = await audit(honest, store)
    report = await audit(honest, store, receipts=honest.receipts)

    assert without["ok"]
    assert not report["ok"]
    assert words in problems(report)


async def test_the_running_gateway_misses_what_it_wrote_last(honest: Honest) -> None:
    store = await honest.store.copied(f"running-{uuid4().hex[:8]}")
    journal = journal_at(store.url, "gw-1")
    await journal.open()
    sealer = sealing(journal, honest.clock, keys=KEYS)
    await sealer.check()
    await accepted(journal, honest.clock)
    loot = Loot(await store.take())
    loot.edit(loot.rest[-1])
    await store.put({"entries": loot.stored()["entries"]})

    report = await verified(journal, honest.clock, keys=KEYS)
    await sealer.finish()

    # And the entry that it is read does not follow from it.
    failure, _ = report["failures"]
    assert failure["nseq"] == loot.rest[-1]["nseq"]
    assert "rewritten: the log is known to have had another entry here" in failure["problem"]
    assert (await sealer.standing()).breaks == 1
    await journal.close()


async def test_the_running_gateway_signs_nothing_over_a_log_that_was_rolled_back(
    honest: Honest,
) -> None:
    store = await honest.store.copied(f"running-{uuid4().hex[:8]}")
    journal = journal_at(store.url, "gw-1")
    await journal.open()
    sealer = sealing(journal, honest.clock, keys=KEYS)
    await sealer.check()
    before = copy.deepcopy(await store.take())
    for _ in range(3):
        await accepted(journal, honest.clock)
    await sealer.finish()
    signed = await journal.log_head()
    await store.put(before)

    report = await verified(journal, honest.clock, keys=KEYS)
    await sealer.finish()

    assert signed is not None
    # The entry that it is read stands behind what is gone.
    assert "out of sequence" in problems(report)
    assert not (await sealer.standing()).usable
    head = await journal.log_head()
    assert head is not None
    assert head.size < signed.size
    await journal.close()


def slip_in(loot: Loot) -> None:
    """Put an entry behind the last one that the gateway wrote, in its name and well chained."""
    loot.rest.append(loot.copy_of(loot.log[loot.find(Action.DESTINATION_CHANGED, 0)]))
    loot.rechain()


async def test_nobody_writes_in_the_name_of_a_running_gateway_without_stopping_it(
    honest: Honest,
) -> None:
    store = await honest.store.copied(f"running-{uuid4().hex[:8]}")
    journal = journal_at(store.url, "gw-1")
    await journal.open()
    await accepted(journal, honest.clock)
    loot = Loot(await store.take())
    slip_in(loot)
    await store.put({"entries": loot.stored()["entries"]})

    for _ in range(2):
        with pytest.raises(JournalUnavailableError, match="chain"):
            await accepted(journal, honest.clock)

    await journal.close()


async def test_what_is_written_in_the_name_of_a_gateway_that_is_down_is_believed(
    honest: Honest,
) -> None:
    """The log proves what was written, and that it stays: not that a gateway wrote it.

    Who may write into the database while no gateway runs may add entries, but not
    applications that clients have receipts for, nor outcomes without a claim.
    """
    store, _ = await spoilt(honest, slip_in)

    assert (await audit(honest, store))["ok"]


def invent_a_node(loot: Loot) -> None:
    """Put in the chain of a node that never was: a claim of a second attempt."""
    row = loot.copy_of(loot.log[loot.find(Action.DELIVERY_CLAIMED, MIDDLE)])
    row["node"] = "gw-7"
    row["data"] = row["data"].replace(b'"attempt":1', b'"attempt":2')
    loot.rest.append(row)
    loot.rechain()


async def test_a_chain_that_no_gateway_began_is_told_and_sealed(honest: Honest) -> None:
    """Whoever writes a start before it is not told of: entries are not signed one by one."""
    store, _ = await spoilt(honest, invent_a_node)
    journal = journal_at(store.url, "gw-1")
    await journal.open()
    await sealing(journal, honest.clock, keys=KEYS).finish()
    await journal.close()

    report = await audit(honest, store)

    assert report["ok"], report["failures"]
    # All but the entry that it is read.
    assert report["sealed"] == report["entries"] - 1
    [warning] = report["warnings"]
    assert (warning["node"], warning["nseq"]) == ("gw-7", 1)
    assert warning["problem"].startswith("no gateway began this chain")


def forge_the_edge(loot: Loot) -> None:
    tile = loot.tile(0, len(loot.log) // 256)
    tile["hashes"] = bytes(32) + tile["hashes"][32:]


def forge_the_root(loot: Loot) -> None:
    loot.tables["log_head"][0]["root"] = bytes(32)


@pytest.mark.parametrize("attack", [forge_the_edge, forge_the_root, head_of_before, unknown_key])
async def test_a_gateway_signs_nothing_over_a_tree_that_was_tampered_with(
    honest: Honest, attack: Callable[[Loot], int | None]
) -> None:
    store, _ = await spoilt(honest, attack)
    journal = journal_at(store.url, "gw-1")
    await journal.open()
    sealer = sealing(journal, honest.clock, keys=KEYS)
    before = await journal.log_head()

    await sealer.finish()

    assert not (await sealer.standing()).usable
    assert await journal.log_head() == before
    await journal.close()


# 4. What was sealed, taken away while no gateway runs


def seals_wiped(loot: Loot) -> None:
    loot.edit(loot.log[loot.find(Action.APPLICATION_ACCEPTED, MIDDLE)])
    loot.rechain()
    for table in ("log_head", "log_runs", "log_tiles", "log_checkpoints"):
        loot.tables[table] = []


def seals_rolled_back(loot: Loot) -> None:
    """Leave what the first stage sealed, so that the rest is sealed once more."""
    loot.edit(loot.log[loot.find(Action.APPLICATION_ACCEPTED, MIDDLE)])
    loot.rechain()
    del loot.tables["log_checkpoints"][1:]
    size = loot.tables["log_checkpoints"][0]["size"]
    loot.log, loot.rest = loot.log[:size], [*loot.log[size:], *loot.rest]
    loot.reindex()
    loot.regrow()
    loot.resign_head(signer(1))


def retired_key(loot: Loot) -> None:
    loot.edit(loot.log[loot.find(Action.APPLICATION_ACCEPTED, MIDDLE)])
    loot.forge(signer(1))


@pytest.mark.parametrize(
    ("attack", "is_seen_alone"),
    [(seals_wiped, False), (seals_rolled_back, False), (retired_key, True)],
)
async def test_seals_wiped_and_a_gateway_restarted_make_no_second_history(
    honest: Honest,
    attack: Callable[[Loot], None],
    is_seen_alone: bool,  # noqa: FBT001 - a column of the matrix
    tmp_path: Path,
) -> None:
    store, _ = await spoilt(honest, attack)
    home = FileCheckpoint(tmp_path / "log-checkpoint")
    home.keep(honest.checkpoints[-1])
    journal = journal_at(store.url, "gw-1")
    await journal.open()
    before = await journal.log_head()

    sealer = sealing(journal, honest.clock, keys=KEYS, kept=home)
    await journal.record(await sealer.check())
    await sealer.begin()
    forgetful = sealing(journal, honest.clock, keys=KEYS)

    assert not (await sealer.standing()).usable
    assert await journal.log_head() == before
    await forgetful.finish()
    # What a gateway without its home signs is seen by what was kept elsewhere, and not without.
    assert (await forgetful.standing()).usable != is_seen_alone
    await journal.close()
    assert (await audit(honest, store))["ok"]
    kept = {"the one that was kept": honest.checkpoints[-1]}
    assert not (await audit(honest, store, checkpoints=kept))["ok"]


# 5. The clock


async def test_a_clock_that_is_set_back_is_told_and_is_no_tampering(honest: Honest) -> None:
    store = await honest.store.copied(f"clock-{uuid4().hex[:8]}")
    clock = SetClock(honest.clock.now())
    journal = journal_at(store.url, "gw-1")
    await journal.open()
    sealer = sealing(journal, clock, keys=KEYS)
    await sealer.check()
    await accepted(journal, clock)
    await sealer.finish()
    clock.move(timedelta(hours=-2))
    await accepted(journal, clock)
    place = journal.chain_head
    await sealer.finish()
    await journal.close()

    report = await audit(honest, store)

    assert place is not None
    assert report["ok"], report["failures"]
    [warning] = report["warnings"]
    assert (warning["node"], warning["nseq"]) == ("gw-1", place[0])
    assert warning["problem"] == "the clock had gone back by 7200 s"
