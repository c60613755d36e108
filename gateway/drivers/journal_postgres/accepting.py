"""Many acceptances in a handful of round trips.

All are inserted in one statement, sorted by key so that two processes take locks
in the same order, and duplicates are left out by ``ON CONFLICT DO NOTHING``, which
waits for another process that is just inserting the same. What was left out is
explained at the end of the transaction. The deliveries of what was taken are stored
later than the applications: they wait for the locks of their order (``ordering``).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from gateway.audit.chain import leaf
from gateway.domain.records import ApplicationRecord
from gateway.drivers.journal_postgres import ordering, queries, rows
from gateway.drivers.journal_postgres.connections import ContestedError
from gateway.drivers.journal_postgres.transaction import Transaction, Waiting
from gateway.ports.journal import (
    Acceptance,
    Accepted,
    KeyKnown,
    NothingToSupersede,
    ReceiptNumberKnown,
)


@dataclass(frozen=True, slots=True)
class Asked:
    """An acceptance and who waits for it."""

    waiting: Waiting
    acceptance: Acceptance

    @property
    def application(self) -> ApplicationRecord:
        """What is to be accepted."""
        return self.acceptance.application


@dataclass(frozen=True, slots=True)
class Refused:
    """An acceptance of which nothing was stored.

    Attributes:
        asked: What was asked.
        superseding: Whether what it supersedes was there, or it supersedes nothing.
    """

    asked: Asked
    superseding: bool = True


@dataclass(frozen=True, slots=True)
class Sorted:
    """What became of acceptances.

    Attributes:
        taken: Their applications are stored; in order of arrival.
        refused: The rest.
    """

    taken: list[Asked]
    refused: list[Refused]

    def turns(self) -> set[ordering.Turn]:
        """Return the turns that the deliveries get places in."""
        return {
            turn
            for one in self.taken
            for sealed in one.acceptance.deliveries
            if (turn := ordering.turn(sealed.record)) is not None
        }


async def take(transaction: Transaction, asked: Sequence[Asked]) -> Sorted:
    """Store the applications that can be stored."""
    plain = [one for one in asked if one.application.supersedes is None]
    taken, refused = await _insert(transaction, plain)
    for one in asked:
        if one.application.supersedes is not None:
            refusal = await _supersede(transaction, one)
            if refusal is None:
                taken.append(one)
            else:
                refused.append(refusal)
    arrived = {id(one): place for place, one in enumerate(asked)}
    taken.sort(key=lambda one: arrived[id(one)])
    return Sorted(taken, refused)


async def store(transaction: Transaction, taken: Sequence[Asked]) -> None:
    """Store the deliveries of what was taken and answer for it; their turns are locked."""
    if taken:
        await _store_deliveries(transaction, taken)
    for one in taken:
        one.waiting.answer = Accepted(one.application, transaction.append((one.acceptance.entry,)))


async def _insert(
    transaction: Transaction, asked: Sequence[Asked]
) -> tuple[list[Asked], list[Refused]]:
    if not asked:
        return [], []
    ordered = sorted(
        asked, key=lambda one: (one.application.client, one.application.idempotency_mac)
    )
    columns = rows.columns([rows.from_application(one.application) for one in ordered])
    found = await transaction.connection.fetch(queries.INSERT_APPLICATIONS, *columns)
    inserted = {row["id"] for row in found}
    taken, refused = [], []
    for one in ordered:
        if one.application.id in inserted:
            # Whoever asks the same thing again in this batch is not the one that was inserted.
            inserted.remove(one.application.id)
            taken.append(one)
        else:
            refused.append(Refused(one))
    return taken, refused


async def _supersede(transaction: Transaction, asked: Asked) -> Refused | None:
    connection, application = transaction.connection, asked.application
    await connection.execute("SAVEPOINT superseding")
    superseded = await connection.fetchval(
        queries.SUPERSEDE,
        application.id,
        application.supersedes,
        application.client,
        application.municipality,
    )
    if superseded is None:
        return Refused(asked, superseding=False)
    _, refused = await _insert(transaction, [asked])
    if refused:
        await connection.execute("ROLLBACK TO SAVEPOINT superseding")
        return refused[0]
    return None


async def _store_deliveries(transaction: Transaction, taken: Sequence[Asked]) -> None:
    duration = timedelta(seconds=transaction.lease.seconds)
    deliveries = [
        (one.application.accepted_at + duration, sealed)
        for one in taken
        for sealed in one.acceptance.deliveries
    ]
    behind = await ordering.behind(transaction, [sealed.record for _, sealed in deliveries])
    columns = rows.columns(
        [
            (
                sealed.record.id,
                sealed.record.application_id,
                sealed.record.municipality,
                sealed.record.destination,
                *rows.from_delivery(sealed.record),
                leased_until,
                sealed.record.order_key,
                is_behind,
            )
            for (leased_until, sealed), is_behind in zip(deliveries, behind, strict=True)
        ]
    )
    node, opening = transaction.head.node, transaction.lease.opening
    await transaction.connection.execute(queries.INSERT_DELIVERIES, *columns, node, opening)
    payloads = rows.columns(
        [(sealed.record.id, sealed.sealed, sealed.signature) for _, sealed in deliveries]
    )
    await transaction.connection.execute(queries.INSERT_PAYLOADS, *payloads)


async def explain(transaction: Transaction, refused: Sequence[Refused]) -> None:
    """Answer for what was not stored; the transaction's own entries are stored already.

    Raises:
        ContestedError: What stood in the way is gone again.
    """
    if not refused:
        return
    wanted = [one.asked.application for one in refused]
    keys = rows.columns([(one.client, one.idempotency_mac) for one in wanted])
    by_key = {
        (row["client"], row["idempotency_mac"]): KeyKnown(
            rows.to_application(row), leaf(row["data"])
        )
        for row in await transaction.connection.fetch(queries.APPLICATIONS_BY_KEY, *keys)
    }
    numbers = rows.columns([(one.client, one.municipality, one.receipt_mac) for one in wanted])
    by_receipt = {
        (row["client"], row["municipality"], row["receipt_mac"]): ReceiptNumberKnown(row["id"])
        for row in await transaction.connection.fetch(queries.APPLICATIONS_BY_RECEIPT, *numbers)
    }
    for one, application in zip(refused, wanted, strict=True):
        answer = (
            by_key.get((application.client, application.idempotency_mac))
            or (None if one.superseding else NothingToSupersede())
            or by_receipt.get(
                (application.client, application.municipality, application.receipt_mac)
            )
        )
        if answer is None:
            raise ContestedError(application.id)
        one.asked.waiting.answer = answer
