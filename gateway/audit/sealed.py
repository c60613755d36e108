"""Is the sealed log what was signed? Entries by index, the tree over them, and what is known.

``LogVerifier`` is fed the sealed entries by index and then those that are not sealed yet. It
checks each entry and each node's chain (``audit.verify``), recomputes the tree (RFC 6962) and
compares it with every checkpoint that is known, each at its own size, in one pass; and
it asks whether all is there that belongs together (``audit.completeness``). The tiles that are
stored are compared with the ones that the entries make: when all chains are whole and a
root is not, they name the first entry that was another when it was sealed.

What only the signing key's holder could do, a whole log rewritten and signed anew, is seen by a
checkpoint that was kept elsewhere, and by a receipt.
"""

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from gateway.audit.checkpoint import open_signed
from gateway.audit.completeness import Completeness, Gap
from gateway.audit.exported import placed
from gateway.audit.note import NoteKey, Verify
from gateway.audit.reading import Glance
from gateway.audit.tiles import WIDTH
from gateway.audit.tree import EMPTY_ROOT, HASH_BYTES, Frontier, joined
from gateway.audit.verify import Finding, Head, Verifier
from gateway.domain.entry import StoredEntry
from gateway.domain.identifiers import NodeName
from gateway.ports.audit_log import TileId

MAX_FAULTS: Final = 1_000
"""How many faults a report keeps; further ones are only counted."""

_sha256: Final = hashlib.sha256


@dataclass(frozen=True, slots=True)
class Fault:
    """Something that is not as it should be.

    Attributes:
        problem: What is wrong, in words; holds nothing from inside an entry.
        index: The first index of the log where it shows; ``None`` if it is about none.
        node: Whose entry, if it is about one.
        nseq: Its place in that node's chain.
    """

    problem: str
    index: int | None = None
    node: str | None = None
    nseq: int | None = None


@dataclass(frozen=True, slots=True)
class Signed:
    """A checkpoint whose signature is good.

    Attributes:
        name: Which one, in words, as ``the latest checkpoint``.
        origin: Which log.
        size: How many entries it stands for.
        root: Their root, 32 bytes.
        rank: Which of the log's keys signed, by age, 0 the oldest; the youngest if several did.
    """

    name: str
    origin: str
    size: int
    root: bytes
    rank: int = 0


def signed(name: str, text: bytes, keys: Sequence[NoteKey], verify: Verify) -> Signed | Fault:
    """Return what a checkpoint says, or why it is not to be believed.

    Args:
        name: Which one, in words.
        text: The signed note.
        keys: Keys of this log, oldest first.
        verify: Checks one Ed25519 signature.
    """
    try:
        found, by = open_signed(text, keys, verify)
    except ValueError as error:
        return Fault(f"{name}: {error}")
    rank = max(list(keys).index(key) for key in by)
    return Signed(name, found.origin, found.size, found.root, rank)


@dataclass(frozen=True, slots=True, kw_only=True)
class LogReport:
    """What verification found.

    Attributes:
        entries: How many entries were read.
        size: How many of them were sealed.
        root: The root over those, 32 bytes.
        matched: How many checkpoints agree with the entries.
        heads: Each node's last entry.
        faults: The first ``MAX_FAULTS`` that were found, those with the lowest index first.
        fault_count: How many there are.
        known: Faults that were examined before.
        excused: What is missing and may be among entries that are lost, as ``faults`` say.
        warnings: Clocks set back, and chains that no gateway began.
        warning_count: How many there were.
        unsettled: Entries too young to say whether what they need is there.
    """

    entries: int
    size: int
    root: bytes
    matched: int
    heads: Mapping[NodeName, Head]
    faults: tuple[Fault, ...]
    fault_count: int
    known: tuple[Fault, ...]
    excused: tuple[Fault, ...]
    warnings: tuple[Finding, ...]
    warning_count: int
    unsettled: int

    @property
    def ok(self) -> bool:
        """Whether nothing was altered or left out, as far as can be told."""
        return not self.fault_count


@dataclass(slots=True, kw_only=True)
class LogVerifier:
    """Verifies a log entry by entry. Memory: that of ``completeness`` alone grows.

    Attributes:
        checkpoints: All that are known; of one log.
        heads: Entries known from elsewhere to be in the log, such as the running node's last.
        receipts: Applications (as written in entries) and the leaf hashes of their acceptances.
        completeness: What is asked of the entries together.
        known: Indices at which a fault was examined before, and what was sealed there by the
            stored tiles: the tree is made of it, so that whatever else is another shows.
    """

    checkpoints: Iterable[Signed] = ()
    heads: Mapping[NodeName, Head] = field(default_factory=dict)
    receipts: Mapping[str, bytes] = field(default_factory=dict)
    completeness: Completeness = field(default_factory=Completeness)
    known: Mapping[int, bytes | None] = field(default_factory=dict)
    _chains: Verifier = field(init=False)
    _waiting: list[Signed] = field(init=False)
    _size: int = field(default=0, init=False)
    _stop: int = field(default=WIDTH, init=False)
    _rows: list[list[bytes]] = field(default_factory=lambda: [[]], init=False)
    _made: dict[TileId, bytes] = field(default_factory=dict, init=False)
    _bad_tiles: set[TileId] = field(default_factory=set, init=False)
    _faults: list[Fault] = field(default_factory=list, init=False)
    _fault_count: int = field(default=0, init=False)
    _known_faults: list[Fault] = field(default_factory=list, init=False)
    _known_ahead: list[int] = field(init=False)
    _misfits: list[Signed] = field(default_factory=list, init=False)
    _matched: int = field(default=0, init=False)
    _covered: int | None = field(init=False)
    _good_sizes: list[int] = field(default_factory=list, init=False)
    _open_receipts: dict[str, bytes] = field(init=False)

    def __post_init__(self) -> None:
        """Put the checkpoints in the order of their sizes."""
        self._chains = Verifier(self.heads)
        self._waiting = sorted(self.checkpoints, key=lambda each: each.size, reverse=True)
        self._open_receipts = dict(self.receipts)
        self._known_ahead = sorted(self.known, reverse=True)
        self._covered = self._waiting[0].size if self._waiting else None
        origins = {each.origin for each in self._waiting}
        if len(origins) > 1:
            self._fault(Fault(f"the checkpoints are of {len(origins)} different logs"))
        self._compare_signers()
        self._compare_roots()

    @property
    def size(self) -> int:
        """How many sealed entries were fed."""
        return self._size

    def feed(self, entry: StoredEntry) -> None:
        """Take the next sealed entry."""
        self._check(self._size, entry)
        self._grow([self._chains.leaf])

    def feed_all(self, entries: Sequence[StoredEntry | bytes]) -> None:
        """Take the next sealed entries; where bytes alone belong they say themselves."""
        done = 0
        while done < len(entries):
            # Up to the next size at which something is to be compared.
            following = entries[done : done + self._stop - self._size]
            index, feed, receipts = self._size, self.completeness.feed, self._open_receipts
            leaves = []
            for leaf, node, nseq, glance in self._chains.follow(following):
                leaves.append(leaf)
                if glance[2][0]:
                    feed(index, node, nseq, glance)
                    if receipts:
                        self._compare_receipt(index, node, nseq, glance, leaf)
                index += 1
            done += len(leaves)
            self._grow(leaves)
            if done < len(entries) and self._size < self._stop:
                entry = entries[done]
                self.feed(placed(entry) if isinstance(entry, bytes) else entry)
                done += 1

    def _grow(self, leaves: Sequence[bytes]) -> None:
        self._rows[0] += leaves
        self._size += len(leaves)
        while self._known_ahead and self._known_ahead[-1] < self._size:
            self._put_known(self._known_ahead.pop())
        if self._size == self._stop:
            self._fold()
            self._compare_roots()

    def _put_known(self, index: int) -> None:
        """Put the hash that was sealed in place of the one that an examined entry has."""
        sealed, place = self.known[index], index - self._size
        if sealed is not None and sealed != self._rows[0][place]:
            self._rows[0][place] = sealed
            self._fault(Fault("the entry is not what was sealed: it has another hash", index))

    def feed_unsealed(self, entry: StoredEntry) -> None:
        """Take an entry that has no index yet; each node's by ``nseq``."""
        self._check(None, entry)

    def made(self, *, all_of_them: bool = False) -> Mapping[TileId, bytes]:
        """Return the tiles that the entries make, those that were completed since the last call.

        Args:
            all_of_them: Also those that are not full, once all sealed entries were fed.
        """
        if all_of_them:
            for level, row in enumerate(self._rows):
                if row:
                    position = (self._size >> (8 * level)) // WIDTH
                    self._made[TileId(level, position)] = b"".join(row)
        made, self._made = self._made, {}
        return made

    def compare(self, made: Mapping[TileId, bytes], stored: Mapping[TileId, bytes]) -> None:
        """Compare tiles with the stored ones, which may have grown since."""
        for tile in sorted(made):
            expected, found = made[tile], stored.get(tile)
            spread = WIDTH**tile.level
            first = tile.position * WIDTH * spread
            if found is None:
                problem = f"tile {tile.level}/{tile.position} of the tree is missing"
                self._fault(Fault(problem, first))
            elif found[: len(expected)] != expected:
                self._bad_tiles.add(tile)
                for place in _differences(expected, found):
                    # A hash over a tile that differs has to differ, too.
                    if TileId(tile.level - 1, first // spread + place) not in self._bad_tiles:
                        what = "entry" if tile.level == 0 else "tree"
                        problem = f"the {what} is not what was sealed: the tree has another hash"
                        self._fault(Fault(problem, first + place * spread))
                        break

    def finish(self, *, complete: bool = False) -> LogReport:
        """Return the report.

        Args:
            complete: Whether the journal was asked for all that seemed missing.
        """
        report = self._chains.finish()
        for failure in report.failures[len(self._chains.failures) :]:
            self._fault(Fault(failure.problem, None, failure.node, failure.nseq))
        for checkpoint in reversed(self._waiting):
            problem = f"cut off: {checkpoint.name} stands for {checkpoint.size} entries"
            self._fault(Fault(problem, self._size))
        self._name_misfits()
        if self._covered is not None and self._covered < self._size:
            self._fault(Fault("nobody signed the entries from here on", self._covered))
        for application in self._open_receipts:
            self._fault(Fault(f"the acceptance of {application} is missing: there is a receipt"))
        asked, latest = self.completeness, self._chains.latest
        unsettled = asked.finish(latest, complete=complete, lost=self._chains.lost)
        for gap in asked.gaps:
            self._fault(_fault_of(gap))
        faults = sorted(self._faults, key=lambda each: (each.index is None, each.index or 0))
        return LogReport(
            entries=report.entries,
            size=self._size,
            root=self._root(),
            matched=self._matched,
            heads=report.heads,
            faults=tuple(faults),
            fault_count=self._fault_count + asked.gap_count - len(asked.gaps),
            known=tuple(self._known_faults),
            excused=tuple(_fault_of(gap) for gap in asked.excused),
            warnings=report.warnings,
            warning_count=report.warning_count,
            unsettled=unsettled,
        )

    def _check(self, index: int | None, entry: StoredEntry) -> None:
        """Ask of the entry whatever can be asked of it, be its chain whole or not."""
        glance = self._chains.feed(entry)
        if self._chains.problem:
            self._fault(Fault(self._chains.problem, index, entry.node, entry.nseq))
        if glance is not None and glance[2][0]:
            self.completeness.feed(index, entry.node, entry.nseq, glance)
            self._compare_receipt(index, entry.node, entry.nseq, glance, self._chains.leaf)

    def _compare_receipt(
        self, index: int | None, node: str, nseq: int, glance: Glance, leaf: bytes
    ) -> None:
        action, _, (application, *_) = glance
        if action == "application.accepted":
            expected = self._open_receipts.pop(application.decode(), leaf)
            if expected != leaf:
                problem = "not the acceptance that the receipt was given for"
                self._fault(Fault(problem, index, node, nseq))

    def _fold(self) -> None:
        """Turn full rows of hashes into tiles and into a hash one level above."""
        level = 0
        while len(self._rows[level]) == WIDTH:
            row, self._rows[level] = self._rows[level], []
            position = (self._size >> (8 * level)) // WIDTH - 1
            self._made[TileId(level, position)] = b"".join(row)
            while len(row) > 1:
                pairs = zip(row[::2], row[1::2], strict=True)
                row = [_sha256(b"\x01" + left + right).digest() for left, right in pairs]
            level += 1
            if level == len(self._rows):
                self._rows.append([])
            self._rows[level].append(row[0])

    def _root(self) -> bytes:
        hashes: list[bytes] = []
        for row in reversed(self._rows):
            edge = Frontier()
            for each in row:
                edge.append(each)
            hashes.extend(edge.hashes)
        return joined(hashes) if hashes else EMPTY_ROOT

    def _compare_roots(self) -> None:
        """Compare the checkpoints of this size, and say when to stop next."""
        while self._waiting and self._waiting[-1].size == self._size:
            checkpoint = self._waiting.pop()
            if checkpoint.root == self._root():
                self._matched += 1
                self._good_sizes.append(self._size)
            else:
                self._misfits.append(checkpoint)
        self._stop = (self._size // WIDTH + 1) * WIDTH
        if self._waiting:
            self._stop = min(self._stop, self._waiting[-1].size)

    def _compare_signers(self) -> None:
        """Say which checkpoints are signed by a key after a younger one signed fewer entries."""
        highest = before = size = 0
        for each in reversed(self._waiting):
            if each.size > size:
                before, size = highest, each.size
            if each.rank < before:
                self._fault(Fault(f"{each.name}: signed by a key that had been replaced"))
            highest = max(highest, each.rank)

    def _name_misfits(self) -> None:
        """Say where the entries are not what a checkpoint stands for, as closely as is known."""
        for checkpoint in self._misfits:
            size = checkpoint.size
            problem = f"{checkpoint.name} stands for {size} entries with another root"
            if any(each >= size for each in self._good_sizes):
                problem += ": there are two logs, and this is not the one that it was signed for"
            elif all(each.index is None or each.index >= size for each in self._faults):
                first = max(self._good_sizes, default=0)
                problem += (
                    ": entries were written anew, and the stored tree with them,"
                    f" at index {first} or behind it"
                )
            self._fault(Fault(problem))

    def _fault(self, fault: Fault) -> None:
        if fault.index is not None and fault.index in self.known:
            if len(self._known_faults) < MAX_FAULTS:
                self._known_faults.append(fault)
            return
        self._fault_count += 1
        if len(self._faults) < MAX_FAULTS:
            self._faults.append(fault)


def _differences(expected: bytes, found: bytes) -> Iterator[int]:
    """Yield which hashes of a tile are others, from 0."""
    for start in range(0, len(expected), HASH_BYTES):
        end = start + HASH_BYTES
        if expected[start:end] != found[start:end]:
            yield start // HASH_BYTES


def _fault_of(gap: Gap) -> Fault:
    if gap.place is None:
        return Fault(gap.problem)
    return Fault(gap.problem, gap.place.index, gap.place.node, gap.place.nseq)
