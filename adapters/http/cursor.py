"""How far results have been reported, on disk."""

import json
import os
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

    def load(self) -> Position:
        """Return the position; the beginning if there is none of this list.

        From the beginning everything comes again, with the ids that it had.
        """
        try:
            stored = json.loads(self._path.read_bytes())
            if stored["digest"] != self._digest:
                return Position()
            page = None if stored["page"] is None else str(stored["page"])
            return Position(page, frozenset(map(str, stored["reported"])))
        except FileNotFoundError:
            return Position()
        except (OSError, ValueError, KeyError, TypeError):
            log.warning("http.cursor_unreadable")
            return Position()

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
        fresh = self._path.with_suffix(".tmp")
        with fresh.open("wb") as file:
            file.write(json.dumps(document).encode())
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(self._path)
        folder = os.open(self._path.parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
