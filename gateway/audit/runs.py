"""Where sealed entries stand: runs of one node's entries, and the tiles at the log's end."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Final

from gateway.domain.entry import StoredEntry
from gateway.ports.audit_log import Run, Seal, TileId, Unsealed

_HEIGHT: Final = 8  # A tile is 256 hashes wide (C2SP tlog-tiles).


@dataclass(frozen=True, slots=True)
class LastRun:
    """The last run of a node.

    Attributes:
        run: It.
        following: First index of the run behind it, whosever; ``None`` at the log's end.
    """

    run: Run
    following: int | None


def runs_of(entries: Sequence[StoredEntry], first_index: int) -> list[Run]:
    """Return the runs of entries that stand one after another from ``first_index``."""
    begins = [
        place
        for place, one in enumerate(entries)
        if place == 0 or (one.node, one.nseq) != _next(entries[place - 1])
    ]
    return [
        Run(
            first_index=first_index + begin,
            node=entries[begin].node,
            first_nseq=entries[begin].nseq,
            length=end - begin,
        )
        for begin, end in zip(begins, [*begins[1:], len(entries)], strict=True)
    ]


def _next(entry: StoredEntry) -> tuple[str, int]:
    return entry.node, entry.nseq + 1


def joined(runs: Iterable[Run]) -> list[Run]:
    """Return runs with those that go on where the one before ended put together."""
    found: list[Run] = []
    for run in runs:
        if found and _goes_on(found[-1], run):
            found[-1] = replace(found[-1], length=found[-1].length + run.length)
        else:
            found.append(run)
    return found


def _goes_on(run: Run, after: Run) -> bool:
    end = (run.node, run.first_nseq + run.length, run.first_index + run.length)
    return end == (after.node, after.first_nseq, after.first_index)


def last_tiles(size: int) -> list[TileId]:
    """Return the last tile of each level of a log of ``size``."""
    tiles, level = [], 0
    while size:
        tiles.append(TileId(level, (size - 1) >> _HEIGHT))
        size >>= _HEIGHT
        level += 1
    return tiles


def check_ends(last: Iterable[LastRun], size: int) -> None:
    """Check that the runs give so many entries an index as the head says, each node its own.

    Where a node's sealed entries end is taken from its last run: one that was shortened would
    have entries sealed a second time, a longer one would leave some out. It asks for one row a
    node, however many runs there are.

    Args:
        last: The last run of every node that has one.
        size: The head's, 0 when there is none.

    Raises:
        ValueError: Somebody changed runs, or the head.
    """
    entries = 0
    for each in last:
        run = each.run
        end = run.first_index + run.length
        if end != (size if each.following is None else each.following):
            raise ValueError("a run does not end where the next one begins", run.first_index)
        entries += run.first_nseq - 1 + run.length
    # Entries that were removed before they were sealed leave a gap: then there are more.
    if entries < size:
        raise ValueError("runs are missing", size)


def check(seal: Seal, unsealed: Unsealed) -> None:
    """Check that a seal covers exactly what was to be sealed.

    Raises:
        ValueError: It does not.
    """
    size = 0 if unsealed.head is None else unsealed.head.size
    expected = runs_of(unsealed.entries, size)
    if joined(seal.runs) != expected or seal.head.size != size + len(unsealed.entries):
        raise ValueError("not what was to be sealed", seal.head.size)
