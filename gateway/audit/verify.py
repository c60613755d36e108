"""Is this audit log what was written? Answered from its bytes alone.

Imports no writer and needs neither database, network nor configuration. What an entry must
look like ``audit.reading`` describes; here is checked that entries are chained. What
the sealed log adds to it is in ``audit.sealed``.

A bad entry is named, and its chain is followed on from there, by that entry's own number and
hash, as the sequencer did that sealed it (``audit.sealing``): one break hides no later one.

What a chain without an expected head cannot show: a tail cut off, and a log
rewritten from some entry to its end. Give the head from a receipt or an earlier report.
"""

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import islice
from typing import Final

from gateway.audit.reading import EntryMembers, Glance, Reader, read
from gateway.domain.entry import StoredEntry
from gateway.domain.identifiers import NodeName

__all__ = [
    "CLOCK_TOLERANCE",
    "MAX_WARNINGS",
    "EntryMembers",
    "Finding",
    "Head",
    "Report",
    "Verifier",
    "read",
    "verify",
]

CLOCK_TOLERANCE: Final = timedelta(seconds=60)
"""An entry's time is taken when its step begins and steps share commits, so that entries
stand a little out of order honestly; a clock set back by more than this is reported."""

BEGINNINGS: Final = frozenset({"node.started", "key.made", "key.changed"})
"""What a gateway's first entry is about: it writes down its keys, if they are new, and then that
it started (``bootstrap.run``); in the first release that it started."""

COMMAND_LINE: Final = "cli"
"""Whose chain begins with anything: the node of commands that find no gateway running."""

MAX_WARNINGS: Final = 100
"""How many warnings a report keeps; further ones are only counted."""

MAX_FAILURES: Final = 1_000
"""How many bad entries a report names; further ones are only counted."""

_EMPTY_TREE: Final = hashlib.sha256(b"").digest()
_NODE: Final = b'"node":"'
"""Where it stands last, what follows is the node: behind it come digits and names only."""

_BATCH: Final = 256
_MINUTE: Final = len("2026-11-23T01:02")
"""Within one, no clock went back by more than ``CLOCK_TOLERANCE``."""

_sha256: Final = hashlib.sha256


@dataclass(frozen=True, slots=True)
class Head:
    """The last entry of a node's chain.

    Attributes:
        nseq: Its place, from 1.
        leaf: Its leaf hash, 32 bytes.
    """

    nseq: int
    leaf: bytes


@dataclass(frozen=True, slots=True)
class Finding:
    """One entry that is not as it should be.

    Attributes:
        node: Whose chain.
        nseq: Which entry of it.
        problem: What is wrong there, in words; holds nothing from inside the entry.
    """

    node: NodeName
    nseq: int
    problem: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What verification found.

    Attributes:
        entries: How many entries were read.
        heads: Each node's last entry; give it as ``expected_heads`` next time.
        failures: The bad entries in the order in which they were read, at most ``MAX_FAILURES``.
        failure_count: How many there were.
        warnings: Clocks set back, and chains that no gateway began; at most ``MAX_WARNINGS``.
        warning_count: How many there were.
    """

    entries: int
    heads: Mapping[NodeName, Head]
    failures: tuple[Finding, ...]
    failure_count: int
    warnings: tuple[Finding, ...]
    warning_count: int

    @property
    def ok(self) -> bool:
        """Whether nothing was altered, as far as this log can show it."""
        return not self.failure_count


@dataclass(slots=True)
class _Chain:
    """What is known of one node's chain while it is read.

    Attributes:
        is_read: Whether the last entry could be read; what follows an unreadable one is believed.
        lost: How many of its entries did not come, or may not be what they were.
        awaited: Which of its entries is known from elsewhere; 0 if none is.
    """

    node: NodeName
    link: str
    awaited: int
    nseq: int = 0
    leaf: bytes = _EMPTY_TREE
    latest: bytes = b""
    is_read: bool = True
    lost: int = 0

    def ending(self) -> bytes:
        """Return how its next entry ends if it has no subject (``Reader.recognise``)."""
        return f'{self.link}{self.leaf.hex()}","nseq":{self.nseq + 1},"v":2}}'.encode()


Followed = tuple[bytes, NodeName, int, Glance]
"""A good entry: its leaf hash, its node, its place in that chain, and its members."""


@dataclass(slots=True)
class Verifier:
    """Verifies a log entry by entry; its memory does not grow with the log.

    The entries of each node must come in the order of ``nseq``; nodes may be mixed.

    Attributes:
        expected_heads: Entries that are known from elsewhere to be in the log.
        leaf: The leaf hash of the entry that was fed last; 32 bytes.
        problem: What is wrong with it, in words; empty if nothing is.
    """

    expected_heads: Mapping[NodeName, Head] = field(default_factory=dict)
    leaf: bytes = field(default=b"", init=False)
    problem: str = field(default="", init=False)
    _chains: dict[NodeName, _Chain] = field(default_factory=dict, init=False)
    _by_name: dict[bytes, _Chain] = field(default_factory=dict, init=False)
    _failures: list[Finding] = field(default_factory=list, init=False)
    _failure_count: int = field(default=0, init=False)
    _warnings: list[Finding] = field(default_factory=list, init=False)
    _entries: int = field(default=0, init=False)
    _warning_count: int = field(default=0, init=False)
    _reader: Reader = field(default_factory=Reader, init=False)

    def feed(self, entry: StoredEntry) -> Glance | None:
        """Take the next entry; ``problem`` says afterwards what is wrong with it.

        Returns:
            The entry's members, also of one that only stands in a wrong place; ``None`` if it is
            no entry of this node.
        """
        self._entries += 1
        chain = self._chains.get(entry.node)
        if chain is None:
            chain = self._begin(entry.node)
        self.leaf = _sha256(b"\x00" + entry.data).digest()
        glance = self._extend(chain, entry)
        if self.problem:
            self._failure_count += 1
            if len(self._failures) < MAX_FAILURES:
                self._failures.append(Finding(entry.node, entry.nseq, self.problem))
        if not entry.node:
            # Unreadable bytes that say of no node that they are its own make no chain.
            return glance
        if not chain.nseq and glance is not None and not self.problem:
            self._watch_beginning(entry, glance[0])
        chain.nseq, chain.leaf, chain.is_read = entry.nseq, self.leaf, glance is not None
        if glance is not None and not self.problem:
            at = glance[2][1]
            # Times of one form and one zone sort as text.
            if at >= chain.latest:
                chain.latest = at
            else:
                self._watch_clock(chain, at)
        return glance

    def follow(self, entries: Iterable[StoredEntry | bytes]) -> Iterator[Followed]:
        """Take entries as long as each goes on with a chain as it should, and looks familiar.

        Args:
            entries: Where they stand in their chains, those that are bytes only say themselves.

        Yields:
            What was taken, until the end, where the next one is to be given to ``feed``: that
            says what is wrong with it, if anything is.
        """
        recognise = self._reader.recognise
        taken = 0
        for entry in entries:
            if isinstance(entry, bytes):
                data, start = entry, entry.rfind(_NODE) + len(_NODE)
                chain = self._by_name.get(data[start : data.find(b'"', start)])
                if chain is None:
                    break
                nseq = chain.nseq + 1
            else:
                data, chain, nseq = entry.data, self._chains.get(entry.node), entry.nseq
                if chain is None or nseq != chain.nseq + 1:
                    break
            if nseq == chain.awaited:
                break
            glance = recognise(
                data, f'{chain.link}{chain.leaf.hex()}","nseq":{nseq},"v":2}}'.encode()
            )
            if glance is None:
                break
            chain.nseq = nseq
            if (at := glance[2][1]) >= chain.latest:
                chain.latest = at
            else:
                self._watch_clock(chain, at)
            chain.leaf = leaf = _sha256(b"\x00" + data).digest()
            taken += 1
            yield leaf, chain.node, nseq, glance
        self._entries += taken

    @property
    def failures(self) -> Sequence[Finding]:
        """The bad entries so far, at most ``MAX_FAILURES``."""
        return self._failures

    @property
    def lost(self) -> int:
        """How many entries did not come or may not be what they were, as numbers and hashes say."""
        return sum(max(0, chain.lost) for chain in self._chains.values())

    @property
    def latest(self) -> str:
        """The latest time of a good entry, as written; empty when there was none."""
        return max((chain.latest for chain in self._chains.values()), default=b"").decode()

    def finish(self) -> Report:
        """Return the report, after looking for expected entries that never came."""
        failures = list(self._failures)
        for node, expected in self.expected_heads.items():
            chain = self._chains.get(node)
            nseq = chain.nseq if chain else 0
            if nseq < expected.nseq:
                problem = f"missing: the log is known to have had {expected.nseq} entries"
                failures.append(Finding(node, nseq + 1, problem))
        return Report(
            entries=self._entries,
            heads={
                node: Head(chain.nseq, chain.leaf)
                for node, chain in self._chains.items()
                if chain.nseq
            },
            failures=tuple(failures),
            failure_count=self._failure_count + len(failures) - len(self._failures),
            warnings=tuple(self._warnings),
            warning_count=self._warning_count,
        )

    def _begin(self, node: NodeName) -> _Chain:
        expected = self.expected_heads.get(node)
        awaited = expected.nseq if expected else 0
        chain = _Chain(node, f'"node":"{node}","nprev":"', awaited)
        self._chains[node] = self._by_name[node.encode()] = chain
        return chain

    def _extend(self, chain: _Chain, entry: StoredEntry) -> Glance | None:
        """Return what ``feed`` does, and set ``problem``."""
        self.problem = ""
        jump = entry.nseq - chain.nseq - 1
        glance = None if jump else self._reader.recognise(entry.data, chain.ending())
        if glance is None:
            chain.lost += jump
            glance = self._examine(chain, entry)
            if jump:
                self.problem = f"out of sequence: entry {chain.nseq + 1} should stand here"
            if glance is None or (self.problem and not jump):
                chain.lost += 1
        expected = self.expected_heads.get(chain.node) if self.expected_heads else None
        if expected and expected.nseq == entry.nseq and expected.leaf != self.leaf:
            rewritten = "rewritten: the log is known to have had another entry here"
            self.problem = self.problem or rewritten
        return glance

    def _examine(self, chain: _Chain, entry: StoredEntry) -> Glance | None:
        """Read an entry that does not look as the next one of its chain, and set ``problem``."""
        try:
            members, glance = self._reader.learn(entry.data)
        except ValueError as error:
            self.problem = f"not an entry: {error}"
            return None
        if members["node"] != entry.node or members["nseq"] != entry.nseq:
            self.problem = "moved: it was written for another place in the log"
            return None
        if chain.is_read and members["nprev"] != chain.leaf.hex():
            self.problem = "chain broken: this entry or the one before it was altered"
        return glance

    def _watch_beginning(self, entry: StoredEntry, action: str) -> None:
        if entry.node != COMMAND_LINE and action not in BEGINNINGS:
            self._warn(entry.node, entry.nseq, "no gateway began this chain: no start stands here")

    def _watch_clock(self, chain: _Chain, at: bytes) -> None:
        if at[:_MINUTE] == chain.latest[:_MINUTE]:
            return
        latest = datetime.fromisoformat(chain.latest.decode())
        back = latest - datetime.fromisoformat(at.decode())
        if back > CLOCK_TOLERANCE:
            problem = f"the clock had gone back by {back.total_seconds():.0f} s"
            self._warn(chain.node, chain.nseq, problem)

    def _warn(self, node: NodeName, nseq: int, problem: str) -> None:
        self._warning_count += 1
        if len(self._warnings) < MAX_WARNINGS:
            self._warnings.append(Finding(node, nseq, problem))


def verify(
    entries: Iterable[StoredEntry], *, expected_heads: Mapping[NodeName, Head] | None = None
) -> Report:
    """Verify a whole log: each node's chain from its first entry to its last.

    Args:
        entries: All of them, each node's by ``nseq``.
        expected_heads: Entries known to be in the log, from receipts or earlier reports;
            only with them is a cut-off tail, or a whole log rewritten, noticed.
    """
    verifier = Verifier(expected_heads or {})
    remaining = iter(entries)
    while batch := list(islice(remaining, _BATCH)):
        done = 0
        while done < len(batch):
            done += sum(1 for _ in verifier.follow(batch[done:] if done else batch))
            if done < len(batch):
                verifier.feed(batch[done])
                done += 1
    return verifier.finish()
