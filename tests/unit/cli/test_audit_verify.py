"""``audit verify`` of an export, and what is given to it from outside."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from gateway.audit.chain import leaf
from gateway.crypto import keys
from gateway.crypto.sign import Purpose, Signer
from gateway.drivers.file_keys import FileKeys
from gateway.testing.builders import an_id
from tests.unit.audit.exported_log import OTHER_KEY, application, honest, note_key, seal
from tests.unit.cli.conftest import Terminal

LOG = honest(20, at=(10, 30))
SIGNING_KEY = keys.new_signing_key()
JWKS = json.dumps({"keys": [json.loads(keys.public_half(SIGNING_KEY))]})


@pytest.fixture
def export(terminal: Terminal) -> Path:  # noqa: ARG001 - its folder
    folder = LOG.write(Path("export"))
    (folder / "receipt-keys.json").write_text(JWKS, encoding="utf-8")
    return folder


def a_receipt(number: int, leaf_hash: bytes, key: bytes = SIGNING_KEY) -> str:
    claims = {"application": str(application(number)), "leaf": leaf_hash.hex()}
    return Signer(key).sign_attached(json.dumps(claims).encode(), Purpose.RECEIPT)


def test_an_honest_export_is_well(terminal: Terminal, export: Path) -> None:
    report = terminal.ask("audit", "verify", "--export", str(export))

    assert (report["ok"], report["entries"], report["sealed"]) == (True, 61, 61)
    assert (report["matched"], report["keys"]) == (4, "export")
    text = terminal.run("audit", "verify", "--export", str(export))
    assert "whole in itself" in text
    text = terminal.run("audit", "verify", "--export", str(export), "--key", note_key().vkey())
    assert "Signed by the keys that you gave." in text


def test_a_tampered_export_is_told_with_exit_code_1(terminal: Terminal, export: Path) -> None:
    lines = export / "entries/0.jsonl"
    lines.write_bytes(lines.read_bytes().replace(b"131016", b"131024", 1))

    text = terminal.run("audit", "verify", "--export", str(export), code=1)

    assert "The first bad index is 0." in text
    assert "the entry is not what was sealed" in text


def test_what_was_kept_is_compared(terminal: Terminal, export: Path) -> None:
    Path("kept").write_bytes(LOG.notes[30])
    Path("receipt").write_text(a_receipt(1, leaf(LOG.entries[3].data)), encoding="utf-8")
    answer = {"receipt": a_receipt(1, bytes(32))}
    Path("answer.json").write_text(json.dumps(answer), encoding="utf-8")
    verify = ["audit", "verify", "--export", str(export), "--checkpoint", "kept"]

    assert terminal.ask(*verify, "--receipt", "receipt")["matched"] == 5
    report = terminal.ask(*verify, "--receipt", "answer.json", code=1)
    assert report["first_bad_index"] == 3


def test_files_that_cannot_be_read_are_told_apart(terminal: Terminal, export: Path) -> None:
    Path("receipt").write_text("nonsense", encoding="utf-8")
    verify = ["audit", "verify", "--export", str(export)]

    assert "not a receipt" in terminal.run(*verify, "--receipt", "receipt", code=2)
    assert "keys: " in terminal.run(*verify, "--key", "nonsense", code=2)
    terminal.run(*verify, "--checkpoint", "nowhere", code=2)
    terminal.run("audit", "verify", "--export", str(an_id()), code=2)


def test_a_receipt_that_nobody_known_signed_is_no_alarm(terminal: Terminal, export: Path) -> None:
    forged = a_receipt(999, bytes(32)).rpartition(".")[0] + "." + "A" * 86
    Path("earlier").write_text(a_receipt(1, bytes(32), keys.new_signing_key()), encoding="utf-8")
    Path("forged").write_text(forged, encoding="utf-8")
    Path("missing").write_text(a_receipt(999, bytes(32)), encoding="utf-8")
    verify = ["audit", "verify", "--export", str(export)]

    text = terminal.run(*verify, "--receipt", "earlier", "--receipt", "forged", code=2)
    report = terminal.ask(*verify, "--receipt", "earlier", code=2)

    assert "earlier: signature not checked: by a key that is not here; not compared" in text
    assert "forged: not signed as a receipt is: not what was signed; not compared" in text
    assert "ok: 61 entries" in text
    assert "not what was written" not in text
    assert (report["ok"], len(report["receipts_not_compared"])) == (True, 1)
    both = ("--receipt", "missing", "--receipt", "forged")
    report = terminal.ask(*verify, *both, code=1)
    assert "is missing: there is a receipt" in report["failures"][0]["problem"]


def test_receipts_are_checked_by_the_keys_that_are_given(terminal: Terminal, export: Path) -> None:
    (export / "receipt-keys.json").write_text('{"keys": []}', encoding="utf-8")
    Path("jwks").write_text(JWKS, encoding="utf-8")
    Path("receipt").write_text(a_receipt(1, leaf(LOG.entries[3].data)), encoding="utf-8")
    verify = ["audit", "verify", "--export", str(export), "--receipt", "receipt"]

    terminal.ask(*verify, code=2)

    assert terminal.ask(*verify, "--receipt-keys", "jwks")["receipts_not_compared"] == []


def test_checkpoints_of_other_keys_are_counted_and_named(terminal: Terminal, export: Path) -> None:
    other = seal(LOG.entries, at=(10, 30), key=OTHER_KEY)
    (export / "checkpoints/30").write_bytes(other.notes[30])
    verify = ["audit", "verify", "--export", str(export), "--key", note_key().vkey()]

    report = terminal.ask(*verify)

    assert report["checkpoints_of_other_keys"] == ["checkpoints/30"]
    told = "1 checkpoints are signed by other keys only, and were not compared: checkpoints/30"
    assert told in terminal.run(*verify)


def test_receipts_of_the_journal_are_checked_by_the_gateways_keys_of_all_times(
    terminal: Terminal, keep: Callable[..., object]
) -> None:
    keep()
    terminal.run("keys", "new", "gateway", "--home", "earlier")
    terminal.run("keys", "export", "gateway/signing", "--home", "earlier", "--out", "old.jwk")
    store = FileKeys(Path("earlier/keys"))
    receipt = a_receipt(999, bytes(32), store.private("gateway/signing"))
    Path("receipt").write_text(receipt, encoding="utf-8")

    terminal.run("audit", "verify", "--receipt", "receipt", code=2)
    terminal.run("keys", "import", "old.jwk", "--as", "gateway/signing-2025")

    report = terminal.ask("audit", "verify", "--receipt", "receipt", code=1)
    assert "is missing: there is a receipt" in report["failures"][0]["problem"]


def test_what_was_examined_is_a_note_from_then_on(terminal: Terminal, export: Path) -> None:
    lines = export / "entries/0.jsonl"
    lines.write_bytes(lines.read_bytes().replace(b"131016", b"131024", 1))
    verify = ["audit", "verify", "--export", str(export)]
    failures = terminal.ask(*verify, code=1)["failures"]
    bad = {str(each["index"]) for each in failures if each["index"] is not None}
    known = [word for index in sorted(bad) for word in ("--known", index)]

    report = terminal.ask(*verify, *known)

    assert (report["ok"], report["first_bad_index"], report["matched"]) == (True, None, 4)
    noted = [each for each in report["warnings"] if each["problem"].startswith("known:")]
    assert {str(each["index"]) for each in noted} == bad
    assert "note: index 0: known: the entry is not what" in terminal.run(*verify, *known)
    assert terminal.ask(*verify, *known[2:], code=1)["first_bad_index"] == int(known[1])
