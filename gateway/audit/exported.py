"""How an exported log is read: a directory as ``docs/adr/0014`` says."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from gateway.audit.tiles import WIDTH, path
from gateway.audit.tree import HASH_BYTES
from gateway.domain.entry import StoredEntry
from gateway.domain.identifiers import NodeName
from gateway.ports.audit_log import TileId

ENTRIES_A_FILE: Final = 65_536
"""``entries/FIRST.jsonl`` has so many lines, but for the last; FIRST is the first one's index."""

_PLACE: Final = re.compile(
    rb'"node":"([a-z0-9-]{1,63})","nprev":"[0-9a-f]{64}","nseq":([1-9][0-9]{0,18}),'
    rb'(?:"subject":"[0-9a-f]{64}",)?"v":[12]\}\Z'
)
"""How every entry ends (``audit.chain``)."""


class ExportedLog:
    """The files of one export."""

    def __init__(self, folder: Path) -> None:
        """Keep where it is; opens nothing."""
        self._folder = folder

    def entries(self) -> Iterator[StoredEntry]:
        """Yield the entries by index, until there is no further file (``placed``).

        Raises:
            OSError: A file cannot be read.
        """
        return map(placed, self.lines())

    def lines(self) -> Iterator[bytes]:
        """Yield the entries' bytes by index, until there is no further file.

        Raises:
            OSError: A file cannot be read.
        """
        first = 0
        while (file := self._folder / "entries" / f"{first}.jsonl").exists():
            with file.open("rb") as lines:
                for line in lines:
                    yield line.removesuffix(b"\n")
            first += ENTRIES_A_FILE

    def checkpoints(self) -> Iterator[tuple[str, bytes]]:
        """Yield names and signed notes, those of the hours by size and then the latest.

        Raises:
            OSError: A file cannot be read.
        """
        kept = sorted(self._folder.glob("checkpoints/*"), key=lambda file: file.name.zfill(20))
        for file in kept:
            yield f"checkpoints/{file.name}", file.read_bytes()
        yield "checkpoint", (self._folder / "checkpoint").read_bytes()

    def keys(self) -> list[str]:
        """Return the verifier keys that stand in the export; they prove nothing by themselves.

        Raises:
            OSError: The file cannot be read.
        """
        return (self._folder / "keys.txt").read_text(encoding="utf-8").split()

    def tile(self, tile: TileId, data: bytes) -> bytes | None:
        """Return the stored tile that should begin with ``data``; ``None`` when there is none."""
        full = self._folder / path(tile.level, tile.position, WIDTH)
        partial = full.parent / f"{full.name}.p"
        there = [partial / str(len(data) // HASH_BYTES), full]
        # Of a log that was cut off the tile is longer than what is left.
        there += sorted(partial.glob("*"), key=lambda file: file.name.zfill(3), reverse=True)
        return next((file.read_bytes() for file in there if file.is_file()), None)


def placed(line: bytes) -> StoredEntry:
    """Return an entry where it says that it belongs: chains show whether it is so.

    One that says nothing that can be read belongs to no node, and is reported as such.
    """
    place = _PLACE.search(line)
    if place is None:
        return StoredEntry(node=NodeName(""), nseq=1, data=line)
    return StoredEntry(node=NodeName(place[1].decode()), nseq=int(place[2]), data=line)
