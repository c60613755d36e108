"""Where a node's chain ends, and what the next entry becomes there."""

from dataclasses import dataclass

from gateway.audit.chain import GENESIS, encode, leaf
from gateway.domain.entry import Entry
from gateway.domain.identifiers import NodeName


@dataclass(frozen=True, slots=True)
class Position:
    """The end of a chain.

    Attributes:
        nseq: Place of the last entry, 0 when there is none.
        last: Its leaf hash, ``GENESIS`` when there is none.
    """

    nseq: int = 0
    last: bytes = GENESIS


@dataclass(frozen=True, slots=True)
class ChainedEntry:
    """An entry that has its place, not yet stored.

    Attributes:
        entry: What happened.
        nseq: Its place in the node's chain.
        data: Its canonical bytes.
        leaf: Its leaf hash, 32 bytes.
    """

    entry: Entry
    nseq: int
    data: bytes
    leaf: bytes


class Head:
    """The end of one node's chain while a transaction appends to it.

    Not for several threads at once. A writer whose transaction is rolled back puts
    ``position`` back to what it was before.
    """

    def __init__(self, node: NodeName, position: Position) -> None:
        """Start behind ``position``."""
        self.node = node
        self.position = position

    def append(self, entry: Entry) -> ChainedEntry:
        """Give ``entry`` the next place.

        Raises:
            ValueError: The entry cannot be encoded (``chain.encode``); nothing has changed.
        """
        nseq = self.position.nseq + 1
        data = encode(entry, node=self.node, nseq=nseq, nprev=self.position.last)
        self.position = Position(nseq, leaf(data))
        return ChainedEntry(entry, nseq, data, self.position.last)
