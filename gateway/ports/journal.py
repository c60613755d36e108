"""The durable store, and the only state: applications, deliveries, claims, audit entries."""

from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Generic, Protocol, TypeVar

from gateway.domain.claim import Heartbeat
from gateway.domain.entry import Entry, StoredEntry
from gateway.domain.identifiers import (
    ApplicationId,
    ClientName,
    DeliveryId,
    DestinationName,
    MunicipalityCode,
    NodeName,
)
from gateway.domain.lifecycle import State
from gateway.domain.records import (
    ApplicationRecord,
    DeliveryRecord,
    Dossier,
    FeedbackRecord,
    SealedDelivery,
)
from gateway.domain.repair import ReplayItem
from gateway.domain.webhook import Announcement
from gateway.ports.accounts import Accounts
from gateway.ports.applications import Applications
from gateway.ports.approvals import Approvals
from gateway.ports.attention import Attention
from gateway.ports.audit_log import AuditLog
from gateway.ports.controls import Controls
from gateway.ports.measured import Measured
from gateway.ports.repairs import Repairs
from gateway.ports.retention import Retention
from gateway.ports.webhooks import Webhooks

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Acceptance:
    """What is committed before a 202 leaves.

    Attributes:
        application: The new row.
        deliveries: One or more, each with what will be published of it; all ``pending``.
        entry: The acceptance's audit entry.
    """

    application: ApplicationRecord
    deliveries: tuple[SealedDelivery, ...]
    entry: Entry


@dataclass(frozen=True, slots=True)
class Accepted:
    """The acceptance is durable.

    Attributes:
        application: As committed.
        leaf: 32 bytes, RFC 6962 leaf hash of the acceptance's audit entry.
    """

    application: ApplicationRecord
    leaf: bytes


@dataclass(frozen=True, slots=True)
class KeyKnown:
    """The client used this ``Idempotency-Key`` before; nothing was written.

    Attributes:
        application: What was accepted under the key then.
        leaf: Leaf hash of that acceptance's audit entry.
    """

    application: ApplicationRecord
    leaf: bytes


@dataclass(frozen=True, slots=True)
class ReceiptNumberKnown:
    """The client sent this 受付番号 for this municipality before; nothing was written.

    Attributes:
        existing: The application that holds the number now.
    """

    existing: ApplicationId


@dataclass(frozen=True, slots=True)
class NothingToSupersede:
    """``supersedes`` names no unsuperseded application of this client and municipality."""


CommitNoted = Callable[[int, float | None], None]
"""Told of each transaction that a driver's writer ends: how many steps shared it, and how many
seconds it took; ``None`` if it came to nothing. May be called in another thread; must neither wait
nor raise."""

AcceptAnswer = Accepted | KeyKnown | ReceiptNumberKnown | NothingToSupersede


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision(Generic[T]):
    """What a rule wants done with one delivery, in one transaction.

    Attributes:
        answer: Handed back to the caller once everything is durable.
        record: The delivery as it shall be, or ``None`` to leave it as it is.
        entries: Audit entries to append, in order. A changed record needs at least one,
            but for bookkeeping that is no step of the lifecycle (leases).
        feedback: A status to add; adding a known (delivery, id) again changes nothing.
        announcement: How the application's client is told of ``feedback``, if it is new.
        item: A replay order's item to store with its ``result``. One that has a result keeps it.
    """

    answer: T
    record: DeliveryRecord | None = None
    entries: tuple[Entry, ...] = ()
    feedback: FeedbackRecord | None = None
    announcement: Announcement | None = None
    item: ReplayItem | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientKey:
    """One API key of a client, as the journal keeps it.

    Attributes:
        id: Public part, 12 characters, shown in lists and in the key itself.
        client: Whose it is.
        digest: 32 bytes, SHA-256 of the whole key (it has 256 random bits: no salt needed).
        created_at: Aware UTC.
        revoked_at: Since when it is refused, or ``None``.
    """

    id: str
    client: ClientName
    digest: bytes
    created_at: datetime
    revoked_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DossierFilter:
    """Which applications to list; ``None`` means any.

    Attributes:
        municipality: Only this tenant's.
        destination: Only those with a delivery to it.
        states: Only those with a delivery in one of these states; empty means any.
        receipt_macs: Only these 受付番号, a municipality's hash of one each (several when sent
            again by other clients or superseded); empty means any.
    """

    municipality: MunicipalityCode | None = None
    destination: DestinationName | None = None
    states: frozenset[State] = frozenset()
    receipt_macs: tuple[bytes, ...] = ()


class Journal(
    Approvals,
    Attention,
    Accounts,
    Applications,
    AuditLog,
    Controls,
    Measured,
    Repairs,
    Retention,
    Webhooks,
    Protocol,
):
    """The durable store. What a call has returned survives kill -9 and power loss.

    Safe to use from many tasks at once; concurrent calls share commits. A call
    that is cancelled before it returns may or may not have taken effect, whole
    or not at all: ask again. Every audit entry is chained to its node's last
    one (``audit.chain``) in the transaction that stores it.

    Every method may raise ``JournalUnavailableError`` (nothing took effect) and
    every writing one ``CommitUnknownError`` (it may have).
    """

    async def open(self) -> None:
        """Connect, take the node's name, migrate, and load the chain's head. Idempotent.

        Deliveries leased to this node's name are free again afterwards.

        Raises:
            NodeNameTakenError: Another living process has this name (or, with SQLite, this file).
            JournalUnusableError: Unsafe settings, a migration that was changed after it was
                applied, or a journal written by a newer version.
        """

    async def close(self) -> None:
        """Finish what is being written, give the node's name back. Idempotent."""

    # Steps

    async def accept(self, acceptance: Acceptance) -> AcceptAnswer:
        """Commit an application with its idempotency key, deliveries and audit entry.

        Two calls with one key at the same instant, in this or another process:
        one gets ``Accepted``, the other waits for it and gets ``KeyKnown``. The
        deliveries are leased to this node for ``lease_s``: it publishes them.
        A known idempotency key wins over a known 受付番号.
        """

    async def accepted_under(self, client: ClientName, idempotency_mac: bytes) -> KeyKnown | None:
        """Return what was accepted for ``client`` under this key; ``None`` if nothing was.

        Sees whatever was committed before the call, by this or another process.

        Args:
            client: Whose key it is: one key of two clients is two keys.
            idempotency_mac: 32 bytes, as in ``ApplicationRecord``.
        """

    async def decide(
        self, delivery_id: DeliveryId, rule: Callable[[DeliveryRecord], Decision[T]]
    ) -> T:
        """Apply ``rule`` to the delivery as it is now and commit what it decides.

        The row is locked from reading to commit. ``rule`` must be a quick pure
        function: it runs inside the transaction, in another thread perhaps, and
        again if the transaction is retried. Several rules in one commit see one
        another's results in order of arrival. An error raised by ``rule`` is
        raised here; it rolls back this rule's part only.

        Raises:
            DeliveryNotFoundError: No such delivery.
        """

    async def record(self, entries: Sequence[Entry]) -> None:
        """Append audit entries that change nothing else."""

    # The relay's work

    async def lease(
        self, destination: DestinationName, *, limit: int, now: datetime, until: datetime
    ) -> Sequence[SealedDelivery]:
        """Take up to ``limit`` deliveries to publish, oldest first, for this node alone.

        Due are: ``pending`` and ``retrying`` with no ``due_at`` or one not after ``now``;
        ``in_doubt`` with such a ``due_at`` (one must be set) and no claimed copy. A row that
        was updated later than ``APART`` after ``now`` is due, whatever its ``due_at``: the
        clock was set back meanwhile. Rows leased to another node are skipped until that lease
        ends, unless it ends later than five minutes after ``until``, for the same reason; rows
        this node leased itself are returned again (the caller knows which of them it holds).
        Changes no state.

        A ``pending`` or ``retrying`` row with an ``order_key`` is due only when no row of its
        destination that was accepted earlier with the same key is unfinished. Earlier is what
        was committed earlier, whatever the clocks of its processes said.
        """

    def unclaimed(self, destination: DestinationName) -> AsyncIterator[SealedDelivery]:
        """Yield what a broker without memory loses: ``queued``, ``sending``, claimed ``in_doubt``.

        Oldest first, read in pages, so that any backlog fits in memory.
        """

    async def size_bytes(self) -> int:
        """Return how much room the store takes, on its own disk.

        Raises:
            JournalUnavailableError: It cannot be reached.
        """

    async def counts(self) -> dict[DestinationName, dict[State, int]]:
        """Return how many deliveries each destination has in each state, if any.

        Exact: the totals are committed with each step. However many there are, few rows are
        read; so it is with the next three.
        """

    async def unfinished(self) -> int:
        """Return how many deliveries are not final."""

    async def oldest(self) -> dict[DestinationName, dict[State, datetime]]:
        """Return when the oldest delivery in each state that is not final was accepted."""

    async def halted_keys(self) -> dict[DestinationName, int]:
        """Return how many order keys stand still behind a parked delivery or one in doubt."""

    # Reading

    async def dossier(self, application_id: ApplicationId) -> Dossier | None:
        """Return what is known of one application."""

    async def dossiers(
        self, where: DossierFilter, *, before: ApplicationId | None = None, limit: int = 50
    ) -> Sequence[Dossier]:
        """Return applications, newest first, older than ``before`` (keyset paging)."""

    async def delivery(self, delivery_id: DeliveryId) -> DeliveryRecord | None:
        """Return one delivery."""

    async def entries_about(self, application_id: ApplicationId) -> Sequence[StoredEntry]:
        """Return the application's audit entries, in the order in which they were stored."""

    def entries(self) -> AsyncIterator[StoredEntry]:
        """Yield the whole log, node by node, by ``nseq``; for verification and export."""

    # Client keys and workers

    async def add_client_key(self, key: ClientKey, entry: Entry) -> None:
        """Store a client's key and its entry."""

    async def revoke_client_key(self, key_id: str, at: datetime, entry: Entry) -> bool:
        """Revoke a key; ``False`` (and no entry) when there is none that is not revoked."""

    async def client_keys(self) -> Sequence[ClientKey]:
        """Return all keys, revoked ones included, oldest first."""

    async def put_heartbeat(self, heartbeat: Heartbeat) -> None:
        """Keep the latest heartbeat per worker and destination; an older one changes nothing.

        Those of the same destination that are more than a day older are forgotten: every
        start of a worker is an instance of its own.
        """

    async def heartbeats(self) -> Sequence[Heartbeat]:
        """Return the latest heartbeat of each worker and destination."""

    async def ping(self) -> None:
        """Return if the journal could commit now."""

    @property
    def node(self) -> NodeName:
        """This process's name in the audit log."""
