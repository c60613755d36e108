"""The tree's hashes cut into tiles, the form in which they are stored and exported.

C2SP ``tlog-tiles``: a tile holds up to 256 neighbouring hashes of 32 bytes, so 8,192
bytes when full. Level 0 has the leaf hashes; hash i of tile n at level l is the
root of the full tile n * 256 + i one level below, so::

    MTH(D[(n * 256 + i) * 256**l : (n * 256 + i + 1) * 256**l])

Only full tiles have a hash above. A partial tile is stored as the bytes that it has so far and
overwritten as it grows; what an older size needs is its beginning. Files are named::

    tile/<level>/<position>          full
    tile/<level>/<position>.p/<w>    partial, w = 1 to 255 hashes

with the position in groups of three digits, each but the last behind an ``x``:
1234067 is ``x001/x234/067``.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from gateway.audit.tree import (
    EMPTY_ROOT,
    HASH_BYTES,
    MAX_SIZE,
    Subtree,
    consistency_proof,
    consistency_subtrees,
    inclusion_proof,
    inclusion_subtrees,
    joined,
    node_hash,
    subtrees,
)
from gateway.ports.audit_log import TileId

HEIGHT: Final = 8
WIDTH: Final = 1 << HEIGHT
"""Hashes in a full tile."""

MAX_LEVEL: Final = 63
"""The highest level that a tile's path can name."""

_PATH: Final = re.compile(
    r"tile/(0|[1-9][0-9]?)/((?:x[0-9]{3}/){0,6}[0-9]{3})(?:\.p/([1-9][0-9]{0,2}))?"
)


@dataclass(frozen=True, slots=True)
class Grown:
    """A log after leaves were appended.

    Attributes:
        size: How many entries it has.
        root: Its root, 32 bytes.
        tiles: Every tile that changed, with all its bytes.
    """

    size: int
    root: bytes
    tiles: Mapping[TileId, bytes]


def path(level: int, position: int, width: int) -> str:
    """Return the name of a tile's file, relative to the log's folder.

    Args:
        level: 0 to ``MAX_LEVEL``.
        position: 0 to ``MAX_SIZE``.
        width: How many hashes it has, 1 to 256.

    Raises:
        ValueError: A number out of its range.
    """
    if not (0 <= level <= MAX_LEVEL and 0 <= position <= MAX_SIZE and 1 <= width <= WIDTH):
        raise ValueError("no such tile")
    groups = [f"{position % 1000:03d}"]
    while position := position // 1000:
        groups.append(f"x{position % 1000:03d}")
    partial = "" if width == WIDTH else f".p/{width}"
    return f"tile/{level}/{'/'.join(reversed(groups))}{partial}"


def parse_path(text: str) -> tuple[TileId, int]:
    """Return which tile a file's name means, and its width.

    Raises:
        ValueError: Not a name that ``path`` writes.
    """
    match = _PATH.fullmatch(text)
    if match is None:
        raise ValueError("not the path of a tile")
    tile = TileId(int(match[1]), int(re.sub(r"[x/]", "", match[2])))
    width = int(match[3] or WIDTH)
    # Written again, so that a tile has one name only: no needless x000, no .p/256.
    if tile.level > MAX_LEVEL or tile.position > MAX_SIZE or width > WIDTH:
        raise ValueError("not the path of a tile")
    if path(tile.level, tile.position, width) != text:
        raise ValueError("not the path of a tile")
    return tile, width


def width_at(tile: TileId, size: int) -> int:
    """Return how many hashes a tile has in a log of ``size``: 0 (no such tile yet) to 256."""
    beyond = (size >> (HEIGHT * tile.level)) - tile.position * WIDTH
    return max(0, min(WIDTH, beyond))


def edge_of(size: int) -> tuple[TileId, ...]:
    """Return the partial tiles of a log of ``size``, lowest level first: at most one a level.

    They are all that appending needs, and hold the root.

    Raises:
        ValueError: No log has that size.
    """
    if not 0 <= size <= MAX_SIZE:
        raise ValueError("no log has this size")
    levels = range((size.bit_length() + HEIGHT - 1) // HEIGHT)
    counts = [(level, size >> (HEIGHT * level)) for level in levels]
    return tuple(TileId(level, count // WIDTH) for level, count in counts if count % WIDTH)


def root(size: int, edge: Mapping[TileId, bytes]) -> bytes:
    """Return the root of a log of ``size``, 32 bytes.

    Args:
        size: 0 to ``MAX_SIZE``.
        edge: At least the tiles that ``edge_of`` names; they may have grown since.

    Raises:
        ValueError: A tile is missing or malformed.
    """
    if not 0 <= size <= MAX_SIZE:
        raise ValueError("no log has this size")
    reader = _Tiles(edge)
    parts = [reader.hash(part) for part in subtrees(0, size)]
    return joined(parts) if parts else EMPTY_ROOT


def grow(size: int, edge: Mapping[TileId, bytes], leaves: Sequence[bytes]) -> Grown:
    """Append leaves to a log.

    Args:
        size: How many entries it has.
        edge: The tiles that ``edge_of(size)`` names, neither more nor less grown.
        leaves: Leaf hashes, 32 bytes each.

    Raises:
        ValueError: A tile or a leaf is missing or malformed, or belongs to another size.
    """
    if any(len(leaf) != HASH_BYTES for leaf in leaves):
        raise ValueError("a hash is not 32 bytes long")
    tiles = {tile: _tile(edge, tile) for tile in edge_of(size)}
    if any(len(data) != width_at(tile, size) * HASH_BYTES for tile, data in tiles.items()):
        raise ValueError("a tile belongs to a log of another size")
    changed: dict[TileId, bytes] = {}
    level, arriving = 0, b"".join(leaves)
    while arriving:
        position = (size >> (HEIGHT * level)) // WIDTH
        stream = tiles.get(TileId(level, position), b"") + arriving
        full = []
        for start in range(0, len(stream), WIDTH * HASH_BYTES):
            data = stream[start : start + WIDTH * HASH_BYTES]
            changed[TileId(level, position)] = data
            position += 1
            if len(data) == WIDTH * HASH_BYTES:
                full.append(_complete(data))
        level, arriving = level + 1, b"".join(full)
    grown = size + len(leaves)
    return Grown(grown, root(grown, {**tiles, **changed}), changed)


def tiles_for_inclusion(index: int, size: int) -> tuple[TileId, ...]:
    """Return the tiles from which ``inclusion_path`` proves, in order.

    Raises:
        ValueError: No such entry in a log of that size.
    """
    return _tiles_of(inclusion_subtrees(index, size))


def inclusion_path(index: int, size: int, read: Mapping[TileId, bytes]) -> tuple[bytes, ...]:
    """Return the proof that entry ``index`` is in a log of ``size`` (``tree.inclusion_proof``).

    Args:
        index: From 0.
        size: The log's, or an earlier one of it.
        read: At least the tiles that ``tiles_for_inclusion`` names.

    Raises:
        ValueError: No such entry, or a tile is missing or malformed.
    """
    return inclusion_proof(index, size, _Tiles(read).hash)


def tiles_for_consistency(old: int, new: int) -> tuple[TileId, ...]:
    """Return the tiles from which ``consistency_path`` proves, in order.

    Raises:
        ValueError: ``old`` is more than ``new``.
    """
    return _tiles_of(consistency_subtrees(old, new))


def consistency_path(old: int, new: int, read: Mapping[TileId, bytes]) -> tuple[bytes, ...]:
    """Return the proof that a log of ``old`` grew into ``new`` (``tree.consistency_proof``).

    Raises:
        ValueError: ``old`` is more than ``new``, or a tile is missing or malformed.
    """
    return consistency_proof(old, new, _Tiles(read).hash)


@dataclass(frozen=True, slots=True)
class _Tiles:
    """Reads subtrees out of tiles."""

    tiles: Mapping[TileId, bytes]

    def hash(self, subtree: Subtree) -> bytes:
        tile, start, count = _place(subtree)
        data = _tile(self.tiles, tile)[start * HASH_BYTES : (start + count) * HASH_BYTES]
        if len(data) != count * HASH_BYTES:
            raise ValueError("a tile is shorter than the log's size asks for")
        return _complete(data)


def _place(subtree: Subtree) -> tuple[TileId, int, int]:
    """Return the tile whose hashes a subtree is made of, the first of them, and how many."""
    level, depth = divmod(subtree.height, HEIGHT)
    first = subtree.position << depth
    return TileId(level, first // WIDTH), first % WIDTH, 1 << depth


def _tile(tiles: Mapping[TileId, bytes], tile: TileId) -> bytes:
    data = tiles.get(tile)
    if data is None:
        raise ValueError("a tile is missing")
    if not data or len(data) > WIDTH * HASH_BYTES or len(data) % HASH_BYTES:
        raise ValueError("a tile is not a row of hashes")
    return data


def _complete(data: bytes) -> bytes:
    """Return the root over a row of hashes, as many as a power of two."""
    row = [data[at : at + HASH_BYTES] for at in range(0, len(data), HASH_BYTES)]
    while len(row) > 1:
        row = [node_hash(row[at], row[at + 1]) for at in range(0, len(row), 2)]
    return row[0]


def _tiles_of(proof: Sequence[Sequence[Subtree]]) -> tuple[TileId, ...]:
    return tuple(sorted({_place(part)[0] for node in proof for part in node}))


def leaf_in(tile: bytes | None, index: int) -> bytes | None:
    """Return the leaf hash of an index from its tile of level 0, if the tile has it."""
    start = index % WIDTH * HASH_BYTES
    leaf = (tile or b"")[start : start + HASH_BYTES]
    return leaf if len(leaf) == HASH_BYTES else None
