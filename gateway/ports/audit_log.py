"""The audit log as a tree: sealing, proving, searching, forgetting; part of the journal.

The log's order is decided when entries are sealed, not when they are stored: one
sequencer at a time gives every entry that has none its index (RFC 6962 counts from 0).
A node's chain has neither gaps nor late commits, so what is sealed of it is a prefix,
and a batch is a few **runs** of one node's consecutive entries each. No entry is
ever written a second time.
"""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from gateway.domain.entry import Action, ActorKind, Entry, StoredEntry
from gateway.domain.identifiers import ApplicationId, DeliveryId, MunicipalityCode, NodeName


@dataclass(frozen=True, slots=True, order=True)
class TileId:
    """One tile of the tree's hashes (C2SP ``tlog-tiles``), 256 wide.

    Attributes:
        level: 0 holds leaf hashes, level n the roots of full tiles of level n - 1.
        position: Its place in the level, from 0.
    """

    level: int
    position: int


@dataclass(frozen=True, slots=True, kw_only=True)
class LogHead:
    """The log as it was last sealed.

    Attributes:
        size: How many entries have an index.
        root: 32 bytes, Merkle tree hash of their bytes.
        checkpoint: Signed note (C2SP ``tlog-checkpoint``) over both.
        sealed_at: Aware UTC.
    """

    size: int
    root: bytes
    checkpoint: str
    sealed_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """Consecutive entries of one node that stand one after another in the log.

    Attributes:
        first_index: Index of the first.
        node: Whose they are.
        first_nseq: Place of the first in that node's chain.
        length: How many, at least 1.
    """

    first_index: int
    node: NodeName
    first_nseq: int
    length: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Unsealed:
    """What a sequencer finds, in the transaction that seals it.

    Attributes:
        head: The log as it was last sealed, or ``None``.
        edge: The last tile of each level, as far as there are any.
        before: Of each node that has ``entries``: the bytes of its last sealed entry.
        entries: Some that have no index, each node's by ``nseq`` from where it was left.
    """

    head: LogHead | None
    edge: Mapping[TileId, bytes]
    before: Mapping[NodeName, StoredEntry]
    entries: Sequence[StoredEntry]


@dataclass(frozen=True, slots=True, kw_only=True)
class Seal:
    """What a sequencer makes of it.

    Attributes:
        head: The log's new head; ``size`` has grown by all of ``Unsealed.entries``.
        runs: Their indices, without gaps from the old size.
        tiles: Every tile that is new or has grown, with all of its hashes.
    """

    head: LogHead
    runs: Sequence[Run]
    tiles: Mapping[TileId, bytes]


@dataclass(frozen=True, slots=True, kw_only=True)
class EntryFilter:
    """Which entries to find; ``None`` and empty mean any.

    Attributes:
        actions: One of these.
        municipality: Only this tenant's.
        application: Only about this one.
        subjects: Only about one of these 受付番号, as pseudonyms of 32 bytes.
        actor: Only by whoever has this name.
        actor_kind: Only by this kind of somebody.
        since: Not before this instant.
        until: Before this instant.
    """

    actions: frozenset[Action] = frozenset()
    municipality: MunicipalityCode | None = None
    application: ApplicationId | None = None
    subjects: tuple[bytes, ...] = ()
    actor: str | None = None
    actor_kind: ActorKind | None = None
    since: datetime | None = None
    until: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundEntry:
    """An entry and what is kept beside it.

    Attributes:
        position: Where it stands in the journal; orders what is found, and pages it.
        entry: Its bytes and its place in its node's chain.
        index: Its index in the log, or ``None`` when it is not sealed yet.
        detail_key: The key of its detail, 32 bytes; ``None`` when it has none, or none any more.
    """

    position: int
    entry: StoredEntry
    index: int | None
    detail_key: bytes | None


@dataclass(frozen=True, slots=True, kw_only=True)
class FiledEntry:
    """An entry with what it is found by and read with: neither is sealed.

    Attributes:
        position: As ``FoundEntry`` has it.
        entry: Its bytes and its place in its node's chain.
        filed: What it is found by, each as entries write it: ``action``, ``series`` (the action
            again), ``actor_kind``, ``actor``, ``municipality``, ``application``, ``delivery``,
            ``at``, ``subject``. ``None`` where nothing is.
        has_key: Whether there is a key for its detail.
    """

    position: int
    entry: StoredEntry
    filed: Mapping[str, str | None]
    has_key: bool


class AuditLog(Protocol):
    """The sealed log. Raises what ``Journal`` says."""

    # Sealing

    async def seal(self, rule: Callable[[Unsealed], Seal], *, limit: int) -> LogHead | None:
        """Seal up to ``limit`` entries that have no index; ``None`` when there are none.

        What is found, and what ``rule`` makes of it, is one transaction: the new head
        replaces exactly the head that was found. Two sequencers never seal at once; while
        another one does, this returns ``None``, too. ``rule`` is quick and pure but for
        signing: it runs inside the transaction, perhaps in another thread. An error that it
        raises is raised here, and nothing was sealed; ``ValueError`` also when the runs, the
        head or the seal contradict one another (``audit.runs``).

        Entries are taken fairly: no node waits for ever behind another one.
        """

    async def log_head(self) -> LogHead | None:
        """Return the log as it was last sealed; ``None`` before the first time."""

    async def checkpoints(self) -> Sequence[str]:
        """Return the signed notes that are kept, oldest first: of every hour (UTC), the last."""

    async def unsealed(self) -> int:
        """Return how many entries have no index yet.

        By their numbers, which leave none out: counting millions takes too long for a page.
        """

    @property
    def chain_head(self) -> tuple[int, bytes] | None:
        """``nseq`` and leaf hash of this node's last entry, as this process knows it.

        From memory, not from what is stored: so that an entry that was changed before it was
        sealed is noticed. ``None`` while this process has stored none.
        """

    # Reading

    async def tiles(self, wanted: Sequence[TileId]) -> Mapping[TileId, bytes]:
        """Return those of the tiles that are stored."""

    async def index_of(self, entry: StoredEntry) -> int | None:
        """Return the index of an entry; ``None`` when it is not sealed yet."""

    def sealed_entries(self, *, first: int = 0) -> AsyncIterator[StoredEntry]:
        """Yield the sealed entries by index, from ``first``.

        Ends early where a run's entry is missing; verification says so.
        """

    def entries_behind(self, ends: Mapping[NodeName, int]) -> AsyncIterator[StoredEntry]:
        """Yield each node's entries but those from 1 to its ``ends``, node by node, by ``nseq``.

        What is not sealed yet, when those are the last sealed ones; it takes as long as that is
        much, however long the log is. Rows that no gateway writes, such as those of a place
        before 1, are yielded like all others.
        """

    async def runs(self, *, after: int = -1, limit: int = 1_000) -> Sequence[Run]:
        """Return runs by ``first_index``, those beginning after index ``after``."""

    async def find_entries(
        self, where: EntryFilter, *, before: int | None = None, limit: int = 50
    ) -> Sequence[FoundEntry]:
        """Return entries, latest first, older than the position ``before`` (keyset paging)."""

    async def acceptance_of(self, application_id: ApplicationId) -> StoredEntry | None:
        """Return the entry of an application's acceptance: the one whose bytes say that it is.

        It may have no index yet. Where somebody has put several, the one that was sealed first.
        """

    def accepted_ids(self) -> AsyncIterator[ApplicationId]:
        """Yield every application's id, in order; to compare the log with the state."""

    def delivery_states(self) -> AsyncIterator[tuple[ApplicationId, DeliveryId, str]]:
        """Yield every delivery's state, whatever is stored, in the order of their ids; likewise."""

    def misfiled(self) -> AsyncIterator[FiledEntry]:
        """Yield entries that may be found by something else than they say, or lack their key.

        Among them is every entry for which that is so; the journal may yield others as well, such
        as those whose bytes are no entry.
        """

    # Forgetting

    async def shred(self, application_id: ApplicationId, entry: Callable[[int], Entry]) -> int:
        """Destroy the keys of an application's details, and append the entry of it.

        The bytes are overwritten in the live journal before this returns, as far as the
        database can. SQLite: ``secure_delete`` and a truncated WAL. PostgreSQL: the table is
        rewritten; segments of the WAL keep them until they are written over. Backups and
        archived logs are not reached. Nobody is kept from writing or sealing meanwhile.

        Args:
            application_id: Whose details.
            entry: Called with how many keys there were; its entry is appended in the
                same transaction. Nothing is appended when there were none.

        Returns:
            How many keys were destroyed.
        """
