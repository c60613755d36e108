"""The outbox of webhooks, and how endpoints stand."""

import sqlite3
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import TypeVar
from uuid import UUID

from gateway.audit.head import Head
from gateway.domain.identifiers import (
    ApplicationId,
    ClientName,
    MunicipalityCode,
    ProcedureName,
)
from gateway.domain.webhook import (
    Attempt,
    Endpoint,
    EndpointStanding,
    Webhook,
    WebhookId,
)
from gateway.drivers.journal_sqlite import rows, steps, webhook_queries
from gateway.drivers.journal_sqlite.writer import Step
from gateway.ports.webhooks import LONGEST_WAIT, EndpointDecision

T = TypeVar("T")


class SQLiteWebhooks(ABC):
    """What the journal does as an outbox; how it reads and writes, the driver says."""

    async def lease_webhooks(
        self,
        client: ClientName,
        *,
        limit: int,
        now: datetime,
        until: datetime,  # noqa: ARG002 - the port's; there is no other node to keep away
    ) -> Sequence[Webhook]:
        """Return what is due."""
        return await self._read(lambda connection: _due(connection, client, now, limit))

    async def decide_endpoint(
        self, client: ClientName, rule: Callable[[Endpoint], EndpointDecision]
    ) -> Endpoint:
        """Apply ``rule``, in the writer's thread."""
        return await self._write(lambda connection, head: _decide(connection, head, client, rule))

    async def endpoints(self) -> Sequence[EndpointStanding]:
        """Return how endpoints stand."""
        return await self._read(_standings)

    @abstractmethod
    async def _write(self, step: Step[T]) -> T: ...

    @abstractmethod
    async def _read(self, query: Callable[[sqlite3.Connection], T]) -> T: ...


def _due(
    connection: sqlite3.Connection, client: ClientName, now: datetime, limit: int
) -> list[Webhook]:
    parameters = {
        "client": client,
        "now": rows.from_time(now),
        "unheard_of": rows.from_time(now + LONGEST_WAIT),
        "limit": limit,
    }
    return [_to_webhook(row) for row in connection.execute(webhook_queries.DUE, parameters)]


def _decide(
    connection: sqlite3.Connection,
    head: Head,
    client: ClientName,
    rule: Callable[[Endpoint], EndpointDecision],
) -> Endpoint:
    row = connection.execute(webhook_queries.ENDPOINT, (client,)).fetchone()
    known = Endpoint(client=client) if row is None else _to_endpoint(row)
    decision = rule(known)
    if decision.endpoint != known:
        connection.execute(webhook_queries.PUT_ENDPOINT, _from_endpoint(decision.endpoint))
    if decision.attempt is not None:
        connection.execute(webhook_queries.ATTEMPTED, _from_attempt(decision.attempt))
    if decision.hurries:
        connection.execute(webhook_queries.HURRY, (client,))
    steps.append(connection, head, decision.entries)
    return decision.endpoint


def _standings(connection: sqlite3.Connection) -> list[EndpointStanding]:
    return [
        EndpointStanding(
            endpoint=_to_endpoint(row),
            waiting=row["waiting"],
            oldest_at=rows.to_optional_time(row["oldest"]),
        )
        for row in connection.execute(webhook_queries.STANDINGS)
    ]


def _to_webhook(row: sqlite3.Row) -> Webhook:
    return Webhook(
        id=WebhookId(UUID(bytes=row["webhook_id"])),
        client=ClientName(row["client"]),
        application=ApplicationId(UUID(bytes=row["application_id"])),
        municipality=MunicipalityCode(row["municipality"]),
        procedure=ProcedureName(row["procedure"]),
        sequence=row["sequence"],
        attempts=row["attempts"],
        feedback=rows.to_feedback(row),
        traceparent=row["traceparent"],
    )


def _to_endpoint(row: sqlite3.Row) -> Endpoint:
    return Endpoint(
        client=ClientName(row["client"]),
        failing_since=rows.to_optional_time(row["failing_since"]),
        disabled_at=rows.to_optional_time(row["disabled_at"]),
        code=row["code"],
    )


def _from_endpoint(endpoint: Endpoint) -> tuple[rows.Value, ...]:
    return (
        endpoint.client,
        rows.from_optional_time(endpoint.failing_since),
        rows.from_optional_time(endpoint.disabled_at),
        endpoint.code,
    )


def _from_attempt(attempt: Attempt) -> dict[str, rows.Value]:
    return {
        "id": attempt.id.bytes,
        "due_at": rows.from_time(attempt.due_at),
        "sent_at": rows.from_optional_time(attempt.sent_at),
        "code": attempt.code,
    }
