"""Is this audit log what was written? Answered from its bytes alone.

Imports no writer and needs neither database, network nor configuration. What an entry must
look like ``audit.reading`` describes; here is checked that entries are chained. What
the sealed log adds to it is in ``audit.sealed``.

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

MAX_WARNINGS: Final = 100
"""How many warnings a report keeps; further ones are only counted."""

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
        heads: Each node's last entry that is good; give it as ``expected_heads`` next time.
        failures: The first bad entry of each node, in the order in which they were read.
        warnings: Clocks set back, at most ``MAX_WARNINGS``.
        warning_count: How many there were.
    """

    entries: int
    heads: Mapping[NodeName, Head]
    failures: tuple[Finding, ...]
    warnings: tuple[Finding, ...]
    warning_count: int

    @property
    def ok(self) -> bool:
        """Whether nothing was altered, as far as this log can show it."""
        return not self.failures


@dataclass(slots=True)
class _Chain:
    """What is known of one node's chain while it is read."""

    node: NodeName
    link: str
    nseq: int = 0
    leaf: bytes = _EMPTY_TREE
    latest: bytes = b""
    broken: bool = False

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
        leaf: The leaf hash of the entry that was fed last, if it was good; 32 bytes.
    """

    expected_heads: Mapping[NodeName, Head] = field(default_factory=dict)
    leaf: bytes = field(default=b"", init=False)
    _chains: dict[NodeName, _Chain] = field(default_factory=dict, init=False)
    _by_name: dict[bytes, _Chain] = field(default_factory=dict, init=False)
    _failures: list[Finding] = field(default_factory=list, init=False)
    _warnings: list[Finding] = field(default_factory=list, init=False)
    _entries: int = field(default=0, init=False)
    _warning_count: int = field(default=0, init=False)
    _reader: Reader = field(default_factory=Reader, init=False)

    def feed(self, entry: StoredEntry) -> Glance | None:
        """Take the next entry. After a node's first bad one its others are only counted.

        Returns:
            The entry's members, unless it or one before it in its chain is bad.
        """
        self._entries += 1
        chain = self._chains.get(entry.node)
        if chain is None:
            name = entry.node.encode()
            chain = _Chain(entry.node, f'"node":"{entry.node}","nprev":"')
            self._chains[entry.node] = self._by_name[name] = chain
        if chain.broken:
            return None
        found = self._extend(chain, entry)
        if isinstance(found, str):
            chain.broken = True
            self._failures.append(Finding(entry.node, entry.nseq, found))
            return None
        return found

    def follow(self, entries: Iterable[StoredEntry | bytes]) -> Iterator[Followed]:
        """Take entries as long as each goes on with a chain as it should, and looks familiar.

        Args:
            entries: Where they stand in their chains, those that are bytes only say themselves.

        Yields:
            What was taken, until the end, where the next one is to be given to ``feed``: that
            says what is wrong with it, if anything is.
        """
        recognise, expected_heads = self._reader.recognise, self.expected_heads
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
            if chain.broken or chain.node in expected_heads:
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
        """The first bad entry of each node so far."""
        return self._failures

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
            if (chain is None or not chain.broken) and nseq < expected.nseq:
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
            warnings=tuple(self._warnings),
            warning_count=self._warning_count,
        )

    def _extend(self, chain: _Chain, entry: StoredEntry) -> Glance | str:
        """Return the next entry of ``chain``, or what is wrong with ``entry`` as such."""
        if entry.nseq != chain.nseq + 1:
            return f"out of sequence: entry {chain.nseq + 1} should stand here"
        glance = self._reader.recognise(entry.data, chain.ending())
        if glance is None:
            try:
                members, glance = self._reader.learn(entry.data)
            except ValueError as error:
                return f"not an entry: {error}"
            if members["node"] != entry.node or members["nseq"] != entry.nseq:
                return "moved: it was written for another place in the log"
            if members["nprev"] != chain.leaf.hex():
                return "chain broken: this entry or the one before it was altered"
        return self._append(chain, entry.data, glance) or glance

    def _append(self, chain: _Chain, data: bytes, glance: Glance) -> str | None:
        """Lengthen a chain by an entry that goes on with it; return what is wrong with it."""
        leaf, nseq = _sha256(b"\x00" + data).digest(), chain.nseq + 1
        if self.expected_heads:
            expected = self.expected_heads.get(chain.node)
            if expected and expected.nseq == nseq and expected.leaf != leaf:
                return "rewritten: the log is known to have had another entry here"
        chain.nseq = nseq
        chain.leaf = self.leaf = leaf
        at = glance[2][1]
        # Times of one form and one zone sort as text.
        if at >= chain.latest:
            chain.latest = at
        else:
            self._watch_clock(chain, at)
        return None

    def _watch_clock(self, chain: _Chain, at: bytes) -> None:
        if at[:_MINUTE] == chain.latest[:_MINUTE]:
            return
        latest = datetime.fromisoformat(chain.latest.decode())
        back = latest - datetime.fromisoformat(at.decode())
        if back > CLOCK_TOLERANCE:
            self._warning_count += 1
            if len(self._warnings) < MAX_WARNINGS:
                problem = f"the clock had gone back by {back.total_seconds():.0f} s"
                self._warnings.append(Finding(chain.node, chain.nseq, problem))


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
