"""How far results have been reported, on disk.

The file is one JSON object, and under it a line for each page that came later: a list of ids. A
page costs what stands on it, however much was reported before; a line that was cut off in the
middle is left out, and what it told of is reported again with the ids that it had.
"""

import json
import os
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import structlog

NAME: Final = "results-cursor.json"

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Position:
    """Where reading stands.

    Attributes:
        page: Address of the page to begin with; ``None`` is the first.
        reported: Ids of the results from there on that need not be reported again.
    """

    page: str | None = None
    reported: frozenset[str] = frozenset()


class Cursor:
    """A file that holds a position for as long as the list is read in one way. Blocking."""

    def __init__(self, folder: Path, digest: str) -> None:
        """Keep the folder, which exists, and what tells how the list is read."""
        self._path = folder / NAME
        self._digest = digest
        self._is_whole = False

    def load(self) -> Position:
        """Return the position; the beginning if there is none of this list.

        From the beginning everything comes again, with the ids that it had.
        """
        self._is_whole = False
        try:
            first, *others = self._path.read_bytes().split(b"\n")
            stored = json.loads(first)
            if stored["digest"] != self._digest:
                return Position()
            page = None if stored["page"] is None else str(stored["page"])
            reported = set(map(str, stored["reported"]))
            for line in others[:-1]:
                reported.update(map(str, json.loads(line)))
        except FileNotFoundError:
            return Position()
        except (OSError, ValueError, KeyError, TypeError):
            log.warning("http.cursor_unreadable")
            return Position()
        self._is_whole = others[-1:] == [b""]
        return Position(page, frozenset(reported))

    def add(self, ids: frozenset[str], before: AbstractSet[str]) -> None:
        """Note that ``ids`` have been reported, too; it is on the disk when this returns.

        Args:
            ids: Of one page.
            before: What had been reported from the first page on, in case that the file is not
                there, or is not whole.

        Raises:
            OSError: It could not be written; what was there still is.
        """
        if not self._is_whole:
            self.save(Position(None, ids | before))
            return
        self._is_whole = False
        with self._path.open("ab") as file:
            file.write(json.dumps(sorted(ids)).encode() + b"\n")
            file.flush()
            os.fsync(file.fileno())
        self._is_whole = True

    def save(self, position: Position) -> None:
        """Put ``position`` in the file's place; it is on the disk when this returns.

        Raises:
            OSError: It could not be written; what was there still is.
        """
        document = {
            "digest": self._digest,
            "page": position.page,
            "reported": sorted(position.reported),
        }
        self._is_whole = False
        fresh = self._path.with_suffix(".tmp")
        with fresh.open("wb") as file:
            file.write(json.dumps(document).encode() + b"\n")
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(self._path)
        folder = os.open(self._path.parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
        self._is_whole = True
