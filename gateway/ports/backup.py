"""What copies a journal while it is in use."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

from gateway.ports.audit_log import LogHead, TileId

PART: Final = ".part"
"""What the name of a backup ends with until it is whole."""

ReadTiles = Callable[[tuple[TileId, ...]], Mapping[TileId, bytes]]
CheckHead = Callable[[LogHead | None, ReadTiles], None]
"""Raises if the copy's head, ``None`` where nothing is sealed, is not one that was signed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BackedUp:
    """One copy that is whole.

    Attributes:
        size_bytes: Of the file.
        entries: How many audit entries are in it.
        until: When the last of them was recorded; nothing later is in it.
        head: Of its log, as far as that was sealed.
    """

    size_bytes: int
    entries: int
    until: datetime | None
    head: LogHead | None


IsStopped = Callable[[], bool]
"""Tells, in any thread, whether nobody wants it any more."""

BackUp = Callable[[Path, CheckHead, IsStopped], BackedUp]
"""Writes one to a file that is not there yet. Blocking."""
