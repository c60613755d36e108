"""The last signed checkpoint, where whoever has the database has no right."""

from typing import Final, Protocol

NOTHING: Final = "nothing is sealed\n"
"""Kept instead of a note by an operator who accepts a log of which nothing is sealed. That a
note is gone says nothing: anybody may have removed it."""


class KeptCheckpoint(Protocol):
    """Keeps one signed note across restarts, outside of the journal. One process uses it.

    Blocks for as long as a disk takes: call it in a thread.
    """

    def read(self) -> str | None:
        """Return the note that is kept; ``None`` if there is none.

        Raises:
            LogUnusableError: There is one, and it cannot be read.
        """

    def keep(self, checkpoint: str) -> bool:
        """Keep this note instead; a crash leaves the whole of one of the two.

        Returns:
            Whether it is durable; else the one before is still there.
        """

    def set_aside(self) -> str | None:
        """Leave a copy of what is kept beside.

        Returns:
            Where it is, in words for an operator; ``None`` if nothing was kept.

        Raises:
            LogUnusableError: It cannot be copied.
        """
