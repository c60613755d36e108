"""Is this audit log what was written? Answered from its bytes alone.

Imports no writer and needs neither database, network nor configuration. What an entry must
look like ``audit.reading`` describes; here is checked that entries are chained. What
the sealed log adds to it is in ``audit.sealed``.

What a chain without an expected head cannot show: a tail cut off, and a log
rewritten from some entry to its end. Give the head from a receipt or an earlier report.
"""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from gateway.audit.reading import AT, EntryMembers, Glance, Reader, read
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

_EMPTY_TREE: Final = hashlib.sha256(b"").hexdigest()
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

    link: str
    nseq: int = 0
    leaf: str = _EMPTY_TREE
    latest: str = ""
    broken: bool = False


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
            chain = self._chains[entry.node] = _Chain(f'"node":"{entry.node}","nprev":"')
        if chain.broken:
            return None
        found = self._extend(chain, entry)
        if isinstance(found, str):
            chain.broken = True
            self._failures.append(Finding(entry.node, entry.nseq, found))
            return None
        return found

    @property
    def failures(self) -> Sequence[Finding]:
        """The first bad entry of each node so far."""
        return self._failures

    @property
    def latest(self) -> str:
        """The latest time of a good entry, as written; empty when there was none."""
        return max((chain.latest for chain in self._chains.values()), default="")

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
                node: Head(chain.nseq, bytes.fromhex(chain.leaf))
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
        link = f'{chain.link}{chain.leaf}","nseq":{entry.nseq}'
        glance = self._reader.recognise(entry.data, link)
        if glance is None:
            try:
                members, glance = self._reader.learn(entry.data)
            except ValueError as error:
                return f"not an entry: {error}"
            if members["node"] != entry.node or members["nseq"] != entry.nseq:
                return "moved: it was written for another place in the log"
            if members["nprev"] != chain.leaf:
                return "chain broken: this entry or the one before it was altered"
        leaf = _sha256(b"\x00" + entry.data).digest()
        expected = self.expected_heads.get(entry.node)
        if expected and expected.nseq == entry.nseq and expected.leaf != leaf:
            return "rewritten: the log is known to have had another entry here"
        chain.nseq, chain.leaf, self.leaf = entry.nseq, leaf.hex(), leaf
        at = glance[AT]
        # Times of one form and one zone sort as text.
        if at >= chain.latest:
            chain.latest = at
        else:
            self._watch_clock(chain, entry, at)
        return glance

    def _watch_clock(self, chain: _Chain, entry: StoredEntry, at: str) -> None:
        back = datetime.fromisoformat(chain.latest) - datetime.fromisoformat(at)
        if back > CLOCK_TOLERANCE:
            self._warning_count += 1
            if len(self._warnings) < MAX_WARNINGS:
                problem = f"the clock had gone back by {back.total_seconds():.0f} s"
                self._warnings.append(Finding(entry.node, entry.nseq, problem))


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
    for entry in entries:
        verifier.feed(entry)
    return verifier.finish()
