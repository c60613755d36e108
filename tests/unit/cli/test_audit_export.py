"""``audit export``: whole, gone on with, and never mixed with something else."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from gateway.cli import exporting
from gateway.cli.invocation import Invocation
from gateway.cli.reach import perform
from tests.unit.cli.conftest import Terminal

ENTRIES_A_FILE = 512
VERIFIER = "out/verify.py"
OUT = Path("out")
Grow = Callable[[int], None]


@pytest.fixture(autouse=True)
def _small_files(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exporting, "ENTRIES_A_FILE", ENTRIES_A_FILE)
    monkeypatch.setattr(exporting, "TILES_A_FILE", ENTRIES_A_FILE // 256)


def verified(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the verifier that lies in the export, with nothing of ours in reach."""
    command = [sys.executable, "-I", VERIFIER, "out", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)


def entries() -> int:
    return sum(len(file.read_bytes().splitlines()) for file in OUT.glob("entries/*.jsonl"))


def names() -> set[str]:
    return {str(file.relative_to(OUT)) for file in OUT.rglob("*") if file.is_file()}


def test_an_export_is_whole_and_verifies_by_itself(terminal: Terminal, grow: Grow) -> None:
    grow(1_300)

    done = terminal.ask("audit", "export", "out")

    assert (done["entries"], done["kept"], done["bad_index"]) == (1_300, 0, None)
    assert {"entries/0.jsonl", "entries/512.jsonl", "entries/1024.jsonl"} < names()
    assert {"keys.txt", "receipt-keys.json", "export.json", "checkpoint"} < names()
    assert {"tile/0/004", "tile/0/005.p/20", "tile/1/000.p/5"} < names()
    key = (OUT / "keys.txt").read_text().split()[0]
    checked = verified("--key", key)
    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert "1300 entries" in checked.stdout


@pytest.mark.parametrize(("before", "more"), [(1, 1), (512, 512), (1_000, 600)])
def test_a_log_that_has_grown_is_gone_on_with(
    terminal: Terminal, grow: Grow, before: int, more: int
) -> None:
    grow(before)
    terminal.ask("audit", "export", "out")
    first = (OUT / "checkpoint").read_bytes()
    grow(more)

    done = terminal.ask("audit", "export", "out")

    assert done["kept"] == before
    assert entries() == done["entries"] > before
    assert (OUT / "checkpoints" / str(before)).read_bytes() == first
    assert verified().returncode == 0
    assert not [name for name in names() if name.endswith(".part")]


KILLED = """
import os, signal, sys
from gateway.cli import exporting
from gateway.cli.main import app
exporting.ENTRIES_A_FILE, exporting.TILES_A_FILE = 512, 2
left, sync = int(sys.argv[1]), os.fsync
def fsync(descriptor):
    global left
    left -= 1
    if left == 0:
        os.kill(os.getpid(), signal.SIGKILL)
    sync(descriptor)
os.fsync = fsync
app(["audit", "export", "out"])
"""


@pytest.mark.parametrize("killed_at", [1, 3, 7, 16])
def test_an_export_that_was_killed_is_gone_on_with(
    terminal: Terminal, grow: Grow, killed_at: int
) -> None:
    grow(1_300)
    command = [sys.executable, "-c", KILLED, str(killed_at)]
    killed = subprocess.run(command, check=False, timeout=60, env=os.environ)
    assert killed.returncode == -signal.SIGKILL

    done = terminal.ask("audit", "export", "out")

    assert done["entries"] >= 1_300
    assert entries() == done["entries"]
    checked = verified()
    assert checked.returncode == 0, checked.stdout


def flip(file: Path, place: int) -> None:
    data = bytearray(file.read_bytes())
    data[place] ^= 1
    file.write_bytes(data)


def a_changed_entry() -> None:
    lines = (OUT / "entries/512.jsonl").read_bytes().split(b"\n")
    lines[88] = lines[88].replace(b"number", b"nummer")
    (OUT / "entries/512.jsonl").write_bytes(b"\n".join(lines))


def a_removed_entry() -> None:
    lines = (OUT / "entries/512.jsonl").read_bytes().split(b"\n")
    del lines[88]
    (OUT / "entries/512.jsonl").write_bytes(b"\n".join(lines))


def an_entry_too_many() -> None:
    with (OUT / "entries/1024.jsonl").open("ab") as out:
        out.write(b"{}\n")


def a_torn_line() -> None:
    file = OUT / "entries/1024.jsonl"
    file.write_bytes(file.read_bytes()[:-1])


def a_tile_s_bit() -> None:
    flip(OUT / "tile/0/001", 3 * 32 + 5)


@pytest.mark.parametrize(
    ("tamper", "index"),
    [
        (a_changed_entry, 600),
        (a_removed_entry, 600),
        (an_entry_too_many, 1_300),
        (a_torn_line, 1_299),
        (a_tile_s_bit, 259),
    ],
)
def test_an_export_that_was_tampered_with_is_not_gone_on_with(
    terminal: Terminal, grow: Grow, tamper: Callable[[], None], index: int
) -> None:
    grow(1_300)
    terminal.ask("audit", "export", "out")
    tamper()

    text = terminal.run("audit", "export", "out", code=1)

    assert f"the first bad index is {index}" in text


def test_a_directory_of_something_else_is_left_alone(terminal: Terminal, grow: Grow) -> None:
    grow(1)
    OUT.mkdir()
    (OUT / "thesis.txt").write_text("precious")

    assert "not an export" in terminal.run("audit", "export", "out", code=1)
    assert names() == {"thesis.txt"}


@pytest.mark.parametrize("about", ["", "[]", "{}", '{"format":2,"origin":"x"}', '{"format":1}'])
def test_an_export_that_does_not_say_what_it_is_is_left_alone(
    terminal: Terminal, grow: Grow, about: str
) -> None:
    grow(1)
    OUT.mkdir()
    (OUT / "export.json").write_text(about)

    assert "export.json" in terminal.run("audit", "export", "out", code=1)
    assert names() == {"export.json"}


def test_an_export_of_another_log_is_left_alone(terminal: Terminal, grow: Grow) -> None:
    grow(1)
    terminal.ask("audit", "export", "out")
    about = json.loads((OUT / "export.json").read_bytes())
    (OUT / "export.json").write_text(json.dumps({**about, "origin": "elsewhere"}))

    assert "elsewhere" in terminal.run("audit", "export", "out", code=1)


def test_a_log_that_was_never_sealed_is_not_exported(
    terminal: Terminal, keep: Callable[..., object]
) -> None:
    keep()

    assert "never sealed" in terminal.run("audit", "export", "out", code=1)
    assert not OUT.exists()


def test_what_was_altered_in_the_journal_is_exported_and_told(grow: Grow) -> None:
    grow(700)

    def ask(operation: str, **arguments: Any) -> Any:
        answer = exporting_source(operation, **arguments)
        if operation == "audit.entries" and arguments["first"] == 0:
            answer["entries"][7] = answer["entries"][8]
        return answer

    exporting_source = source()
    done = exporting.Export(OUT, ask, lambda _: None).run(at=datetime.now(UTC))

    assert done.bad_index == 7
    checked = verified()
    assert checked.returncode == 1
    assert "first bad index is 7" in checked.stdout


def test_a_hole_in_the_journal_is_named(grow: Grow) -> None:
    grow(700)

    def ask(operation: str, **arguments: Any) -> Any:
        answer = exporting_source(operation, **arguments)
        if operation == "audit.entries":
            del answer["entries"][max(0, 600 - arguments["first"]) :]
        return answer

    exporting_source = source()
    with pytest.raises(exporting.CommandError, match="entry 600 is missing"):
        exporting.Export(OUT, ask, lambda _: None).run(at=datetime.now(UTC))


def source() -> Callable[..., Any]:
    """Return what asks the journal of the embedded default."""
    return lambda operation, **arguments: perform(Invocation(), operation, **arguments)
