"""What a sequencer makes of the entries that have no index yet.

Each node's entries must go on from its last sealed one: the next ``nseq``, and ``nprev`` the
leaf hash of the one before. Where one does not, somebody changed, removed or added entries.
It is sealed as it is nevertheless and told (``Break``): verification then names the
place for ever, and a log that stopped would help only whoever broke it. A head is another matter:
what is signed by none of our keys, or is not what its tiles come to, is not signed over again.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from gateway.audit import checkpoint as checkpoints
from gateway.audit import note, tiles
from gateway.audit.chain import GENESIS, leaf
from gateway.audit.checkpoint import Checkpoint
from gateway.audit.note import NoteKey, Sign, Verify
from gateway.audit.runs import runs_of
from gateway.domain.errors import LogUnusableError
from gateway.domain.identifiers import NodeName
from gateway.ports.audit_log import LogHead, Seal, Unsealed

_PLACE: Final = re.compile(
    rb'"node":"([a-z0-9-]{1,63})","nprev":"([0-9a-f]{64})","nseq":([1-9][0-9]{0,18}),'
    rb'(?:"subject":"[0-9a-f]{64}",)?"v":[12]\}\Z'
)
"""How every entry ends (``audit.chain``); facts end in a brace more, so they cannot be taken
for it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Signing:
    """Who signs the log's head, and who may have signed the one before.

    Attributes:
        names: What the keys are called here: ``log/1``, ``log/2``, ….
        public: 32 bytes each, the keys that are believed; the last one's private half signs.
        sign: Signs with it (Ed25519, 64 bytes).
        verify: Says whether ``(public key, signature, message)`` agree.
        newer: Names and 32 bytes each of keys that are believed, too, and follow after ours:
            whoever has them signs by now.
    """

    names: tuple[str, ...]
    public: tuple[bytes, ...]
    sign: Sign
    verify: Verify
    newer: tuple[tuple[str, bytes], ...] = ()

    def keys(self, origin: str) -> tuple[NoteKey, ...]:
        """Return the keys as those of the log with this origin, oldest first."""
        public = (*self.public, *(each for _, each in self.newer))
        return tuple(NoteKey(origin, each) for each in public)

    def name_of(self, rank: int) -> str:
        """Return what the key of this rank is called (``opened``)."""
        return (*self.names, *(name for name, _ in self.newer))[rank]

    def is_newer(self, rank: int) -> bool:
        """Return whether the key of this rank has taken the place of the one that signs here."""
        return rank >= len(self.public)

    def opened(self, signed: str) -> tuple[Checkpoint, int]:
        """Return what a checkpoint says, and the rank of its youngest signer, from 0.

        Raises:
            LogUnusableError: None of these keys signed it.
        """
        note_bytes = signed.encode()
        try:
            keys = self.keys(checkpoints.parse(note.parse(note_bytes).text).origin)
            said, by = checkpoints.open_signed(note_bytes, keys, self.verify)
        except ValueError as error:
            raise LogUnusableError("checkpoint", str(error)) from None
        return said, max(keys.index(key) for key in by)

    def read(self, head: LogHead) -> Checkpoint:
        """Return what a head's checkpoint says.

        Raises:
            LogUnusableError: None of these keys signed it, or it speaks of another head.
        """
        said, _ = self.opened(head.checkpoint)
        if (said.size, said.root) != (head.size, head.root):
            raise LogUnusableError("checkpoint", "it is another head's")
        return said


@dataclass(frozen=True, slots=True)
class Break:
    """A place where a node's chain does not go on.

    Attributes:
        node: Whose chain.
        nseq: The entry that does not follow from the one before it.
    """

    node: NodeName
    nseq: int


@dataclass(frozen=True, slots=True)
class Sealed:
    """What a batch became.

    Attributes:
        seal: To be stored.
        breaks: Where chains do not go on, in the order of the log.
    """

    seal: Seal
    breaks: tuple[Break, ...]


def seal(found: Unsealed, *, signing: Signing, origin: str, at: datetime) -> Sealed:
    """Give a batch its indices, its place in the tree and a signed head.

    Args:
        found: What is sealed already, and what shall be.
        signing: Signs the new head.
        origin: Which log this is; one that was sealed before knows it itself.
        at: When, aware UTC.

    Raises:
        LogUnusableError: What is sealed already is not what one of our keys signed.
    """
    size = 0
    if found.head is not None:
        origin, size = signing.read(found.head).origin, found.head.size
    leaves = [leaf(entry.data) for entry in found.entries]
    try:
        if found.head is not None and tiles.root(size, found.edge) != found.head.root:
            raise LogUnusableError("tiles", "they come to another root than the head's")
        grown = tiles.grow(size, found.edge, leaves)
    except ValueError as error:
        raise LogUnusableError("tiles", str(error)) from None
    text = Checkpoint(origin, grown.size, grown.root).text()
    signed = note.sign(text, origin, signing.public[-1], signing.sign).decode()
    head = LogHead(size=grown.size, root=grown.root, checkpoint=signed, sealed_at=at)
    return Sealed(
        Seal(head=head, runs=tuple(runs_of(found.entries, size)), tiles=grown.tiles),
        _breaks(found, leaves),
    )


def _breaks(found: Unsealed, leaves: Sequence[bytes]) -> tuple[Break, ...]:
    ends = {node: (last.nseq, leaf(last.data)) for node, last in found.before.items()}
    breaks = []
    for entry, its_leaf in zip(found.entries, leaves, strict=True):
        nseq, last = ends.get(entry.node, (0, GENESIS))
        ends[entry.node] = (entry.nseq, its_leaf)
        place = _PLACE.search(entry.data)
        said = None if place is None else (place[1].decode(), place[2], int(place[3]))
        if entry.nseq != nseq + 1 or said != (entry.node, last.hex().encode(), entry.nseq):
            breaks.append(Break(entry.node, entry.nseq))
    return tuple(breaks)
