"""What a front end is told of a status that came back, and how its endpoint stands."""

from dataclasses import dataclass
from datetime import datetime
from typing import NewType
from uuid import UUID

from gateway.domain.identifiers import (
    ApplicationId,
    ClientName,
    MunicipalityCode,
    ProcedureName,
)
from gateway.domain.records import FeedbackRecord

WebhookId = NewType("WebhookId", UUID)
"""The ``webhook-id`` of Standard Webhooks: the same for every attempt."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Announcement:
    """That a new status shall be sent, if the application's client has an endpoint.

    Attributes:
        id: Of the webhook, if there will be one.
        clients: Those that have an endpoint.
    """

    id: WebhookId
    clients: frozenset[ClientName]


@dataclass(frozen=True, slots=True, kw_only=True)
class Webhook:
    """A status on its way to the client that sent the application.

    Attributes:
        id: The same for every attempt.
        client: Whose endpoint it goes to.
        application: What it is about.
        municipality: The application's.
        procedure: ``area/procedure`` of the application.
        sequence: Its place among the application's, from 1: a later one was recorded later.
        attempts: How often it was tried.
        feedback: What the core system said, of which delivery.
        traceparent: The application's W3C trace context, or ``None``.
    """

    id: WebhookId
    client: ClientName
    application: ApplicationId
    municipality: MunicipalityCode
    procedure: ProcedureName
    sequence: int
    attempts: int
    feedback: FeedbackRecord
    traceparent: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """How a client's endpoint stands.

    Attributes:
        client: Whose it is.
        failing_since: The first failure since the last success, aware UTC.
        disabled_at: Since when nothing is sent to it, until a person enables it again.
        code: Of the last failure since the last success.
    """

    client: ClientName
    failing_since: datetime | None = None
    disabled_at: datetime | None = None
    code: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """What an attempt to send a webhook came to.

    Attributes:
        id: The webhook.
        sent_at: When it was taken; ``None`` if it was not.
        due_at: When it is tried again, if it was not.
        code: Why it was not.
    """

    id: WebhookId
    due_at: datetime
    sent_at: datetime | None = None
    code: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class EndpointStanding:
    """An endpoint and what waits for it.

    Attributes:
        endpoint: As it stands.
        waiting: How many webhooks were not taken yet.
        oldest_at: When the oldest of these was recorded.
    """

    endpoint: Endpoint
    waiting: int = 0
    oldest_at: datetime | None = None
