"""The last signed checkpoint, where whoever has the database has no right."""

from typing import Protocol


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
        """Keep nothing from here on, and leave what was kept beside.

        Returns:
            Where it is now, in words for an operator; ``None`` if nothing was kept.

        Raises:
            LogUnusableError: It cannot be moved.
        """
