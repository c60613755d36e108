"""``audit verify`` of an export, and what is given to it from outside."""

import json
from base64 import urlsafe_b64encode
from pathlib import Path

import pytest

from gateway.audit.chain import leaf
from gateway.testing.builders import an_id
from tests.unit.audit.exported_log import application, honest, note_key
from tests.unit.cli.conftest import Terminal

LOG = honest(20, at=(10, 30))


@pytest.fixture
def export(terminal: Terminal) -> Path:  # noqa: ARG001 - its folder
    return LOG.write(Path("export"))


def a_receipt(number: int, leaf_hash: bytes) -> str:
    claims = {"application": str(application(number)), "leaf": leaf_hash.hex()}
    return f"h.{urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip('=')}.s"


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
