"""The Merkle tree over the log: what one hash says about all entries before it.

RFC 6962, section 2.1, with SHA-256 (the same tree as RFC 9162, section 2.1)::

    leaf  = SHA-256(0x00 || entry)
    node  = SHA-256(0x01 || left || right)      the left half is the largest power of two
    empty = SHA-256()

A *complete* subtree has 2**height leaves and begins at a multiple of that; its hash never
changes again. Every proof here is computed from complete subtrees only: whoever can
read those (``SubtreeReader``) can prove. Hashes are 32 bytes, indices count from 0, sizes
end before 2**63, as in Go's ``tlog`` and in C2SP.
"""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Final

HASH_BYTES: Final = 32

MAX_SIZE: Final = (1 << 63) - 1
"""The most entries a log has: sizes are signed 64-bit integers wherever they are read."""

EMPTY_ROOT: Final[bytes] = hashlib.sha256(b"").digest()
"""The root of a log without entries (RFC 6962, 2.1)."""

_sha256: Final = hashlib.sha256


def leaf_hash(data: bytes) -> bytes:
    """Return the leaf hash of an entry's bytes, 32 bytes.

    The prefix 0x00 keeps an entry from being taken for an inner node of the tree
    (RFC 6962, 2.1).
    """
    return _sha256(b"\x00" + data).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Return the hash of an inner node over two others, 32 bytes (RFC 6962, 2.1)."""
    return _sha256(b"\x01" + left + right).digest()


@dataclass(frozen=True, slots=True, order=True)
class Subtree:
    """A complete subtree: leaves ``position << height`` up to the next one's first.

    Attributes:
        height: 0 for a single leaf.
        position: Which one of this height, from 0.
    """

    height: int
    position: int


SubtreeReader = Callable[[Subtree], bytes]
"""Returns a complete subtree's hash, 32 bytes."""


class Frontier:
    """The right edge of a growing tree: all that the next root depends on.

    Not for several threads at once.

    Attributes:
        size: How many leaves there are.
    """

    def __init__(self, size: int = 0, hashes: Sequence[bytes] = ()) -> None:
        """Start at a tree of ``size`` leaves.

        Args:
            size: 0 to ``MAX_SIZE``.
            hashes: ``hashes`` of that tree.

        Raises:
            ValueError: There are not as many hashes as ``size`` asks for.
        """
        if not 0 <= size <= MAX_SIZE or len(hashes) != size.bit_count():
            raise ValueError("not the edge of a tree of this size")
        self.size = size
        self._hashes = list(hashes)

    @property
    def hashes(self) -> tuple[bytes, ...]:
        """The complete subtrees that make up the tree, the largest first: one a set bit."""
        return tuple(self._hashes)

    def append(self, leaf: bytes) -> None:
        """Add a leaf hash; costs one node hash on average."""
        size = self.size
        while size & 1:
            leaf = _sha256(b"\x01" + self._hashes.pop() + leaf).digest()
            size >>= 1
        self._hashes.append(leaf)
        self.size += 1

    def root(self) -> bytes:
        """Return the root of the tree as it is, ``EMPTY_ROOT`` when it is empty."""
        return joined(self._hashes) if self._hashes else EMPTY_ROOT


def joined(hashes: Sequence[bytes]) -> bytes:
    """Return the hash over neighbouring complete subtrees, at least one, the largest first."""
    return reduce(lambda right, left: node_hash(left, right), reversed(hashes))


def subtrees(start: int, end: int) -> tuple[Subtree, ...]:
    """Return the complete subtrees that leaves ``start`` up to ``end`` consist of.

    Args:
        start: A multiple of a power of two that is at least ``end - start``, as every
            node of a tree begins.
        end: The first leaf behind.
    """
    found = []
    while start < end:
        height = (end - start).bit_length() - 1
        found.append(Subtree(height, start >> height))
        start += 1 << height
    return tuple(found)


def inclusion_subtrees(index: int, size: int) -> tuple[tuple[Subtree, ...], ...]:
    """Return of which subtrees each hash of an inclusion proof is joined (``inclusion_proof``).

    Raises:
        ValueError: No such entry in a log of that size.
    """
    if not 0 <= index < size <= MAX_SIZE:
        raise ValueError("no such entry in a log of this size")
    siblings = []
    start, end = 0, size
    while end - start > 1:
        middle = start + _split(end - start)
        if index < middle:
            siblings.append((middle, end))
            end = middle
        else:
            siblings.append((start, middle))
            start = middle
    return tuple(subtrees(*sibling) for sibling in reversed(siblings))


def consistency_subtrees(old: int, new: int) -> tuple[tuple[Subtree, ...], ...]:
    """Return of which subtrees each hash of a consistency proof is joined.

    Raises:
        ValueError: The log cannot have grown so.
    """
    if not 0 <= old <= new <= MAX_SIZE:
        raise ValueError("a log of this size did not grow into the other")
    if old in (0, new):
        return ()
    siblings = []
    start, end = 0, new
    while end != old:
        middle = start + _split(end - start)
        if old <= middle:
            siblings.append((middle, end))
            end = middle
        else:
            siblings.append((start, middle))
            start = middle
    # The old tree's own hash is known to whoever asks; a subtree of it is not.
    if start > 0:
        siblings.append((start, end))
    return tuple(subtrees(*sibling) for sibling in reversed(siblings))


def inclusion_proof(index: int, size: int, read: SubtreeReader) -> tuple[bytes, ...]:
    """Return the proof that an entry is in the tree (RFC 6962, 2.1.1), leaf's sibling first.

    Raises:
        ValueError: No such entry in a log of that size.
    """
    return tuple(joined([read(part) for part in node]) for node in inclusion_subtrees(index, size))


def consistency_proof(old: int, new: int, read: SubtreeReader) -> tuple[bytes, ...]:
    """Return the proof that a tree grew by appending only (RFC 6962, 2.1.2).

    Empty when ``old`` is 0 or ``new``: there is nothing to prove.

    Raises:
        ValueError: ``old`` is more than ``new``.
    """
    return tuple(joined([read(part) for part in node]) for node in consistency_subtrees(old, new))


def root_from_inclusion(index: int, size: int, leaf: bytes, path: Sequence[bytes]) -> bytes:
    """Return the root that an inclusion proof leads to (RFC 9162, 2.1.3.2).

    Raises:
        ValueError: No such entry in a log of that size, or a proof of another length.
    """
    if not 0 <= index < size <= MAX_SIZE:
        raise ValueError("no such entry in a log of this size")
    _check_hashes(leaf, *path)
    place, last = index, size - 1
    root = leaf
    for sibling in path:
        if last == 0:
            raise ValueError("the proof has too many hashes")
        if place & 1 or place == last:
            root = node_hash(sibling, root)
            place, last = _above_single(place, last)
        else:
            root = node_hash(root, sibling)
        place, last = place >> 1, last >> 1
    if last:
        raise ValueError("the proof has too few hashes")
    return root


def verify_inclusion(
    index: int, size: int, leaf: bytes, path: Sequence[bytes], root: bytes
) -> None:
    """Return when ``path`` proves that the leaf is at ``index`` of the tree with this root.

    Raises:
        ValueError: It does not; in words.
    """
    if root_from_inclusion(index, size, leaf, path) != root:
        raise ValueError("the proof does not lead from the entry to the root")


def verify_consistency(
    old: int, new: int, old_root: bytes, new_root: bytes, path: Sequence[bytes]
) -> None:
    """Return when ``path`` proves that the new tree begins with the old (RFC 9162, 2.1.4.2).

    Raises:
        ValueError: It does not; in words.
    """
    if not 0 <= old <= new <= MAX_SIZE:
        raise ValueError("a log of this size did not grow into the other")
    _check_hashes(old_root, new_root, *path)
    if old in (0, new):
        if path:
            raise ValueError("the proof has too many hashes")
        if old_root != (new_root if old else EMPTY_ROOT):
            raise ValueError("the roots do not agree")
        return
    if old & (old - 1) == 0:
        # A complete old tree is a node of the new one: its hash begins the proof.
        path = (old_root, *path)
    if _roots_from_consistency(old, new, path) != (old_root, new_root):
        raise ValueError("the proof does not lead to both roots")


def _roots_from_consistency(old: int, new: int, path: Sequence[bytes]) -> tuple[bytes, bytes]:
    """Return both roots that a path leads to, which begins with a node of the old tree."""
    if not path:
        raise ValueError("the proof has too few hashes")
    place, last = old - 1, new - 1
    while place & 1:
        place, last = place >> 1, last >> 1
    before = after = path[0]
    for sibling in path[1:]:
        if last == 0:
            raise ValueError("the proof has too many hashes")
        if place & 1 or place == last:
            before, after = node_hash(sibling, before), node_hash(sibling, after)
            place, last = _above_single(place, last)
        else:
            after = node_hash(after, sibling)
        place, last = place >> 1, last >> 1
    if last:
        raise ValueError("the proof has too few hashes")
    return before, after


def _split(size: int) -> int:
    """Return the largest power of two below ``size``, at least 2 (RFC 6962, 2.1)."""
    return 1 << ((size - 1).bit_length() - 1)


def _above_single(place: int, last: int) -> tuple[int, int]:
    """Climb over the levels at which a last node has no sibling."""
    while place and not place & 1:
        place, last = place >> 1, last >> 1
    return place, last


def _check_hashes(*hashes: bytes) -> None:
    if any(len(each) != HASH_BYTES for each in hashes):
        raise ValueError("a hash is not 32 bytes long")
