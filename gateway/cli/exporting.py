"""An export of the audit log, written so that it can be interrupted and gone on with.

A file is written under another name, forced to disk and renamed: what has its name is whole.
Whatever is there already is compared with the log's own hashes before it is left.
``docs/adr/0014`` says which files there are; ``audit.exported`` reads them.
"""

import hashlib
import json
import os
import shutil
from base64 import b64decode
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.resources import files
from pathlib import Path
from typing import Any, Final

from gateway.audit import checkpoint as checkpoints
from gateway.audit import note
from gateway.audit.exported import ENTRIES_A_FILE
from gateway.audit.tiles import WIDTH, path, width_at
from gateway.cli.failures import CommandError, ExitCode
from gateway.ports.audit_log import TileId

FORMAT: Final = 1
"""Of ``export.json``."""

_HASH_BYTES: Final = 32
_PART: Final = ".part"
TILES_A_FILE: Final = ENTRIES_A_FILE // WIDTH

Ask = Callable[..., Any]
"""Does an operation by its name (``cli.reach.perform``)."""

Progress = Callable[[int], None]
"""Is told how many of the entries are there."""


@dataclass(frozen=True, slots=True)
class Exported:
    """What an export came to.

    Attributes:
        origin: Which log.
        size: How many entries it has.
        kept: How many of them were there before.
        bad_index: The first entry that is not what was sealed, if there is one.
    """

    origin: str
    size: int
    kept: int
    bad_index: int | None


class Export:
    """One directory."""

    def __init__(self, folder: Path, ask: Ask, progress: Progress) -> None:
        """Keep what it works with; writes nothing."""
        self._folder = folder
        self._ask = ask
        self._progress = progress
        self._bad_index: int | None = None
        self._kept = 0

    def run(self, *, at: datetime) -> Exported:
        """Write what is missing.

        Args:
            at: When, for ``export.json``.

        Raises:
            CommandError: The directory is of something else, or disagrees with the log; or an
                entry of the log is missing.
            OSError: A file cannot be written.
        """
        before = self._look()
        head = self._ask("audit.head")
        origin, size = str(head["origin"]), int(head["size"])
        if before is not None and before["origin"] != origin:
            raise _refused(f"{self._folder}: of another log, {before['origin']}; this is {origin}")
        about = {
            "format": FORMAT,
            "origin": origin,
            "size": size,
            "root": head["root"],
            "exported_at": at.astimezone(UTC).isoformat(timespec="seconds"),
            "entries_a_file": ENTRIES_A_FILE,
        }
        there = self._compare_entries(size)
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        # Before anything else: a directory that has it is an export, however far it came.
        self._write("export.json", _json({**about, "complete": False}))
        for first in range(0, size, ENTRIES_A_FILE):
            self._segment(first, min(size - first, ENTRIES_A_FILE), size, there.get(first, 0))
        for level in range(1, len(_levels(size))):
            self._tiles_of(level, size)
        self._notes(head, size)
        self._write("keys.txt", "".join(f"{key}\n" for key in head["keys"]).encode())
        self._write("receipt-keys.json", _json({"keys": head["receipt_keys"]}))
        verifier = files("gateway.audit").joinpath("standalone", "verify.py").read_bytes()
        self._write("verify.py", verifier)
        self._write("checkpoint", str(head["checkpoint"]).encode())
        self._write("export.json", _json({**about, "complete": True}))
        self._remove_stale(size)
        return Exported(origin, size, self._kept, self._bad_index)

    def _look(self) -> Mapping[str, Any] | None:
        """Return what the directory says of itself, ``None`` if there is nothing in it."""
        file = self._folder / "export.json"
        if not file.exists():
            others = self._folder.exists() and any(
                each.name != f"export.json{_PART}" for each in self._folder.iterdir()
            )
            if others:
                raise _refused(f"{self._folder}: not empty, and not an export")
            return None
        try:
            about: Mapping[str, Any] = json.loads(file.read_bytes())
            if about["format"] != FORMAT or not isinstance(about["origin"], str):
                raise _refused(f"{file}: of another format than {FORMAT}")
        except (ValueError, KeyError, TypeError):
            raise _refused(f"{file}: cannot be read") from None
        return about

    def _compare_entries(self, size: int) -> dict[int, int]:
        """Return of each file of entries how many there are; each is what the log has."""
        there: dict[int, int] = {}
        found = [file for file in self._folder.glob("entries/*.jsonl") if file.stem.isdecimal()]
        for file in sorted(found, key=lambda each: int(each.stem)):
            first = int(file.stem)
            if first % ENTRIES_A_FILE:
                raise _refused(f"{file}: no file of an export begins with this entry")
            tiles = self._read_tiles(0, first // WIDTH, size)
            index = first
            with file.open("rb") as lines:
                for line in lines:
                    if not line.endswith(b"\n") or not _is_leaf(tiles, index, line[:-1]):
                        raise _disagrees(file, index)
                    index += 1
            there[first] = index - first
            self._progress(index)
        self._kept = sum(there.values())
        return there

    def _segment(self, first: int, count: int, size: int, kept: int) -> None:
        """Write one file of entries and the tiles of their hashes."""
        tiles = self._read_tiles(0, first // WIDTH, size)
        file = self._folder / "entries" / f"{first}.jsonl"
        file.parent.mkdir(exist_ok=True)
        if kept < count:
            part = file.with_name(file.name + _PART)
            with part.open("wb") as out:
                if kept:
                    with file.open("rb") as there:
                        shutil.copyfileobj(there, out)
                self._fetch(out.write, first, kept, count, tiles)
                out.flush()
                os.fsync(out.fileno())
            part.replace(file)
            _sync_folder(file.parent)
        self._progress(first + count)
        for tile, data in tiles.items():
            self._tile(tile, data)

    def _fetch(
        self,
        write: Callable[[bytes], object],
        first: int,
        done: int,
        count: int,
        tiles: Mapping[TileId, bytes],
    ) -> None:
        while done < count:
            page = self._ask("audit.entries", first=first + done, count=count - done)["entries"]
            if not page:
                raise _refused(f"entry {first + done} is missing in the journal")
            for text in page:
                data = b64decode(text)
                if self._bad_index is None and not _is_leaf(tiles, first + done, data):
                    # Told and not hidden: what was altered is what an export is to show.
                    self._bad_index = first + done
                write(data + b"\n")
                done += 1
            self._progress(first + done)

    def _tiles_of(self, level: int, size: int) -> None:
        for first in range(0, (size >> (8 * level)) // WIDTH + 1, WIDTH):
            for tile, data in self._read_tiles(level, first, size).items():
                self._tile(tile, data)

    def _read_tiles(self, level: int, first: int, size: int) -> dict[TileId, bytes]:
        """Return as many tiles as one file of entries has, as they are in a log of ``size``."""
        wanted = [TileId(level, first + number) for number in range(TILES_A_FILE)]
        wanted = [tile for tile in wanted if width_at(tile, size)]
        if not wanted:
            return {}
        answer = self._ask("audit.tiles", level=level, first=first, count=len(wanted))["tiles"]
        found: dict[TileId, bytes] = {}
        for tile, text in zip(wanted, answer, strict=True):
            if text is None:
                index = tile.position * WIDTH ** (level + 1)
                raise _refused(f"a tile of the tree is missing in the journal, from entry {index}")
            # It may have grown since.
            found[tile] = b64decode(text)[: width_at(tile, size) * _HASH_BYTES]
        return found

    def _tile(self, tile: TileId, data: bytes) -> None:
        name = path(tile.level, tile.position, len(data) // _HASH_BYTES)
        file = self._folder / name
        if not file.exists():
            self._write(name, data)
        elif (there := file.read_bytes()) != data:
            place = next(
                (
                    at
                    for at in range(0, len(data), _HASH_BYTES)
                    if there[at:][:32] != data[at:][:32]
                ),
                0,
            )
            index = (tile.position * WIDTH + place // _HASH_BYTES) * WIDTH**tile.level
            raise _disagrees(file, index)

    def _notes(self, head: Mapping[str, Any], size: int) -> None:
        """Write the checkpoints of the hours, and that of the export before this one."""
        kept = [str(text).encode() for text in head["checkpoints"]]
        latest = self._folder / "checkpoint"
        if latest.exists():
            kept.append(latest.read_bytes())
        for text in kept:
            try:
                said = checkpoints.parse(note.parse(text).text)
            except ValueError:
                raise _refused("a checkpoint that was kept is not one") from None
            file = self._folder / "checkpoints" / str(said.size)
            if said.size > size:
                continue
            if not file.exists():
                self._write(f"checkpoints/{said.size}", text)
            elif _root(file) != said.root:
                raise _refused(f"{file}: of another history than the log: see index {said.size}")

    def _remove_stale(self, size: int) -> None:
        """Remove partial tiles that have grown since; what an older size needs is in the others."""
        partial = {
            self._folder / path(tile.level, tile.position, width)
            for level in range(len(_levels(size)))
            for tile in [TileId(level, (size >> (8 * level)) // WIDTH)]
            if (width := width_at(tile, size))
        }
        for file in self._folder.glob("tile/**/*.p/*"):
            if file not in partial:
                file.unlink()
                if not any(file.parent.iterdir()):
                    file.parent.rmdir()

    def _write(self, name: str, data: bytes) -> None:
        file = self._folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        part = file.with_name(file.name + _PART)
        with part.open("wb") as out:
            out.write(data)
            out.flush()
            os.fsync(out.fileno())
        part.replace(file)
        if file.parent == self._folder:
            # Tiles are made again when one is missing; what speaks of all of them must last.
            _sync_folder(self._folder)


def _levels(size: int) -> range:
    return range((size.bit_length() + 7) // 8)


def _root(file: Path) -> bytes | None:
    try:
        return checkpoints.parse(note.parse(file.read_bytes()).text).root
    except ValueError:
        return None


def _is_leaf(tiles: Mapping[TileId, bytes], index: int, data: bytes) -> bool:
    position, place = divmod(index, WIDTH)
    row = tiles.get(TileId(0, position), b"")
    leaf = hashlib.sha256(b"\x00" + data).digest()
    return row[place * _HASH_BYTES : (place + 1) * _HASH_BYTES] == leaf


def _sync_folder(folder: Path) -> None:
    """Make a rename last (POSIX says nothing of it; Linux file systems need this)."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _json(document: object) -> bytes:
    return (json.dumps(document, ensure_ascii=False, indent=2) + "\n").encode()


def _refused(message: str) -> CommandError:
    return CommandError(message, ExitCode.NOT_WELL)


def _disagrees(file: Path, index: int) -> CommandError:
    return _refused(f"{file}: disagrees with the log: the first bad index is {index}")
