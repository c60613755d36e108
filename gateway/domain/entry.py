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
    APPLICATION_REFUSED = "application.refused"
    REQUESTS_DENIED = "requests.denied"
    DELIVERY_QUEUED = "delivery.queued"
    DELIVERY_RETURNED = "delivery.returned"
    DELIVERY_CLAIMED = "delivery.claimed"
    DELIVERY_CLAIM_REFUSED = "delivery.claim_refused"
    DELIVERY_HELD = "delivery.held"
    DELIVERY_DELIVERED = "delivery.delivered"
    DELIVERY_DEFERRED = "delivery.deferred"
    DELIVERY_PARKED = "delivery.parked"
    DELIVERY_IN_DOUBT = "delivery.in_doubt"
    DELIVERY_DUE = "delivery.due"
    DELIVERY_REPLAYED = "delivery.replayed"
    DELIVERY_CONFIRMED = "delivery.confirmed"
    DELIVERY_CANCELLED = "delivery.cancelled"
    OUTCOME_IGNORED = "outcome.ignored"
    MESSAGE_REFUSED = "message.refused"
    FEEDBACK_RECEIVED = "feedback.received"
    CLIENT_KEY_ADDED = "client_key.added"
    CLIENT_KEY_REVOKED = "client_key.revoked"
    KEY_MADE = "key.made"
    NODE_STARTED = "node.started"
    NODE_STOPPED = "node.stopped"
    LOG_READ = "log.read"


class ActorKind(StrEnum):
    """What kind of someone acted."""

    CLIENT = "client"
    WORKER = "worker"
    OPERATOR = "operator"
    GATEWAY = "gateway"
    NOBODY = "nobody"
    """Somebody who did not authenticate."""


@dataclass(frozen=True, slots=True)
class Actor:
    """A verified identity, never free text."""

    kind: ActorKind
    name: str


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
        facts: Further facts: codes, attempt and copy ids, pseudonyms (hex). ASCII
            snake_case keys. Never a value a resident entered.
    """

    action: Action
    at: datetime
    actor: Actor
    municipality: MunicipalityCode | None = None
    application: ApplicationId | None = None
    delivery: DeliveryId | None = None
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
