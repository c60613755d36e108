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


class End:
    """Where a process's own chain ends between transactions: by its memory, not by the store.

    After an error of the database the store is looked at again, and is followed only to an end
    that this process made: the last one whose commit is known, or the one whose commit is not.
    Nobody else may write in this node's name, and whoever did shall not be followed.

    Attributes:
        stored: The last entry that was committed here; ``None`` before the first.
    """

    def __init__(self) -> None:
        """Know nothing: the first end that is read is believed."""
        self.stored: Position | None = None
        self._known: Position | None = None
        self._perhaps: Position | None = None
        self._is_sure = False

    @property
    def position(self) -> Position | None:
        """Where to go on; ``None`` when that is to be read first."""
        return self._known if self._is_sure else None

    def read(self, found: Position) -> bool:
        """Go on from what is stored; tell whether that is an end to go on from."""
        if self._known is not None and found not in (self._known, self._perhaps):
            return False
        self.reach(found)
        return True

    def reach(self, position: Position) -> None:
        """Take it that everything up to ``position`` is committed."""
        if self._known is not None and position != self._known:
            self.stored = position
        self._known, self._perhaps, self._is_sure = position, None, True

    def doubt(self, perhaps: Position | None = None) -> None:
        """Read before going on; ``perhaps`` is an end whose commit nobody knows."""
        self._is_sure = False
        if perhaps is not None:
            self._perhaps = perhaps


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
