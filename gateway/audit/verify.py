"""Is this audit log what was written? Answered from its bytes alone.

Imports no writer and needs neither database, network nor configuration: what an
entry must look like (``audit.chain`` documents it) is described here a second
time, so that a mistake in one is seen by the other.

What a chain without an expected head cannot show: a tail cut off, and a log
rewritten from some entry to its end. Give the head from a receipt or an earlier report.
"""

import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final, NoReturn, NotRequired, TypedDict, cast

from gateway.domain.entry import StoredEntry
from gateway.domain.identifiers import NodeName

CLOCK_TOLERANCE: Final = timedelta(seconds=60)
"""An entry's time is taken when its step begins and steps share commits, so that entries
stand a little out of order honestly; a clock set back by more than this is reported."""

MAX_WARNINGS: Final = 100
"""How many warnings a report keeps; further ones are only counted."""

_MAX_BYTES: Final = 65_535
_MAX_INTEGER: Final = (1 << 53) - 1
_EMPTY_TREE: Final = hashlib.sha256(b"").hexdigest()
_UUID: Final = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_FORMATS: Final = {
    "action": re.compile(r"[a-z_]+\.[a-z_]+"),
    "application": _UUID,
    "at": re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", re.ASCII),
    "delivery": _UUID,
    "detail": re.compile(r"[A-Za-z0-9_-]+"),
    "municipality": re.compile(r"[0-9]{6}"),
    "node": re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"),
    "nprev": re.compile(r"[0-9a-f]{64}"),
    "subject": re.compile(r"[0-9a-f]{64}"),
}
_REQUIRED: Final = frozenset({"action", "actor", "at", "facts", "node", "nprev", "nseq", "v"})
_OPTIONAL: Final = {
    1: frozenset({"application", "delivery", "municipality"}),
    2: frozenset({"application", "delivery", "detail", "municipality", "subject"}),
}
"""By version."""
_ABSENT: Final = object()
_FACT_NAME: Final = re.compile(r"[a-z][a-z0-9_]*")


class ActorMembers(TypedDict):
    """Who acted, as written."""

    kind: str
    name: str


class EntryMembers(TypedDict):
    """An entry, as written; ``audit.chain`` says what each member means."""

    action: str
    actor: ActorMembers
    application: NotRequired[str]
    at: str
    delivery: NotRequired[str]
    detail: NotRequired[str]
    facts: dict[str, str | int | bool | None]
    municipality: NotRequired[str]
    node: str
    nprev: str
    nseq: int
    subject: NotRequired[str]
    v: int


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
    """

    expected_heads: Mapping[NodeName, Head] = field(default_factory=dict)
    _chains: dict[NodeName, _Chain] = field(default_factory=dict, init=False)
    _failures: list[Finding] = field(default_factory=list, init=False)
    _warnings: list[Finding] = field(default_factory=list, init=False)
    _entries: int = field(default=0, init=False)
    _warning_count: int = field(default=0, init=False)

    def feed(self, entry: StoredEntry) -> None:
        """Take the next entry. After a node's first bad one its others are only counted."""
        self._entries += 1
        chain = self._chains.get(entry.node)
        if chain is None:
            chain = self._chains[entry.node] = _Chain()
        if chain.broken:
            return
        problem = self._extend(chain, entry)
        if problem is not None:
            chain.broken = True
            self._failures.append(Finding(entry.node, entry.nseq, problem))

    def finish(self) -> Report:
        """Return the report, after looking for expected entries that never came."""
        failures = list(self._failures)
        for node, expected in self.expected_heads.items():
            chain = self._chains.get(node, _Chain())
            if not chain.broken and chain.nseq < expected.nseq:
                problem = f"missing: the log is known to have had {expected.nseq} entries"
                failures.append(Finding(node, chain.nseq + 1, problem))
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

    def _extend(self, chain: _Chain, entry: StoredEntry) -> str | None:
        """Return what is wrong with ``entry`` as the next one of ``chain``, if anything."""
        if entry.nseq != chain.nseq + 1:
            return f"out of sequence: entry {chain.nseq + 1} should stand here"
        try:
            members = read(entry.data)
        except ValueError as error:
            return f"not an entry: {error}"
        if members["node"] != entry.node or members["nseq"] != entry.nseq:
            return "moved: it was written for another place in the log"
        if members["nprev"] != chain.leaf:
            return "chain broken: this entry or the one before it was altered"
        leaf = hashlib.sha256(b"\x00" + entry.data)
        expected = self.expected_heads.get(entry.node)
        if expected and expected.nseq == entry.nseq and expected.leaf != leaf.digest():
            return "rewritten: the log is known to have had another entry here"
        chain.nseq, chain.leaf = entry.nseq, leaf.hexdigest()
        self._watch_clock(chain, entry, members["at"])
        return None

    def _watch_clock(self, chain: _Chain, entry: StoredEntry, at: str) -> None:
        # Times of one form and one zone sort as text.
        if at >= chain.latest:
            chain.latest = at
            return
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


def read(data: bytes) -> EntryMembers:
    """Return the members of one entry's bytes.

    Raises:
        ValueError: Not an entry; the argument says why in words.
    """
    members = _parse(data)
    if not members.keys() >= _REQUIRED:
        raise ValueError("members are missing")
    version = members["v"]
    if type(version) is not int or version not in _OPTIONAL:
        raise ValueError("of an unknown version")
    if members.keys() - _REQUIRED - _OPTIONAL[version]:
        raise ValueError("unknown members")
    for name, pattern in _FORMATS.items():
        text = members.get(name, _ABSENT)
        if text is _ABSENT:
            continue
        if not isinstance(text, str) or pattern.fullmatch(text) is None:
            raise ValueError(f"{name} is malformed")
    if type(members["nseq"]) is not int or members["nseq"] < 1:
        raise ValueError("nseq is malformed")
    _check_instant(str(members["at"]))
    _check_actor(members["actor"])
    _check_facts(members["facts"])
    return cast("EntryMembers", members)


def _parse(data: bytes) -> dict[str, object]:
    if len(data) > _MAX_BYTES:
        raise ValueError("longer than an entry may be")
    try:
        members: object = _from_json(data.decode())
    except UnicodeDecodeError:
        raise ValueError("not UTF-8") from None
    except json.JSONDecodeError:
        raise ValueError("not JSON") from None
    except RecursionError:
        raise ValueError("nested too deeply") from None
    if not isinstance(members, dict):
        raise ValueError("not an object")  # noqa: TRY004 - the bytes are wrong, not a type
    return members


def _check_instant(at: str) -> None:
    try:
        datetime.fromisoformat(at)
    except ValueError:
        raise ValueError("at is malformed") from None


def _check_actor(actor: object) -> None:
    if (
        not isinstance(actor, dict)
        or actor.keys() != {"kind", "name"}
        or not isinstance(actor["kind"], str)
        or not isinstance(actor["name"], str)
    ):
        raise ValueError("actor is malformed")


def _check_facts(facts: object) -> None:
    if not isinstance(facts, dict):
        raise ValueError("facts are malformed")  # noqa: TRY004 - the bytes are wrong, not a type
    for name, value in facts.items():
        if _FACT_NAME.fullmatch(name) is None:
            raise ValueError("a fact's name is malformed")
        if isinstance(value, str | bool | None):
            continue
        if type(value) is not int or abs(value) > _MAX_INTEGER:
            raise ValueError("a fact's value is malformed")


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("a member stands twice")
    return members


def _no_constant(_name: str) -> NoReturn:
    raise ValueError("a number is malformed")


_from_json: Final = json.JSONDecoder(object_pairs_hook=_unique, parse_constant=_no_constant).decode
