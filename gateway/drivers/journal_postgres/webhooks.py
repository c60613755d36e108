"""The outbox of webhooks, and how endpoints stand."""

from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime
from typing import Final, TypeVar

from asyncpg import Connection, Record

from gateway.domain.identifiers import (
    ApplicationId,
    ClientName,
    DeliveryId,
    MunicipalityCode,
    ProcedureName,
)
from gateway.domain.records import FeedbackRecord
from gateway.domain.webhook import Announcement, Endpoint, EndpointStanding, Webhook, WebhookId
from gateway.drivers.journal_postgres import queries, rows, webhook_queries
from gateway.drivers.journal_postgres.transaction import Transaction
from gateway.ports.webhooks import LONGEST_WAIT, EndpointDecision

T = TypeVar("T")

_LOCK_CLASS: Final = 0x77656268
"""``webh``: keeps these advisory locks apart from those of order keys."""


class PostgresWebhooks(ABC):
    """What the journal does as an outbox; how it reads and writes, the driver says."""

    async def lease_webhooks(
        self, client: ClientName, *, limit: int, now: datetime, until: datetime
    ) -> Sequence[Webhook]:
        """Take what is due, for this node alone."""
        return await self._write(
            lambda transaction: _lease(transaction, client, limit=limit, now=now, until=until)
        )

    async def decide_endpoint(
        self, client: ClientName, rule: Callable[[Endpoint], EndpointDecision]
    ) -> Endpoint:
        """Apply ``rule``, in this task's event loop."""
        return await self._write(lambda transaction: _decide(transaction, client, rule))

    async def endpoints(self) -> Sequence[EndpointStanding]:
        """Return how endpoints stand."""
        return await self._read(_standings)

    @abstractmethod
    async def _write(self, step: Callable[[Transaction], Awaitable[T]]) -> T: ...

    @abstractmethod
    async def _read(self, query: Callable[[Connection], Awaitable[T]]) -> T: ...


async def announce(
    transaction: Transaction,
    announced: Sequence[tuple[Announcement, FeedbackRecord]],
    applications: Mapping[DeliveryId, ApplicationId],
) -> None:
    """Put new feedback into the outbox, each application's under its lock.

    Args:
        transaction: That stores the feedback too.
        announced: In order of arrival.
        applications: Delivery to application, of all of them.
    """
    if not announced:
        return
    locks = sorted({_lock(applications[one.delivery_id]) for _, one in announced})
    await transaction.connection.execute(queries.LOCK_KEYS, _LOCK_CLASS, locks)
    for announcement, feedback in announced:
        await transaction.connection.execute(
            webhook_queries.ANNOUNCE,
            announcement.id,
            feedback.delivery_id,
            feedback.id,
            feedback.received_at,
            list(announcement.clients),
        )


def _lock(application: ApplicationId) -> int:
    # The last bytes of a UUIDv7 are random. Two with the same number only wait for each other.
    return int.from_bytes(application.bytes[-4:], "big", signed=True)


async def _lease(
    transaction: Transaction, client: ClientName, *, limit: int, now: datetime, until: datetime
) -> list[Webhook]:
    found = await transaction.connection.fetch(
        webhook_queries.LEASE,
        client,
        now,
        transaction.head.node,
        transaction.lease.opening,
        until,
        limit,
        now + LONGEST_WAIT,
    )
    return [_to_webhook(row) for row in found]


async def _decide(
    transaction: Transaction,
    client: ClientName,
    rule: Callable[[Endpoint], EndpointDecision],
) -> Endpoint:
    connection = transaction.connection
    await connection.execute(webhook_queries.ADD_ENDPOINT, client)
    [row] = await connection.fetch(webhook_queries.ENDPOINT_LOCKED, client)
    known = _to_endpoint(row)
    decision = rule(known)
    transaction.append(decision.entries)
    endpoint, attempt = decision.endpoint, decision.attempt
    if endpoint != known:
        await connection.execute(
            webhook_queries.PUT_ENDPOINT,
            client,
            endpoint.failing_since,
            endpoint.disabled_at,
            endpoint.code,
        )
    if attempt is not None:
        await connection.execute(
            webhook_queries.ATTEMPTED, attempt.id, attempt.due_at, attempt.sent_at, attempt.code
        )
    if decision.hurries:
        await connection.execute(webhook_queries.HURRY, client)
    return endpoint


async def _standings(connection: Connection) -> list[EndpointStanding]:
    return [
        EndpointStanding(
            endpoint=_to_endpoint(row), waiting=row["waiting"], oldest_at=row["oldest"]
        )
        for row in await connection.fetch(webhook_queries.STANDINGS)
    ]


def _to_webhook(row: Record) -> Webhook:
    return Webhook(
        id=WebhookId(row["webhook_id"]),
        client=ClientName(row["client"]),
        application=ApplicationId(row["application_id"]),
        municipality=MunicipalityCode(row["municipality"]),
        procedure=ProcedureName(row["procedure"]),
        sequence=row["sequence"],
        attempts=row["attempts"],
        feedback=rows.to_feedback(row),
        traceparent=row["traceparent"],
    )


def _to_endpoint(row: Record) -> Endpoint:
    return Endpoint(
        client=ClientName(row["client"]),
        failing_since=row["failing_since"],
        disabled_at=row["disabled_at"],
        code=row["code"],
    )
