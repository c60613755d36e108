"""Two verifiers, written apart, say the same of honest logs and of every tampered one."""

import json
import re
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from gateway.audit import proof, tiles
from gateway.audit.chain import leaf
from gateway.audit.completeness import Completeness
from gateway.audit.exported import ExportedLog
from gateway.audit.sealed import Fault, LogReport, LogVerifier, Signed, signed
from gateway.audit.tiles import leaf_in
from gateway.audit.verify import Head
from gateway.crypto import keys
from gateway.crypto.sign import Purpose, Signer
from gateway.domain.entry import Action, Entry, StoredEntry
from gateway.domain.identifiers import NodeName
from gateway.ports.audit_log import TileId
from tests.unit.audit.exported_log import (
    NODES,
    OTHER_KEY,
    SealedLog,
    about,
    accepted,
    application,
    cancelled,
    chained,
    claimed,
    delivered,
    honest,
    late,
    life,
    note_key,
    outcome,
    seal,
    verify_signature,
)

STANDALONE = Path(__file__).parents[3] / "gateway/audit/standalone/verify.py"
ONE, TWO = NODES


def ours(folder: Path, *, kept: Sequence[bytes] = ()) -> LogReport:
    """Verify an export with the gateway's verification."""
    export = ExportedLog(folder)
    found = [
        signed(name, text, [note_key()], verify_signature)
        for name, text in [*export.checkpoints(), *(("the one kept", text) for text in kept)]
    ]
    verifier = LogVerifier(checkpoints=[each for each in found if isinstance(each, Signed)])
    for entry in export.entries():
        verifier.feed(entry)
        made = verifier.made()
        verifier.compare(made, stored(export, made))
    made = verifier.made(all_of_them=True)
    verifier.compare(made, stored(export, made))
    report = verifier.finish()
    bad = tuple(each for each in found if isinstance(each, Fault))
    return replace(report, faults=report.faults + bad, fault_count=report.fault_count + len(bad))


def stored(export: ExportedLog, made: dict[TileId, bytes]) -> dict[TileId, bytes]:
    return {tile: data for tile in made if (data := export.tile(tile, made[tile])) is not None}


def theirs(*arguments: object) -> tuple[int, str]:
    """Run the stand-alone verifier; isolated, so that it cannot import the gateway."""
    command = [sys.executable, "-I", str(STANDALONE), *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, check=False, text=True)
    assert "Traceback" not in done.stderr, done.stderr
    return done.returncode, done.stdout + done.stderr


def first_index(report: LogReport) -> int | None:
    return min((each.index for each in report.faults if each.index is not None), default=None)


def both(log: SealedLog, tmp_path: Path, *, kept: Sequence[bytes] = ()) -> tuple[int | None, str]:
    """Return the first bad index and all words, once both verifiers have found one."""
    folder = log.write(tmp_path / "export")
    report = ours(folder, kept=kept)
    options: list[object] = []
    for number, text in enumerate(kept):
        (tmp_path / f"kept-{number}").write_bytes(text)
        options += ["--checkpoint", tmp_path / f"kept-{number}"]
    code, words = theirs(folder, "--key", note_key().vkey(), *options)
    said = re.search(r"the first bad index is (\d+)", words)
    assert (code, said and int(said[1])) == (int(not report.ok), first_index(report)), words
    return first_index(report), "\n".join(each.problem for each in report.faults)


def test_an_honest_log_is_whole_to_both(tmp_path: Path) -> None:
    log = honest()
    folder = log.write(tmp_path / "export")

    report = ours(folder)
    code, words = theirs(folder, "--key", note_key().vkey())

    assert (report.ok, report.entries, report.size, report.matched) == (True, 601, 601, 4)
    assert report.unsettled == 0
    assert report.root == tiles.root(601, log.tiles)
    assert (code, "keys that you gave" in words) == (0, True), words


def test_keys_that_came_with_the_export_prove_less_and_that_is_said(tmp_path: Path) -> None:
    code, words = theirs(honest().write(tmp_path / "export"))

    assert code == 0
    assert "keys found in the export itself" in words
    assert "Who signed it is not shown" in words


def rechained(entries: list[StoredEntry], index: int, old: bytes, new: bytes) -> list[StoredEntry]:
    """Change an entry and write its node's chain anew behind it."""
    assert old in entries[index].data
    changed = list(entries)
    changed[index] = replace(entries[index], data=entries[index].data.replace(old, new))
    node, last = entries[index].node, leaf(changed[index].data)
    for at in range(index + 1, len(entries)):
        if entries[at].node == node:
            data = re.sub(
                rb'"nprev":"[0-9a-f]{64}"', b'"nprev":"%s"' % last.hex().encode(), entries[at].data
            )
            changed[at] = replace(entries[at], data=data)
            last = leaf(data)
    return changed


def edit(log: SealedLog) -> None:
    data = log.entries[150].data.replace(b"131016", b"131024")
    log.entries[150] = replace(log.entries[150], data=data)


def spoil(log: SealedLog) -> None:
    log.entries[150] = replace(log.entries[150], data=b"{}")


def delete(log: SealedLog) -> None:
    del log.entries[150]


def double(log: SealedLog) -> None:
    log.entries.insert(150, log.entries[149])


def swap_nodes(log: SealedLog) -> None:
    one = next(at for at in range(150, 160) if log.entries[at].node != log.entries[at + 1].node)
    log.entries[one], log.entries[one + 1] = log.entries[one + 1], log.entries[one]


def cut_off(log: SealedLog) -> None:
    del log.entries[500:]


def rewrite_chain(log: SealedLog) -> None:
    log.entries = rechained(log.entries, 150, b"131016", b"131024")


def rewrite_chain_and_tiles(log: SealedLog) -> None:
    rewrite_chain(log)
    log.tiles = seal(log.entries, at=(100, 300)).tiles


def spoil_tile(log: SealedLog) -> None:
    tile = TileId(0, 1)
    log.tiles[tile] = log.tiles[tile][:64] + bytes(32) + log.tiles[tile][96:]


def lose_tile(log: SealedLog) -> None:
    del log.tiles[TileId(0, 1)]


def spoil_upper_tile(log: SealedLog) -> None:
    log.tiles[TileId(1, 0)] = log.tiles[TileId(1, 0)][:32] + bytes(32)


def roll_back_the_checkpoint(log: SealedLog) -> None:
    del log.notes[601]


def sign_with_another_key(log: SealedLog) -> None:
    log.notes[601] = seal(log.entries, key=OTHER_KEY).notes[601]


def forge_the_size(log: SealedLog) -> None:
    log.notes[601] = log.notes[601].replace(b"\n601\n", b"\n600\n")


@pytest.mark.parametrize(
    ("tamper", "index", "words"),
    [
        (edit, 150, "the entry is not what was sealed"),
        (spoil, 150, "members are missing"),
        (delete, 150, "out of sequence"),
        (double, 150, "out of sequence"),
        (swap_nodes, 153, "the entry is not what was sealed"),
        (cut_off, 500, "cut off"),
        (rewrite_chain, 150, "the entry is not what was sealed"),
        (rewrite_chain_and_tiles, None, "at index 100 or behind it"),
        (spoil_tile, 258, "the tree has another hash"),
        (lose_tile, 256, "is missing"),
        (spoil_upper_tile, 256, "the tree is not what was sealed"),
        (roll_back_the_checkpoint, 300, "nobody signed"),
        (sign_with_another_key, 300, "not signed by a known key"),
        (forge_the_size, 300, "does not verify"),
    ],
)
def test_both_name_the_first_bad_index(
    tamper: Callable[[SealedLog], None], index: int | None, words: str, tmp_path: Path
) -> None:
    log = honest()
    tamper(log)

    found, said = both(log, tmp_path)

    assert found == index
    assert words in said


def test_a_log_rewritten_by_the_keys_holder_is_seen_against_a_kept_checkpoint(
    tmp_path: Path,
) -> None:
    log = honest()
    rewritten = seal(rechained(log.entries, 150, b"131016", b"131024"), at=(100, 300))

    assert both(rewritten, tmp_path / "without") == (None, "")
    index, words = both(rewritten, tmp_path / "with", kept=[log.notes[300]])
    assert index is None
    assert "there are two logs" in words


def test_a_kept_checkpoint_of_an_honest_log_agrees(tmp_path: Path) -> None:
    log = honest()

    assert both(log, tmp_path, kept=[log.notes[100], log.notes[300]]) == (None, "")


def test_checkpoints_of_different_logs_do_not_go_together(tmp_path: Path) -> None:
    log = honest()
    folder = log.write(tmp_path / "export")
    other = Signed("another", "kakehashi/other", 0, tiles.root(0, {}))

    report = LogVerifier(checkpoints=[Signed("one", "o", 0, tiles.root(0, {})), other]).finish()

    assert [each.problem for each in report.faults] == ["the checkpoints are of 2 different logs"]
    assert theirs(folder, "--key", note_key(origin="kakehashi/other").vkey())[0] == 1


GAPS = [
    pytest.param([(ONE, accepted(1)), (ONE, accepted(1))], 1, "accepted again", id="twice"),
    pytest.param([(ONE, claimed(1))], 0, "never accepted", id="no acceptance"),
    pytest.param([(TWO, claimed(1)), (ONE, accepted(1))], None, "", id="sealed the other way"),
    pytest.param([(ONE, claimed(1)), (ONE, accepted(1))], 0, "only afterwards", id="afterwards"),
    pytest.param([*life(1)[:1], *life(1)[2:]], 1, "without a claim", id="no claim"),
    pytest.param([*life(1)[:1], life(1)[2], (ONE, claimed(1))], 1, "afterwards", id="late claim"),
    pytest.param([*life(1)[:1], life(1)[2], (TWO, claimed(1))], None, "", id="other node's claim"),
    pytest.param([*life(1), (ONE, delivered(1))], 3, "second time", id="delivered twice"),
    pytest.param([*life(1), (ONE, cancelled(1))], 3, "second time", id="cancelled afterwards"),
    pytest.param(
        [*life(1)[:2], (ONE, cancelled(1)), (ONE, delivered(1, flagged=True))],
        None,
        "",
        id="delivered wins",
    ),
    pytest.param(
        [*life(1)[:2], (ONE, cancelled(1)), (ONE, delivered(1))], 3, "second time", id="unflagged"
    ),
    pytest.param(
        [*life(1)[:2], (ONE, delivered(1, flagged=True))], 2, "cancellation", id="not cancelled"
    ),
    pytest.param(
        [(ONE, accepted(1)), (ONE, outcome(Action.DELIVERY_PARKED, 1))], 1, "claim", id="parked"
    ),
    pytest.param(
        [(ONE, accepted(1)), (ONE, outcome(Action.DELIVERY_DEFERRED, 1))], 1, "claim", id="deferred"
    ),
    pytest.param(
        [(ONE, accepted(1)), (ONE, outcome(Action.DELIVERY_IN_DOUBT, 1))], 1, "claim", id="in doubt"
    ),
    pytest.param(
        [*life(1)[:2], (ONE, delivered(1, attempt=2))], 2, "without a claim", id="another attempt"
    ),
    pytest.param(
        [*life(1)[:2], (ONE, delivered(1, copy="x"))], 2, "without a claim", id="another copy"
    ),
    pytest.param(
        [(ONE, accepted(1)), (ONE, about(Action.DELIVERY_PARKED, 1, code="x"))],
        None,
        "",
        id="parked by the gateway",
    ),
    pytest.param(
        [(ONE, accepted(1)), (ONE, replace(claimed(1), delivery=claimed(2).delivery))],
        1,
        "no acceptance names",
        id="unknown delivery",
    ),
    pytest.param([(ONE, about(Action.LOG_READ, 1))], None, "", id="somebody asked about nothing"),
]


@pytest.mark.parametrize(("entries", "index", "words"), GAPS)
def test_both_find_what_does_not_belong_together(
    entries: list[tuple[NodeName, Entry]], index: int | None, words: str, tmp_path: Path
) -> None:
    found, said = both(seal(chained([*entries, late()])), tmp_path)

    assert found == index
    assert words in said
    assert bool(words) == bool(said)


@pytest.mark.parametrize(("never_claimed", "excused"), [(None, 1), (5, 0)])
def test_a_broken_chain_hides_no_more_gaps_than_entries_that_are_lost(
    never_claimed: int | None, excused: int, tmp_path: Path
) -> None:
    lives = [each for n in range(9) for each in life(n)]
    if never_claimed is not None:
        del lives[3 * never_claimed + 1]
    entries = chained([*lives, late()])
    assert b'"delivery.claimed"' in entries[4].data
    del entries[4]

    index, said = both(seal(entries), tmp_path)

    assert ("without a claim" in said) == (never_claimed is not None)
    assert "out of sequence" in said
    assert index == (9 if never_claimed is None else 4)
    assert len(ours(tmp_path / "export").excused) == excused


def test_what_was_examined_is_a_note_and_what_else_is_wrong_shows_all_the_same(
    tmp_path: Path,
) -> None:
    log = honest()
    edit(log)
    found = ours(log.write(tmp_path / "export")).faults
    first, second = sorted({each.index for each in found if each.index is not None})
    assert first == 150

    known = {at: leaf_in(log.tiles[TileId(0, at // 256)], at) for at in (150, second)}
    examined = LogVerifier(checkpoints=signatures(log), known=known)
    examined.feed_all(log.entries)
    report = examined.finish()

    assert (report.ok, report.matched) == (True, 3)
    assert {each.index for each in report.known} == {150, second}

    other = LogVerifier(checkpoints=signatures(log), known=known)
    other.feed_all([*rechained(log.entries, 400, b"131016", b"131024")])
    assert [each.index for each in other.finish().faults] == [None]


def signatures(log: SealedLog) -> list[Signed]:
    found = [signed(str(n), text, [note_key()], verify_signature) for n, text in log.notes.items()]
    return [each for each in found if isinstance(each, Signed)]


def test_what_is_missing_at_the_very_end_may_still_come(tmp_path: Path) -> None:
    log = seal(chained([(ONE, accepted(1)), (ONE, delivered(1))]))

    assert both(log, tmp_path) == (None, "")
    assert ours(tmp_path / "export").unsettled == 1


def test_whoever_asked_the_journal_leaves_nothing_unsettled() -> None:
    verifier = LogVerifier(completeness=(asked := Completeness()))
    for entry in chained([(ONE, accepted(1)), (ONE, delivered(1)), (ONE, claimed(2))]):
        verifier.feed_unsealed(entry)

    for missing in list(asked.missing()):
        if missing.application == str(application(2)):
            asked.settle(missing)
    report = verifier.finish(complete=True)

    assert [(each.index, each.nseq) for each in report.faults] == [(None, 2)]
    assert report.unsettled == 0


def test_a_cancellation_that_nobody_was_asked_for_may_still_come() -> None:
    verifier = LogVerifier()
    for entry in chained([*life(1)[:2], (ONE, delivered(1, flagged=True))]):
        verifier.feed_unsealed(entry)

    report = verifier.finish(complete=True)

    assert (report.ok, report.unsettled) == (True, 1)


def test_entries_that_are_not_sealed_yet_go_on_with_the_chains() -> None:
    log = chained([each for n in range(5) for each in life(n)])
    verifier, broken = LogVerifier(), LogVerifier(heads={ONE: Head(11, bytes(32))})
    for entry in log[:10]:
        verifier.feed(entry)
        broken.feed(entry)
    for entry in log[10:]:
        verifier.feed_unsealed(entry)

    assert verifier.finish().ok
    [fault] = broken.finish().faults
    assert "known to have had 11 entries" in fault.problem


def a_receipt(number: int, leaf_hash: bytes) -> str:
    claims = {"application": str(application(number)), "leaf": leaf_hash.hex()}
    return Signer(SIGNING_KEY).sign_attached(json.dumps(claims).encode(), Purpose.RECEIPT)


SIGNING_KEY = keys.new_signing_key()


@pytest.mark.parametrize(
    ("number", "changed", "code", "words"),
    [
        (7, "", 0, "ok"),
        (7, "changed", 1, "entry 21: not the acceptance that the receipt was given for"),
        (999, "", 1, "is missing: there is a receipt"),
    ],
)
def test_a_receipt_is_looked_for(
    number: int, changed: str, code: int, words: str, tmp_path: Path
) -> None:
    log = honest()
    folder = log.write(tmp_path / "export")
    jwks = {"keys": [json.loads(keys.public_half(SIGNING_KEY))]}
    (folder / "receipt-keys.json").write_text(json.dumps(jwks), encoding="utf-8")
    leaf_hash = bytes(32) if changed else leaf(log.entries[21].data)
    (tmp_path / "receipt").write_text(a_receipt(number, leaf_hash), encoding="utf-8")
    verifier = LogVerifier(receipts={str(application(number)): leaf_hash})
    for entry in log.entries:
        verifier.feed(entry)

    found = theirs(folder, "--key", note_key().vkey(), "--receipt", tmp_path / "receipt")

    assert found[0] == code
    assert words in found[1]
    assert verifier.finish().fault_count == code


@pytest.mark.parametrize(
    ("known", "cut", "words"),
    [
        (False, False, "signature not checked: by a key that is not here; not compared"),
        (True, True, "a signature does not verify; not compared"),
    ],
)
def test_a_receipt_that_anybody_may_have_written_says_nothing_of_the_log(
    known: bool,  # noqa: FBT001 - a column of the table
    cut: bool,  # noqa: FBT001 - likewise
    words: str,
    tmp_path: Path,
) -> None:
    folder = honest().write(tmp_path / "export")
    jwks = {"keys": [json.loads(keys.public_half(SIGNING_KEY))] if known else []}
    (tmp_path / "jwks").write_text(json.dumps(jwks), encoding="utf-8")
    header, payload, signature = a_receipt(999, bytes(32)).split(".")
    signature = "A" * 86 if cut else signature
    (tmp_path / "receipt").write_text(f"{header}.{payload}.{signature}", encoding="utf-8")
    arguments = [folder, "--receipt", tmp_path / "receipt", "--receipt-keys", tmp_path / "jwks"]

    code, said = theirs(*arguments)

    assert (code, words in said, "ok: " in said) == (2, True, True)
    (folder / "entries/0.jsonl").write_bytes(b"")
    assert theirs(*arguments)[0] == 1


@pytest.mark.parametrize("index", [0, 255, 256, 600])
def test_a_proof_is_verified_by_itself(index: int, tmp_path: Path) -> None:
    log = honest()
    path = tiles.inclusion_path(index, 601, log.tiles)
    (tmp_path / "proof").write_bytes(proof.Proof(index, path, log.notes[601]).encode())
    (tmp_path / "entry").write_bytes(log.entries[index].data)
    (tmp_path / "other").write_bytes(log.entries[index - 1].data)
    arguments = ["proof", tmp_path / "proof", "--key", note_key().vkey(), "--entry"]

    code, words = theirs(*arguments, tmp_path / "entry")

    assert (code, f"is entry {index} of kakehashi/test" in words) == (0, True), words
    assert theirs(*arguments, tmp_path / "other")[0] == 1
    wrong = ["proof", tmp_path / "proof", "--key", note_key(OTHER_KEY).vkey(), "--entry"]
    assert theirs(*wrong, tmp_path / "entry")[0] == 1


def test_what_cannot_be_read_is_no_finding(tmp_path: Path) -> None:
    assert theirs(tmp_path)[0] == 2
    assert theirs(honest().write(tmp_path / "export"), "--key", "nonsense")[0] == 2
