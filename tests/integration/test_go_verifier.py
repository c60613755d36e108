"""Go's own transparency log code agrees on honest logs and refuses tampered ones."""

import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from gateway.audit import note as notes
from gateway.audit.checkpoint import Checkpoint
from gateway.audit.note import Note, Signature
from gateway.audit.proof import Proof
from gateway.audit.tiles import edge_of, grow, inclusion_path, path
from gateway.audit.tree import EMPTY_ROOT, leaf_hash
from gateway.ports.audit_log import TileId
from gateway.testing.notes import NoteSigner

LOG = NoteSigner("kakehashi.example-city.lg.jp/audit")
ENTRIES = [b'{"action":"application.accepted","nseq":%d,"v":1}' % nseq for nseq in range(1, 601)]


@dataclass(frozen=True, slots=True)
class Written:
    """An exported log in a folder of its own."""

    folder: Path

    @property
    def checkpoint(self) -> Path:
        return self.folder / "checkpoint"

    @property
    def entries(self) -> Path:
        return self.folder / "entries.jsonl"

    def lines(self) -> list[bytes]:
        return self.entries.read_bytes().split(b"\n")[:-1]

    def write_lines(self, lines: list[bytes]) -> None:
        self.entries.write_bytes(b"".join(line + b"\n" for line in lines))


def signed(size: int, root: bytes, by: NoteSigner = LOG) -> bytes:
    return notes.sign(Checkpoint(LOG.name, size, root).text(), by.name, by.key.public, by.sign)


def write(folder: Path, entries: list[bytes], batch: int = 70) -> Written:
    """Write a log that was sealed batch by batch, with the checkpoint of each batch."""
    folder.mkdir(parents=True)
    log, size, tiles = Written(folder), 0, dict[TileId, bytes]()
    root = EMPTY_ROOT
    for start in range(0, len(entries), batch):
        leaves = [leaf_hash(entry) for entry in entries[start : start + batch]]
        grown = grow(size, {tile: tiles[tile] for tile in edge_of(size)}, leaves)
        tiles.update(grown.tiles)
        size, root = grown.size, grown.root
        (folder / f"checkpoint-{size}").write_bytes(signed(size, root))
    for tile, data in tiles.items():
        file = folder / path(tile.level, tile.position, len(data) // 32)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(data)
    for index in {0, size // 2, max(size - 1, 0)} if size else ():
        proof = Proof(index, inclusion_path(index, size, tiles), signed(size, root))
        (folder / f"{index}.tlog-proof").write_bytes(proof.encode())
    log.checkpoint.write_bytes(signed(size, root))
    log.write_lines(entries)
    return log


def check(gocheck: Path, log: Written, *more: str, key: NoteSigner = LOG) -> tuple[int, str]:
    """Return Go's exit code and what it said."""
    given = [f"-log={log.folder}", f"-entries={log.entries}", f"-key={key.key.vkey()}"]
    command = [str(gocheck), *given, *more]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    return done.returncode, done.stdout + done.stderr


@pytest.mark.parametrize("size", [0, 1, 2, 255, 256, 257, 600, 66_000])
def test_go_accepts_an_honest_log(gocheck: Path, tmp_path: Path, size: int) -> None:
    entries = [b'{"nseq":%d}' % nseq for nseq in range(size)]
    log = write(tmp_path / "log", entries, batch=max(1, size // 9))
    before = [f"-before={file}" for file in log.folder.glob("checkpoint-*")]
    proofs = [f"-proof={file}" for file in log.folder.glob("*.tlog-proof")]

    assert check(gocheck, log, *before, *proofs) == (0, f"{size} entries are what was signed\n")
    assert len(before) >= min(size, 1)
    assert len(proofs) == min(size, 3)


def test_go_accepts_signatures_that_it_does_not_know(gocheck: Path, tmp_path: Path) -> None:
    log = write(tmp_path / "log", ENTRIES)
    note = notes.parse(log.checkpoint.read_bytes())
    witness = Signature("witness.example.lg.jp", bytes(4), bytes(72))
    log.checkpoint.write_bytes(Note(note.text, (witness, *note.signatures)).encode())

    assert check(gocheck, log)[0] == 0


def flip(file: Path, place: int, bit: int = 0) -> None:
    data = bytearray(file.read_bytes())
    data[place] ^= 1 << bit
    file.write_bytes(data)


def an_entry_s_bit(log: Written) -> None:
    lines = log.lines()
    lines[345] = lines[345].replace(b"accepted", b"bccepted")
    log.write_lines(lines)


def a_leaf_tile_s_bit(log: Written) -> None:
    flip(log.folder / "tile/0/001", 32 * 89, 7)


def a_partial_tile_s_bit(log: Written) -> None:
    flip(log.folder / "tile/0/002.p/88", 0)


def an_upper_tile_s_bit(log: Written) -> None:
    flip(log.folder / "tile/1/000.p/2", 63)


def a_missing_tile(log: Written) -> None:
    (log.folder / "tile/0/001").unlink()


def a_shorter_tile(log: Written) -> None:
    file = log.folder / "tile/0/001"
    file.write_bytes(file.read_bytes()[:-32])


def another_root(log: Written) -> None:
    log.checkpoint.write_bytes(signed(len(ENTRIES), leaf_hash(b"")))


def another_size(log: Written) -> None:
    text = log.checkpoint.read_bytes()
    log.checkpoint.write_bytes(text.replace(b"\n600\n", b"\n599\n"))


def a_signature_s_bit(log: Written) -> None:
    note = notes.parse(log.checkpoint.read_bytes())
    [good] = note.signatures
    bad = Signature(good.name, good.key_id, good.signature[:-1] + bytes([good.signature[-1] ^ 1]))
    log.checkpoint.write_bytes(Note(note.text, (bad,)).encode())


def no_signature(log: Written) -> None:
    log.checkpoint.write_text(notes.parse(log.checkpoint.read_bytes()).text, encoding="utf-8")


def another_key(log: Written) -> None:
    text = notes.parse(log.checkpoint.read_bytes()).text
    thief = NoteSigner(LOG.name, "a thief")
    log.checkpoint.write_bytes(notes.sign(text, thief.name, thief.key.public, thief.sign))


def a_dropped_entry(log: Written) -> None:
    lines = log.lines()
    del lines[345]
    log.write_lines(lines)


def a_dropped_tail(log: Written) -> None:
    log.write_lines(log.lines()[:-1])


def an_inserted_entry(log: Written) -> None:
    log.write_lines([*log.lines()[:345], b"{}", *log.lines()[345:]])


def swapped_entries(log: Written) -> None:
    lines = log.lines()
    lines[345], lines[346] = lines[346], lines[345]
    log.write_lines(lines)


def a_duplicate_in_place_of_another(log: Written) -> None:
    lines = log.lines()
    lines[345] = lines[344]
    log.write_lines(lines)


@pytest.mark.parametrize(
    ("tamper", "problem"),
    [
        (an_entry_s_bit, "another root than the checkpoint; entry 345 is not the one in the tree"),
        (a_leaf_tile_s_bit, "tile/0/001 is not the tile of the entries"),
        (a_partial_tile_s_bit, "tile/0/002.p/88 is not the tile of the entries"),
        (an_upper_tile_s_bit, "tile/1/000.p/2 is not the tile of the entries"),
        (a_missing_tile, "no such file"),
        (a_shorter_tile, "tile/0/001 is not the tile of the entries"),
        (another_root, "another root than the checkpoint; tiles of entry 0"),
        (another_size, "checkpoint: invalid signature"),
        (a_signature_s_bit, "checkpoint: invalid signature"),
        (no_signature, "checkpoint: malformed note"),
        (another_key, "checkpoint: note has no verifiable signatures"),
        (a_dropped_entry, "the checkpoint is of 600 entries, there are 599"),
        (a_dropped_tail, "the checkpoint is of 600 entries, there are 599"),
        (an_inserted_entry, "the checkpoint is of 600 entries, there are 601"),
        (swapped_entries, "entry 345 is not the one in the tree"),
        (a_duplicate_in_place_of_another, "entry 345 is not the one in the tree"),
    ],
)
def test_go_refuses_a_tampered_log(
    gocheck: Path, tmp_path: Path, tamper: Callable[[Written], None], problem: str
) -> None:
    log = write(tmp_path / "log", ENTRIES)
    assert check(gocheck, log)[0] == 0

    tamper(log)

    code, said = check(gocheck, log)
    assert code == 1
    assert problem in said


def test_go_refuses_a_log_under_another_key(gocheck: Path, tmp_path: Path) -> None:
    log = write(tmp_path / "log", ENTRIES)

    code, said = check(gocheck, log, key=NoteSigner(LOG.name, "another"))

    assert (code, said) == (1, "checkpoint: note has no verifiable signatures\n")


def test_go_sees_a_rewritten_log_by_an_earlier_checkpoint(gocheck: Path, tmp_path: Path) -> None:
    before = write(tmp_path / "before", ENTRIES[:300]).checkpoint
    rewritten = write(tmp_path / "log", [*ENTRIES[:123], b"{}", *ENTRIES[124:]])
    assert check(gocheck, rewritten)[0] == 0

    code, said = check(gocheck, rewritten, f"-before={before}")

    assert code == 1
    assert "growth from 300" in said


def test_go_sees_a_log_rolled_back_by_a_later_checkpoint(gocheck: Path, tmp_path: Path) -> None:
    later = write(tmp_path / "later", ENTRIES).checkpoint
    rolled_back = write(tmp_path / "log", ENTRIES[:300])

    code, said = check(gocheck, rolled_back, f"-before={later}")

    assert code == 1
    assert "the log had 600 entries before, now it has 300" in said


@pytest.mark.parametrize("place", [len(b"c2sp.org/tlog-proof@v1\nindex "), 100, -10])
def test_go_refuses_a_tampered_proof(gocheck: Path, tmp_path: Path, place: int) -> None:
    log = write(tmp_path / "log", ENTRIES)
    proof = log.folder / "300.tlog-proof"
    assert check(gocheck, log, f"-proof={proof}")[0] == 0

    flip(proof, place)

    code, said = check(gocheck, log, f"-proof={proof}")
    assert code == 1
    assert said.startswith("300.tlog-proof: ")
