"""One audit entry: what happened, when, by whom, to what. Never personal data."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from gateway.domain.identifiers import ApplicationId, DeliveryId, MunicipalityCode, NodeName

Fact = str | int | bool | None


class Action(StrEnum):
    """What an entry can be about: subject and past-tense verb."""

    APPLICATION_ACCEPTED = "application.accepted"
    """An application was accepted: from here on it is delivered or parked, never lost."""
    APPLICATION_REFUSED = "application.refused"
    """An authenticated client's application was refused."""
    REQUESTS_DENIED = "requests.denied"
    """Requests without a valid key were refused: how many, within one second, for one reason."""
    DELIVERY_QUEUED = "delivery.queued"
    """The broker confirmed a copy."""
    DELIVERY_RETURNED = "delivery.returned"
    """The broker returned a copy: the destination's queue does not exist."""
    DELIVERY_CLAIMED = "delivery.claimed"
    """A worker was given the right to open a copy."""
    DELIVERY_CLAIM_REFUSED = "delivery.claim_refused"
    """A worker asked to open a copy and was told to forget it."""
    DELIVERY_HELD = "delivery.held"
    """A worker was told to wait; the journal scheduled the next attempt."""
    DELIVERY_DELIVERED = "delivery.delivered"
    """The core system has it."""
    DELIVERY_DEFERRED = "delivery.deferred"
    """An attempt had no effect; the next one is scheduled."""
    DELIVERY_PARKED = "delivery.parked"
    """The delivery waits for a person."""
    DELIVERY_IN_DOUBT = "delivery.in_doubt"
    """Nobody knows whether an attempt had an effect."""
    DELIVERY_DUE = "delivery.due"
    """The wait is over; a new attempt begins."""
    DELIVERY_REPLAYED = "delivery.replayed"
    """An operator asked for a new attempt."""
    DELIVERY_CONFIRMED = "delivery.confirmed"
    """An operator vouched that the core system has it."""
    DELIVERY_CANCELLED = "delivery.cancelled"
    """An operator took the delivery back."""
    DELIVERY_REPUBLISHED = "delivery.republished"
    """Reconciliation found a copy missing on the broker and published another."""
    OUTCOME_IGNORED = "outcome.ignored"
    """A worker's outcome came late or twice and changed nothing."""
    MESSAGE_REFUSED = "message.refused"
    """A message from the broker was unsigned, forged or malformed."""
    FEEDBACK_RECEIVED = "feedback.received"
    """A core system gave out a status: 受理, 差戻し, 却下, 取下げ or 完了."""
    WEBHOOK_SENT = "webhook.sent"
    """A front end's endpoint took a webhook about a status."""
    WEBHOOK_FAILED = "webhook.failed"
    """It did not take it; the next attempt is scheduled."""
    WEBHOOK_DISABLED = "webhook.disabled"
    """An endpoint is gone or failed for too long: what is for it is kept, and not sent."""
    WEBHOOK_ENABLED = "webhook.enabled"
    """An operator had an endpoint sent to again."""
    DESTINATION_CHANGED = "destination.changed"
    """An operator paused, resumed or changed the settings of a destination."""
    DESTINATION_CHECKED = "destination.checked"
    """An operator had a destination's workers check their core system."""
    REPLAY_ORDERED = "replay.ordered"
    """An operator ordered a selection of deliveries to be sent again."""
    REPLAY_HALTED = "replay.halted"
    """The first deliveries of an order did not arrive: the rest waits for a person."""
    REPLAY_RESUMED = "replay.resumed"
    """An operator let an order that had halted go on."""
    REPLAY_CANCELLED = "replay.cancelled"
    """An operator stopped an order."""
    REPLAY_FINISHED = "replay.finished"
    """Every delivery of an order was sent again or left alone."""
    ATTENTION_NOTED = "attention.noted"
    """An operator wrote a note on a group of what waits."""
    ATTENTION_ACKNOWLEDGED = "attention.acknowledged"
    """An operator said that somebody looks after a group of what waits."""
    APPROVAL_REQUESTED = "approval.requested"
    """An operator asked for something that a second person must approve; nothing was done."""
    APPROVAL_APPROVED = "approval.approved"
    """A second person approved it: what was done follows, in the name of who had asked."""
    APPROVAL_REFUSED = "approval.refused"
    """A second person refused it."""
    APPROVAL_WITHDRAWN = "approval.withdrawn"
    """Who had asked for it took it back."""
    APPROVAL_EXPIRED = "approval.expired"
    """Nobody decided in time: nothing was done, and nothing will be."""
    ACCOUNT_CHANGED = "account.changed"
    """A person's account was made, changed or disabled."""
    SESSION_OPENED = "session.opened"
    """A person signed in."""
    SESSION_REFUSED = "session.refused"
    """Somebody tried to sign in and was not let."""
    SESSION_CLOSED = "session.closed"
    """A person signed out, or was signed out."""
    OPERATION_DENIED = "operation.denied"
    """A person asked for what none of their roles allows, or tried to decide their own request."""
    LOG_LEVEL_CHANGED = "log_level.changed"
    """An operator changed what a process logs."""
    CLIENT_KEY_ADDED = "client_key.added"
    """An operator gave a client a new API key."""
    CLIENT_KEY_REVOKED = "client_key.revoked"
    """An operator took an API key back."""
    KEY_MADE = "key.made"
    """A gateway has a key for the first time: it was made or taken in since its last start."""
    KEY_CHANGED = "key.changed"
    """The log is signed with another key from here on."""
    KEY_GONE = "key.gone"
    """A key that this gateway had at its last start is gone from its key store, or unreadable."""
    LOG_NOT_SEALED = "log.not_sealed"
    """A gateway's entries stay without an index: the log is not sealed, and grows on."""
    LOG_SEALED_AGAIN = "log.sealed_again"
    """A gateway's entries get their index again."""
    LOG_RESTORED = "log.restored"
    """An operator let the log go on from a head behind, or beside, the last one signed."""
    JOURNAL_BACKED_UP = "journal.backed_up"
    """Somebody has a copy of the embedded journal."""
    DETAIL_SHREDDED = "detail.shredded"
    """The keys of an application's details were destroyed: nobody can read them any more."""
    APPLICATION_EXPIRED = "application.expired"
    """An application was kept for long enough: all but its entries was deleted."""
    PAYLOADS_EXPIRED = "payloads.expired"
    """Sealed bytes of final deliveries were kept for long enough, and were deleted."""
    WORDS_EXPIRED = "words.expired"
    """Words of entries were kept for long enough: nobody can read them any more."""
    RECORDS_EXPIRED = "records.expired"
    """What operators left behind was kept for long enough, and was deleted."""
    RETENTION_FINISHED = "retention.finished"
    """Everything over its term is gone: how much of a municipality's went, all together."""
    JOURNAL_REWRITTEN = "journal.rewritten"
    """An operator had the journal's files written anew, without room for what was deleted."""
    CLOCK_OBSERVED = "clock.observed"
    """Every minute: how a gateway's clock stands, and how far it moved against the steady one."""
    NODE_STARTED = "node.started"
    """A gateway process began."""
    NODE_STOPPED = "node.stopped"
    """A gateway process ended in order."""
    LOG_READ = "log.read"
    """Somebody read the audit log."""


class ActorKind(StrEnum):
    """What kind of someone acted."""

    CLIENT = "client"
    """A front-end system, by its API key."""
    WORKER = "worker"
    """A worker, by its signature."""
    OPERATOR = "operator"
    """A person at the operations API or the command line."""
    GATEWAY = "gateway"
    """A gateway process itself."""
    NOBODY = "nobody"
    """Somebody who did not authenticate."""


@dataclass(frozen=True, slots=True)
class Actor:
    """A verified identity, never free text."""

    kind: ActorKind
    name: str


@dataclass(frozen=True, slots=True)
class Detail:
    """Words of a person or of a core system, readable only as long as their key is kept.

    Attributes:
        key: 32 bytes, of this detail alone; stored beside the log, never in it.
        sealed: What stands in the entry: nonce, AES-256-GCM ciphertext, tag (``crypto.detail``).
    """

    key: bytes
    sealed: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One audit entry before it is given its place in its node's chain.

    Attributes:
        action: What happened.
        at: When, aware UTC; written with millisecond precision.
        actor: Who did it.
        municipality: Whose it is, if it concerns one municipality.
        application: What it concerns.
        delivery: Which of its deliveries.
        subject: 32 bytes that stand for the 受付番号 it concerns (``crypto.pseudonym``), so that
            whoever has the number can find the entry.
        detail: Free words that belong to it.
        facts: Further facts: codes, attempt and copy ids. ASCII snake_case keys. Never a
            value a resident entered, and never free words.
    """

    action: Action
    at: datetime
    actor: Actor
    municipality: MunicipalityCode | None = None
    application: ApplicationId | None = None
    delivery: DeliveryId | None = None
    subject: bytes | None = None
    detail: Detail | None = None
    facts: Mapping[str, Fact] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredEntry:
    """An entry as the journal keeps it.

    Attributes:
        node: Whose chain it is in.
        nseq: Its place in that chain, from 1, without gaps.
        data: Its canonical bytes: what is hashed is what is stored.
    """

    node: NodeName
    nseq: int
    data: bytes
